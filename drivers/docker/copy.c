/*
 * Copying an image here from another engine: it is read from there (transfer.c), then loaded here
 * without the layers that are here already.  Which these are is told by the images that have them;
 * an engine that wants them all the same gets the whole of it.
 *
 * It may take as long as it takes, as long as it moves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/images_int.h"
#include "drivers/docker/query.h"
#include "spec/base/text.h"

#define LOOKS_MAX     64 /* of its images so many are asked for their layers, the newest */
#define WATCH_EACH_MS 500
#define PATH_SIZE     2048
#define KIB           ((int64_t)1024)
#define MIB           (1024 * KIB)

/* An engine writes an image to its own disk before it sends any of it: a slow one may. */
#define DISK_BYTES_PER_MS (10 * KIB)

struct look {
    struct image_copy *copy;
    struct docker_call *call; /* NULL: answered */
};

struct image_copy {
    struct image_work *work;
    struct transfer_user user;
    bool is_ready; /* all of it came */
    struct look looks[LOOKS_MAX];
    size_t looking;
    size_t common; /* layers, of the lowest, that are here */
    size_t left_out;
    struct http_part parts[IMAGE_LAYERS_MAX + 1];
    int64_t send_size;
    int64_t sent; /* by the requests that are over */
    bool is_whole;
    uint64_t lines; /* that the engine printed */
    struct timer watch;
    int64_t moved; /* as it was looked at last, */
    int64_t moved_ms;
    struct err silence; /* it did not move for too long */
};

/* ---- Does it move? --------------------------------------------------------------------------- */

static int64_t sent_now(const struct image_copy *copy)
{
    const struct docker_call *call = copy->work->call->docker;

    return call == NULL || copy->send_size == 0 ? 0 : docker_sent(call);
}

static int64_t silence_max(const struct image_copy *copy)
{
    return copy->work->call->call->timeout_ms + transfer_size(&copy->user) / DISK_BYTES_PER_MS;
}

static void cancel_looks(struct image_copy *copy)
{
    for (size_t i = 0; i < LOOKS_MAX; i++)
        docker_cancel(copy->looks[i].call);
}

static void give_up(struct image_copy *copy)
{
    struct image_work *work = copy->work;

    (void)err_set(&copy->silence, ERR_TIMEOUT, "nothing of it moved for %lld s",
                  (long long)(silence_max(copy) / 1000));
    if (work->call->docker != NULL)
        docker_cancel(work->call->docker);
    else if (copy->looking > 0)
        cancel_looks(copy);
    else
        image_work_done(work, &copy->silence);
}

static void watch(void *ctx)
{
    struct image_copy *copy = ctx;
    struct image_work *work = copy->work;
    struct loop *loop = work->call->engine->loop;
    int64_t moved = transfer_got(&copy->user) + copy->sent + sent_now(copy) + (int64_t)copy->lines;

    timer_start(loop, &copy->watch, WATCH_EACH_MS, watch, copy);
    if (moved != copy->moved) {
        copy->moved = moved;
        copy->moved_ms = loop_now_ms(loop);
        image_work_progress(work);
    } else if (loop_now_ms(loop) - copy->moved_ms > silence_max(copy) &&
               copy->silence.code == ERR_OK) {
        give_up(copy);
    }
}

void image_work_copy_moved(struct image_work *work)
{
    work->copy->lines++;
}

/* "12 MiB of 40 MiB" */
static void amount_text(int64_t done, int64_t all, char *out, size_t size)
{
    int64_t done_unit = done < MIB ? KIB : MIB;
    int64_t all_unit = all < MIB ? KIB : MIB;

    (void)snprintf(out, size, "%lld %s of %lld %s", (long long)((done + done_unit - 1) / done_unit),
                   done_unit == KIB ? "KiB" : "MiB", (long long)((all + all_unit - 1) / all_unit),
                   all_unit == KIB ? "KiB" : "MiB");
}

