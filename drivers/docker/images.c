/*
 * The long actions: building, pulling, pushing, copying, and loading the sandbox.
 *
 * Each is an effort in the world, RUNNING with its progress until it is DONE or FAILED.  After it
 * the image is inspected and reported, so that the next plan can use it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drivers/docker/auth.h"
#include "drivers/docker/engine_int.h"
#include "drivers/docker/images_int.h"
#include "drivers/docker/query.h"
#include "drivers/docker/sandbox_image.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/reference.h"
#include "spec/target.h"

#define PATH_SIZE        2048
#define QUERY_SIZE       (1024 * 1024)
#define PROGRESS_SIZE    300
#define PROGRESS_EACH_MS 500

/* ---- The effort ----------------------------------------------------------------------------- */

static void report_effort(struct image_work *work, enum effort_state state,
                          const struct err *failure)
{
    struct engine_call *call = work->call;
    char progress[PROGRESS_SIZE];
    struct world_change change = {
        .kind = WORLD_EFFORT,
        .effort = { .instance = call->engine->reader.instance,
                    .key = buf_text(&work->key),
                    .state = state,
                    .at_ms = state == EFFORT_RUNNING ? work->started_ms : loop_wall_ms(),
                    .image_name = call->call->action->image_name,
                    .giver = call->call->action->giver,
                    .failure = failure },
    };

    progress[0] = '\0';
    if (work->copy != NULL && state != EFFORT_FAILED)
        image_work_copy_text(work, state == EFFORT_DONE, progress, sizeof(progress));
    else if (state == EFFORT_RUNNING)
        progress_text(&work->progress, progress, sizeof(progress));
    change.effort.progress = progress[0] != '\0' ? progress : NULL;
    if (state == EFFORT_RUNNING) {
        work->reported_ms = loop_now_ms(call->engine->loop);
    } else if (state == EFFORT_DONE) {
        change.effort.image_id = work->image_id;
        change.effort.digest = work->progress.digest[0] != '\0' ? work->progress.digest : NULL;
        change.effort.is_named = work->is_named;
        change.effort.is_new = work->is_new;
    }
    engine_report(call->engine, &change);
}

static void free_work(struct image_work *work)
{
    progress_release(&work->progress);
    buf_release(&work->key);
    buf_release(&work->query);
    text_wipe(work->header);
    free(work->image_id);
    json_free(work->before);
    free(work->reason);
    image_work_build_release(work);
    image_work_copy_release(work);
    if (work->fd >= 0)
        (void)close(work->fd);
    free(work);
}

void image_work_done(struct image_work *work, const struct err *failure)
{
    struct engine_call *call = work->call;
    struct engine *engine = call->engine;
    struct err copy = { 0 };

    if (failure != NULL)
        copy = *failure;
    report_effort(work, failure == NULL ? EFFORT_DONE : EFFORT_FAILED, failure);
    call->work = NULL;
    free_work(work);
    engine_call_done(call, failure != NULL ? &copy : NULL);
    engine_job_done(engine);
}

void image_work_line(void *ctx, const char *line)
{
    struct image_work *work = ctx;
    struct engine *engine = work->call->engine;

    if (!engine->freeing && engine->sink.output != NULL)
        engine->sink.output(engine->sink.context, work->call->call->action->object, line);
}

void image_work_progress(struct image_work *work)
{
    if (loop_now_ms(work->call->engine->loop) - work->reported_ms >= PROGRESS_EACH_MS)
        report_effort(work, EFFORT_RUNNING, /* failure= */ NULL);
}

/* What a copy prints is no build's output. */
static void leave_line(void *ctx, const char *line)
{
    (void)ctx;
    (void)line;
}

static void on_progress(void *ctx, const char *text, size_t size)
{
    struct image_work *work = ((struct engine_call *)ctx)->work;
    AUTO(json) *value = json_parse(text, size, /* err= */ NULL);

    progress_feed(&work->progress, value, work->copy == NULL ? image_work_line : leave_line, work);
    if (work->copy != NULL)
        image_work_copy_moved(work);
    image_work_progress(work);
}

/* ---- What was there before ------------------------------------------------------------------ */

static bool has_name(const struct json *names, const char *reference)
{
    for (size_t i = 0; json_is_array(names) && i < json_count(names); i++) {
        const char *name = json_as_text(json_at(names, i), /* fallback= */ NULL);
        if (name != NULL && reference_is_same(name, reference))
            return true;
    }
    return false;
}

/* Whether it is by this pull that the image is there, and has its name. */
static void compare_with_before(struct image_work *work, const char *image_id)
{
    work->is_new = work->is_named = work->before != NULL;
    for (size_t i = 0; work->before != NULL && i < json_count(work->before); i++) {
        const struct json *image = json_at(work->before, i);
        if (!text_equal(json_text(image, "Id"), image_id))
            continue;
        work->is_new = false;
        work->is_named = !has_name(json_get(image, "RepoTags"), work->reference) &&
                         !has_name(json_get(image, "RepoDigests"), work->reference);
    }
}

