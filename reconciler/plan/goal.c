/*
 * Goals, and the set of them that a generation asks for. A goal is parsed back from its own
 * canonical text, so it holds no pointer into any generation.
 */
#include "reconciler/plan/goal.h"

#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/goal_int.h"
#include "reconciler/plan/memory.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/kinds/kinds.h"
#include "spec/tree.h"

struct goal *goal_parse(const char *text, size_t size, struct err *err)
{
    struct goal *goal = mem_alloc(sizeof(*goal));

    goal->refs = 1;
    goal->text = arena_text_n(&goal->arena, text, size);
    goal->text_size = size;
    goal->target = target_parse(goal->text, size, &goal->arena, err);
    if (goal->target == NULL) {
        goal_unref(goal);
        return NULL;
    }
    return goal;
}

struct goal *goal_ref(struct goal *goal)
{
    struct err err;

    if (goal->refs == 0) { /* what target_print() writes, target_parse() reads */
        goal = goal_parse(goal->text, goal->text_size, &err);
        ASSERT(goal != NULL);
        return goal;
    }
    goal->refs++;
    return goal;
}

void goal_unref(struct goal *goal)
{
    if (goal == NULL)
        return;
    ASSERT(goal->refs > 0);
    if (--goal->refs > 0)
        return;
    arena_release(&goal->arena);
    free(goal);
}

char *unit_key(struct arena *arena, const char *cluster, const char *service)
{
    return arena_printf(arena, "%s/%s", cluster, service);
}

/* Takes the goal over. */
static struct desired_service *desired_add(struct desired *desired, const char *key,
                                           struct goal *goal, struct pos pos)
{
    struct desired_service *entry = mem_alloc(sizeof(*entry));

    entry->key = mem_text(key);
    entry->pos = pos;
    entry->goal = goal;
    HASH_ADD_KEYPTR(by_key, desired->services, entry->key, strlen(entry->key), entry);
    desired->service_count++;
    if (goal->target->spec->scheduling_strategy == SCHEDULING_STRATEGY_DAEMON) {
        entry->next_daemon = desired->daemons;
        desired->daemons = entry;
    }
    return entry;
}

/* What target_print() writes, target_parse() reads, unless it is too much: environment files add to
 * what a manifest's own limits let pass. */
struct goal *goal_of(struct goal *known, const struct buf *text, struct err *err)
{
    if (known != NULL && known->text_size == text->size &&
        memcmp(known->text, buf_text(text), text->size) == 0)
        return goal_ref(known);
    if (text->truncated || text->size > LIMIT_GOAL_BYTES) {
        (void)err_set(err, ERR_INVALID, "more than %d KiB", LIMIT_GOAL_BYTES / 1024);
        return NULL;
    }
    return goal_parse(buf_text(text), text->size, err);
}

static struct goal *goal_known(const struct desired_service *before, const struct memory *memory,
                               const char *key)
{
    const struct deployment *primary;

    if (before != NULL)
        return before->goal;
    primary = memory == NULL ? NULL : memory_primary(memory_service(memory, key));
    return primary == NULL ? NULL : primary->goal;
}

/* Names: sets. */
struct concerned {
    struct tree services;
    struct tree schedules;
};

static void concerned_release(struct concerned *concerned)
{
    tree_release(&concerned->services);
    tree_release(&concerned->schedules);
}
DEFINE_AUTO_VALUE(concerned, concerned_release)

static void note_concerned(void *context, enum generation_change change, enum kind kind,
                           const char *name)
{
    struct concerned *concerned = context;

    (void)change;
    if (kind == KIND_SERVICE)
        tree_put(&concerned->services, name, concerned, /* owner= */ NULL);
    if (kind == KIND_SCHEDULE)
        tree_put(&concerned->schedules, name, concerned, /* owner= */ NULL);
}

/* The value of a secret may have changed without any commit. */
bool has_secrets(const struct target *target)
{
    for (size_t i = 0; i < target->task->container_definitions_count; i++) {
        if (target->task->container_definitions[i].secrets_count > 0)
            return true;
    }
    return false;
}

struct secret_look {
    secret_digest_fn *digest; /* NULL: nobody looks */
    void *context;
    bool is_blind;
};

static const char *look(void *context, const char *value_from)
{
    struct secret_look *look = context;
    const char *digest = look->digest(look->context, value_from);

    look->is_blind |= digest == NULL;
    return digest;
}

