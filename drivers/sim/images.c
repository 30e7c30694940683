/*
 * The registry, and the images that engines have of it. A reference names what was last put there,
 * as a tag does; an image once pulled or built stays what it is.
 */
#include "drivers/sim/images.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "spec/reference.h"

#define WORK_MS    500
#define KEY_MAX    1024
#define IMAGE_SIZE ((uint64_t)10 * 1024 * 1024)

/* ---- The registry ---- */

static struct sim_source *source_get(struct sim *sim, const char *reference)
{
    struct sim_source *source;

    HASH_FIND(by_reference, sim->sources, reference, strlen(reference), source);
    if (source == NULL) {
        source = arena_new(&sim->arena, struct sim_source);
        source->reference = sim_text(sim, reference);
        HASH_ADD_KEYPTR(by_reference, sim->sources, source->reference, strlen(reference), source);
    }
    return source;
}

/* What was put there once is there for ever by its digest, whatever the tag names by now. */
static void keep_by_digest(struct sim *sim, const struct sim_source *source)
{
    struct sim_source *kept = source_get(
        sim, arena_printf(&sim->arena, "%s@%s",
                          reference_repository(source->reference, &sim->arena), source->digest));

    kept->program = source->program;
    memcpy(kept->image_id, source->image_id, sizeof(kept->image_id));
    memcpy(kept->digest, source->digest, sizeof(kept->digest));
}

static void source_fill(struct sim *sim, struct sim_source *source)
{
    char text[24];
    char hex[SHA256_HEX_SIZE];
    struct sha256 *hash = sha256_new();

    sha256_add_text(hash, source->reference);
    (void)snprintf(text, sizeof(text), "%u", source->version);
    sha256_add_text(hash, text);
    sha256_finish(hash, hex);
    (void)snprintf(source->image_id, sizeof(source->image_id), "sha256:%s", hex);
    const char *at = strchr(source->reference, '@');
    if (at != NULL) {
        (void)snprintf(source->digest, sizeof(source->digest), "%s", at + 1);
        return;
    }
    sha256_hex(hex, sizeof(hex), hex);
    (void)snprintf(source->digest, sizeof(source->digest), "sha256:%s", hex);
    keep_by_digest(sim, source);
}

static struct sim_source *source_put(struct sim *sim, const char *reference,
                                     const struct sim_program *program)
{
    struct sim_source *source = source_get(sim, reference);
    struct sim_program *copy = arena_copy(&sim->arena, program, sizeof(*program));
    copy->start_error = sim_text(sim, program->start_error);
    copy->work_error = sim_text(sim, program->work_error);
    source->program = copy;
    source->version++;
    source_fill(sim, source);
    return source;
}

void sim_set_program(struct sim *sim, const char *reference, const struct sim_program *program)
{
    (void)source_put(sim, reference, program);
}

bool sim_has_program(const struct sim *sim, const char *reference)
{
    const struct sim_source *source;
    HASH_FIND(by_reference, sim->sources, reference, strlen(reference), source);
    return source != NULL;
}

static const struct sim_source *sim_source(struct sim *sim, const char *reference)
{
    const struct sim_program plain = { .work_ms = WORK_MS };
    struct sim_source *source;

    HASH_FIND(by_reference, sim->sources, reference, strlen(reference), source);
    return source != NULL ? source : source_put(sim, reference, &plain);
}

const char *sim_image_id(struct sim *sim, const char *reference)
{
    return sim_source(sim, reference)->image_id;
}

/* ---- On an engine ---- */

static bool texts_have(const char *const *texts, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(texts[i], text))
            return true;
    }
    return false;
}

struct sim_image *sim_image_find(const struct sim_instance *instance, const char *reference)
{
    for (struct sim_image *image = instance->images; image != NULL; image = image->next) {
        const struct image_report *report = &image->report;
        if (text_equal(report->id, reference) ||
            texts_have(report->tags, report->tag_count, reference) ||
            texts_have(report->digests, report->digest_count, reference))
            return image;
    }
    return NULL;
}

