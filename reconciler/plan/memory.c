/*
 * The model of what is remembered. Facts change it; the planner reads it. Deployments own
 * their texts in an arena of their own, which is rebuilt whenever one is stated anew; those of
 * tasks are mostly the same, and kept once.
 */
#include "reconciler/plan/memory.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "reconciler/plan/memory_hosts.h"
#include "reconciler/plan/memory_schedules.h"
#include "spec/base/text.h"

/* Of an engine that is not among ours any more its images are remembered for 90 days. */
#define ENGINE_KEPT_MS ((int64_t)90 * 24 * 60 * 60 * 1000)

/* Deployments kept per service beside those that tasks, rollback or the present need. */
#define DEPLOYMENTS_KEPT 10

#define TEXT_ROW(name, text) text,
static const char *const rollout_texts[] = { ROLLOUT_STATES(TEXT_ROW) };
static const char *const stop_texts[] = { STOP_CODES(TEXT_ROW) };
#undef TEXT_ROW

const char *rollout_state_text(enum rollout_state state)
{
    ASSERT(state < ROLLOUT_STATE_COUNT);
    return rollout_texts[state];
}

bool rollout_state_parse(const char *text, enum rollout_state *out)
{
    for (unsigned i = 0; i < ROLLOUT_STATE_COUNT; i++) {
        if (text_equal(text, rollout_texts[i])) {
            *out = (enum rollout_state)i;
            return true;
        }
    }
    return false;
}

const char *stop_code_text(enum stop_code code)
{
    ASSERT(code < STOP_CODE_COUNT);
    return stop_texts[code];
}

bool stop_code_parse(const char *text, enum stop_code *out)
{
    for (unsigned i = 0; i < STOP_CODE_COUNT; i++) {
        if (text_equal(text, stop_texts[i])) {
            *out = (enum stop_code)i;
            return true;
        }
    }
    return false;
}

struct memory *memory_new(void)
{
    return mem_alloc(sizeof(struct memory));
}

static void deployment_free(struct memory_deployment *deployment)
{
    goal_unref(deployment->record.goal);
    arena_release(&deployment->arena);
    free(deployment);
}

static void record_release(struct memory *memory, const struct task_record *record)
{
    intern_drop(&memory->texts, record->deployment);
    intern_drop(&memory->texts, record->revision);
    intern_drop(&memory->texts, record->commit);
    intern_drop(&memory->texts, record->cluster);
    intern_drop(&memory->texts, record->service);
    intern_drop(&memory->texts, record->instance);
    intern_drop(&memory->texts, record->started_by);
    intern_drop(&memory->texts, record->begun);
    intern_drop(&memory->texts, record->reason);
}

static void claim_note(struct memory *memory, struct memory_task *task, bool is_claim)
{
    if (is_claim && !task->is_claim)
        DL_APPEND2(memory->claims, task, claim_previous, claim_next);
    else if (!is_claim && task->is_claim)
        DL_DELETE2(memory->claims, task, claim_previous, claim_next);
    task->is_claim = is_claim;
}

static void task_free(struct memory *memory, struct memory_task *task)
{
    ASSERT(memory->tasks != NULL);
    HASH_DELETE(by_id, memory->tasks, task);
    claim_note(memory, task, /* is_claim= */ false);
    if (task->service != NULL)
        DL_DELETE2(task->service->tasks, task, previous, next);
    record_release(memory, &task->record);
    free(task->has_lines);
    free(task);
}

static void service_free(struct memory *memory, struct memory_service *service)
{
    struct memory_deployment *next;

    HASH_DELETE(by_key, memory->services, service);
    for (struct memory_task *task = service->tasks; task != NULL; task = task->next)
        task->service = NULL;
    for (struct memory_deployment *at = service->newest; at != NULL; at = next) {
        next = at->older;
        deployment_free(at);
    }
    free(service->key);
    free(service->cluster);
    free(service->service);
    free(service->hold);
    free(service->removal);
    free(service->suspended);
    free(service->frozen);
    free(service);
}

static void image_free(struct memory *memory, struct memory_image *image)
{
    ASSERT(memory->images != NULL);
    HASH_DELETE(by_key, memory->images, image);
    arena_release(&image->arena);
    free(image->key);
    free(image);
}

