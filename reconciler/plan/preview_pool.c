/*
 * Where the tasks of a service of several instances would go, and where they would find no place:
 * they are counted and placed by the planner's own functions, on a world in which nothing is done.
 */
#include "reconciler/plan/daemon.h"
#include "reconciler/plan/preview_int.h"
#include "reconciler/plan/scaler.h"
#include "spec/base/text.h"

const struct service_spec *preview_spec(struct previewer *previewer, const struct target *target)
{
    const struct daemon *daemon = daemon_of(&previewer->planner, target);

    return daemon != NULL ? daemon_spec(&previewer->planner, target, daemon)
                          : scaled_spec(&previewer->input, target, previewer->arena);
}

/* ---- How they stand -------------------------------------------------------------------------- */

/* The service, as if it were being brought to the goal. */
struct standpoint {
    struct service_view view;
    struct deployment deployment;
    struct count count;
};

static void stand_at(struct previewer *previewer, const struct desired_service *desired,
                     struct goal *goal, struct standpoint *out)
{
    struct planner *planner = &previewer->planner;
    const struct memory_service *memory = memory_service(previewer->input.memory, desired->key);
    const struct deployment *primary = memory_primary(memory);

    out->deployment = (struct deployment){ .state = ROLLOUT_IN_PROGRESS };
    if (primary != NULL && text_equal(primary->goal->target->revision, goal->target->revision))
        out->deployment = *primary;
    else
        out->deployment.pins = arena_array(previewer->arena, struct pin,
                                           goal->target->task->container_definitions_count);
    out->deployment.goal = goal;
    service_view_as(planner, desired, &out->deployment, &out->view);
    planner->unit = desired->key;
    planner->view = &out->view;
    out->count = (struct count){ 0 };
    count_tasks(planner, &out->view, &out->count);
}

static bool is_old_there(const struct service_view *view, const struct task_view *task)
{
    return is_alive(task) && !task->current && !is_apart(view, task);
}

struct standing preview_stand_pool(struct previewer *previewer,
                                   const struct desired_service *desired, struct goal *goal,
                                   uint32_t wanted)
{
    struct standpoint at;
    struct standing standing = { 0 };
    uint32_t added;

    stand_at(previewer, desired, goal, &at);
    standing.desired = at.count.desired;
    standing.alive = at.count.alive;
    standing.gone = at.count.missing;
    for (size_t i = 0; i < at.view.task_count; i++) {
        const struct task_view *task = &at.view.tasks[i];
        bool counts = is_alive(task) && task->current;

        standing.leaving += !is_alive(task) && !task->given_up;
        standing.old += is_old_there(&at.view, task);
        standing.draining += is_alive(task) && task->leaving && !task->unhealthy;
        standing.unhealthy += counts && task->unhealthy && standing.gone > standing.unhealthy;
        standing.surplus += counts && !task->unhealthy && !task->leaving && !task->holds;
    }
    standing.gone -= standing.unhealthy;
    for (uint32_t slot = 0; slot < at.count.desired; slot++) {
        standing.healthy += at.count.holders[slot] != NULL && at.count.holders[slot]->healthy;
        standing.starting += at.count.holders[slot] != NULL && !at.count.holders[slot]->healthy;
    }
    /* What the commit adds is the change itself, and what leaves an instance is told as that. */
    added = at.count.desired > wanted ? at.count.desired - wanted : 0;
    standing.gone -= standing.gone < added ? standing.gone : added;
    if (at.view.daemon == NULL)
        standing.gone -= standing.gone < standing.draining ? standing.gone : standing.draining;
    return standing;
}

const char *preview_unknown(struct previewer *previewer, const struct desired_service *desired)
{
    const struct target *target = desired->goal->target;
    struct pool *pool = pool_of(&previewer->planner, target->cluster);

    if (pool == NULL || pool_is_known(&previewer->planner, pool, target))
        return NULL;
    return previewer->scratch.waits[previewer->scratch.wait_count - 1].reason;
}

/* ---- Where they go --------------------------------------------------------------------------- */

struct placed {
    struct previewer *previewer;
    struct standpoint *at;
    uint32_t *tasks; /* by host */
    uint32_t count;
    uint32_t failed;
    const char *reason; /* of the first that failed */
};

static void note(struct placed *placed, const struct world_instance *instance)
{
    const struct plan *scratch = &placed->previewer->scratch;

    if (instance != NULL) {
        placed->tasks[pool_index(placed->at->view.pool, instance->name)]++;
        placed->count++;
        return;
    }
    if (placed->failed++ == 0)
        placed->reason = scratch->waits[scratch->wait_count - 1].reason;
}

