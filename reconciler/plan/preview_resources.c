/*
 * What would happen to Images, Clusters, LoadBalancers and Schedules: they are compared with those
 * of the commit before, and the planner is asked which images of the engine go.
 */
#include "reconciler/plan/maintain.h"
#include "reconciler/plan/preview_int.h"
#include "reconciler/plan/schedule.h"
#include "reconciler/plan/window.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define NAMES_SHOWN 5 /* of images that are removed */
#define LIST_BYTES  2048

struct comparing {
    struct previewer *previewer;
    const struct generation *before; /* NULL: no commit was in force */
    const struct generation *after;
    bool services_held;
    struct preview_resource *resource; /* being filled */
};

/* ---- Effects --------------------------------------------------------------------------------- */

static bool has_image(const struct target *target, const char *image)
{
    for (size_t i = 0; i < target->task->container_definitions_count; i++) {
        if (text_equal(target->images[i].name, image))
            return true;
    }
    return false;
}

static bool is_used(const struct desired *desired, const char *image)
{
    for (const struct desired_service *at = desired->services; at != NULL; at = at->by_key.next) {
        if (has_image(at->goal->target, image))
            return true;
    }
    return false;
}

static bool is_scheduled(const struct desired *desired, const char *image)
{
    for (const struct desired_schedule *at = desired->schedules; at != NULL; at = at->by_key.next) {
        if (has_image(at->goal->target, image))
            return true;
    }
    return false;
}

/* "2 of its images are removed now: berth/app:0123, berth/app:4567"; NULL: none is. */
static const char *removals_text(const struct previewer *previewer, const char *image)
{
    AUTO(buf) names = { 0 };
    size_t count = 0;

    buf_init(&names, LIST_BYTES);
    for (size_t i = 0; i < previewer->plan.action_count; i++) {
        const struct action *action = &previewer->plan.actions[i];

        if (!text_equal(action->image_name, image))
            continue;
        if (count < NAMES_SHOWN)
            buf_printf(&names, "%s%s", count > 0 ? ", " : "", action->reference);
        count++;
    }
    if (count == 0)
        return NULL;
    return arena_printf(previewer->arena, "%zu of its images %s removed now: %s%s", count,
                        count == 1 ? "is" : "are", buf_text(&names),
                        count > NAMES_SHOWN ? ", ..." : "");
}

/* One sentence after the other. */
static void add_effect(const struct comparing *comparing, const char *text)
{
    struct preview_resource *resource = comparing->resource;

    if (text == NULL)
        return;
    resource->effect = resource->effect == NULL ? text
                                                : arena_printf(comparing->previewer->arena,
                                                               "%s; %s", resource->effect, text);
}

static void tell_image_changed(const struct comparing *comparing, const struct image_spec *old,
                               const struct image_spec *new)
{
    const struct previewer *previewer = comparing->previewer;
    const struct preview_resource *resource = comparing->resource;
    const char *removals = removals_text(previewer, resource->name);
    bool rolls = false;

    for (size_t i = 0; i < resource->field_count; i++) {
        rolls |= resource->fields[i].rolls;
        resource->fields[i].rolls = false; /* it has no tasks: services say which of theirs go */
    }
    if (rolls && is_used(previewer->input.desired, resource->name))
        add_effect(comparing, "the services that use it get new tasks");
    else if (rolls && is_scheduled(previewer->input.desired, resource->name))
        add_effect(comparing, "schedules use it from their next run on");
    else if (!is_used(previewer->input.desired, resource->name) &&
             !is_scheduled(previewer->input.desired, resource->name))
        add_effect(comparing, "no service uses it");
    if (removals == NULL && new->retain < old->retain &&
        (previewer->before != NULL || previewer->preview->blocked != NULL))
        removals = arena_printf(previewer->arena, "all but the newest %u former images are removed",
                                new->retain);
    add_effect(comparing, removals);
}

