/*
 * What runs now, and what the planner would do about it: it is asked, with the commit to preview
 * and a memory that is thrown away.
 */
#include <string.h>

#include "reconciler/plan/place.h"
#include "reconciler/plan/preview_int.h"
#include "spec/base/text.h"

/* Facts lead to facts a few times; what has not settled then is not foretold. */
#define ROUNDS_MAX 32

/* ---- The planner's answer -------------------------------------------------------------------- */

/* Which images are removed, and by which name. */
static void keep_removals(struct previewer *previewer, const struct plan *plan)
{
    struct plan *kept = &previewer->plan;

    kept->actions = arena_array(previewer->arena, struct action, plan->action_count + 1);
    for (size_t i = 0; i < plan->action_count; i++) {
        const struct action *action = &plan->actions[i];

        if (action->kind == ACTION_IMAGE_REMOVE)
            kept->actions[kept->action_count++] =
                (struct action){ .kind = action->kind,
                                 .image_name = arena_text(previewer->arena, action->image_name),
                                 .reference = arena_text(previewer->arena, action->reference) };
    }
}

static void keep_plan(struct previewer *previewer, const struct plan *plan)
{
    struct plan_wait *waits = arena_array(previewer->arena, struct plan_wait, plan->wait_count + 1);

    for (size_t i = 0; i < plan->wait_count; i++) {
        waits[i] = plan->waits[i];
        waits[i].unit = arena_text(previewer->arena, waits[i].unit);
        waits[i].reason = arena_text(previewer->arena, waits[i].reason);
    }
    previewer->plan = (struct plan){ .waits = waits, .wait_count = plan->wait_count };
    keep_removals(previewer, plan);
}

static void ask_planner(struct previewer *previewer)
{
    struct plan_input input = previewer->input;
    AUTO(arena) scratch = { 0 };
    struct plan_unit *units;
    size_t count = plan_units(&previewer->input, previewer->arena, &units);

    while (count > 0 && units[count - 1].kind == DIRTY_SCHEDULE)
        count--; /* what would be due now is no part of what the commit does */
    input.memory = previewer->future;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        struct plan plan;

        arena_reset(&scratch);
        plan_compute(&input, units, count, &scratch, &plan);
        keep_plan(previewer, &plan);
        if (plan.fact_count == 0)
            return;
        for (size_t i = 0; i < plan.fact_count; i++)
            memory_apply(previewer->future, &plan.facts[i]);
    }
}

/* Is anything declared, or remembered, that is not on other instances? */
static bool needs_local(struct previewer *previewer)
{
    const struct desired *desired = previewer->input.desired;
    bool any = desired->service_count > 0;

    for (const struct desired_service *at = desired->services; at != NULL; at = at->by_key.next) {
        if (!at->goal->target->is_ec2)
            return true;
    }
    for (const struct memory_service *at = previewer->input.memory->services; at != NULL;
         at = at->by_key.next) {
        const struct deployment *primary = memory_primary(at);

        any = true;
        if (primary == NULL || !primary->goal->target->is_ec2)
            return true;
    }
    return !any;
}

void preview_forecast(struct previewer *previewer)
{
    /* The claim is the first thing that a run makes, or takes over. */
    previewer->input.as_claimed = true;
    if (needs_local(previewer) && place_engine(&previewer->planner) == NULL)
        previewer->preview->blocked = previewer->scratch.waits[0].reason;
    previewer->future = memory_copy(previewer->input.memory);
    ask_planner(previewer);
}

void preview_forecast_end(struct previewer *previewer)
{
    memory_free(TAKE(previewer->future));
}

/* What is in its way, by the planner's own words. */
static const char *foretold_wait(const struct previewer *previewer, const char *key)
{
    for (size_t i = 0; i < previewer->plan.wait_count; i++) {
        const struct plan_wait *wait = &previewer->plan.waits[i];

        if (!wait->is_progress && text_equal(wait->unit, key))
            return wait->reason;
    }
    return NULL;
}

/* ---- How its tasks stand --------------------------------------------------------------------- */

enum slot { SLOT_EMPTY, SLOT_UNHEALTHY, SLOT_STARTING, SLOT_HEALTHY };

static void stand_task(const struct task_view *task, enum slot *slots, struct standing *out)
{
    enum slot state = task->unhealthy ? SLOT_UNHEALTHY
                      : task->healthy ? SLOT_HEALTHY
                                      : SLOT_STARTING;

    if (!is_alive(task)) {
        out->leaving++;
        return;
    }
    out->alive++;
    if (!task->current)
        out->old++;
    else if (task->task->slot >= out->desired)
        out->surplus++;
    else if (state > slots[task->task->slot])
        slots[task->task->slot] = state;
}