/* ---- What came out -------------------------------------------------------------------------- */

static void on_result(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct engine_call *call = ctx;
    struct image_work *work = call->work;
    struct world_change change = { .kind = WORLD_IMAGE };
    struct image_names names;
    struct err err = { 0 };

    call->docker = NULL;
    if (failure != NULL) {
        image_work_done(work, failure);
        return;
    }
    AUTO(json) *value = read_json(answer->body, answer->size, /* err= */ NULL);
    if (work->copy != NULL && image_work_copy_check(work, value, &err) < 0) {
        image_work_done(work, &err);
        return;
    }
    if (read_image(&call->engine->reader, value, &names, &change.image)) {
        work->image_id = mem_text(change.image.id);
        compare_with_before(work, work->image_id);
        engine_report(call->engine, &change);
    }
    image_work_done(work, /* failure= */ NULL);
}

void image_work_inspect(struct image_work *work)
{
    struct engine_call *call = work->call;
    AUTO(buf) path = { 0 };

    buf_init(&path, PATH_SIZE);
    buf_text_add(&path, "/images/");
    docker_url_add(&path, work->reference, "/:@");
    buf_text_add(&path, "/json");
    struct docker_request request = { .method = "GET",
                                      .path = buf_text(&path),
                                      .deadline_ms = ENGINE_READ_MS };
    call->docker = docker_call(call->engine->docker, &request, on_result, call);
}

/* The end of a stream: the engine says 200 first and may fail later, in the stream. */
static void on_stream_end(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct engine_call *call = ctx;
    struct image_work *work = call->work;
    struct err err = { 0 };

    (void)answer;
    call->docker = NULL;
    if (failure != NULL) {
        image_work_done(work, failure);
    } else if (work->progress.error[0] != '\0') {
        (void)progress_fail(&work->progress, &err);
        image_work_done(work, &err);
    } else {
        image_work_inspect(work);
    }
}

void image_work_stream(struct image_work *work, struct docker_request *request,
                       docker_done_fn *done)
{
    struct engine_call *call = work->call;

    request->method = "POST";
    request->is_long = true;
    if (work->copy == NULL) /* which watches itself */
        request->deadline_ms = call->call->timeout_ms;
    request->on_line = on_progress;
    call->docker = docker_call(call->engine->docker, request, done, call);
}

/* ---- Pull and push -------------------------------------------------------------------------- */

/* Where the name ends and the tag begins; NULL: there is no tag. */
static const char *tag_of(const char *reference)
{
    const char *slash = strrchr(reference, '/');

    return strchr(slash != NULL ? slash : reference, ':');
}

static void send_pull(struct image_work *work, const char *const *headers)
{
    const char *reference = work->reference;
    struct docker_request request = { .path = "/images/create", .headers = headers };

    const struct target *target = work->call->call->action->target;
    const char *platform = target == NULL ? NULL : task_platform(target->task);

    docker_query_add(&work->query, "fromImage", reference);
    if (platform != NULL)
        docker_query_add(&work->query, "platform", platform);
    /* Without a tag the engine would take all that there are. */
    if (strchr(reference, '@') == NULL && tag_of(reference) == NULL)
        docker_query_add(&work->query, "tag", "latest");
    request.query = buf_text(&work->query);
    image_work_stream(work, &request, on_stream_end);
}

static void send_push(struct image_work *work, const char *const *headers)
{
    const char *tag = tag_of(work->reference);
    size_t size = tag != NULL ? (size_t)(tag - work->reference) : strlen(work->reference);
    AUTO(buf) name = { 0 };
    AUTO(buf) path = { 0 };

    buf_init(&name, PATH_SIZE);
    buf_init(&path, PATH_SIZE);
    buf_add(&name, work->reference, size);
    buf_text_add(&path, "/images/");
    docker_url_add(&path, buf_text(&name), "/:");
    buf_text_add(&path, "/push");
    docker_query_add(&work->query, "tag", tag != NULL ? tag + 1 : "latest");
    struct docker_request request = { .path = buf_text(&path),
                                      .query = buf_text(&work->query),
                                      .headers = headers };
    image_work_stream(work, &request, on_stream_end);
}

static void on_auth(void *ctx, char *header, const struct err *failure)
{
    struct image_work *work = ctx;
    static const char name[] = "X-Registry-Auth: ";

    work->auth = NULL;
    if (failure != NULL) {
        image_work_done(work, failure);
        return;
    }
    size_t size = sizeof(name) + strlen(header);
    work->header = mem_alloc(size);
    (void)snprintf(work->header, size, "%s%s", name, header);
    text_wipe(header);

    const char *headers[] = { work->header, NULL };
    if (work->call->call->action->kind == ACTION_IMAGE_PULL)
        send_pull(work, headers);
    else
        send_push(work, headers);
    text_wipe(TAKE(work->header));
}

