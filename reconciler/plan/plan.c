/*
 * The planner's frame: units in, a plan out.  The policies are in the files beside this one.
 */
#include "reconciler/plan/plan.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/job_int.h"
#include "reconciler/plan/memory_schedules.h"
#include "reconciler/plan/plan_int.h"
#include "reconciler/plan/traffic.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define RETRY_MAX_MS (15 * 60 * 1000)
#define WAIT_BYTES   1024

#define TEXT_ROW(name, text) text,
static const char *const task_status_texts[] = { TASK_STATUSES(TEXT_ROW) };
#undef TEXT_ROW

const char *task_status_text(enum task_status status)
{
    ASSERT(status < TASK_STATUS_COUNT);
    return task_status_texts[status];
}

/* A growing array in an arena. */
static void *grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    return arena_enlarge(arena, items, count, *capacity, size);
}

struct action *plan_action(struct planner *planner, enum action_kind kind, const char *instance,
                           const char *object)
{
    struct plan *plan = planner->plan;
    struct action *action;

    plan->actions = grow(planner->arena, plan->actions, plan->action_count,
                         &planner->action_capacity, sizeof(*plan->actions));
    action = &plan->actions[plan->action_count++];
    *action = (struct action){ .kind = kind, .instance = instance, .unit = planner->unit };
    action->object = arena_text(planner->arena, object);
    return action;
}

struct fact *plan_fact(struct planner *planner, enum fact_kind kind, const char *cluster,
                       const char *service)
{
    struct plan *plan = planner->plan;
    struct fact *fact;

    plan->facts = grow(planner->arena, plan->facts, plan->fact_count, &planner->fact_capacity,
                       sizeof(*plan->facts));
    fact = &plan->facts[plan->fact_count++];
    *fact = (struct fact){
        .kind = kind, .cluster = cluster, .service = service, .at_ms = planner->input->now_ms
    };
    return fact;
}

static struct plan_wait *add_wait(struct planner *planner, const char *reason)
{
    struct plan *plan = planner->plan;
    struct plan_wait *wait;

    plan->waits = grow(planner->arena, plan->waits, plan->wait_count, &planner->wait_capacity,
                       sizeof(*plan->waits));
    wait = &plan->waits[plan->wait_count++];
    *wait = (struct plan_wait){ .unit = planner->unit,
                                .reason = arena_text(planner->arena, reason),
                                .steady = strlen(reason) };
    return wait;
}

void plan_wait(struct planner *planner, const char *format, ...)
{
    AUTO(buf) text = { 0 };
    va_list arguments;

    buf_init(&text, WAIT_BYTES);
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    (void)add_wait(planner, buf_text(&text));
}

void plan_progress(struct planner *planner, const char *format, ...)
{
    AUTO(buf) text = { 0 };
    va_list arguments;

    buf_init(&text, WAIT_BYTES);
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    add_wait(planner, buf_text(&text))->is_progress = true;
}

void plan_progress_at(struct planner *planner, const char *where, const char *format, ...)
{
    AUTO(buf) text = { 0 };
    struct plan_wait *wait;
    va_list arguments;
    size_t steady;

    buf_init(&text, WAIT_BYTES);
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    steady = text.size;
    buf_printf(&text, ": %s", where);
    wait = add_wait(planner, buf_text(&text));
    wait->is_progress = true;
    wait->steady = steady;
}

void plan_rest(struct planner *planner, const char *format, ...)
{
    AUTO(buf) text = { 0 };
    struct plan_wait *wait;
    va_list arguments;

    buf_init(&text, WAIT_BYTES);
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    wait = add_wait(planner, buf_text(&text));
    wait->is_progress = true;
    wait->is_rest = true;
}

void plan_work(struct planner *planner, enum action_kind kind, const char *instance,
               const char *object)
{
    struct plan *plan = planner->plan;

    plan->works = grow(planner->arena, plan->works, plan->work_count, &planner->work_capacity,
                       sizeof(*plan->works));
    plan->works[plan->work_count++] =
        (struct plan_work){ planner->unit, kind, instance, arena_text(planner->arena, object) };
}