void image_work_copy_text(const struct image_work *work, bool is_done, char *out, size_t size)
{
    const struct image_copy *copy = work->copy;
    int64_t got = transfer_got(&copy->user);
    char amount[64];

    out[0] = '\0';
    if (is_done) {
        amount_text(copy->sent, got, amount, sizeof(amount));
        (void)snprintf(out, size, "%s sent, %zu of %zu layers were there", amount, copy->left_out,
                       transfer_image(&copy->user)->layer_count);
    } else if (copy->send_size > 0) {
        amount_text(sent_now(copy), copy->send_size, amount, sizeof(amount));
        (void)snprintf(out, size, "%s sent", amount);
    } else if (got > 0) {
        int64_t all = transfer_size(&copy->user);

        amount_text(got, got < all ? all : got, amount, sizeof(amount));
        (void)snprintf(out, size, "%s read from %s", amount, work->call->call->action->giver);
    }
}

/* ---- Loading --------------------------------------------------------------------------------- */

/* Its own failure, or that it did not move, for which it was cancelled. */
static const struct err *failure_of(const struct image_copy *copy, const struct err *failure)
{
    return copy->silence.code != ERR_OK ? &copy->silence : failure;
}

static void send_image(struct image_copy *copy);

/* The engine itself says that it cannot, not that it was not reached. */
static bool is_refusal(const struct err *failure)
{
    return failure == NULL || failure->code == ERR_FAILED || failure->code == ERR_INVALID ||
           failure->code == ERR_NOT_FOUND;
}

static void on_loaded(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct engine_call *call = ctx;
    struct image_work *work = call->work;
    struct image_copy *copy = work->copy;
    bool failed = failure != NULL || work->progress.error[0] != '\0';
    struct err err = { 0 };

    (void)answer;
    copy->sent += call->docker == NULL ? 0 : docker_sent(call->docker);
    call->docker = NULL;
    failure = failure_of(copy, failure);
    if (failed && copy->left_out > 0 && is_refusal(failure) && !call->cancelled) {
        copy->is_whole = true;
        progress_release(&work->progress);
        work->progress = (struct progress){ 0 };
        send_image(copy);
    } else if (failure != NULL) {
        image_work_done(work, failure);
    } else if (failed) {
        (void)progress_fail(&work->progress, &err);
        image_work_done(work, &err);
    } else {
        image_work_inspect(work);
    }
}

/* A layer that is here, and is not needed for another one that is not: of two that are equal an
 * engine may write one file only. */
static bool is_left_out(const struct image_copy *copy, const struct transfer_image *image,
                        size_t index)
{
    if (copy->is_whole || index >= copy->common)
        return false;
    for (size_t i = copy->common; i < image->layer_count; i++) {
        if (text_equal(image->layers[i], image->layers[index]))
            return false;
    }
    return image->tar.layers[index].size > 0;
}

static void send_image(struct image_copy *copy)
{
    const struct transfer_image *image = transfer_image(&copy->user);
    bool left_out[IMAGE_LAYERS_MAX] = { false };
    struct docker_request request = {
        .path = "/images/load", .body_is_fd = true, .body_fd = image->fd, .body_parts = copy->parts
    };

    copy->left_out = 0;
    for (size_t i = 0; i < image->tar.layer_count; i++) {
        left_out[i] = is_left_out(copy, image, i);
        copy->left_out += left_out[i];
    }
    request.body_part_count =
        image_tar_without(&image->tar, left_out, copy->parts, &copy->send_size);
    request.body_fd_size = copy->send_size;
    image_work_stream(copy->work, &request, on_loaded);
}

/* ---- What is here ---------------------------------------------------------------------------- */

static void on_look(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct look *look = ctx;
    struct image_copy *copy = look->copy;
    struct image_work *work = copy->work;

    look->call = NULL;
    copy->looking--;
    if (failure == NULL) {
        AUTO(json) *image = read_json(answer->body, answer->size, /* err= */ NULL);
        size_t common = transfer_common_layers(transfer_image(&copy->user), image);

        copy->common = common > copy->common ? common : copy->common;
    } else if (failure->code == ERR_CANCELLED || failure->code == ERR_UNREACHABLE) {
        work->failure = *failure;
    }
    if (copy->looking > 0)
        return;
    if (work->failure.code != ERR_OK)
        image_work_done(work, failure_of(copy, &work->failure));
    else
        send_image(copy);
}