void memory_free(struct memory *memory)
{
    if (memory == NULL)
        return;
    while (memory->services != NULL)
        service_free(memory, memory->services);
    while (memory->tasks != NULL)
        task_free(memory, memory->tasks);
    while (memory->images != NULL)
        image_free(memory, memory->images);
    hosts_free(memory);
    schedules_free(memory);
    free(memory);
}

static struct memory_service *service_find(const struct memory *memory, const char *key)
{
    struct memory_service *service = NULL;

    HASH_FIND(by_key, memory->services, key, strlen(key), service);
    return service;
}

static struct memory_service *service_get(struct memory *memory, const struct fact *fact)
{
    AUTO(arena) scratch = { 0 };
    const char *key = unit_key(&scratch, fact->cluster, fact->service);
    struct memory_service *service = service_find(memory, key);

    if (service != NULL)
        return service;
    service = mem_alloc(sizeof(*service));
    service->key = mem_text(key);
    service->cluster = mem_text(fact->cluster);
    service->service = mem_text(fact->service);
    HASH_ADD_KEYPTR(by_key, memory->services, service->key, strlen(service->key), service);
    return service;
}

static void deployment_fill(struct memory_deployment *entry, const struct deployment *from)
{
    struct arena fresh = { 0 };
    size_t count = from->goal->target->task->container_definitions_count;
    struct deployment record = *from;

    record.reason = arena_text(&fresh, from->reason);
    record.goal = goal_ref(from->goal);
    record.pins = arena_array(&fresh, struct pin, count);
    for (size_t i = 0; i < count; i++) {
        record.pins[i].image_id = arena_text(&fresh, from->pins[i].image_id);
        record.pins[i].digest = arena_text(&fresh, from->pins[i].digest);
    }
    goal_unref(entry->record.goal);
    arena_release(&entry->arena);
    entry->record = record;
    entry->arena = fresh;
}

static struct memory_deployment *deployment_find(const struct memory_service *service,
                                                 const char *id)
{
    struct memory_deployment *entry = service == NULL ? NULL : service->newest;

    while (entry != NULL && !text_equal(entry->record.id, id))
        entry = entry->older;
    return entry;
}

/* A new one is not throttled, whatever befell the ones before (ecs.md 1.5). */
static void apply_deployment(struct memory *memory, const struct fact *fact)
{
    struct memory_service *service = service_get(memory, fact);
    struct memory_deployment *entry = deployment_find(service, fact->deployment->id);

    if (entry == NULL) {
        entry = mem_alloc(sizeof(*entry));
        entry->older = service->newest;
        service->newest = entry;
    }
    deployment_fill(entry, fact->deployment);
}

/* The service a record belongs to; one that was forgotten stays so. */
static struct memory_service *service_of(const struct memory *memory,
                                         const struct task_record *record)
{
    AUTO(arena) scratch = { 0 };

    return service_find(memory, unit_key(&scratch, record->cluster, record->service));
}

static void apply_throttle(struct memory *memory, const struct fact *fact)
{
    AUTO(arena) scratch = { 0 };
    const char *key = unit_key(&scratch, fact->cluster, fact->service);
    struct memory_deployment *entry = deployment_find(service_find(memory, key), fact->text);

    if (entry != NULL)
        entry->throttle = fact->throttle;
}

static struct memory_task *task_find(const struct memory *memory, const char *id)
{
    struct memory_task *entry = NULL;

    HASH_FIND(by_id, memory->tasks, id, strlen(id), entry);
    return entry;
}

static const char *kept(struct memory *memory, const char *text)
{
    return intern(&memory->texts, text);
}

const char *task_word(const char *word)
{
    return word == NULL ? "" : word;
}

