/*
 * Retain: which images stay on an engine. Ours are those that were built here and those that a pull
 * of ours brought. Beside what is needed, the newest few of each Image stay, so that a rollback
 * finds them.
 *
 * An image that somebody else brought is not ours, nor is a name that somebody else gave to one of
 * ours: what goes is the name by which we know it, and the engine removes an image with its last
 * name.
 */
#include <string.h>

#include "reconciler/plan/plan_int.h"
#include "spec/base/text.h"
#include "spec/reference.h"

/* Of the references that a task names directly: what an Image has when it says nothing. */
#define DIRECT_RETAIN 10

/* The digits of the key that a tag has, spec/target.c. */
#define KEY_DIGITS        12
/* After so long it is asked again whether an image is still used by somebody else. */
#define USED_ELSEWHERE_MS (6 * 60 * 60 * 1000)

/* An image of ours. Those of one name, or else of one repository, follow each other. */
struct owned {
    const struct world_image *image;
    const struct image_record *record; /* NULL: it was built here */
    const char *name;                  /* of its Image; NULL: a task named the reference directly */
    const char *repository;            /* then, in full */
    int64_t since_ms;
};

/* ---- What pulls brought ---------------------------------------------------------------------- */

/* Calls of the form "pull REFERENCE". */
static const char *pulled_reference(const struct world_effort *effort)
{
    static const char pull[] = "pull ";

    return text_starts(effort->key, pull) ? effort->key + sizeof(pull) - 1 : NULL;
}

/* The next of several references; NULL: there is none. */
static const char *next_reference(struct arena *arena, const char **list)
{
    size_t size = strcspn(*list, " ");
    const char *reference = size == 0 ? NULL : arena_text_n(arena, *list, size);

    *list += size;
    *list += **list == ' ';
    return reference;
}

typedef bool reference_match_fn(const char *a, const char *b);

static bool has_match(const struct image_record *record, const char *text,
                      reference_match_fn *matches)
{
    AUTO(arena) scratch = { 0 };
    const char *list = record->references;
    const char *at;

    while ((at = next_reference(&scratch, &list)) != NULL) {
        if (matches(at, text))
            return true;
    }
    return false;
}

static bool has_reference(const struct image_record *record, const char *text)
{
    return has_match(record, text, reference_is_same);
}

static void state_image(struct planner *planner, const struct image_record *record)
{
    struct fact *fact = plan_fact(planner, FACT_IMAGE, /* cluster= */ NULL, /* service= */ NULL);

    fact->image = arena_copy(planner->arena, record, sizeof(*record));
    fact->durable = true;
}

/* ---- By which name an image is removed ------------------------------------------------------- */

/* The tag is on this image, as far as is known: another one may have got it since. */
static bool is_tagged(const struct world_instance *instance, const struct world_image *image,
                      const char *tag)
{
    return world_image(instance, tag) == image;
}

/* A name of it that a pull of ours gave; NULL: all that it has are somebody else's. */
static const char *name_of_pulled(const struct world_instance *instance,
                                  const struct world_image *image,
                                  const struct image_record *record)
{
    bool tagged = false;

    for (size_t i = 0; i < image->tag_count; i++) {
        if (!is_tagged(instance, image, image->tags[i]))
            continue;
        if (has_reference(record, image->tags[i]))
            return image->tags[i];
        tagged = true;
    }
    for (size_t i = 0; !tagged && i < image->digest_count; i++) {
        if (has_match(record, image->digests[i], reference_is_sibling))
            return image->digests[i];
    }
    return NULL;
}

/* Likewise of one that was built here; without any name it goes by its id. */
static const char *name_of_built(const struct world_instance *instance,
                                 const struct world_image *image)
{
    bool tagged = false;

    for (size_t i = 0; i < image->tag_count; i++) {
        const char *colon = strrchr(image->tags[i], ':');

        if (!is_tagged(instance, image, image->tags[i]))
            continue;
        if (colon != NULL && image->key != NULL && strlen(colon + 1) == KEY_DIGITS &&
            text_starts(image->key, colon + 1))
            return image->tags[i];
        tagged = true;
    }
    return tagged ? NULL : image->id;
}

static const char *name_of(const struct world_instance *instance, const struct owned *owned)
{
    return owned->record != NULL ? name_of_pulled(instance, owned->image, owned->record)
                                 : name_of_built(instance, owned->image);
}

/* ---- What is remembered -------------------------------------------------------------------- */

/* Each fact holds the whole record: of one image one at a time. */
static bool is_stated(const struct planner *planner, const char *image_id)
{
    for (size_t i = planner->unit_facts; i < planner->plan->fact_count; i++) {
        if (text_equal(planner->plan->facts[i].image->image_id, image_id))
            return true;
    }
    return false;
}