static void stand_pending(const struct previewer *previewer, const char *key, const char *revision,
                          enum slot *slots, struct standing *out)
{
    const struct plan_input *input = &previewer->input;

    for (size_t i = 0; i < input->pending_count; i++) {
        const struct plan_pending *pending = &input->pending[i];

        if (!text_equal(pending->unit, key) || world_task(input->world, pending->task) != NULL)
            continue;
        out->alive++;
        if (!text_equal(pending->target->revision, revision))
            out->old++;
        else if (pending->slot < out->desired && slots[pending->slot] < SLOT_STARTING)
            slots[pending->slot] = SLOT_STARTING;
    }
}

/* As tasks of the goal. */
static struct standing stand(struct previewer *previewer, const struct desired_service *service,
                             struct goal *goal, uint32_t desired)
{
    const struct target *target = goal->target;
    const char *key = service->key;
    const struct world_service *seen =
        world_service(previewer->input.world, target->cluster, target->service);
    const struct memory_service *memory = memory_service(previewer->input.memory, key);
    struct standing standing = { .desired = desired };
    enum slot *slots = arena_array(previewer->arena, enum slot, desired + 1);

    if (pool_of(&previewer->planner, target->cluster) != NULL)
        return preview_stand_pool(previewer, service, goal, desired);
    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        struct task_view task;

        task_view_make(&previewer->planner, seen->tasks[i], memory, goal, &task);
        stand_task(&task, slots, &standing);
    }
    stand_pending(previewer, key, target->revision, slots, &standing);
    for (uint32_t slot = 0; slot < desired; slot++) {
        standing.gone += slots[slot] == SLOT_EMPTY;
        standing.unhealthy += slots[slot] == SLOT_UNHEALTHY;
        standing.starting += slots[slot] == SLOT_STARTING;
        standing.healthy += slots[slot] == SLOT_HEALTHY;
    }
    return standing;
}

/* ---- Words ----------------------------------------------------------------------------------- */

static void add_part(struct buf *text, uint32_t count, const char *one, const char *many)
{
    if (count > 0)
        buf_printf(text, "%s%u %s", text->size > 0 ? "; " : "", count, count == 1 ? one : many);
}

/* What is done about tasks that are not as they should be; NULL: all are. */
static const char *repair_text(struct previewer *previewer, const struct standing *standing)
{
    AUTO(buf) text = { 0 };

    buf_init(&text, 1024);
    add_part(&text, standing->gone, "task is missing and is started",
             "tasks are missing and are started");
    add_part(&text, standing->draining, "task leaves its instance, which is DRAINING",
             "tasks leave their instances, which are DRAINING");
    add_part(&text, standing->unhealthy, "task is unhealthy and is replaced",
             "tasks are unhealthy and are replaced");
    add_part(&text, standing->starting, "task is not healthy yet", "tasks are not healthy yet");
    add_part(&text, standing->old, "task of another revision is stopped",
             "tasks of another revision are stopped");
    add_part(&text, standing->surplus, "surplus task is stopped", "surplus tasks are stopped");
    add_part(&text, standing->leaving, "task that ended is removed",
             "tasks that ended are removed");
    return text.size == 0 ? NULL : arena_text(previewer->arena, buf_text(&text));
}

static const char *progress_text(struct previewer *previewer, const struct deployment *primary,
                                 const struct standing *standing)
{
    return arena_printf(previewer->arena, "the %s commit %.8s (%u of %u tasks are healthy)",
                        primary->rollback ? "rollback to" : "rollout of", primary->commit,
                        standing->healthy, standing->desired);
}

void preview_rest(struct previewer *previewer, uint32_t fit, uint32_t of, bool make_room,
                  const char *reason)
{
    previewer->makes_room = make_room;
    if (make_room)
        preview_note(previewer,
                     "%u of %u new tasks fit now, for the others former ones are stopped first",
                     fit, of);
    else
        previewer->service->wait = arena_printf(
            previewer->arena, "%u of %u new tasks fit now, the others wait as PENDING: %s", fit, of,
            reason);
}

/* Of those that may be stopped so many have made room: does it suffice for one? */
static bool makes_room(struct previewer *previewer, const struct target *target,
                       const struct target *old, uint32_t count)
{
    if (old == NULL || count == 0)
        return false;
    place_release(&previewer->planner, old, count);
    return place_task(&previewer->planner, target, "") != NULL;
}

