/*
 * What would happen, service by service.
 */
#include "reconciler/plan/preview.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/daemon.h"
#include "reconciler/plan/preview_int.h"
#include "reconciler/plan/scaler.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define FIELDS_MAX 200 /* shown of one service or resource; a new one is summed up instead */
#define NOTES_MAX  8
#define NOTE_BYTES 1024

#define VERDICT_TEXT(name, text, mark) text,
static const char *const verdict_texts[] = { PREVIEW_VERDICTS(VERDICT_TEXT) };
#undef VERDICT_TEXT
#define VERDICT_MARK(name, text, mark) mark,
static const char *const verdict_marks[] = { PREVIEW_VERDICTS(VERDICT_MARK) };
#undef VERDICT_MARK

const char *preview_verdict_text(enum preview_verdict verdict)
{
    ASSERT(verdict < PREVIEW_VERDICT_COUNT);
    return verdict_texts[verdict];
}

const char *preview_verdict_mark(enum preview_verdict verdict)
{
    ASSERT(verdict < PREVIEW_VERDICT_COUNT);
    return verdict_marks[verdict];
}

/* ---- Words ----------------------------------------------------------------------------------- */

const char *preview_tasks(const struct previewer *previewer, uint32_t count)
{
    return arena_printf(previewer->arena, "%u %s", count, count == 1 ? "task is" : "tasks are");
}

void preview_note(struct previewer *previewer, const char *format, ...)
{
    struct preview_service *service = previewer->service;
    AUTO(buf) text = { 0 };
    va_list arguments;

    ASSERT(service->note_count < NOTES_MAX);
    if (service->notes == NULL)
        service->notes = arena_array(previewer->arena, const char *, NOTES_MAX);
    buf_init(&text, NOTE_BYTES);
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    service->notes[service->note_count++] = arena_text(previewer->arena, buf_text(&text));
}

/* ---- Fields ---------------------------------------------------------------------------------- */

void preview_add_field(struct arena *arena, const struct field_diff *diff,
                       struct preview_field **fields, size_t *count)
{
    struct preview_field *field;

    if (diff->change == FIELD_NONE || *count == FIELDS_MAX)
        return;
    if (*fields == NULL)
        *fields = arena_array(arena, struct preview_field, FIELDS_MAX);
    field = &(*fields)[(*count)++];
    field->path = arena_text(arena, diff->path);
    field->old_text = arena_text(arena, diff->old_text);
    field->new_text = arena_text(arena, diff->new_text);
    field->rolls = diff->change == FIELD_ROLLS;
}

static void add_field(void *context, const struct field_diff *diff)
{
    struct previewer *previewer = context;
    struct preview_service *service = previewer->service;

    preview_add_field(previewer->arena, diff, &service->fields, &service->field_count);
}

/* Built images keep their name while their content changes: that difference is told as one. */
static void add_image_fields(struct previewer *previewer, const struct target *old,
                             const struct target *new)
{
    for (size_t i = 0; i < new->task->container_definitions_count; i++) {
        const char *name = new->task->container_definitions[i].name;
        size_t before = 0;

        while (before < old->task->container_definitions_count &&
               !text_equal(old->task->container_definitions[before].name, name))
            before++;
        if (before == old->task->container_definitions_count ||
            text_equal(old->images[before].reference, new->images[i].reference))
            continue;
        add_field(previewer,
                  &(struct field_diff){
                      .path = arena_printf(previewer->arena, "image of container %s", name),
                      .old_text = old->images[before].reference,
                      .new_text = new->images[i].reference,
                      .change = FIELD_ROLLS });
    }
}

static void compare(struct previewer *previewer, const struct target *old, const struct target *new)
{
    record_diff(&service_spec_record, old->spec, new->spec, add_field, previewer);
    record_diff(&task_spec_record, old->task, new->task, add_field, previewer);
    add_image_fields(previewer, old, new);
    if (!text_equal(old->revision, new->revision) && previewer->service->field_count == 0)
        add_field(previewer, &(struct field_diff){ .path = "a secret",
                                                   .old_text = DIFF_SENSITIVE,
                                                   .new_text = DIFF_SENSITIVE,
                                                   .change = FIELD_ROLLS });
}