struct desired *desired_make(struct generation *generation, const struct desired *before,
                             const struct memory *memory, secret_digest_fn *secrets,
                             void *secrets_context, struct diag_list *diags)
{
    AUTO(desired) *desired = mem_alloc(sizeof(*desired));
    bool complete = true;
    AUTO(arena) scratch = { 0 };
    AUTO(buf) text = { 0 };
    AUTO(concerned) concerned = { 0 };
    struct err err;

    buf_init(&text, LIMIT_OUTPUT);
    desired->generation = generation_ref(generation);
    if (before != NULL)
        generation_diff(before->generation, generation, note_concerned, &concerned);
    for (size_t i = 0; i < generation_count(generation, KIND_SERVICE); i++) {
        const struct resource *service = generation_at(generation, KIND_SERVICE, i);
        const char *key = unit_key(&scratch, resource_service(service)->cluster, service->name);
        const struct desired_service *known = desired_service(before, key);

        if (known != NULL && tree_get(&concerned.services, service->name) == NULL &&
            !has_secrets(known->goal->target)) {
            (void)desired_add(desired, key, goal_ref(known->goal), service->pos);
        } else {
            struct secret_look secret = { secrets, secrets_context, false };

            buf_reset(&text);
            target_print(
                target_make(generation, service, secrets == NULL ? NULL : look, &secret, &scratch),
                &text);
            struct goal *goal = goal_of(goal_known(known, memory, key), &text, &err);

            if (goal != NULL) {
                desired_add(desired, key, goal, service->pos)->is_blind = secret.is_blind;
            } else {
                diag_add(diags, DIAG_ERROR, service->pos,
                         "service '%s', with its Task and environment files, is too large: %s",
                         service->name, err.text);
                complete = false;
            }
        }
        arena_reset(&scratch);
    }
    complete &=
        schedules_make(desired, before, &concerned.schedules, secrets, secrets_context, diags);
    return complete ? TAKE(desired) : NULL;
}

static bool differ_in_revision_only(const struct goal *one, const struct goal *other)
{
    const char *revision = strstr(one->text, one->target->revision);

    ASSERT(revision != NULL);
    size_t before = (size_t)(revision - one->text);
    size_t after = before + strlen(one->target->revision);

    return one->text_size == other->text_size && memcmp(one->text, other->text, before) == 0 &&
           memcmp(one->text + after, other->text + after, one->text_size - after) == 0;
}

void desired_trust(struct desired *desired, const struct desired *before,
                   const struct memory *memory)
{
    struct desired_service *entry;

    for (entry = desired->services; entry != NULL; entry = entry->by_key.next) {
        struct goal *known;

        if (!entry->is_blind)
            continue;
        known = goal_known(desired_service(before, entry->key), memory, entry->key);
        if (known == NULL || !differ_in_revision_only(entry->goal, known))
            continue;
        goal_unref(entry->goal);
        entry->goal = goal_ref(known);
    }
}

/* Where its tasks run is not part of a goal. */
bool cluster_differs(const struct desired *before, const struct desired *after, const char *cluster)
{
    const struct resource *a = generation_find(before->generation, KIND_CLUSTER, cluster);
    const struct resource *b = generation_find(after->generation, KIND_CLUSTER, cluster);

    return a != b && (a == NULL || b == NULL || !text_equal(a->digest, b->digest));
}

void desired_compare(const struct desired *before, const struct desired *after,
                     desired_changed_fn *changed, void *context)
{
    const struct desired_service *entry;

    for (entry = after->services; entry != NULL; entry = entry->by_key.next) {
        const struct desired_service *known = desired_service(before, entry->key);

        if (known == NULL || known->goal != entry->goal ||
            cluster_differs(before, after, entry->goal->target->cluster))
            changed(context, entry->key);
    }
    schedules_compare(before, after, changed, context);
    if (before == NULL)
        return;
    for (entry = before->services; entry != NULL; entry = entry->by_key.next) {
        if (desired_service(after, entry->key) == NULL)
            changed(context, entry->key);
    }
}

void desired_free(struct desired *desired)
{
    struct desired_service *entry;
    struct desired_service *next;

    if (desired == NULL)
        return;
    HASH_ITER(by_key, desired->services, entry, next)
    {
        HASH_DELETE(by_key, desired->services, entry);
        goal_unref(entry->goal);
        free(entry->key);
        free(entry);
    }
    desired_free_schedules(desired);
    generation_unref(desired->generation);
    arena_release(&desired->arena);
    free(desired);
}

const struct desired_service *desired_service(const struct desired *desired, const char *key)
{
    struct desired_service *entry = NULL;

    if (desired != NULL)
        HASH_FIND(by_key, desired->services, key, strlen(key), entry);
    return entry;
}

const struct desired_service *desired_dependency(const struct desired *desired, const char *name)
{
    const char *slash = strchr(name, '/');
    const struct resource *service =
        generation_find(desired->generation, KIND_SERVICE, slash == NULL ? name : slash + 1);
    AUTO(arena) scratch = { 0 };

    if (service == NULL)
        return NULL;
    return desired_service(desired,
                           unit_key(&scratch, resource_service(service)->cluster, service->name));
}