static void apply_task(struct memory *memory, const struct task_record *from)
{
    struct memory_task *entry = task_find(memory, from->id);
    struct task_record record = *from;

    record.deployment = kept(memory, task_word(from->deployment));
    record.revision = kept(memory, task_word(from->revision));
    record.commit = kept(memory, task_word(from->commit));
    record.cluster = kept(memory, from->cluster);
    record.service = kept(memory, from->service);
    record.instance = kept(memory, from->instance);
    record.started_by = kept(memory, from->started_by);
    record.begun = kept(memory, from->begun);
    record.reason = kept(memory, from->reason);
    if (entry != NULL) {
        record_release(memory, &entry->record);
        entry->record = record;
    } else {
        entry = mem_alloc(sizeof(*entry));
        entry->record = record;
        entry->service = service_of(memory, &entry->record);
        if (entry->service != NULL)
            DL_APPEND2(entry->service->tasks, entry, previous, next);
        HASH_ADD_KEYPTR(by_id, memory->tasks, entry->record.id, strlen(entry->record.id), entry);
    }
    claim_note(memory, entry, record.claimed_ms != 0 && record.stopped_ms == 0);
}

static void apply_lines(struct memory *memory, const struct task_lines *lines)
{
    struct memory_task *entry = task_find(memory, lines->task);
    AUTO(arena) scratch = { 0 };
    const char *had;

    if (entry == NULL || memory_has_lines(memory, lines->task, lines->container))
        return;
    had = entry->has_lines == NULL ? " " : entry->has_lines;
    had = arena_printf(&scratch, "%s%s ", had, lines->container);
    free(entry->has_lines);
    entry->has_lines = mem_text(had);
}

/* Asked of every image of an engine each time that it is planned: without the heap. */
static struct memory_image *image_find(const struct memory *memory, const char *engine,
                                       const char *image_id)
{
    AUTO(arena) scratch = { 0 };
    char small[256];
    size_t first = strlen(engine);
    size_t second = strlen(image_id);
    size_t size = first + 1 + second;
    char *key = size <= sizeof(small) ? small : arena_alloc(&scratch, size);
    struct memory_image *entry = NULL;

    if (memory->images == NULL)
        return NULL;
    memcpy(key, engine, first);
    key[first] = ' ';
    memcpy(key + first + 1, image_id, second);
    HASH_FIND(by_key, memory->images, key, size, entry);
    return entry;
}

static void apply_image(struct memory *memory, const struct image_record *from)
{
    struct memory_image *entry = image_find(memory, from->engine, from->image_id);
    struct arena fresh = { 0 };
    struct image_record record = *from;

    if (text_is_empty(from->references)) {
        if (entry != NULL)
            image_free(memory, entry);
        return;
    }
    if (entry == NULL) {
        AUTO(arena) scratch = { 0 };

        entry = mem_alloc(sizeof(*entry));
        entry->key = mem_text(arena_printf(&scratch, "%s %s", from->engine, from->image_id));
        HASH_ADD_KEYPTR(by_key, memory->images, entry->key, strlen(entry->key), entry);
    }
    record.engine = arena_text(&fresh, from->engine);
    record.image_id = arena_text(&fresh, from->image_id);
    record.references = arena_text(&fresh, from->references);
    record.name = arena_text(&fresh, from->name);
    arena_release(&entry->arena);
    entry->record = record;
    entry->arena = fresh;
}

/* "" becomes NULL: lifted. */
static void replace_text(char **slot, const char *text)
{
    free(*slot);
    *slot = text_is_empty(text) ? NULL : mem_text(text);
}

void memory_apply(struct memory *memory, const struct fact *fact)
{
    struct memory_service *service;

    switch (fact->kind) {
    case FACT_DEPLOYMENT: apply_deployment(memory, fact); return;
    case FACT_TASK: apply_task(memory, fact->task); return;
    case FACT_QUARANTINE:
        ASSERT(fact->text != NULL && strlen(fact->text) < sizeof(service->quarantined));
        text_copy(service_get(memory, fact)->quarantined, sizeof(service->quarantined), fact->text);
        return;
    case FACT_HOLD: replace_text(&service_get(memory, fact)->hold, fact->text); return;
    case FACT_REMOVAL:
        service = service_get(memory, fact);
        replace_text(&service->removal, fact->text);
        service->removal_ms = service->removal == NULL ? 0 : fact->at_ms;
        replace_text(&service->hold, NULL); /* either way it is not held any more */
        return;
    case FACT_SUSPEND: replace_text(&service_get(memory, fact)->suspended, fact->text); return;
    case FACT_FREEZE:
        service = service_get(memory, fact);
        replace_text(&service->frozen, fact->text);
        service->thawed_ms = service->frozen == NULL ? fact->at_ms : service->thawed_ms;
        return;
    case FACT_THROTTLE: apply_throttle(memory, fact); return;
    case FACT_EVENT: return; /* history: nothing is decided by it */
    case FACT_IMAGE: apply_image(memory, fact->image); return;
    case FACT_HOST: hosts_apply(memory, fact->host); return;
    case FACT_SCHEDULE: schedules_apply(memory, fact->schedule); return;
    case FACT_SCALE: service_get(memory, fact)->scaling = *fact->scaling; return;
    case FACT_LINES: apply_lines(memory, fact->lines); return;
    case FACT_FORGET: service_free(memory, service_get(memory, fact)); return;
    case FACT_KIND_COUNT: break;
    }
    ASSERT(fact->kind < FACT_KIND_COUNT);
}