/* ---- Images and rollout ---------------------------------------------------------------------- */

static bool uses_image(const struct desired *desired, const char *reference)
{
    for (const struct desired_service *at = desired->services; at != NULL; at = at->by_key.next) {
        const struct target *target = at->goal->target;

        for (size_t i = 0; i < target->task->container_definitions_count; i++) {
            if (text_equal(target->images[i].reference, reference))
                return true;
        }
    }
    return false;
}

/* A built image is named after its content: what the other commit uses too is there already. */
static bool is_present(const struct previewer *previewer, const char *reference)
{
    const struct world_instance *at = previewer->input.world->instances;

    if (previewer->before != NULL)
        return uses_image(previewer->before, reference);
    for (; at != NULL; at = at->by_name.next) {
        if (world_image(at, reference) != NULL)
            return true;
    }
    return false;
}

/* A revision that comes back uses what it pinned then. */
static bool is_pinned(const struct previewer *previewer, const struct target *target, size_t index)
{
    const struct memory_service *memory = memory_service(
        previewer->input.memory, unit_key(previewer->arena, target->cluster, target->service));
    const struct deployment *before = memory_revision(memory, target->revision);

    return before != NULL && before->pins[index].image_id != NULL &&
           is_present(previewer, before->pins[index].image_id);
}

static void add_once(const char **list, size_t *count, const char *text)
{
    for (size_t i = 0; i < *count; i++) {
        if (text_equal(list[i], text))
            return;
    }
    list[(*count)++] = text;
}

/* Several instances may need what its tasks need. */
static bool has_several(const struct previewer *previewer, const struct target *target)
{
    const struct resource *cluster =
        generation_find(previewer->input.desired->generation, KIND_CLUSTER, target->cluster);

    return target->is_ec2 && cluster != NULL && resource_cluster(cluster)->instances_count > 1;
}

static void list_images(struct previewer *previewer, const struct target *target)
{
    struct preview_service *service = previewer->service;
    size_t count = target->task->container_definitions_count;

    service->builds = arena_array(previewer->arena, const char *, count);
    service->pulls = arena_array(previewer->arena, const char *, count);
    service->builds_for_all = has_several(previewer, target);
    for (size_t i = 0; i < count; i++) {
        const struct target_image *image = &target->images[i];

        if (image->kind == TARGET_IMAGE_BUILD && !is_present(previewer, image->reference))
            add_once(service->builds, &service->build_count, image->reference);
        else if (image->kind == TARGET_IMAGE_REFERENCE && !is_pinned(previewer, target, i))
            add_once(service->pulls, &service->pull_count, image->reference);
    }
}

/* "3 tasks are replaced", "3 tasks are replaced by 4" */
static const char *replaced_text(const struct previewer *previewer, uint32_t from, uint32_t to)
{
    const char *text =
        arena_printf(previewer->arena, "%s replaced", preview_tasks(previewer, from));

    return from == to ? text : arena_printf(previewer->arena, "%s by %u", text, to);
}

void preview_replacement(struct previewer *previewer, const struct target *target, uint32_t from)
{
    struct preview_service *service = previewer->service;
    const struct service_spec *spec = preview_spec(previewer, target);
    uint32_t desired = spec->desired_count;
    uint32_t lower = lower_bound(spec);
    uint32_t upper = upper_bound(spec);
    uint32_t floor = from < lower ? from : lower;

    service->downtime = false;
    if (desired == 0 && from == 0) {
        service->rollout = "no task is wanted, none runs";
    } else if (desired == 0) {
        service->downtime = true;
        service->rollout = arena_printf(previewer->arena, "%s stopped, none is wanted",
                                        preview_tasks(previewer, from));
    } else if (from == 0) {
        service->rollout =
            arena_printf(previewer->arena, "%s started", preview_tasks(previewer, desired));
    } else if (upper > desired) {
        service->rollout = arena_printf(
            previewer->arena,
            "%s, new before old, each old one only when a new one is healthy: at most %u run, "
            "never fewer than %u healthy",
            replaced_text(previewer, from, desired), upper, floor);
    } else if (lower < desired) {
        service->downtime = true;
        service->rollout = arena_printf(
            previewer->arena, "%s, old before new, %u at a time: at least %u stay healthy%s",
            replaced_text(previewer, from, desired), desired - lower, floor,
            floor == 0 ? ", so there is a moment without any" : "");
    } else {
        service->rollout =
            arena_printf(previewer->arena,
                         "it cannot move: at most %u tasks may run and at least %u must "
                         "be healthy; raise maximumPercent or lower "
                         "minimumHealthyPercent",
                         upper, lower);
    }
}