/* New tasks are placed as the rollout would: those that are stopped first have left. */
static void check_places(struct previewer *previewer, const struct desired_service *desired,
                         struct goal *goal, const struct target *old,
                         const struct standing *standing)
{
    const struct target *target = goal->target;
    uint32_t upper = upper_bound(target->spec);
    uint32_t lower = lower_bound(target->spec);
    uint32_t missing = standing->gone + standing->unhealthy;
    uint32_t spare = standing->desired > lower ? standing->desired - lower : 0;
    uint32_t first;
    uint32_t room;
    uint32_t placed = 0;
    const char *reason;

    if (previewer->preview->blocked != NULL)
        return;
    if (pool_of(&previewer->planner, target->cluster) != NULL)
        preview_places(previewer, desired, goal);
    if (missing == 0 || pool_of(&previewer->planner, target->cluster) != NULL)
        return;
    if (spare > standing->old)
        spare = standing->old;
    first = upper <= standing->desired ? spare : 0;
    if (first > 0 && old != NULL)
        place_release(&previewer->planner, old, first);
    room = upper > standing->alive - first ? upper - (standing->alive - first) : 0;
    if (room > missing)
        room = missing;
    while (placed < room && place_task(&previewer->planner, target,
                                       arena_printf(previewer->arena, "%u", placed)) != NULL)
        placed++;
    if (placed == room)
        return;
    reason = previewer->scratch.waits[previewer->scratch.wait_count - 1].reason;
    preview_rest(previewer, placed, room, makes_room(previewer, target, old, spare - first),
                 reason);
}

/* ---- One service ----------------------------------------------------------------------------- */

static void tell_suspended(struct previewer *previewer, const struct desired_service *desired,
                           const struct memory_service *memory, const struct target *old)
{
    struct preview_service *service = previewer->service;
    const struct target *new = desired->goal->target;

    service->verdict = PREVIEW_SUSPENDED;
    service->cause = arena_printf(previewer->arena, "suspended: %s", memory->suspended);
    service->rollout =
        arena_printf(previewer->arena, "nothing happens until `berth resume %s`%s", desired->key,
                     old == NULL                                 ? "; then its tasks are started"
                     : !text_equal(old->revision, new->revision) ? "; then its tasks are replaced"
                     : service->field_count > 0                  ? "; then it is updated in place"
                                                                 : "");
}

static void tell_quarantined(struct previewer *previewer, const struct desired_service *desired,
                             const struct memory_service *memory)
{
    struct preview_service *service = previewer->service;
    const struct deployment *primary = memory_primary(memory);
    const struct deployment *failed = memory_revision(memory, desired->goal->target->revision);
    bool is_back = !text_equal(primary->goal->target->revision, desired->goal->target->revision);
    struct standing standing = stand(previewer, desired, primary->goal,
                                     preview_spec(previewer, desired->goal->target)->desired_count);
    const char *repair = repair_text(previewer, &standing);

    service->verdict = PREVIEW_QUARANTINED;
    service->cause = arena_printf(previewer->arena, "its revision %.8s failed%s%s",
                                  desired->goal->target->revision,
                                  failed == NULL || text_is_empty(failed->reason) ? "" : ": ",
                                  failed == NULL || failed->reason == NULL ? "" : failed->reason);
    service->rollout = arena_printf(
        previewer->arena, "%s until a commit changes its revision, or `berth resume %s --retry`",
        is_back
            ? arena_printf(previewer->arena, "it stays rolled back to commit %.8s", primary->commit)
            : "no task of it is started",
        desired->key);
    if (!is_back)
        return;
    if (primary->state == ROLLOUT_IN_PROGRESS)
        preview_note(previewer, "%s goes on", progress_text(previewer, primary, &standing));
    else if (repair != NULL)
        preview_note(previewer, "%s", repair);
    check_places(previewer, desired, primary->goal, NULL, &standing);
}

/* Nothing is remembered: what runs of it is found by its labels. */
static void tell_new(struct previewer *previewer, const struct target *target,
                     const struct standing *standing)
{
    struct preview_service *service = previewer->service;
    uint32_t current = standing->alive - standing->old;

    if (standing->alive == 0)
        return; /* created, as without looking */
    service->verdict = standing->old > 0 ? PREVIEW_REPLACE : PREVIEW_UPDATE;
    service->cause = "nothing of it is remembered, and tasks of it run";
    if (current > 0)
        preview_note(previewer, "%s of its revision and kept", preview_tasks(previewer, current));
    service->rollout = repair_text(previewer, standing);
    if (standing->old > 0)
        preview_replacement(previewer, target, standing->old);
}