/* Another array: reports that are on their way keep the old one. */
static const char *const *texts_with(struct sim *sim, const char *const *texts, size_t count,
                                     const char *text)
{
    const char **more = arena_array(&sim->arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++)
        more[i] = texts[i];
    more[count] = sim_text(sim, text);
    return more;
}

static void image_untag(struct sim *sim, struct sim_image *image, const char *tag)
{
    const char **fewer = arena_array(&sim->arena, const char *, image->report.tag_count + 1);
    size_t count = 0;
    for (size_t i = 0; i < image->report.tag_count; i++) {
        if (!text_equal(image->report.tags[i], tag))
            fewer[count++] = image->report.tags[i];
    }
    image->report.tags = fewer;
    image->report.tag_count = count;
}

static void sim_image_tag(struct sim *sim, struct sim_instance *instance, struct sim_image *image,
                          const char *tag)
{
    if (texts_have(image->report.tags, image->report.tag_count, tag))
        return;
    for (struct sim_image *other = instance->images; other != NULL; other = other->next)
        image_untag(sim, other, tag);
    image->report.tags = texts_with(sim, image->report.tags, image->report.tag_count, tag);
    image->report.tag_count++;
}

static void image_digest(struct sim *sim, struct sim_image *image, const char *repository,
                         const char *digest)
{
    const char *text = arena_printf(&sim->arena, "%s@%s", repository, digest);
    if (texts_have(image->report.digests, image->report.digest_count, text))
        return;
    image->report.digests =
        texts_with(sim, image->report.digests, image->report.digest_count, text);
    image->report.digest_count++;
}

/* The image of a source, made when the engine does not have it. */
static struct sim_image *image_make(struct sim *sim, struct sim_instance *instance,
                                    const struct sim_source *source)
{
    struct sim_image *image = sim_image_find(instance, source->image_id);
    if (image != NULL)
        return image;
    image = arena_new(&sim->arena, struct sim_image);
    image->report = (struct image_report){ .instance = instance->name,
                                           .id = sim_text(sim, source->image_id),
                                           .created_ms = sim->now_ms + instance->clock_skew_ms,
                                           .size_bytes = IMAGE_SIZE };
    image->program = source->program;
    struct sim_image **last = &instance->images;
    while (*last != NULL)
        last = &(*last)->next;
    *last = image;
    return image;
}

/* "registry:5000/hello" of "registry:5000/hello:tag" and "registry:5000/hello@sha256:...". */
static const char *repository_of(struct sim *sim, const char *reference)
{
    size_t size = strcspn(reference, "@");
    const char *slash = strrchr(reference, '/');
    const char *colon = strrchr(reference, ':');
    if (reference[size] == '\0' && colon != NULL && (slash == NULL || colon > slash))
        size = (size_t)(colon - reference);
    return arena_text_n(&sim->arena, reference, size);
}

struct sim_image *sim_image_had(struct sim *sim, struct sim_instance *instance,
                                const char *reference)
{
    const struct sim_source *source = sim_source(sim, reference);
    struct sim_image *image = image_make(sim, instance, source);
    if (strchr(reference, '@') == NULL)
        sim_image_tag(sim, instance, image, reference);
    image_digest(sim, image, repository_of(sim, reference), source->digest);
    return image;
}

struct sim_image *sim_image_called(struct sim *sim, struct sim_instance *instance,
                                   const char *reference, const char *name)
{
    struct sim_image *image = image_make(sim, instance, sim_source(sim, reference));

    sim_image_tag(sim, instance, image, name);
    return image;
}

static bool image_in_use(const struct sim *sim, const struct sim_instance *instance,
                         const struct sim_image *image)
{
    for (size_t i = 0; i < sim->living_count; i++) {
        if (sim->living[i]->host == instance &&
            text_equal(sim->living[i]->seen.report.image_id, image->report.id))
            return true;
    }
    return false;
}

