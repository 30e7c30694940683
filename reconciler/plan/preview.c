/*
 * What would happen, service by service.
 */
#include "reconciler/plan/preview.h"

#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/plan_int.h"
#include "spec/base/text.h"
#include "spec/diff.h"

#define FIELDS_MAX 200 /* shown per service; a new one is summed up instead */

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

struct previewer {
    const struct plan_input *input;
    const struct desired *before;
    struct arena *arena;
    struct preview_service *service; /* being filled */
    bool rolls;
};

/* ---- Fields ---------------------------------------------------------------------------------- */

static void add_field(void *context, const struct field_diff *diff)
{
    struct previewer *previewer = context;
    struct preview_service *service = previewer->service;
    struct preview_field *field;

    if (diff->change == FIELD_NONE || service->field_count == FIELDS_MAX)
        return;
    if (service->fields == NULL)
        service->fields = arena_array(previewer->arena, struct preview_field, FIELDS_MAX);
    field = &service->fields[service->field_count++];
    field->path = arena_text(previewer->arena, diff->path);
    field->old_text = arena_text(previewer->arena, diff->old_text);
    field->new_text = arena_text(previewer->arena, diff->new_text);
    field->rolls = diff->change == FIELD_ROLLS;
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

static bool is_present(const struct plan_input *input, const char *reference)
{
    const struct world_instance *at = input->world->instances;

    for (; at != NULL; at = at->by_name.next) {
        if (world_image(at, reference) != NULL)
            return true;
    }
    return false;
}

static void list_images(struct previewer *previewer, const struct target *target)
{
    struct preview_service *service = previewer->service;
    size_t count = target->task->container_definitions_count;

    service->builds = arena_array(previewer->arena, const char *, count);
    service->pulls = arena_array(previewer->arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        const struct target_image *image = &target->images[i];

        if (image->kind == TARGET_IMAGE_REFERENCE)
            service->pulls[service->pull_count++] = image->reference;
        else if (!is_present(previewer->input, image->reference))
            service->builds[service->build_count++] = image->reference;
    }
}

static void describe_replacement(struct previewer *previewer, const struct target *target)
{
    struct preview_service *service = previewer->service;
    const struct service_spec *spec = target->spec;
    uint32_t desired = spec->desired_count;
    uint32_t lower = lower_bound(spec);
    uint32_t upper = upper_bound(spec);

    if (desired == 0) {
        service->rollout = "no task is wanted, none runs";
    } else if (upper > desired) {
        service->downtime = false;
        service->rollout = arena_printf(
            previewer->arena,
            "%u %s replaced, new before old, each old one only when a new one is healthy: at most "
            "%u "
            "run, never fewer than %u healthy",
            desired, desired == 1 ? "task is" : "tasks are", upper, lower);
    } else if (lower < desired) {
        service->downtime = true;
        service->rollout =
            arena_printf(previewer->arena,
                         "%u %s replaced, old before new, %u at a time: at least %u stay healthy%s",
                         desired, desired == 1 ? "task is" : "tasks are", desired - lower, lower,
                         lower == 0 ? ", so there is a moment without any" : "");
    } else {
        service->downtime = false;
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
    memory = memory_service(previewer->input->memory, key);
    primary = memory_primary(memory);
    return primary == NULL ? NULL : primary->goal->target;
}

static void preview_desired(struct previewer *previewer, const struct desired_service *desired)
{
    struct preview_service *service = previewer->service;
    const struct target *new = desired->goal->target;
    const struct target *old = target_before(previewer, desired->key);

    service->key = arena_text(previewer->arena, desired->key);
    service->file = arena_text(previewer->arena, desired->pos.file);
    service->line = desired->pos.line;
    if (old == NULL) {
        service->verdict = PREVIEW_CREATE;
        service->cause = "it is new in the repository";
        service->rollout =
            arena_printf(previewer->arena, "%u %s of %s %s started", new->spec->desired_count,
                         new->spec->desired_count == 1 ? "task" : "tasks", new->task_name,
                         new->spec->desired_count == 1 ? "is" : "are");
        list_images(previewer, new);
        return;
    }
    compare(previewer, old, new);
    if (!text_equal(old->revision, new->revision)) {
        service->verdict = PREVIEW_REPLACE;
        service->cause = "marked fields force new tasks";
        describe_replacement(previewer, new);
        list_images(previewer, new);
    } else if (service->field_count > 0) {
        service->verdict = PREVIEW_UPDATE;
        service->cause = "running tasks stay";
        if (old->spec->desired_count != new->spec->desired_count)
            service->rollout = arena_printf(previewer->arena, "from %u to %u tasks",
                                            old->spec->desired_count, new->spec->desired_count);
    }
}

static void preview_removed(struct previewer *previewer, const char *key, const char *guard)
{
    struct preview_service *service = previewer->service;

    service->key = arena_text(previewer->arena, key);
    service->verdict = PREVIEW_REMOVE;
    service->cause = "no manifest declares it any more";
    service->held = guard != NULL;
    service->rollout =
        guard == NULL ? "its tasks are stopped and removed; volumes stay unless they have "
                        "deleteWithService"
                      : arena_printf(previewer->arena, "held until it is confirmed: %s", guard);
    service->downtime = true;
}

/* Dependencies come first; removals last, dependents before what they depend on. */
static int depth(const struct previewer *previewer, const char *key, int limit)
{
    const struct desired_service *desired = desired_service(previewer->input->desired, key);
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

static void count(struct preview *preview, const struct preview_service *service)
{
    switch (service->verdict) {
    case PREVIEW_NONE: preview->unchanged++; break;
    case PREVIEW_CREATE: preview->created++; break;
    case PREVIEW_REPLACE: preview->replaced++; break;
    case PREVIEW_UPDATE: preview->updated++; break;
    case PREVIEW_REMOVE: preview->removed++; break;
    case PREVIEW_VERDICT_COUNT: break;
    }
    preview->held += service->held;
}

#define DEPTH_MAX     64
#define DEPTH_REMOVED 1000

void preview_compute(const struct plan_input *input, const struct desired *before,
                     struct arena *arena, struct preview *out)
{
    struct previewer previewer = { .input = input, .before = before, .arena = arena };
    size_t capacity =
        input->desired->service_count +
        (before != NULL ? before->service_count : HASH_CNT(by_key, input->memory->services));
    struct ordered *items = arena_array(arena, struct ordered, capacity + 1);
    size_t used = 0;

    for (const struct desired_service *at = input->desired->services; at != NULL;
         at = at->by_key.next) {
        previewer.service = &items[used].service;
        preview_desired(&previewer, at);
        items[used++].depth = depth(&previewer, at->key, DEPTH_MAX);
    }
    for (const struct desired_service *at = before == NULL ? NULL : before->services; at != NULL;
         at = at->by_key.next) {
        if (desired_service(input->desired, at->key) != NULL)
            continue;
        previewer.service = &items[used].service;
        preview_removed(&previewer, at->key,
                        removal_guard_between(before, input->desired, at, arena));
        items[used++].depth = DEPTH_REMOVED;
    }
    for (const struct memory_service *at = before != NULL ? NULL : input->memory->services;
         at != NULL; at = at->by_key.next) {
        if (desired_service(input->desired, at->key) != NULL)
            continue;
        previewer.service = &items[used].service;
        preview_removed(&previewer, at->key, removal_guard(input, at, arena));
        items[used++].depth = DEPTH_REMOVED;
    }
    qsort(items, used, sizeof(*items), compare_order);
    *out = (struct preview){ .services = arena_array(arena, struct preview_service, used + 1),
                             .count = used };
    for (size_t i = 0; i < used; i++) {
        out->services[i] = items[i].service;
        count(out, &out->services[i]);
    }
}

bool preview_has_changes(const struct preview *preview)
{
    return preview->unchanged < preview->count;
}