static void look_at(struct image_copy *copy, size_t index, const char *id)
{
    AUTO(buf) path = { 0 };

    buf_init(&path, PATH_SIZE);
    buf_text_add(&path, "/images/");
    docker_url_add(&path, id, ":");
    buf_text_add(&path, "/json");
    const struct docker_request request = { .method = "GET",
                                            .path = buf_text(&path),
                                            .deadline_ms = ENGINE_READ_MS };
    copy->looks[index].copy = copy;
    copy->looks[index].call =
        docker_call(copy->work->call->engine->docker, &request, on_look, &copy->looks[index]);
    copy->looking++;
}

static void on_listed(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct engine_call *call = ctx;
    struct image_work *work = call->work;
    struct image_copy *copy = work->copy;

    call->docker = NULL;
    if (failure != NULL && (failure->code == ERR_CANCELLED || failure->code == ERR_UNREACHABLE)) {
        image_work_done(work, failure_of(copy, failure));
        return;
    }
    AUTO(json) *images =
        failure != NULL ? NULL : read_json(answer->body, answer->size, /* err= */ NULL);
    size_t count = json_is_array(images) ? json_count(images) : 0;
    for (size_t i = 0; i < count && i < LOOKS_MAX; i++)
        look_at(copy, i, json_as_text(json_get(json_at(images, i), "Id"), ""));
    if (count == 0)
        send_image(copy);
}

static void on_ready(void *ctx, const struct err *failure)
{
    struct image_copy *copy = ctx;
    struct image_work *work = copy->work;
    struct engine_call *call = work->call;
    const struct docker_request request = { .method = "GET",
                                            .path = "/images/json",
                                            .deadline_ms = ENGINE_READ_MS };

    if (work->ending)
        return;
    if (failure != NULL) {
        image_work_done(work, failure);
        return;
    }
    copy->is_ready = true;
    call->docker = docker_call(call->engine->docker, &request, on_listed, call);
}

/* ---- Begin and end --------------------------------------------------------------------------- */

void image_work_copy(struct image_work *work)
{
    struct engine *engine = work->call->engine;
    struct image_copy *copy;

    if (engine->transfers == NULL) {
        (void)err_set(&work->failure, ERR_INVALID, "there is nothing here to copy images with");
        loop_defer(engine->loop, image_work_fail, work);
        return;
    }
    copy = mem_alloc(sizeof(*copy));
    copy->work = work;
    copy->user = (struct transfer_user){ .ready = on_ready, .ctx = copy };
    copy->moved_ms = loop_now_ms(engine->loop);
    transfer_join(engine->transfers, work->call->call->action->giver, work->reference, &copy->user);
    work->copy = copy;
    timer_start(engine->loop, &copy->watch, WATCH_EACH_MS, watch, copy);
}

void image_work_copy_cancel(struct image_work *work)
{
    if (work->copy->looking > 0)
        cancel_looks(work->copy);
    else
        loop_defer(work->call->engine->loop, image_work_fail, work);
}

void image_work_copy_release(struct image_work *work)
{
    struct image_copy *copy = work->copy;

    if (copy == NULL)
        return;
    timer_stop(&copy->watch);
    transfer_leave(&copy->user);
    free(copy);
}

int image_work_copy_check(const struct image_work *work, const struct json *image, struct err *err)
{
    const struct transfer_image *given = transfer_image(&work->copy->user);
    const struct json *layers = json_path(image, "RootFS.Layers");

    if (transfer_common_layers(given, image) == given->layer_count &&
        json_count(layers) == given->layer_count)
        return 0;
    return err_set(err, ERR_FAILED, "what the engine loaded has other layers than the image");
}
