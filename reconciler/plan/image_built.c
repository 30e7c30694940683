/*
 * An image that is built: by one instance of its architecture, for all that need it. From that one
 * it is copied to the others; with a repository it is pushed once, and pulled there by its digest.
 *
 * Whoever needs it takes the next step towards it, also where that is on another instance: who
 * builds may need it no more itself.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/image_int.h"
#include "spec/base/text.h"
#include "spec/names.h"

/* What an engine refused so often it will refuse again: then there is another way. */
#define REFUSALS_ENOUGH 3

/* Of one image on the engines of one architecture; found out once per plan. */
struct image_source {
    const char *reference;
    const char *architecture;              /* any of its names; NULL: not known */
    const struct world_instance **holders; /* the local engine, which costs no network, then by */
    size_t holder_count;                   /* name */
    const char *digest;                    /* under which its repository has it; NULL: not known */
    const struct world_instance *busy;     /* it is built there, or asked for; NULL: nowhere */
    const struct world_instance **failed;  /* that came to nothing there */
    size_t failed_count;
    const struct world_instance **former; /* that have a former one of its name */
    size_t former_count;
    const struct world_instance *maker; /* that built one of these; NULL: not known */
    const struct world_instance *begun; /* where this plan has a step of it */
    struct image_source *next;
};

static bool same_architecture(const char *a, const char *b)
{
    static const enum cpu_architecture known[] = { CPU_ARCHITECTURE_X86_64,
                                                   CPU_ARCHITECTURE_ARM64 };

    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (is_architecture(known[i], a) && is_architecture(known[i], b))
            return true;
    }
    return text_equal(a, b);
}

/* The digest under which a registry knows the image: what follows '@' in "REPOSITORY@sha256:...".
 * */
static const char *digest_in(const struct world_image *image, const char *repository)
{
    size_t size = repository == NULL ? 0 : strlen(repository);

    for (size_t i = 0; size > 0 && i < image->digest_count; i++) {
        if (strncmp(image->digests[i], repository, size) == 0 && image->digests[i][size] == '@')
            return image->digests[i] + size + 1;
    }
    return NULL;
}

/* ---- Who has it, and who makes it ------------------------------------------------------------ */

static int compare_instances(const void *a, const void *b)
{
    const struct world_instance *left = *(const struct world_instance *const *)a;
    const struct world_instance *right = *(const struct world_instance *const *)b;
    bool left_local = text_equal(left->name, LOCAL_INSTANCE);
    bool right_local = text_equal(right->name, LOCAL_INSTANCE);

    return left_local != right_local ? right_local - left_local : strcmp(left->name, right->name);
}

static bool is_in_state(struct planner *planner, const struct world_instance *instance,
                        const char *reference, enum effort_state state)
{
    static const enum action_kind kinds[] = { ACTION_IMAGE_BUILD, ACTION_IMAGE_PULL };

    for (size_t i = 0; instance->efforts != NULL && i < ARRAY_COUNT(kinds); i++) {
        const struct world_effort *effort = effort_of(planner, instance, kinds[i], reference);

        if (effort != NULL && effort->state == state)
            return true;
    }
    return false;
}

/* A former one of that name is there; *made: it was built there, as far as is known. */
static bool has_former(struct planner *planner, const struct target_image *image,
                       const struct world_instance *instance, bool *made)
{
    bool has = false;

    *made = false;
    for (const struct world_image *at = instance->images; at != NULL; at = at->by_id.next) {
        if (at->name == NULL || !text_equal(at->name, image->name) ||
            !text_equal(at->owner, planner->input->owner))
            continue;
        has = true;
        for (size_t i = 0; i < at->tag_count; i++) {
            const struct world_effort *build =
                effort_of(planner, instance, ACTION_IMAGE_BUILD, at->tags[i]);

            *made |= build != NULL && build->state == EFFORT_DONE;
        }
    }
    return has;
}