static void tell_replaced(struct previewer *previewer, const struct target *target,
                          const struct target *old, const struct deployment *primary,
                          const struct desired_service *desired)
{
    struct standing standing =
        stand(previewer, desired, desired->goal, preview_spec(previewer, target)->desired_count);
    uint32_t current = standing.alive - standing.old;

    if (previewer->preview->blocked != NULL)
        preview_replacement(previewer, target, preview_spec(previewer, old)->desired_count);
    else
        preview_replacement(previewer, target, standing.old);
    if (current > 0)
        preview_note(previewer, "%s of the new revision already",
                     preview_tasks(previewer, current));
    if (primary->state == ROLLOUT_IN_PROGRESS) {
        standing =
            stand(previewer, desired, primary->goal, preview_spec(previewer, old)->desired_count);
        preview_note(previewer, "%s is superseded", progress_text(previewer, primary, &standing));
    }
}

static void tell_same(struct previewer *previewer, const struct deployment *primary,
                      const struct target *old, const struct desired_service *desired)
{
    struct preview_service *service = previewer->service;
    const struct service_spec *spec = preview_spec(previewer, desired->goal->target);
    uint32_t before = preview_spec(previewer, old)->desired_count;
    struct standing standing = stand(previewer, desired, desired->goal,
                                     spec->desired_count < before ? spec->desired_count : before);
    const char *repair = repair_text(previewer, &standing);

    if (previewer->preview->blocked != NULL)
        return;
    if (primary->state == ROLLOUT_IN_PROGRESS) {
        const char *progress = progress_text(previewer, primary, &standing);

        if (service->verdict == PREVIEW_UPDATE) {
            preview_note(previewer, "%s goes on", progress);
            return;
        }
        service->verdict = PREVIEW_CONTINUE;
        service->cause = "its last deployment is not over";
        service->rollout = arena_printf(previewer->arena, "%s goes on", progress);
    } else if (service->verdict == PREVIEW_UPDATE) {
        standing.surplus = 0; /* that is the change itself */
        repair = repair_text(previewer, &standing);
        if (repair != NULL)
            preview_note(previewer, "%s", repair);
    } else if (repair != NULL) {
        service->verdict = PREVIEW_REPAIR;
        service->cause = "what runs is not what is declared";
        service->rollout = repair;
        service->downtime = standing.healthy < lower_bound(spec);
    }
}

/* It failed, and nothing is tried again. */
static bool is_over(const struct memory_service *memory, const struct deployment *primary,
                    const struct target *target)
{
    return text_equal(memory->quarantined, target->revision) ||
           (primary->state == ROLLOUT_FAILED &&
            text_equal(primary->goal->target->revision, target->revision));
}

void preview_live(struct previewer *previewer, const struct desired_service *desired,
                  const struct target *old)
{
    struct preview_service *service = previewer->service;
    const struct memory_service *memory = memory_service(previewer->input.memory, desired->key);
    const struct deployment *primary = memory_primary(memory);
    const struct target *new = desired->goal->target;
    struct standing standing =
        stand(previewer, desired, desired->goal, preview_spec(previewer, new)->desired_count);
    const char *unknown = preview_unknown(previewer, desired);

    if (memory != NULL && memory->suspended != NULL) {
        tell_suspended(previewer, desired, memory, old);
        return;
    }
    if (primary != NULL && is_over(memory, primary, new)) {
        tell_quarantined(previewer, desired, memory);
        return;
    }
    if (unknown != NULL)
        service->wait = unknown;
    else if (primary == NULL)
        tell_new(previewer, new, &standing);
    else if (service->verdict == PREVIEW_REPLACE)
        tell_replaced(previewer, new, old, primary, desired);
    else
        tell_same(previewer, primary, old, desired);
    if (memory != NULL && memory->quarantined[0] != '\0')
        preview_note(previewer, "revision %.8s failed, and is quarantined no more",
                     memory->quarantined);
    previewer->makes_room = false;
    if (unknown == NULL)
        check_places(previewer, desired, desired->goal, old, &standing);
    if (service->wait == NULL && !previewer->makes_room && previewer->preview->blocked == NULL)
        service->wait = foretold_wait(previewer, desired->key);
    if (service->verdict == PREVIEW_NONE && service->wait != NULL) {
        service->verdict = PREVIEW_LEFT;
        service->cause = "nothing more can be done about it now";
    }
}