/* ---- Services -------------------------------------------------------------------------------- */

static const struct target *target_before(const struct previewer *previewer, const char *key)
{
    const struct memory_service *memory;
    const struct deployment *primary;

    if (previewer->before != NULL) {
        const struct desired_service *old = desired_service(previewer->before, key);

        return old == NULL ? NULL : old->goal->target;
    }
    memory = memory_service(previewer->input.memory, key);
    primary = memory_primary(memory);
    return primary == NULL ? NULL : primary->goal->target;
}

/* By what is declared alone. */
static void preview_declared(struct previewer *previewer, const struct target *old,
                             const struct target *new)
{
    struct preview_service *service = previewer->service;
    uint32_t count = preview_spec(previewer, new)->desired_count;
    uint32_t before = old == NULL ? 0 : preview_spec(previewer, old)->desired_count;

    if (old == NULL) {
        service->verdict = PREVIEW_CREATE;
        service->cause = "it is new in the repository";
        service->rollout =
            arena_printf(previewer->arena, "%u %s of %s %s started%s", count,
                         count == 1 ? "task" : "tasks", new->task_name, count == 1 ? "is" : "are",
                         is_daemon(new->spec) ? ", one on each instance" : "");
        list_images(previewer, new);
        return;
    }
    compare(previewer, old, new);
    if (!text_equal(old->revision, new->revision)) {
        service->verdict = PREVIEW_REPLACE;
        service->cause = "marked fields force new tasks";
        preview_replacement(previewer, new, before);
        list_images(previewer, new);
    } else if (service->field_count > 0) {
        service->verdict = PREVIEW_UPDATE;
        service->cause = "running tasks stay";
        if (before != count)
            service->rollout = arena_printf(previewer->arena, "from %u to %u tasks", before, count);
    }
}

/* Whose count it is has to be said wherever the count could be expected to change. */
static void tell_scaled(struct previewer *previewer, const struct target *new)
{
    struct preview_service *service = previewer->service;
    const struct auto_scaling *scaling = new->spec->auto_scaling;
    const char *text;
    struct scale_bounds bounds;

    if (scaling == NULL || service->verdict == PREVIEW_NONE)
        return;
    scale_bounds(scaling, previewer->input.desired, previewer->input.now_ms, &bounds);
    text = arena_printf(previewer->arena, "the scaler's, between %u and %u; now %u", bounds.min,
                        bounds.max, preview_spec(previewer, new)->desired_count);
    for (size_t i = 0; i < service->field_count; i++) {
        if (text_equal(service->fields[i].path, "desiredCount")) {
            service->fields[i].new_text = text;
            return;
        }
    }
    preview_note(previewer, "desiredCount is %s", text);
}

static void preview_desired(struct previewer *previewer, const struct desired_service *desired)
{
    struct preview_service *service = previewer->service;
    const struct target *old = target_before(previewer, desired->key);

    service->key = arena_text(previewer->arena, desired->key);
    service->file = arena_text(previewer->arena, desired->pos.file);
    service->line = desired->pos.line;
    preview_declared(previewer, old, desired->goal->target);
    if (previewer->before == NULL)
        preview_live(previewer, desired, old);
    tell_scaled(previewer, desired->goal->target);
}