/* The image without its tag, as it is where it was pulled by its digest; NULL: it is not there. */
static const struct world_image *untagged(const struct planner *planner,
                                          const struct target_image *image,
                                          const struct world_instance *instance)
{
    const struct world_image *at = image->repository == NULL ? NULL : instance->images;

    while (at != NULL &&
           !(at->name != NULL && text_equal(at->name, image->name) &&
             text_equal(at->owner, planner->input->owner) && text_equal(at->key, image->build_key)))
        at = at->by_id.next;
    return at;
}

static void source_add(struct planner *planner, struct image_source *source,
                       const struct target_image *image, const struct world_instance *instance)
{
    const struct world_image *there = world_image(instance, image->reference);
    bool made;

    if (there != NULL)
        source->holders[source->holder_count++] = instance;
    else
        there = untagged(planner, image, instance);
    if (there != NULL) {
        if (source->digest == NULL)
            source->digest = digest_in(there, image->repository);
    } else if (is_in_state(planner, instance, image->reference, EFFORT_RUNNING)) {
        if (source->busy == NULL || compare_instances(&instance, &source->busy) < 0)
            source->busy = instance;
    } else if (is_in_state(planner, instance, image->reference, EFFORT_FAILED)) {
        source->failed[source->failed_count++] = instance;
    }
    if (has_former(planner, image, instance, &made))
        source->former[source->former_count++] = instance;
    if (made && (source->maker == NULL || compare_instances(&instance, &source->maker) < 0))
        source->maker = instance;
}

static struct image_source *source_make(struct planner *planner, const struct target_image *image,
                                        const char *architecture)
{
    struct image_source *source = arena_new(planner->arena, struct image_source);
    const struct world_instance *first = planner->input->world->instances;
    size_t most = HASH_CNT(by_name, first) + 1;

    source->reference = image->reference;
    source->architecture = architecture;
    source->holders = arena_array(planner->arena, const struct world_instance *, most);
    source->failed = arena_array(planner->arena, const struct world_instance *, most);
    source->former = arena_array(planner->arena, const struct world_instance *, most);
    for (const struct world_instance *at = first; at != NULL; at = at->by_name.next) {
        if (at->same_as == NULL && instance_is_seen(planner, at) &&
            same_architecture(at->architecture, architecture))
            source_add(planner, source, image, at);
    }
    qsort(source->holders, source->holder_count, sizeof(source->holders[0]), compare_instances);
    qsort(source->failed, source->failed_count, sizeof(source->failed[0]), compare_instances);
    qsort(source->former, source->former_count, sizeof(source->former[0]), compare_instances);
    source->next = planner->sources;
    planner->sources = source;
    return source;
}

static struct image_source *source_of(struct planner *planner, const struct target_image *image,
                                      const struct world_instance *instance)
{
    struct image_source *source = planner->sources;

    while (source != NULL && !(text_equal(source->reference, image->reference) &&
                               same_architecture(source->architecture, instance->architecture)))
        source = source->next;
    return source != NULL ? source : source_make(planner, image, instance->architecture);
}

/* ---- By the registry ------------------------------------------------------------------------- */

bool image_is_not_there(const struct world_effort *pull)
{
    return pull != NULL && pull->state == EFFORT_FAILED &&
           (pull->failure.code == ERR_NOT_FOUND || pull->failure.code == ERR_DENIED);
}

/* Under one tag a registry has what was pushed last: what it is for is known only where all that
 * may have pushed it are the same. */
static bool is_mixed(const struct image_need *need)
{
    const struct target *target = need->deployment->goal->target;
    const struct pool *pool = pool_of(need->planner, target->cluster);

    for (size_t i = 0; pool != NULL && task_platform(target->task) == NULL && i < pool->count;
         i++) {
        const struct world_instance *seen = pool->hosts[i].seen;

        if (seen != NULL && seen->architecture != NULL &&
            !same_architecture(seen->architecture, need->instance->architecture))
            return true;
    }
    return false;
}