void plan_wanted(struct planner *planner, const struct wanted_task *task)
{
    struct wanted_list *list = planner->wanted;

    if (list == NULL)
        return;
    list->items =
        grow(planner->arena, list->items, list->count, &list->capacity, sizeof(*list->items));
    list->items[list->count++] = *task;
}

void plan_wake(struct planner *planner, int64_t at_ms)
{
    if (at_ms < planner->wake_at_ms)
        planner->wake_at_ms = at_ms;
}

void plan_watch(struct planner *planner)
{
    planner->unit_watches = true;
}

const char *unit_title(struct planner *planner, const char *service)
{
    if (service_is_job(service))
        return arena_printf(planner->arena, "group %s", job_group(planner->arena, service));
    return arena_printf(planner->arena, "service %s", service);
}

bool unit_stated(const struct planner *planner)
{
    return planner->plan->fact_count > planner->unit_facts;
}

bool unit_waits(const struct planner *planner)
{
    return planner->plan->wait_count > planner->unit_waits;
}

int64_t retry_at_ms(uint32_t failures, int64_t ended_ms)
{
    int64_t pause_ms = failures == 0   ? 0
                       : failures > 20 ? RETRY_MAX_MS
                                       : (int64_t)1000 << (failures - 1);

    return ended_ms + (pause_ms > RETRY_MAX_MS ? RETRY_MAX_MS : pause_ms);
}

const struct world_effort *effort_of(struct planner *planner, const struct world_instance *instance,
                                     enum action_kind kind, const char *object)
{
    AUTO(buf) key = { 0 };

    (void)planner;
    if (instance->efforts == NULL)
        return NULL;
    buf_init(&key, WAIT_BYTES);
    action_effort_key(kind, object, &key);
    return world_effort(instance, buf_text(&key));
}

bool effort_allows_since(struct planner *planner, const struct world_instance *instance,
                         enum action_kind kind, const char *object, int64_t since_ms)
{
    const struct world_effort *effort = effort_of(planner, instance, kind, object);
    int64_t retry;

    if (effort == NULL || effort->state == EFFORT_DONE)
        return true;
    if (effort->state == EFFORT_RUNNING)
        return false;
    retry = retry_at_ms(world_effort_failures(effort, since_ms), effort->at_ms);
    if (planner->input->now_ms >= retry)
        return true;
    plan_wake(planner, retry);
    return false;
}

bool effort_allows(struct planner *planner, const struct world_instance *instance,
                   enum action_kind kind, const char *object)
{
    return effort_allows_since(planner, instance, kind, object, /* since_ms= */ 0);
}

bool step_allowed(struct planner *planner, const struct world_instance *instance,
                  enum action_kind kind, const char *object)
{
    const struct world_effort *effort;

    if (effort_allows(planner, instance, kind, object))
        return true;
    effort = effort_of(planner, instance, kind, object);
    if (effort->state == EFFORT_RUNNING)
        plan_progress(planner, "%s %s is under way", action_kind_text(kind), object);
    else
        plan_wait(planner, "%s %s failed and is tried again: %s", action_kind_text(kind), object,
                  effort->failure.text);
    return false;
}

void plan_compute(const struct plan_input *input, const struct plan_unit *units, size_t unit_count,
                  struct arena *arena, struct plan *out)
{
    AUTO(arena) scratch = { 0 };
    struct planner planner = { .input = input, .arena = arena, .scratch = &scratch, .plan = out };

    *out = (struct plan){ .looked = arena_array(arena, bool, unit_count + 1),
                          .watches = arena_array(arena, bool, unit_count + 1),
                          .wake_at_ms = arena_array(arena, int64_t, unit_count + 1) };
    for (size_t i = 0; i < unit_count; i++) {
        planner.unit = units[i].key;
        planner.unit_facts = out->fact_count;
        planner.unit_waits = out->wait_count;
        planner.unit_looked = false;
        planner.unit_watches = false;
        placings_drop(&planner);
        arena_reset(&scratch);
        planner.wake_at_ms = NEVER;
        if (input->desired == NULL)
            ; /* no commit was ever accepted: nothing is touched */
        else if (units[i].kind == DIRTY_SERVICE)
            plan_service(&planner, units[i].key);
        else if (units[i].kind == DIRTY_BALANCER)
            plan_balancer(&planner, units[i].key);
        else if (units[i].kind == DIRTY_SCHEDULE)
            plan_schedule(&planner, units[i].key);
        else
            plan_instance(&planner, units[i].key);
        out->looked[i] = planner.unit_looked;
        out->watches[i] = planner.unit_watches;
        out->wake_at_ms[i] = planner.wake_at_ms;
    }
}