/* Old tasks, and those on an instance that is left: so many have made room, the last ones first. */
static void release(struct placed *placed, uint32_t most)
{
    struct service_view *view = &placed->at->view;

    for (size_t i = view->task_count; i-- > 0 && most > 0;) {
        const struct task_view *task = &view->tasks[i];
        size_t host = pool_index(view->pool, task->task->instance);

        if (!is_alive(task) || task->unknown || (task->current && !task->leaving) ||
            host == view->pool->count)
            continue;
        use_release(&placed->previewer->planner, view->pool->hosts[host].use, task->task);
        view->tasks[i].given_up = true; /* it was counted */
        most--;
    }
}

/* Of a DAEMON each goes to its own instance, where the one before it makes room. */
static void place_daemon(struct placed *placed)
{
    struct planner *planner = &placed->previewer->planner;
    struct service_view *view = &placed->at->view;
    const struct count *count = &placed->at->count;

    release(placed, UINT32_MAX);
    for (uint32_t slot = 0; slot < count->desired; slot++) {
        if (count->holders[slot] == NULL)
            note(placed,
                 pool_place_on(planner, view->primary->goal->target, view->daemon->hosts[slot]));
    }
}

static uint32_t place_slots(struct placed *placed, uint32_t from, uint32_t most)
{
    struct planner *planner = &placed->previewer->planner;
    struct service_view *view = &placed->at->view;
    const struct count *count = &placed->at->count;

    for (; from < count->desired && most > 0 && placed->failed == 0; from++) {
        if (count->holders[from] != NULL)
            continue;
        note(placed, pool_place(planner, view->primary->goal->target,
                                slot_name(planner, view->primary, from)));
        if (placed->failed > 0)
            break;
        most--;
    }
    return from;
}

/* As many as may run beside the others, then the rest in their place. */
static void place_replicas(struct placed *placed)
{
    const struct count *count = &placed->at->count;
    uint32_t room = count->upper > count->alive ? count->upper - count->alive : 0;
    uint32_t first = count->healthy > count->lower ? count->healthy - count->lower : 0;
    const char *reason = NULL;
    uint32_t fit;
    uint32_t slot;

    if (room == 0) {
        room = first < count->missing ? first : count->missing;
        release(placed, room);
    }
    if (room > count->missing)
        room = count->missing;
    slot = place_slots(placed, 0, room);
    fit = placed->count;
    if (placed->failed > 0)
        reason = placed->reason;
    placed->failed = 0;
    release(placed, UINT32_MAX);
    (void)place_slots(placed, slot, UINT32_MAX);
    if (placed->failed > 0)
        placed->previewer->service->wait =
            arena_printf(placed->previewer->arena, "%u of %u tasks would find no place: %s",
                         count->missing - placed->count, count->missing, placed->reason);
    else if (reason != NULL)
        preview_rest(placed->previewer, fit, room, count->healthy > count->lower, reason);
}

static void tell_places(struct placed *placed)
{
    struct preview_service *service = placed->previewer->service;
    const struct pool *pool = placed->at->view.pool;
    AUTO(buf) text = { 0 };

    if (placed->count == 0)
        return;
    buf_init(&text, PREVIEW_PLACES_BYTES);
    service->places = arena_array(placed->previewer->arena, struct preview_place, pool->count + 1);
    for (size_t i = 0; i < pool->count; i++) {
        if (placed->tasks[i] == 0)
            continue;
        buf_printf(&text, "%s%u to %s", text.size > 0 ? ", " : "", placed->tasks[i],
                   pool->hosts[i].listed->name);
        service->places[service->place_count++] = (struct preview_place){
            arena_text(placed->previewer->arena, pool->hosts[i].listed->name), placed->tasks[i]
        };
    }
    preview_note(placed->previewer, "new tasks go %s", buf_text(&text));
}

void preview_places(struct previewer *previewer, const struct desired_service *desired,
                    struct goal *goal)
{
    struct standpoint at;
    struct placed placed = { .previewer = previewer, .at = &at };

    stand_at(previewer, desired, goal, &at);
    placed.tasks = arena_array(previewer->arena, uint32_t, at.view.pool->count + 1);
    if (at.count.missing > 0 && at.view.daemon != NULL)
        place_daemon(&placed);
    else if (at.count.missing > 0)
        place_replicas(&placed);
    if (at.view.daemon != NULL && placed.failed > 0)
        previewer->service->wait = placed.reason;
    tell_places(&placed);
    previewer->planner.view = NULL;
}