/* Somebody may have pushed what the content gives: the key in the tag says that it is the same. */
static bool may_be_pulled(const struct image_need *need)
{
    const char *tag = need->image->reference;
    const struct world_effort *build =
        effort_of(need->planner, need->instance, ACTION_IMAGE_BUILD, tag);
    const struct world_effort *pull =
        effort_of(need->planner, need->instance, ACTION_IMAGE_PULL, tag);

    return need->image->repository != NULL && !is_mixed(need) &&
           !(build != NULL && build->state == EFFORT_RUNNING) &&
           !(image_is_not_there(pull) && pull->at_ms >= need->deployment->created_ms);
}

static const char *digest_reference(const struct image_need *need,
                                    const struct image_source *source)
{
    const char *digest = source->digest;

    if (digest == NULL && need->image->repository != NULL && !is_mixed(need))
        digest = need->deployment->pins[need->index].digest;
    return digest == NULL
               ? NULL
               : arena_printf(need->planner->arena, "%s@%s", need->image->repository, digest);
}

/* ---- The next step --------------------------------------------------------------------------- */

static bool is_refused(const struct image_need *need, enum action_kind kind, const char *reference)
{
    const struct world_effort *effort = effort_of(need->planner, need->instance, kind, reference);

    return effort != NULL &&
           world_effort_refusals(effort, need->deployment->created_ms) >= REFUSALS_ENOUGH;
}

static struct image_need on(const struct image_need *need, const struct world_instance *instance)
{
    struct image_need there = *need;

    there.elsewhere = instance != need->instance;
    there.instance = instance;
    return there;
}

/* It failed there for the engine (which has no room, or does not answer), not for what is in the
 * image. */
static bool is_unfit(const struct image_need *need, const struct world_instance *instance)
{
    const struct world_effort *build =
        effort_of(need->planner, instance, ACTION_IMAGE_BUILD, need->image->reference);

    return build != NULL && build->state == EFFORT_FAILED &&
           world_effort_refusals(build, build->at_ms) == 0;
}

/* Tasks may go there: it may work for all. */
static bool may_make(const struct image_need *need, const struct world_instance *instance)
{
    const struct target *target = need->deployment->goal->target;
    const struct pool *pool = pool_of(need->planner, target->cluster);
    size_t host = pool == NULL ? 0 : pool_index(pool, instance->name);

    return pool != NULL && host < pool->count && pool->hosts[host].why_not == NULL &&
           !is_unfit(need, instance);
}

/* NULL: nobody. */
static const struct world_instance *first_fit(const struct image_need *need)
{
    const struct pool *pool = pool_of(need->planner, need->deployment->goal->target->cluster);

    for (size_t i = 0; pool != NULL && i < pool->count; i++) {
        const struct world_instance *seen = pool->hosts[i].seen;

        if (seen != NULL && same_architecture(seen->architecture, need->instance->architecture) &&
            may_make(need, seen))
            return seen;
    }
    return NULL;
}

static const struct world_instance *builder_of(const struct image_need *need,
                                               const struct image_source *source)
{
    if (is_refused(need, ACTION_IMAGE_COPY, need->image->reference))
        return need->instance; /* what is made elsewhere does not get there */
    if (source->busy != NULL)
        return source->busy;
    for (size_t i = 0; i < source->failed_count; i++) {
        if (may_make(need, source->failed[i]))
            return source->failed[i]; /* it goes on trying */
    }
    /* The same one each time: it has the layers that did not change. */
    if (source->maker != NULL && may_make(need, source->maker))
        return source->maker;
    for (size_t i = 0; i < source->former_count; i++) {
        if (may_make(need, source->former[i]))
            return source->former[i];
    }
    const struct world_instance *fit =
        may_make(need, need->instance) ? need->instance : first_fit(need);
    return fit != NULL ? fit : need->instance;
}