/* A pull of ours brought the image, or gave one more name to one that is ours already. */
static void record_effort(struct planner *planner, const struct world_instance *instance,
                          const struct world_effort *effort)
{
    const char *reference = pulled_reference(effort);
    const struct world_image *image =
        effort->image_id == NULL ? NULL : world_image(instance, effort->image_id);
    const struct image_record *known;
    struct image_record record;

    if (effort->state != EFFORT_DONE || reference == NULL || image == NULL ||
        (!effort->is_new && !effort->is_named) || is_stated(planner, effort->image_id))
        return;
    known = memory_image(planner->input->memory, instance->engine_id, effort->image_id);
    if (known == NULL ? !effort->is_new
                      : has_reference(known, reference) && known->brought_ms >= effort->at_ms)
        return;
    record = (struct image_record){ .engine = instance->engine_id,
                                    .image_id = effort->image_id,
                                    .references = reference,
                                    .name = effort->image_name,
                                    .brought_ms = effort->at_ms };
    if (known != NULL)
        record.references =
            has_reference(known, reference)
                ? known->references
                : arena_printf(planner->arena, "%s %s", known->references, reference);
    if (name_of_pulled(instance, image, &record) == NULL)
        return; /* somebody took the name away again */
    state_image(planner, &record);
}

bool images_recorded(struct planner *planner, const struct world_instance *instance)
{
    if (instance->engine_id == NULL)
        return false;
    for (const struct world_effort *at = instance->efforts; at != NULL; at = at->by_key.next)
        record_effort(planner, instance, at);
    if (unit_stated(planner))
        return true;
    for (const struct memory_image *at = planner->input->memory->images; at != NULL;
         at = at->by_key.next) {
        const struct world_image *image;
        struct image_record gone;

        if (!text_equal(at->record.engine, instance->engine_id))
            continue;
        image = world_image(instance, at->record.image_id);
        if (image != NULL && name_of_pulled(instance, image, &at->record) != NULL)
            continue;
        gone = at->record;
        gone.references = "";
        state_image(planner, &gone);
    }
    return unit_stated(planner);
}

/* ---- What is needed -------------------------------------------------------------------------- */

/* The same on another instance than that where it was pinned: its id may be another one. */
static bool is_pinned_image(const struct deployment *deployment, size_t index,
                            const struct world_image *image)
{
    const struct target_image *of = &deployment->goal->target->images[index];
    const char *digest = deployment->pins[index].digest;

    for (size_t i = 0; of->kind == TARGET_IMAGE_BUILD && i < image->tag_count; i++) {
        if (reference_is_same(of->reference, image->tags[i]))
            return true;
    }
    for (size_t i = 0; digest != NULL && i < image->digest_count; i++) {
        if (text_ends(image->digests[i], digest))
            return true;
    }
    return false;
}

/* A NULL deployment pins nothing. */
static bool deployment_pins(const struct deployment *deployment, const struct world_image *image)
{
    size_t count =
        deployment == NULL ? 0 : deployment->goal->target->task->container_definitions_count;

    for (size_t i = 0; i < count; i++) {
        const struct pin *pinned = &deployment->pins[i];

        if (text_equal(pinned->image_id, image->id) ||
            (deployment->goal->target->is_ec2 && is_pinned_image(deployment, i, image)))
            return true;
    }
    return false;
}

static bool target_names(const struct target *target, const struct world_image *image)
{
    for (size_t i = 0; i < target->task->container_definitions_count; i++) {
        for (size_t t = 0; t < image->tag_count; t++) {
            if (reference_is_same(target->images[i].reference, image->tags[t]))
                return true;
        }
        for (size_t d = 0; d < image->digest_count; d++) {
            if (reference_is_same(target->images[i].reference, image->digests[d]))
                return true;
        }
    }
    return false;
}

/* Another instance gets it from this one: when that is over, this one is planned again. */
static bool is_being_given(const struct plan_input *input, const struct world_instance *instance,
                           const struct world_image *image)
{
    AUTO(arena) scratch = { 0 };

    for (size_t i = 0; i < image->tag_count; i++) {
        const char *key = arena_printf(&scratch, "copy %s", image->tags[i]);

        for (const struct world_instance *at = input->world->instances; at != NULL;
             at = at->by_name.next) {
            const struct world_effort *copy = world_effort(at, key);

            if (copy != NULL && copy->state == EFFORT_RUNNING &&
                text_equal(copy->giver, instance->name))
                return true;
        }
    }
    return false;
}

/* An image is needed when a container there was made from it, a deployment that may come back
 * pinned it, a service that is declared names it, or another instance is being given it. */
static bool image_is_needed(const struct plan_input *input, const struct world_instance *instance,
                            const struct world_image *image)
{
    for (const struct world_task *task = instance->tasks; task != NULL; task = task->host_next) {
        for (size_t i = 0; i < task->container_count; i++) {
            if (text_equal(task->containers[i]->image_id, image->id))
                return true;
        }
    }
    for (const struct memory_service *service = input->memory->services; service != NULL;
         service = service->by_key.next) {
        if (deployment_pins(memory_primary(service), image) ||
            deployment_pins(memory_fallback(service), image))
            return true;
    }
    for (const struct desired_service *at = input->desired->services; at != NULL;
         at = at->by_key.next) {
        if (target_names(at->goal->target, image))
            return true;
    }
    return is_being_given(input, instance, image);
}