/* Deployments are stated oldest first: the newest is the last one that was. */
static void copy_deployments(struct memory *copy, struct memory_service *service, struct fact *fact,
                             const struct memory_deployment *newest)
{
    const struct memory_deployment *end = NULL;

    fact->kind = FACT_DEPLOYMENT;
    while (end != newest) {
        const struct memory_deployment *at = newest;

        while (at->older != end)
            at = at->older;
        fact->deployment = &at->record;
        memory_apply(copy, fact);
        service->newest->throttle = at->throttle;
        end = at;
    }
}

static void copy_service(struct memory *copy, const struct memory_service *from)
{
    struct fact fact = { .cluster = from->cluster, .service = from->service };
    struct memory_service *service = service_get(copy, &fact);

    copy_deployments(copy, service, &fact, from->newest);
    memcpy(service->quarantined, from->quarantined, sizeof(service->quarantined));
    replace_text(&service->hold, from->hold);
    replace_text(&service->removal, from->removal);
    service->removal_ms = from->removal_ms;
    replace_text(&service->suspended, from->suspended);
    replace_text(&service->frozen, from->frozen);
    service->thawed_ms = from->thawed_ms;
    service->scaling = from->scaling;
}

struct memory *memory_copy(const struct memory *memory)
{
    struct memory *copy = memory_new();

    for (const struct memory_service *at = memory->services; at != NULL; at = at->by_key.next)
        copy_service(copy, at);
    for (const struct memory_task *at = memory->tasks; at != NULL; at = at->by_id.next) {
        apply_task(copy, &at->record);
        replace_text(&task_find(copy, at->record.id)->has_lines, at->has_lines);
    }
    for (const struct memory_image *at = memory->images; at != NULL; at = at->by_key.next)
        apply_image(copy, &at->record);
    for (const struct memory_host *at = memory->hosts; at != NULL; at = at->by_name.next)
        hosts_apply(copy, &at->record);
    for (const struct memory_schedule *at = memory->schedules; at != NULL; at = at->by_name.next)
        schedules_apply(copy, &at->record);
    return copy;
}

/* The longest that a next try is put off; later than that it can only be of another clock. */
#define RETRY_AHEAD_MS (15 * 60 * 1000)

/* What a moved clock does to one time: 0 is none. */
struct clock_change {
    int64_t moved_ms;
    int64_t limit_ms;
};

static void change_time(const struct clock_change *change, int64_t ahead_ms, int64_t *time_ms)
{
    if (*time_ms == 0)
        return;
    *time_ms += change->moved_ms;
    if (*time_ms - ahead_ms > change->limit_ms)
        *time_ms = change->limit_ms;
}