/* Is the volume there?  Without an engine to ask, it is. */
static bool is_there(const struct previewer *previewer, const char *volume)
{
    const struct world_instance *at = previewer->input.world->instances;

    if (previewer->before != NULL || previewer->preview->blocked != NULL || at == NULL)
        return true;
    while (at != NULL && world_volume(at, volume) == NULL)
        at = at->by_name.next;
    return at != NULL;
}

/* Between two commits, those of the first; of what runs, those of former revisions too. */
static size_t volumes_of(struct previewer *previewer, const struct memory_service *memory,
                         const struct target *target, const struct volume ***out)
{
    size_t count = target->task->volumes_count;

    if (memory != NULL)
        return memory_volumes(memory, previewer->arena, out);
    *out = arena_array(previewer->arena, const struct volume *, count + 1);
    for (size_t i = 0; i < count; i++)
        (*out)[i] = &target->task->volumes[i];
    return count;
}

/* Which volumes go with a service. True when others of it stay. */
static bool list_deletes(struct previewer *previewer, const struct memory_service *memory,
                         const struct target *target)
{
    struct preview_service *service = previewer->service;
    const struct volume **volumes;
    bool others = false;
    size_t count;

    if (target == NULL)
        return true; /* nothing is remembered of it: none goes */
    count = volumes_of(previewer, memory, target, &volumes);
    service->deletes = arena_array(previewer->arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *name = volume_name(&previewer->planner, target, volumes[i]);

        if (!volumes[i]->delete_with_service)
            others = true;
        else if (is_there(previewer, name))
            service->deletes[service->delete_count++] = name;
    }
    return others;
}

static void preview_removed(struct previewer *previewer, const char *key, const char *guard)
{
    struct preview_service *service = previewer->service;
    const struct memory_service *memory =
        previewer->before != NULL ? NULL : memory_service(previewer->input.memory, key);
    bool stays;

    service->key = arena_text(previewer->arena, key);
    service->verdict = PREVIEW_REMOVE;
    service->cause = "no manifest declares it any more";
    service->held = guard != NULL;
    service->downtime = true;
    stays = list_deletes(previewer, memory, target_before(previewer, service->key));
    if (memory != NULL && memory->suspended != NULL) {
        service->verdict = PREVIEW_SUSPENDED;
        service->cause = arena_printf(previewer->arena,
                                      "no manifest declares it any more, but it is suspended: %s",
                                      memory->suspended);
        service->held = false;
        service->downtime = false;
        service->rollout = arena_printf(
            previewer->arena, "nothing happens until `berth resume %s`; then it is removed", key);
        return;
    }
    service->rollout =
        guard != NULL ? arena_printf(previewer->arena, "held until it is confirmed: %s", guard)
        : !stays      ? "its tasks are stopped and removed"
        : service->delete_count > 0 ? "its tasks are stopped and removed; its other volumes stay"
                                    : "its tasks are stopped and removed; its volumes stay";
}

/* Dependencies come first; removals last, dependents before what they depend on. */
static int depth(const struct previewer *previewer, const char *key, int limit)
{
    const struct desired_service *desired = desired_service(previewer->input.desired, key);
    int deepest = 0;

    if (desired == NULL || limit == 0)
        return 0;
    for (size_t i = 0; i < desired->goal->target->spec->depends_on_count; i++) {
        const char *name = desired->goal->target->spec->depends_on[i];
        const char *on = strchr(name, '/') != NULL
                             ? name
                             : unit_key(previewer->arena, desired->goal->target->cluster, name);
        int below = 1 + depth(previewer, on, limit - 1);

        if (below > deepest)
            deepest = below;
    }
    return deepest;
}

struct ordered {
    struct preview_service service;
    int depth;
};

static int compare_order(const void *a, const void *b)
{
    const struct ordered *left = a;
    const struct ordered *right = b;

    if (left->depth != right->depth)
        return left->depth < right->depth ? -1 : 1;
    return strcmp(left->service.key, right->service.key);
}

#define DEPTH_MAX     64
#define DEPTH_REMOVED 1000

/* The services being gathered, with room for all of them. */
struct gathering {
    struct previewer previewer;
    struct ordered *items;
    size_t used;
};