/* ---- What goes ------------------------------------------------------------------------------- */

/* False: it is not ours. */
static bool owned_make(struct planner *planner, const struct world_instance *instance,
                       const struct world_image *image, struct owned *out)
{
    struct arena *arena = planner->arena;
    const char *list;

    *out = (struct owned){ .image = image, .since_ms = image->created_ms };
    if (image->name != NULL && text_equal(image->owner, planner->input->owner)) {
        out->name = image->name;
        return true;
    }
    if (instance->engine_id == NULL)
        return false;
    out->record = memory_image(planner->input->memory, instance->engine_id, image->id);
    if (out->record == NULL)
        return false;
    out->name = out->record->name;
    out->since_ms = out->record->brought_ms;
    list = out->record->references;
    if (out->name == NULL)
        out->repository = reference_repository(next_reference(arena, &list), arena);
    return true;
}

static bool follows(const struct owned *a, const struct owned *b)
{
    return text_equal(a->name, b->name) && text_equal(a->repository, b->repository) &&
           (a->since_ms > b->since_ms ||
            (a->since_ms == b->since_ms && strcmp(a->image->id, b->image->id) > 0));
}

static size_t newer_images(const struct owned *all, size_t count, const struct owned *than)
{
    size_t newer = 0;

    for (size_t i = 0; i < count; i++)
        newer += follows(&all[i], than);
    return newer;
}

/* Does a declared task name a reference of that repository directly? */
static bool is_named_directly(const struct plan_input *input, const char *repository)
{
    AUTO(arena) scratch = { 0 };

    for (const struct desired_service *at = input->desired->services; at != NULL;
         at = at->by_key.next) {
        const struct target *target = at->goal->target;

        for (size_t i = 0; i < target->task->container_definitions_count; i++) {
            if (target->images[i].name == NULL &&
                text_equal(reference_repository(target->images[i].reference, &scratch), repository))
                return true;
        }
    }
    return false;
}

/* Why it goes; NULL: it stays. */
static const char *why_gone(struct planner *planner, const struct owned *owned, size_t newer)
{
    const struct plan_input *input = planner->input;
    const char *name = owned->name != NULL ? owned->name : owned->repository;
    const struct resource *image =
        owned->name == NULL ? NULL
                            : generation_find(input->desired->generation, KIND_IMAGE, owned->name);
    uint32_t retain = image == NULL ? DIRECT_RETAIN : resource_image(image)->retain;

    if (image != NULL || (owned->name == NULL && is_named_directly(input, owned->repository)))
        return newer <= retain
                   ? NULL
                   : arena_printf(planner->arena, "image %s retains %u former ones", name, retain);
    if (owned->name != NULL ? image_guard(input, owned->name) != NULL
                            : !input->prune_allowed && removal_is_open(input))
        return NULL;
    return arena_printf(planner->arena, "image %s was removed", name);
}

/* The engine refused not long ago: somebody else's container is made from it, which no listing of
 * ours shows.  It may be for ever, and is no reason to be busy. */
static bool is_used_elsewhere(struct planner *planner, const struct world_instance *instance,
                              const struct world_image *image)
{
    const struct world_effort *effort =
        effort_of(planner, instance, ACTION_IMAGE_REMOVE, image->id);

    if (effort == NULL || effort->state != EFFORT_FAILED || effort->failure.code != ERR_CONFLICT ||
        planner->input->now_ms - effort->at_ms >= USED_ELSEWHERE_MS)
        return false;
    plan_wake(planner, effort->at_ms + USED_ELSEWHERE_MS);
    return true;
}

static void prune_image(struct planner *planner, const struct world_instance *instance,
                        const struct owned *owned, size_t newer)
{
    const struct world_image *image = owned->image;
    const char *why;
    const char *name;
    struct action *action;

    /* The cheap question first: most images stay for their age. */
    why = why_gone(planner, owned, newer);
    if (why == NULL || image_is_needed(planner->input, instance, image))
        return;
    name = name_of(instance, owned);
    if (name == NULL || is_used_elsewhere(planner, instance, image) ||
        !effort_allows(planner, instance, ACTION_IMAGE_REMOVE, image->id))
        return;
    action = plan_action(planner, ACTION_IMAGE_REMOVE, instance->name, image->id);
    action->reference = arena_text(planner->arena, name);
    action->image_id = image->id; /* only while it is what the name means */
    action->image_name = owned->name;
    action->cause = why;
}

void prune_images(struct planner *planner, const struct world_instance *instance)
{
    size_t capacity = HASH_CNT(by_id, instance->images);
    struct owned *all = arena_array(planner->arena, struct owned, capacity + 1);
    size_t count = 0;

    for (const struct world_image *at = instance->images; at != NULL; at = at->by_id.next)
        count += owned_make(planner, instance, at, &all[count]);
    for (size_t i = 0; i < count; i++)
        prune_image(planner, instance, &all[i], newer_images(all, count, &all[i]));
}