/* A step that all take for one another. */
static void get_once(const struct image_need *need, struct image_source *source,
                     enum action_kind kind, const char *doing)
{
    if (source->begun == need->instance)
        image_wait(need, kind, need->image->reference, doing);
    else
        image_get(need, kind, need->image->reference, doing);
    source->begun = need->instance;
}

static void make(const struct image_need *need, struct image_source *source)
{
    const struct image_need there = on(need, builder_of(need, source));

    if (source->busy == NULL)
        source->busy = there.instance;
    if (may_be_pulled(&there))
        get_once(&there, source, ACTION_IMAGE_PULL, "pulling");
    else
        get_once(&there, source, ACTION_IMAGE_BUILD, "building");
}

/* One after the other, should it fail; all that need it from the same one, as long as none does. */
static void copy(const struct image_need *need, const struct image_source *source)
{
    const struct world_effort *effort =
        effort_of(need->planner, need->instance, ACTION_IMAGE_COPY, need->image->reference);
    uint32_t failures = effort == NULL ? 0 : effort->failures;

    image_get_copy(need, source->holders[failures % source->holder_count]);
}

static void bring(const struct image_need *need)
{
    struct image_source *source = source_of(need->planner, need->image, need->instance);
    const char *digest = digest_reference(need, source);

    if (digest != NULL && !is_refused(need, ACTION_IMAGE_PULL, digest)) {
        image_get(need, ACTION_IMAGE_PULL, digest, "pulling");
    } else if (digest == NULL && need->image->repository != NULL && source->holder_count > 0) {
        const struct image_need there = on(need, source->holders[0]);

        get_once(&there, source, ACTION_IMAGE_PUSH, "pushing");
    } else if (source->holder_count > 0 &&
               !is_refused(need, ACTION_IMAGE_COPY, need->image->reference)) {
        copy(need, source);
    } else {
        make(need, source);
    }
}

/* ---- Is it there? ---------------------------------------------------------------------------- */

/* What was pulled by its digest has no tag. */
const struct world_image *image_built_there(struct planner *planner,
                                            const struct target_image *image,
                                            const struct pin *pinned,
                                            const struct world_instance *instance)
{
    const struct world_image *there = world_image(instance, image->reference);
    const char *digests[] = { pinned->digest, NULL };

    if (there != NULL || image->repository == NULL)
        return there;
    digests[1] = source_of(planner, image, instance)->digest;
    for (size_t i = 0; there == NULL && i < ARRAY_COUNT(digests); i++) {
        if (digests[i] != NULL)
            there = world_image(
                instance, arena_printf(planner->arena, "%s@%s", image->repository, digests[i]));
    }
    return there;
}

/* The first that has it pushes it; whoever built it too has the same. */
static bool is_pushed(const struct image_need *need, const struct world_image *image,
                      const char **digest)
{
    struct image_source *source;

    *digest = digest_in(image, need->image->repository);
    if (need->image->repository == NULL || *digest != NULL)
        return true;
    source = source_of(need->planner, need->image, need->instance);
    *digest = source->digest;
    if (*digest != NULL)
        return true;
    const struct image_need there =
        on(need, source->holder_count > 0 ? source->holders[0] : need->instance);
    get_once(&there, source, ACTION_IMAGE_PUSH, "pushing");
    return false;
}

bool image_built_ready(const struct image_need *need)
{
    const struct pin *pinned = &need->deployment->pins[need->index];
    const struct world_image *image =
        image_built_there(need->planner, need->image, pinned, need->instance);
    const char *digest;

    if (image == NULL) {
        bring(need);
        return false;
    }
    if (!is_pushed(need, image, &digest))
        return false;
    /* Each instance of a pool may have another one: the tag says that it is the same. */
    if (text_equal(pinned->image_id, image->id) ||
        (pinned->image_id != NULL && need->deployment->goal->target->is_ec2))
        return true;
    image_pin(need, image->id, digest);
    return false;
}