/* Without an answer nothing is known to be new, which is no reason not to pull. */
static void on_before(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct engine_call *call = ctx;
    struct image_work *work = call->work;

    call->docker = NULL;
    if (failure != NULL && (failure->code == ERR_CANCELLED || failure->code == ERR_UNREACHABLE)) {
        image_work_done(work, failure);
        return;
    }
    if (failure == NULL)
        work->before = read_json(answer->body, answer->size, /* err= */ NULL);
    if (!json_is_array(work->before))
        json_free(TAKE(work->before));
    work->auth = auth_start(call->engine->loop, work->reference, on_auth, work);
}

/* Images of others come and go without a word, so which ones there are is asked for before each
 * pull; all of them, also those without a name. */
static void begin_pull(struct image_work *work)
{
    struct engine_call *call = work->call;
    struct docker_request request = {
        .method = "GET", .path = "/images/json", .query = "all=1", .deadline_ms = ENGINE_READ_MS
    };

    call->docker = docker_call(call->engine->docker, &request, on_before, call);
}

/* ---- The sandbox ---------------------------------------------------------------------------- */

static void begin_load(struct image_work *work)
{
    struct buf tar;
    struct err err = { 0 };

    buf_init(&tar, SANDBOX_IMAGE_BYTES_MAX);
    int status = sandbox_image_write(work->call->engine->architecture, &tar, &err);
    work->fd = memfd_create("sandbox", MFD_CLOEXEC);
    if (status == 0 && (work->fd < 0 || write(work->fd, tar.data, tar.size) != (ssize_t)tar.size))
        status = err_set_errno(&err, ERR_CAPACITY, errno, "memory for the image of the sandbox");
    if (status < 0) {
        /* Not from inside apply(). */
        work->failure = err;
        loop_defer(work->call->engine->loop, image_work_fail, work);
    } else {
        struct docker_request request = { .path = "/images/load",
                                          .query = "quiet=1",
                                          .body_is_fd = true,
                                          .body_fd = work->fd,
                                          .body_fd_size = (int64_t)tar.size };
        image_work_stream(work, &request, on_stream_end);
    }
    buf_release(&tar);
}

void image_work_fail(void *ctx)
{
    struct image_work *work = ctx;
    struct err failure = work->failure;

    image_work_done(work, &failure);
}

void image_work_send_build(struct image_work *work, const char *const *headers,
                           docker_done_fn *done)
{
    struct docker_request request = { .path = "/build",
                                      .query = buf_text(&work->query),
                                      .headers = headers,
                                      .body_is_fd = true,
                                      .body_fd = work->fd,
                                      .body_fd_size = work->fd_size };

    image_work_stream(work, &request, done);
}

/* ---- Begin and cancel ----------------------------------------------------------------------- */

void engine_image_begin(struct engine_call *call)
{
    const struct action *action = call->call->action;
    struct image_work *work = mem_alloc(sizeof(*work));

    call->engine->jobs++;
    call->work = work;
    work->call = call;
    work->reference = action->reference;
    work->started_ms = loop_wall_ms();
    work->fd = -1;
    buf_init(&work->key, PATH_SIZE);
    buf_init(&work->query, QUERY_SIZE);
    action_effort_key(action->kind, action->object, &work->key);
    report_effort(work, EFFORT_RUNNING, /* failure= */ NULL);

    if (action->kind == ACTION_IMAGE_BUILD)
        image_work_build(work);
    else if (action->kind == ACTION_SANDBOX_LOAD)
        begin_load(work);
    else if (action->kind == ACTION_IMAGE_PULL)
        begin_pull(work);
    else if (action->kind == ACTION_IMAGE_COPY)
        image_work_copy(work);
    else
        work->auth = auth_start(call->engine->loop, action->reference, on_auth, work);
}

void engine_image_cancel(struct engine_call *call)
{
    struct image_work *work = call->work;

    if (work == NULL || work->ending)
        return;
    work->ending = true;
    (void)err_set(&work->failure, ERR_CANCELLED, "cancelled");
    if (work->job != NULL) {
        worker_cancel(work->job);
    } else if (work->process != NULL) {
        process_kill(work->process);
    } else if (work->copy != NULL) {
        image_work_copy_cancel(work);
    } else {
        auth_cancel(TAKE(work->auth));
        loop_defer_cancel(call->engine->loop, image_work_fail, work);
        loop_defer(call->engine->loop, image_work_fail, work);
    }
}