/* When it begins, as it follows "are maintained". */
static const char *from_when(const struct comparing *comparing, const struct resource *cluster)
{
    const struct plan_input *input = &comparing->previewer->input;
    struct arena *arena = comparing->previewer->arena;
    struct window_look look;

    window_look(resource_cluster(cluster)->maintenance, input->desired, input->now_ms, &look);
    if (look.is_open)
        return "";
    if (look.zone == NULL)
        return " in no window, since none opens any more";
    return arena_printf(arena, " from %s on", window_opens_text(&look, arena));
}

static void tell_maintenance(const struct comparing *comparing, const struct resource *cluster)
{
    struct arena *arena = comparing->previewer->arena;
    const char *order = maintain_order(&comparing->previewer->input, cluster, arena);
    const char *from;
    uint32_t at_once;

    if (order == NULL)
        return;
    from = from_when(comparing, cluster);
    at_once = resource_cluster(cluster)->maintenance->max_unavailable;
    add_effect(
        comparing,
        at_once == 1
            ? arena_printf(arena, "its hosts are maintained%s one after the other: %s", from, order)
            : arena_printf(arena, "its hosts are maintained%s, at most %u at a time: %s", from,
                           at_once, order));
}

/* As if nothing of it were remembered: it may have been due before. */
static void tell_due(const struct comparing *comparing, const struct resource *schedule)
{
    const struct plan_input *input = &comparing->previewer->input;
    const struct schedule_spec *spec = resource_schedule(schedule);
    const struct zone *zone = desired_zone(input->desired, spec->timezone);
    int64_t first_ms = schedule_first_ms(input->desired, spec, input->now_ms);
    char text[ZONE_TIME_SIZE];

    if (spec->state == SCHEDULE_STATE_DISABLED) {
        add_effect(comparing, "nothing of it is begun: it is DISABLED");
        return;
    }
    if (zone == NULL || first_ms == INT64_MAX) {
        add_effect(comparing, "it is never due");
        return;
    }
    zone_print(zone, first_ms, text);
    add_effect(comparing, arena_printf(comparing->previewer->arena, "it is due next on %s", text));
}

/* Only what says when it is due makes it due at other times. */
static bool is_due_otherwise(const struct schedule_spec *old, const struct schedule_spec *new)
{
    return old->state != new->state || !text_equal(old->timezone, new->timezone) ||
           !text_equal(old->schedule_expression, new->schedule_expression) ||
           !text_equal(old->start_date, new->start_date) ||
           !text_equal(old->end_date, new->end_date);
}

static void tell_schedule_changed(const struct comparing *comparing, const struct resource *old,
                                  const struct resource *new)
{
    add_effect(comparing, "what runs goes on");
    if (is_due_otherwise(resource_schedule(old), resource_schedule(new)))
        tell_due(comparing, new);
}

static void tell_changed(const struct comparing *comparing, const struct resource *old,
                         const struct resource *new)
{
    if (old->kind == KIND_IMAGE)
        tell_image_changed(comparing, resource_image(old), resource_image(new));
    else if (old->kind == KIND_LOAD_BALANCER)
        add_effect(comparing, "what is open goes on");
    else if (old->kind == KIND_SCHEDULE)
        tell_schedule_changed(comparing, old, new);
    else if (resource_cluster(old)->cpu_overcommit != resource_cluster(new)->cpu_overcommit)
        add_effect(comparing, "it counts for tasks that are started; those that run stay");
    if (new->kind == KIND_CLUSTER)
        tell_maintenance(comparing, new);
}

/* Where requests will come in. */
static void tell_listeners(const struct comparing *comparing,
                           const struct load_balancer_spec *balancer)
{
    for (size_t i = 0; i < balancer->listeners_count; i++) {
        const struct listener *listener = &balancer->listeners[i];

        add_effect(comparing,
                   arena_printf(comparing->previewer->arena, "%s on port %u of %s",
                                enumeration_text(&listener_protocol_values, listener->protocol),
                                listener->port, listener->address));
    }
}