static void change_clock(struct memory *memory, const struct clock_change *change)
{
    for (struct memory_service *at = memory->services; at != NULL; at = at->by_key.next) {
        change_time(change, 0, &at->thawed_ms);
        change_time(change, 0, &at->removal_ms);
        change_time(change, 0, &at->scaling.at_ms);
        change_time(change, 0, &at->scaling.out_ms);
        change_time(change, 0, &at->scaling.in_ms);
        for (struct memory_deployment *of = at->newest; of != NULL; of = of->older) {
            change_time(change, RETRY_AHEAD_MS, &of->throttle.retry_at_ms);
            change_time(change, 0, &of->record.created_ms);
            change_time(change, 0, &of->record.updated_ms);
        }
    }
    for (struct memory_task *at = memory->tasks; at != NULL; at = at->by_id.next) {
        change_time(change, 0, &at->record.claimed_ms);
        change_time(change, 0, &at->record.started_ms);
        change_time(change, 0, &at->record.healthy_ms);
        change_time(change, 0, &at->record.stopping_ms);
        change_time(change, 0, &at->record.stopped_ms);
    }
    for (struct memory_image *at = memory->images; at != NULL; at = at->by_key.next)
        change_time(change, 0, &at->record.brought_ms);
    for (struct memory_host *at = memory->hosts; at != NULL; at = at->by_name.next) {
        change_time(change, 0, &at->record.forgotten_ms);
        change_time(change, 0, &at->record.installed_ms);
        change_time(change, 0, &at->maintenance.since_ms);
    }
}

void memory_clock_moved(struct memory *memory, int64_t moved_ms)
{
    change_clock(memory, &(struct clock_change){ .moved_ms = moved_ms, .limit_ms = INT64_MAX });
}

void memory_clock_limit(struct memory *memory, int64_t now_ms)
{
    change_clock(memory, &(struct clock_change){ .limit_ms = now_ms });
}

/* One that was not reached yet may be any. */
static bool engine_may_be_there(const struct world *world, const char *engine)
{
    for (const struct world_instance *at = world->instances; at != NULL; at = at->by_name.next) {
        if (at->engine_id == NULL || text_equal(at->engine_id, engine))
            return true;
    }
    return world->instances == NULL;
}

static void expire_images(struct memory *memory, const struct world *world, int64_t before_ms)
{
    struct memory_image *image;
    struct memory_image *next;

    HASH_ITER(by_key, memory->images, image, next)
    {
        if (image->record.brought_ms < before_ms &&
            !engine_may_be_there(world, image->record.engine))
            image_free(memory, image);
    }
}

void memory_expire(struct memory *memory, const struct world *world, int64_t before_ms)
{
    struct memory_task *task;
    struct memory_task *next_task;

    HASH_ITER(by_id, memory->tasks, task, next_task)
    {
        if (task->record.stopped_ms != 0 && task->record.stopped_ms < before_ms &&
            world_task(world, task->record.id) == NULL)
            task_free(memory, task);
    }
    expire_images(memory, world, before_ms - ENGINE_KEPT_MS);
    hosts_expire(memory, world, before_ms);
    if (!hosts_were_seen(memory, world))
        return;
    for (struct memory_service *service = memory->services; service != NULL;
         service = service->by_key.next) {
        size_t kept = 0;

        for (struct memory_deployment **at = &service->newest; *at != NULL;) {
            struct memory_deployment *entry = *at;

            if (kept < DEPLOYMENTS_KEPT ||
                memory_needs_deployment(service, world, &entry->record)) {
                kept++;
                at = &entry->older;
                continue;
            }
            *at = entry->older;
            deployment_free(entry);
        }
    }
}

const struct memory_service *memory_service(const struct memory *memory, const char *key)
{
    return service_find(memory, key);
}

const struct task_record *memory_task(const struct memory *memory, const char *id)
{
    const struct memory_task *entry = task_find(memory, id);

    return entry == NULL ? NULL : &entry->record;
}

bool memory_has_lines(const struct memory *memory, const char *task, const char *container)
{
    const struct memory_task *entry = task_find(memory, task);
    AUTO(arena) scratch = { 0 };

    return entry != NULL && entry->has_lines != NULL &&
           strstr(entry->has_lines, arena_printf(&scratch, " %s ", container)) != NULL;
}

const struct image_record *memory_image(const struct memory *memory, const char *engine,
                                        const char *image_id)
{
    const struct memory_image *entry = image_find(memory, engine, image_id);

    return entry == NULL ? NULL : &entry->record;
}

const struct deployment *memory_deployment(const struct memory_service *service, const char *id)
{
    const struct memory_deployment *entry = deployment_find(service, id);

    return entry == NULL ? NULL : &entry->record;
}

struct throttle memory_throttle(const struct memory_service *service, const char *deployment)
{
    const struct memory_deployment *entry = deployment_find(service, deployment);

    return entry == NULL ? (struct throttle){ 0 } : entry->throttle;
}