int sim_image_remove(struct sim *sim, struct sim_instance *instance, const char *reference,
                     struct err *err)
{
    struct sim_image *image = sim_image_find(instance, reference);

    if (image == NULL)
        return 0;
    bool is_tag = texts_have(image->report.tags, image->report.tag_count, reference);
    if (is_tag && image->report.tag_count > 1) {
        image_untag(sim, image, reference);
        return 0;
    }
    if (!is_tag && image->report.tag_count > 1)
        return err_set(err, ERR_CONFLICT,
                       "unable to delete %s (must be forced) - image is referenced in multiple "
                       "repositories",
                       reference);
    if (image_in_use(sim, instance, image))
        return err_set(err, ERR_CONFLICT,
                       "unable to remove %s - container is using its referenced image", reference);
    struct sim_image **at = &instance->images;
    while (*at != image)
        at = &(*at)->next;
    *at = image->next;
    sim->counts.foreign_images_removed += image->foreign;
    return 0;
}

/* ---- Long work ---- */

static void work_report(struct sim *sim, const struct sim_request *request, enum effort_state state)
{
    AUTO(buf) key = { 0 };
    struct world_change change = { .kind = WORLD_EFFORT };

    buf_init(&key, KEY_MAX);
    action_effort_key(request->kind, request->object, &key);
    change.effort.instance = request->instance->name;
    change.effort.key = buf_text(&key);
    change.effort.image_name = request->image_name;
    change.effort.giver = request->giver == NULL ? NULL : request->giver->name;
    change.effort.state = state;
    change.effort.at_ms = state == EFFORT_RUNNING ? request->began_ms : sim->now_ms;
    if (state == EFFORT_RUNNING)
        change.effort.progress = "1 of 2 layers";
    if (state == EFFORT_FAILED)
        change.effort.failure = &request->failure;
    if (state == EFFORT_DONE && request->kind == ACTION_HOST_RUN) {
        change.effort.boot = request->boot;
        change.effort.needs_reboot = request->instance->needs_reboot;
    }
    if (state == EFFORT_DONE && request->image != NULL) {
        change.effort.image_id = request->image->report.id;
        change.effort.digest = request->digest;
        change.effort.is_named = request->is_named;
        change.effort.is_new = request->is_new;
    }
    sim_report(sim, &change);
}

static void pull_done(struct sim *sim, struct sim_request *request, const struct sim_source *source)
{
    const struct sim_image *before = sim_image_find(request->instance, source->image_id);

    request->is_new = before == NULL;
    request->is_named =
        before == NULL ||
        (!texts_have(before->report.tags, before->report.tag_count, request->reference) &&
         !texts_have(before->report.digests, before->report.digest_count, request->reference));
    request->image = sim_image_had(sim, request->instance, request->reference);
    request->digest = sim_text(sim, source->digest);
}

/* What another engine has, as it is there. */
static int copy_done(struct sim *sim, struct sim_request *request, struct err *err)
{
    const struct sim_instance *giver = request->giver;
    const struct sim_image *given =
        giver == NULL ? NULL : sim_image_find(giver, request->reference);
    const struct sim_source *source = sim_source(sim, request->reference);
    struct sim_image *image;

    if (giver == NULL || giver->down_until_ms > sim->now_ms || giver->epoch != request->giver_epoch)
        return err_set(err, ERR_UNREACHABLE, "the connection to the giver was ended");
    if (given == NULL)
        return err_set(err, ERR_NOT_FOUND, "No such image: %s", request->reference);
    image = image_make(sim, request->instance, source);
    image->report.name = given->report.name;
    image->report.owner = given->report.owner;
    image->report.key = given->report.key;
    sim_image_tag(sim, request->instance, image, request->reference);
    request->image = image;
    return 0;
}