static void tell_added(const struct comparing *comparing, const struct resource *new)
{
    if (new->kind == KIND_CLUSTER) {
        add_effect(comparing, "its network is created before its first task");
        tell_maintenance(comparing, new);
    } else if (new->kind == KIND_LOAD_BALANCER) {
        tell_listeners(comparing, resource_load_balancer(new));
    } else if (new->kind == KIND_SCHEDULE) {
        tell_due(comparing, new);
    } else if (!is_used(comparing->previewer->input.desired, comparing->resource->name) &&
               is_scheduled(comparing->previewer->input.desired, comparing->resource->name)) {
        add_effect(comparing, "it is built or pulled when a schedule is due");
    } else if (!is_used(comparing->previewer->input.desired, comparing->resource->name)) {
        add_effect(comparing, "no service uses it: nothing is built or pulled");
    }
}

/* Why its removal waits, as the planner sees it where it was asked; NULL: it need not. */
static const char *hold_reason(const struct comparing *comparing, const struct resource *old)
{
    const struct previewer *previewer = comparing->previewer;
    struct plan_input input = previewer->input;

    if (input.prune_allowed || old->kind == KIND_SCHEDULE)
        return NULL;
    if (previewer->before == NULL && previewer->preview->blocked == NULL) {
        input.memory = previewer->future;
        if (old->kind == KIND_IMAGE)
            return image_guard(&input, old->name);
        return removal_is_open(&input) ? "the removal of a service is held" : NULL;
    }
    if (comparing->services_held)
        return "the removal of a service is held";
    return old->kind == KIND_IMAGE && resource_is_protected(old) ? "it has deletionProtection"
                                                                 : NULL;
}

