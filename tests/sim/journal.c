/*
 * Facts in the order they were stated.
 */
#include "tests/sim/journal.h"

#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/maintenance.h"
#include "reconciler/plan/memory_schedules.h"
#include "spec/base/text.h"

struct journal_entry {
    struct fact fact;
    uint64_t transaction;
    bool durable; /* its transaction is */
};

static const struct deployment *deployment_keep(struct arena *arena, const struct deployment *from)
{
    struct deployment *kept = arena_copy(arena, from, sizeof(*from));
    size_t count = from->goal->target->task->container_definitions_count;

    kept->goal = goal_ref(from->goal);
    kept->reason = arena_text(arena, from->reason);
    kept->pins = arena_array(arena, struct pin, count);
    for (size_t i = 0; i < count; i++) {
        kept->pins[i].image_id = arena_text(arena, from->pins[i].image_id);
        kept->pins[i].digest = arena_text(arena, from->pins[i].digest);
    }
    return kept;
}

static const struct task_record *record_keep(struct arena *arena, const struct task_record *from)
{
    struct task_record *kept = arena_copy(arena, from, sizeof(*from));

    kept->deployment = arena_text(arena, from->deployment);
    kept->revision = arena_text(arena, from->revision);
    kept->commit = arena_text(arena, from->commit);
    kept->cluster = arena_text(arena, from->cluster);
    kept->service = arena_text(arena, from->service);
    kept->instance = arena_text(arena, from->instance);
    kept->started_by = arena_text(arena, from->started_by);
    kept->begun = arena_text(arena, from->begun);
    kept->reason = arena_text(arena, from->reason);
    return kept;
}

static const struct image_record *image_keep(struct arena *arena, const struct image_record *from)
{
    struct image_record *kept = arena_copy(arena, from, sizeof(*from));

    kept->engine = arena_text(arena, from->engine);
    kept->image_id = arena_text(arena, from->image_id);
    kept->references = arena_text(arena, from->references);
    kept->name = arena_text(arena, from->name);
    return kept;
}

static const struct host_record *host_keep(struct arena *arena, const struct host_record *from)
{
    struct host_record *kept = arena_copy(arena, from, sizeof(*from));

    kept->instance = arena_text(arena, from->instance);
    if (from->maintenance != NULL)
        kept->maintenance = maintenance_copy(from->maintenance, arena);
    return kept;
}

static const struct task_lines *lines_keep(struct arena *arena, const struct task_lines *from)
{
    struct task_lines *kept = arena_new(arena, struct task_lines);

    kept->task = arena_text(arena, from->task);
    kept->container = arena_text(arena, from->container);
    kept->text = arena_text(arena, from->text);
    return kept;
}

static struct fact fact_keep(struct arena *arena, const struct fact *from)
{
    struct fact kept = *from;

    kept.cluster = arena_text(arena, from->cluster);
    kept.service = arena_text(arena, from->service);
    kept.text = arena_text(arena, from->text);
    kept.commit = arena_text(arena, from->commit);
    if (from->deployment != NULL)
        kept.deployment = deployment_keep(arena, from->deployment);
    if (from->task != NULL)
        kept.task = record_keep(arena, from->task);
    if (from->image != NULL)
        kept.image = image_keep(arena, from->image);
    if (from->host != NULL)
        kept.host = host_keep(arena, from->host);
    if (from->schedule != NULL)
        kept.schedule = schedule_record_copy(from->schedule, arena);
    if (from->lines != NULL)
        kept.lines = lines_keep(arena, from->lines);
    if (from->scaling != NULL)
        kept.scaling = arena_copy(arena, from->scaling, sizeof(*from->scaling));
    kept.words = NULL; /* nothing is decided by them */
    return kept;
}

int store_write(struct store *store, const struct fact *facts, size_t count, struct err *err)
{
    bool durable = false;

    if (store->full)
        return err_set(err, ERR_CAPACITY, "the disk is full");
    if (store->see != NULL)
        store->see(store->context, facts, count);
    store->transactions++;
    for (size_t i = 0; i < count; i++)
        durable |= facts[i].durable;
    for (size_t i = 0; i < count; i++) {
        if (store->count == store->capacity) {
            store->capacity = store->capacity == 0 ? 64 : store->capacity * 2;
            store->entries = mem_resize(store->entries, store->capacity * sizeof(*store->entries));
        }
        store->entries[store->count++] =
            (struct journal_entry){ fact_keep(&store->arena, &facts[i]), store->transactions,
                                    durable };
    }
    return 0;
}

/* Whatever is not durable may be lost here at any time: gathering adds nothing to that. */
bool store_gathers(const struct store *store)
{
    (void)store;
    return false;
}

int store_flush(struct store *store, struct err *err)
{
    (void)store;
    (void)err;
    return 0;
}

/* What the real store forgets is what memory has forgotten; loading all of it again is no
 * different, since it expires again. */
int store_prune(struct store *store, const struct memory *memory, int64_t now_ms, struct err *err)
{
    (void)memory;
    (void)now_ms;
    if (store->full)
        return err_set(err, ERR_CAPACITY, "the disk is full");
    return 0;
}

static void entry_drop(struct store *store)
{
    const struct fact *fact = &store->entries[--store->count].fact;
    if (fact->deployment != NULL)
        goal_unref(fact->deployment->goal);
}

void journal_crash(struct store *store, struct rng *rng)
{
    while (store->count > 0 && !store->entries[store->count - 1].durable && rng_chance(rng, 70)) {
        uint64_t transaction = store->entries[store->count - 1].transaction;
        while (store->count > 0 && store->entries[store->count - 1].transaction == transaction)
            entry_drop(store);
    }
}

bool journal_keeps(const struct store *store, enum fact_kind kind, const char *service,
                   const char *deployment)
{
    bool durable = false;

    for (size_t i = store->count; i-- > 0;) {
        const struct fact *fact = &store->entries[i].fact;

        durable |= store->entries[i].durable;
        if (fact->kind != kind || !text_equal(fact->service, service) ||
            (deployment != NULL && !text_equal(fact->deployment->id, deployment)))
            continue;
        if (durable || deployment == NULL)
            return durable;
    }
    return false;
}

bool journal_keeps_job(const struct store *store, const char *task, const char *container)
{
    bool durable = false;

    for (size_t i = store->count; i-- > 0;) {
        const struct fact *fact = &store->entries[i].fact;

        durable |= store->entries[i].durable;
        if (!durable || fact->kind != FACT_TASK || !text_equal(fact->task->id, task))
            continue;
        if (container == NULL
                ? fact->task->claimed_ms != 0
                : fact->task->begun != NULL && strstr(fact->task->begun, container) != NULL)
            return true;
    }
    return false;
}

void journal_load(const struct store *store, struct memory *memory)
{
    for (size_t i = 0; i < store->count; i++)
        memory_apply(memory, &store->entries[i].fact);
}

void journal_forget(struct store *store)
{
    while (store->count > 0)
        entry_drop(store);
}

void journal_release(struct store *store)
{
    journal_forget(store);
    free(store->entries);
    arena_release(&store->arena);
    *store = (struct store){ 0 };
}