enum dirty_kind plan_unit_kind(const char *key)
{
    return text_starts(key, BALANCER_KEY)   ? DIRTY_BALANCER
           : text_starts(key, SCHEDULE_KEY) ? DIRTY_SCHEDULE
           : strchr(key, '/') != NULL       ? DIRTY_SERVICE
                                            : DIRTY_INSTANCE;
}

static int compare_units(const void *a, const void *b)
{
    const struct plan_unit *left = a;
    const struct plan_unit *right = b;

    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return strcmp(left->key, right->key);
}

static size_t schedule_units(const struct plan_input *input, struct arena *arena,
                             struct plan_unit *out)
{
    size_t count = 0;

    for (const struct desired_schedule *at = input->desired == NULL ? NULL
                                                                    : input->desired->schedules;
         at != NULL; at = at->by_key.next)
        out[count++] = (struct plan_unit){ DIRTY_SCHEDULE, at->key };
    for (const struct memory_schedule *at = input->memory->schedules; at != NULL;
         at = at->by_name.next)
        out[count++] = (struct plan_unit){ DIRTY_SCHEDULE, arena_printf(arena, SCHEDULE_KEY "%s",
                                                                        at->record.name) };
    return count;
}

size_t plan_units(const struct plan_input *input, struct arena *arena, struct plan_unit **out)
{
    size_t declared = input->desired == NULL
                          ? 0
                          : generation_count(input->desired->generation, KIND_LOAD_BALANCER);
    size_t capacity =
        HASH_CNT(by_key, input->memory->services) + HASH_CNT(by_key, input->world->services) +
        HASH_CNT(by_name, input->world->instances) + HASH_CNT(by_name, input->world->balancers) +
        HASH_CNT(by_name, input->memory->schedules) +
        (input->desired == NULL ? 0
                                : input->desired->service_count + declared +
                                      HASH_CNT(by_key, input->desired->schedules));
    struct plan_unit *units = arena_array(arena, struct plan_unit, capacity + 1);
    size_t count = 0;
    size_t kept = 0;

    if (input->desired != NULL)
        for (const struct desired_service *at = input->desired->services; at != NULL;
             at = at->by_key.next)
            units[count++] = (struct plan_unit){ DIRTY_SERVICE, at->key };
    for (const struct memory_service *at = input->memory->services; at != NULL;
         at = at->by_key.next)
        units[count++] = (struct plan_unit){ DIRTY_SERVICE, at->key };
    for (const struct world_service *at = input->world->services; at != NULL; at = at->by_key.next)
        units[count++] = (struct plan_unit){ DIRTY_SERVICE, at->key };
    for (const struct world_instance *at = input->world->instances; at != NULL;
         at = at->by_name.next)
        units[count++] = (struct plan_unit){ DIRTY_INSTANCE, at->name };
    for (const struct world_balancer *at = input->world->balancers; at != NULL;
         at = at->by_name.next)
        units[count++] = (struct plan_unit){ DIRTY_BALANCER, at->key };
    for (size_t i = 0; i < declared; i++) {
        const char *name = generation_at(input->desired->generation, KIND_LOAD_BALANCER, i)->name;

        units[count++] =
            (struct plan_unit){ DIRTY_BALANCER, arena_printf(arena, BALANCER_KEY "%s", name) };
    }
    count += schedule_units(input, arena, units + count);
    qsort(units, count, sizeof(*units), compare_units);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_units(&units[kept - 1], &units[i]) != 0)
            units[kept++] = units[i];
    }
    *out = units;
    return kept;
}