static void tell_removed(const struct comparing *comparing, const struct resource *old)
{
    struct preview_resource *resource = comparing->resource;
    const char *why = hold_reason(comparing, old);

    if (why != NULL) {
        resource->held = true;
        add_effect(comparing, arena_printf(comparing->previewer->arena,
                                           "held until it is confirmed: %s", why));
        return;
    }
    if (old->kind == KIND_SCHEDULE) {
        add_effect(comparing, "nothing of it is begun any more, and what runs goes on");
        return;
    }
    if (old->kind == KIND_CLUSTER || old->kind == KIND_LOAD_BALANCER) {
        add_effect(comparing, old->kind == KIND_CLUSTER
                                  ? "its network is removed after its last task"
                                  : "nothing new comes in, and what is open may finish");
        return;
    }
    add_effect(comparing, removals_text(comparing->previewer, resource->name));
    if (resource->effect == NULL)
        add_effect(comparing, "what was built or pulled for it is removed once nothing uses it");
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static void add_field(void *context, const struct field_diff *diff)
{
    const struct comparing *comparing = context;

    preview_add_field(comparing->previewer->arena, diff, &comparing->resource->fields,
                      &comparing->resource->field_count);
}

static bool is_found_on(const struct previewer *previewer, const struct resource *resource,
                        const struct world_instance *instance)
{
    if (resource->kind == KIND_CLUSTER) {
        const char *network =
            cluster_network_name(previewer->arena, previewer->input.owner, resource->name);

        return world_network(instance, network) != NULL;
    }
    if (resource->kind == KIND_LOAD_BALANCER)
        return world_balancer(previewer->input.world, resource->name) != NULL;
    if (resource->kind == KIND_SCHEDULE)
        return memory_schedule(previewer->input.memory, resource->name) != NULL;
    for (const struct world_image *at = instance->images; at != NULL; at = at->by_id.next) {
        if (text_equal(at->name, resource->name) && text_equal(at->owner, previewer->input.owner))
            return true;
    }
    return false;
}

/* With nothing remembered: there is something of it on an engine. */
static bool is_found(const struct previewer *previewer, const struct resource *resource)
{
    const struct world_instance *at = previewer->input.world->instances;

    while (at != NULL && !is_found_on(previewer, resource, at))
        at = at->by_name.next;
    return at != NULL;
}

/* False: nothing of it is to be told. */
static bool fill(struct comparing *comparing, const struct resource *old,
                 const struct resource *new)
{
    struct preview_resource *resource = comparing->resource;
    const struct resource *any = new != NULL ? new : old;

    *resource = (struct preview_resource){ .kind = any->kind, .name = any->name };
    if (new != NULL) {
        resource->file = arena_text(comparing->previewer->arena, new->pos.file);
        resource->line = new->pos.line;
    }
    if (new == NULL) {
        resource->verdict = PREVIEW_REMOVE;
        resource->cause = "no manifest declares it any more";
        tell_removed(comparing, old);
        return true;
    }
    if (old == NULL) {
        resource->verdict = PREVIEW_CREATE;
        resource->cause = "it is new in the repository";
        tell_added(comparing, new);
        return comparing->before != NULL || !is_found(comparing->previewer, new);
    }
    record_diff(kind_record(new->kind), old->spec, new->spec, add_field, comparing);
    resource->verdict = PREVIEW_UPDATE;
    resource->cause = "its manifest changed";
    tell_changed(comparing, old, new);
    return resource->field_count > 0; /* a build context is told of by the services that use it */
}

static void compare(void *context, enum generation_change change, enum kind kind, const char *name)
{
    struct comparing *comparing = context;
    struct preview *preview = comparing->previewer->preview;

    if (change == GENERATION_REFERRER || (kind != KIND_IMAGE && kind != KIND_CLUSTER &&
                                          kind != KIND_LOAD_BALANCER && kind != KIND_SCHEDULE))
        return;
    comparing->resource = &preview->resources[preview->resource_count];
    if (!fill(comparing,
              comparing->before == NULL ? NULL : generation_find(comparing->before, kind, name),
              generation_find(comparing->after, kind, name)))
        return;
    comparing->resource->name = arena_text(comparing->previewer->arena, name);
    preview->counts[comparing->resource->verdict]++;
    preview->held += comparing->resource->held;
    preview->resource_count++;
}

/* Those that go after the others, all else in its order. */
static void put_removed_last(struct preview *preview, struct arena *arena)
{
    struct preview_resource *sorted =
        arena_array(arena, struct preview_resource, preview->resource_count + 1);
    size_t used = 0;

    for (int removed = 0; removed < 2; removed++) {
        for (size_t i = 0; i < preview->resource_count; i++) {
            if ((preview->resources[i].verdict == PREVIEW_REMOVE) == removed)
                sorted[used++] = preview->resources[i];
        }
    }
    preview->resources = sorted;
}

static size_t room(const struct generation *generation)
{
    return generation == NULL ? 0
                              : generation_count(generation, KIND_IMAGE) +
                                    generation_count(generation, KIND_CLUSTER) +
                                    generation_count(generation, KIND_LOAD_BALANCER) +
                                    generation_count(generation, KIND_SCHEDULE);
}

void preview_resources(struct previewer *previewer)
{
    struct preview *preview = previewer->preview;
    struct comparing comparing = { .previewer = previewer,
                                   .before = previewer->before != NULL
                                                 ? previewer->before->generation
                                                 : previewer->base->in_force,
                                   .after = previewer->input.desired->generation,
                                   .services_held = preview->held > 0 };

    preview->uncompared = previewer->base->unreadable;
    if (preview->uncompared != NULL)
        return;
    preview->resources = arena_array(previewer->arena, struct preview_resource,
                                     room(comparing.before) + room(comparing.after) + 1);
    generation_diff(comparing.before, comparing.after, compare, &comparing);
    put_removed_last(preview, previewer->arena);
}