static void gather_removed(struct gathering *gathering, const char *key, const char *guard)
{
    struct ordered *item = &gathering->items[gathering->used++];

    gathering->previewer.service = &item->service;
    item->depth = DEPTH_REMOVED;
    preview_removed(&gathering->previewer, key, guard);
}

static void gather_desired(struct gathering *gathering)
{
    struct previewer *previewer = &gathering->previewer;

    for (const struct desired_service *at = previewer->input.desired->services; at != NULL;
         at = at->by_key.next) {
        struct ordered *item = &gathering->items[gathering->used++];

        previewer->service = &item->service;
        preview_desired(previewer, at);
        item->depth = depth(previewer, at->key, DEPTH_MAX);
    }
}

/* What the other commit had and this one has not. */
static void gather_gone(struct gathering *gathering)
{
    const struct plan_input *input = &gathering->previewer.input;
    const struct desired *before = gathering->previewer.before;

    for (const struct desired_service *at = before->services; at != NULL; at = at->by_key.next) {
        if (desired_service(input->desired, at->key) == NULL)
            gather_removed(gathering, at->key,
                           input->prune_allowed
                               ? NULL
                               : removal_guard_between(before, input->desired, at,
                                                       gathering->previewer.arena));
    }
}

/* What is remembered or runs and is not declared. */
static void gather_undeclared(struct gathering *gathering)
{
    const struct plan_input *input = &gathering->previewer.input;
    struct arena *arena = gathering->previewer.arena;

    for (const struct memory_service *at = input->memory->services; at != NULL;
         at = at->by_key.next) {
        if (!unit_is_job(at->key) && desired_service(input->desired, at->key) == NULL)
            gather_removed(gathering, at->key, removal_guard(input, at, arena));
    }
    for (const struct world_service *at = input->world->services; at != NULL;
         at = at->by_key.next) {
        if (at->task_count > 0 && !unit_is_job(at->key) &&
            desired_service(input->desired, at->key) == NULL &&
            memory_service(input->memory, at->key) == NULL)
            gather_removed(gathering, at->key, removal_guard(input, NULL, arena));
    }
}

void preview_compute(const struct plan_input *input, const struct preview_base *base,
                     struct arena *arena, struct preview *out)
{
    const struct desired *before = base->before;
    struct gathering gathering = { .previewer = { .input = *input,
                                                  .base = base,
                                                  .before = before,
                                                  .arena = arena,
                                                  .preview = out } };
    struct previewer *previewer = &gathering.previewer;
    size_t capacity = input->desired->service_count +
                      (before != NULL ? before->service_count
                                      : HASH_CNT(by_key, input->memory->services) +
                                            HASH_CNT(by_key, input->world->services));

    *out = (struct preview){ 0 };
    gathering.items = arena_array(arena, struct ordered, capacity + 1);
    previewer->planner = (struct planner){ .input = &previewer->input,
                                           .arena = arena,
                                           .scratch = arena,
                                           .plan = &previewer->scratch,
                                           .wake_at_ms = NEVER };
    if (before == NULL)
        preview_forecast(previewer);
    gather_desired(&gathering);
    if (before != NULL)
        gather_gone(&gathering);
    else
        gather_undeclared(&gathering);
    qsort(gathering.items, gathering.used, sizeof(*gathering.items), compare_order);
    out->services = arena_array(arena, struct preview_service, gathering.used + 1);
    out->count = gathering.used;
    for (size_t i = 0; i < gathering.used; i++) {
        out->services[i] = gathering.items[i].service;
        out->counts[out->services[i].verdict]++;
        out->held += out->services[i].held;
    }
    preview_resources(previewer);
    preview_forecast_end(previewer);
}

bool preview_has_changes(const struct preview *preview)
{
    return preview->counts[PREVIEW_CREATE] + preview->counts[PREVIEW_REPLACE] +
               preview->counts[PREVIEW_UPDATE] + preview->counts[PREVIEW_REMOVE] +
               preview->counts[PREVIEW_CONTINUE] + preview->counts[PREVIEW_REPAIR] >
           0;
}
