/*
 * One engine under several names: what it runs is counted once, and the names that come later tell
 * nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "spec/base/text.h"
#include "spec/names.h"
#include "spec/world_int.h"

/* Of two names for one engine the local one comes first, then they go by the alphabet. */
static bool comes_first(const struct world_instance *a, const struct world_instance *b)
{
    bool local = text_equal(a->name, LOCAL_INSTANCE);

    if (local || text_equal(b->name, LOCAL_INSTANCE))
        return local;
    return strcmp(a->name, b->name) < 0;
}

static struct world_engine *engine_find(const struct world *world, const char *id)
{
    struct world_engine *engine;

    HASH_FIND(by_id, world->engines, id, strlen(id), engine);
    return engine;
}

static struct world_engine *engine_need(struct world *world, const char *id)
{
    struct world_engine *engine = engine_find(world, id);
    size_t size = strlen(id) + 1;

    if (engine != NULL)
        return engine;
    engine = mem_alloc(sizeof(*engine) + size);
    memcpy(engine->id, id, size);
    HASH_ADD_KEYPTR(by_id, world->engines, engine->id, size - 1, engine);
    return engine;
}

static void judge(struct world *world, struct world_instance *instance, const char *same_as)
{
    if (instance->same_as == same_as)
        return;
    instance->same_as = same_as;
    instance->complete = false; /* what was told, or not, has to be told again */
    world_containers_forget(world, instance);
    world_touch(world, instance);
    world_mark(world, DIRTY_RELIERS, instance->name);
}

static void judge_all(struct world *world, const struct world_engine *engine)
{
    const struct world_instance *first = engine->first;

    for (const struct world_instance *at = engine->first; at != NULL; at = at->engine_next) {
        if (comes_first(at, first))
            first = at;
    }
    for (struct world_instance *at = engine->first; at != NULL; at = at->engine_next)
        judge(world, at, at == first ? NULL : first->name);
}

static void engine_leave(struct world *world, struct world_instance *instance)
{
    struct world_engine *engine;

    if (instance->engine_id == NULL)
        return;
    engine = engine_find(world, instance->engine_id);
    ASSERT(engine != NULL);
    LL_DELETE2(engine->first, instance, engine_next);
    instance->engine_next = NULL;
    if (engine->first != NULL) {
        judge_all(world, engine);
        return;
    }
    HASH_DELETE(by_id, world->engines, engine);
    free(engine);
}

bool world_engine_set(struct world *world, struct world_instance *instance, const char *engine_id)
{
    struct world_engine *engine;

    if (text_is_empty(engine_id) ? instance->engine_id == NULL
                                 : text_equal(engine_id, instance->engine_id))
        return false;
    engine_leave(world, instance);
    (void)text_set(&instance->engine_id, engine_id);
    if (instance->engine_id == NULL) {
        judge(world, instance, NULL);
        return true;
    }
    engine = engine_need(world, instance->engine_id);
    LL_PREPEND2(engine->first, instance, engine_next);
    judge_all(world, engine);
    return true;
}

void world_untouch(struct world *world, struct world_instance *instance)
{
    if (instance->changed_after != NULL)
        instance->changed_after->changed_before = instance->changed_before;
    else if (world->latest == instance)
        world->latest = instance->changed_before;
    if (instance->changed_before != NULL)
        instance->changed_before->changed_after = instance->changed_after;
    instance->changed_before = NULL;
    instance->changed_after = NULL;
}

void world_touch(struct world *world, struct world_instance *instance)
{
    instance->changed = ++world->changes;
    if (world->latest == instance)
        return;
    world_untouch(world, instance);
    instance->changed_before = world->latest;
    if (world->latest != NULL)
        world->latest->changed_after = instance;
    world->latest = instance;
}