static void work_done(struct sim *sim, struct sim_request *request)
{
    struct sim_instance *instance = request->instance;
    const struct sim_source *source = sim_source(sim, request->reference);

    switch (request->kind) {
    case ACTION_IMAGE_PULL: pull_done(sim, request, source); break;
    case ACTION_IMAGE_BUILD:
        request->image = image_make(sim, instance, source);
        request->image->report.name = request->image_name;
        request->image->report.owner = request->owner;
        request->image->report.key = request->build_key;
        sim_image_tag(sim, instance, request->image, request->reference);
        break;
    case ACTION_SANDBOX_LOAD:
        request->image = image_make(sim, instance, source);
        sim_image_tag(sim, instance, request->image, request->reference);
        break;
    case ACTION_IMAGE_PUSH:
        request->image = sim_image_find(instance, request->reference);
        if (request->image == NULL) {
            (void)err_set(&request->failure, ERR_NOT_FOUND, "No such image: %s",
                          request->reference);
            request->failed = true;
            break;
        }
        request->digest = sim_text(sim, source->digest);
        image_digest(sim, request->image, request->repository, request->digest);
        break;
    case ACTION_IMAGE_COPY: request->failed = copy_done(sim, request, &request->failure) < 0; break;
    case ACTION_HOST_RUN: request->boot = sim_host_ran(sim, request); break;
    case ACTION_CLAIM:
    case ACTION_NETWORK_CREATE:
    case ACTION_NETWORK_REMOVE:
    case ACTION_VOLUME_CREATE:
    case ACTION_VOLUME_REMOVE:
    case ACTION_IMAGE_REMOVE:
    case ACTION_CONTAINER_CREATE:
    case ACTION_CONTAINER_START:
    case ACTION_CONTAINER_STOP:
    case ACTION_CONTAINER_LAST_LINES:
    case ACTION_BALANCER_APPLY:
    case ACTION_BALANCER_STOP:
    case ACTION_CONTAINER_REMOVE:
    case ACTION_KIND_COUNT: ASSERT(action_kind_is_long(request->kind));
    }
}

static void work_over(struct sim *sim, const struct sim_job *job)
{
    struct sim_request *request = job->subject;
    const struct sim_program *program = sim_source(sim, request->reference)->program;

    if (request->dropped)
        return;
    if (rng_chance(&sim->rng, sim->faults.fail_work)) {
        (void)err_set(&request->failure, ERR_FAILED, "unexpected EOF");
        request->failed = true;
    } else if (program->work_error != NULL && request->kind != ACTION_IMAGE_PUSH &&
               request->kind != ACTION_IMAGE_COPY && request->kind != ACTION_SANDBOX_LOAD) {
        (void)err_set(&request->failure,
                      request->kind == ACTION_IMAGE_PULL ? ERR_NOT_FOUND : ERR_FAILED, "%s",
                      program->work_error);
        request->failed = true;
    } else {
        work_done(sim, request);
    }
    sim_note(sim, request->failed ? "work failed" : "work done", request->object);
    sim_answer(sim, request);
}

void sim_image_work(struct sim *sim, struct sim_request *request)
{
    int64_t took_ms = sim_source(sim, request->reference)->program->work_ms;

    request->began_ms = sim->now_ms;
    request->giver_epoch = request->giver == NULL ? 0 : request->giver->epoch;
    sim_later(sim, took_ms, work_over, request, 0);
}

void sim_work_began(struct sim *sim, const struct sim_request *request)
{
    work_report(sim, request, EFFORT_RUNNING);
    if (request->kind == ACTION_IMAGE_BUILD)
        sim_output(sim, request->object, "Step 1/1 : FROM scratch");
}

void sim_work_ended(struct sim *sim, struct sim_request *request, const struct err *failure)
{
    if (failure != NULL) {
        request->failed = true;
        request->failure = *failure;
    }
    if (request->image != NULL && !request->failed)
        sim_report_image(sim, request->instance, request->image);
    work_report(sim, request, request->failed ? EFFORT_FAILED : EFFORT_DONE);
}
