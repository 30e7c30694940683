/*
 * Building an image: the context becomes a tar on another thread, the engine's classic builder gets
 * it; a Dockerfile that only BuildKit understands goes the same way through the docker client,
 * because BuildKit does not speak the plain Engine API.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/docker/images_int.h"
#include "drivers/docker/labels.h"
#include "drivers/docker/query.h"
#include "spec/base/text.h"

#define OWN_ARGUMENTS 32 /* of the docker client, without build arguments */

extern char **environ;

/* ---- The context, on a worker thread -------------------------------------------------------- */

static void write_context(void *ctx)
{
    struct image_work *work = ctx;
    const struct context_reader *reader = &work->call->engine->contexts;

    if (reader->list(reader->self, work->call->call->action, &work->list, &work->failure) < 0)
        return;
    work->listed = true;
    if (context_write(reader, &work->list, &work->fd, &work->fd_size, &work->failure) < 0)
        return;
    work->written = true;
}

void image_work_build_release(struct image_work *work)
{
    const struct context_reader *reader = &work->call->engine->contexts;

    if (work->listed)
        reader->release(reader->self, &work->list);
}

/* ---- BuildKit ------------------------------------------------------------------------------- */

static void set_labels(const struct image_work *work, struct json *labels)
{
    const struct action *action = work->call->call->action;

    json_set_text(labels, LABEL_IMAGE_NAME, action->image_name);
    json_set_text(labels, LABEL_IMAGE_KEY, action->build_key);
    json_set_text(labels, LABEL_IMAGE_OWNER, work->call->engine->reader.owner);
}

static void on_client_line(void *ctx, const char *line, size_t size)
{
    struct image_work *work = ctx;

    (void)size;
    progress_line(&work->progress, line, image_work_line, work);
    image_work_progress(work);
}

static void on_client_done(void *ctx, const struct process_result *result,
                           const struct err *failure)
{
    struct image_work *work = ctx;
    struct err err = { 0 };

    (void)result;
    work->process = NULL;
    if (failure == NULL) {
        image_work_inspect(work);
    } else if (failure->code == ERR_FAILED) {
        (void)snprintf(work->progress.error, sizeof(work->progress.error),
                       "the docker client could not build it with BuildKit");
        (void)progress_fail(&work->progress, &err);
        image_work_done(work, &err);
    } else {
        image_work_done(work, failure);
    }
}

/* "KEY=VALUE" lists of the arguments after `flag`, into argv. */
static void add_pairs(struct arena *arena, const char **argv, size_t *count, const char *flag,
                      const struct json *pairs)
{
    const struct json *value;
    const char *key;

    for (void *at = NULL; (at = json_next(pairs, at, &key, &value)) != NULL;) {
        argv[(*count)++] = flag;
        argv[(*count)++] = arena_printf(arena, "%s=%s", key, json_as_text(value, ""));
    }
}

static const char **client_argv(const struct image_work *work, struct arena *arena)
{
    const struct image_build *build = &work->list.build;
    const char **argv = arena_array(arena, const char *, OWN_ARGUMENTS + 2 * build->args_count);
    AUTO(json) *labels = json_object();
    size_t count = 0;

    set_labels(work, labels);
    argv[count++] = "docker";
    argv[count++] = "build";
    argv[count++] = "--progress=plain";
    argv[count++] = "--tag";
    argv[count++] = work->reference;
    argv[count++] = "--file";
    argv[count++] = build->dockerfile;
    add_pairs(arena, argv, &count, "--label", labels);
    for (size_t i = 0; i < build->args_count; i++) {
        argv[count++] = "--build-arg";
        argv[count++] = arena_printf(arena, "%s=%s", build->args[i].key, build->args[i].value);
    }
    if (build->target != NULL)
        argv[count++] = arena_printf(arena, "--target=%s", build->target);
    if (build->platform != NULL)
        argv[count++] = arena_printf(arena, "--platform=%s", build->platform);
    argv[count++] = "-";
    ASSERT(count < OWN_ARGUMENTS + 2 * build->args_count);
    return argv;
}

/* Ours, but for the two that say how and where to build. */
static const char **client_env(const struct image_work *work, struct arena *arena)
{
    size_t count = 0;
    size_t kept = 0;

    while (environ[count] != NULL)
        count++;
    const char **env = arena_array(arena, const char *, count + 3);
    for (size_t i = 0; i < count; i++) {
        if (!text_starts(environ[i], "DOCKER_BUILDKIT=") &&
            !text_starts(environ[i], "DOCKER_HOST=") && !text_starts(environ[i], "DOCKER_CONTEXT="))
            env[kept++] = environ[i];
    }
    env[kept++] = "DOCKER_BUILDKIT=1";
    env[kept] = arena_printf(arena, "DOCKER_HOST=%s", docker_name(work->call->engine->docker));
    return env;
}

static void start_client(struct image_work *work)
{
    AUTO(arena) arena = { 0 };
    struct err err = { 0 };
    char classic[sizeof(work->progress.error)];
    struct process_options options = { .argv = client_argv(work, &arena),
                                       .env = client_env(work, &arena),
                                       .input = PROCESS_INPUT_FD,
                                       .input_fd = work->fd,
                                       .on_out_line = on_client_line,
                                       .on_error_line = on_client_line,
                                       .deadline_ms = work->call->call->timeout_ms,
                                       .done = on_client_done,
                                       .ctx = work };

    memcpy(classic, work->progress.error, sizeof(classic));
    progress_release(&work->progress);
    work->progress = (struct progress){ 0 };
    (void)lseek(work->fd, 0, SEEK_SET);
    work->process = process_start(work->call->engine->loop, &options, &err);
    if (work->process == NULL) {
        (void)err_wrap(&err, "%s; it needs BuildKit, which is reached through the docker client",
                       classic);
        image_work_done(work, &err);
    }
}

/* ---- The classic builder -------------------------------------------------------------------- */

static void on_built(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct engine_call *call = ctx;
    struct image_work *work = call->work;
    struct err err = { 0 };

    (void)answer;
    call->docker = NULL;
    if (failure != NULL && (failure->code == ERR_INVALID || failure->code == ERR_FAILED)) {
        /* What it cannot parse it refuses at once. */
        (void)snprintf(work->progress.error, sizeof(work->progress.error), "%s", failure->text);
        failure = NULL;
    }
    if (failure != NULL) {
        image_work_done(work, failure);
    } else if (work->progress.error[0] == '\0') {
        image_work_inspect(work);
    } else if (progress_needs_buildkit(&work->progress) && !call->cancelled) {
        start_client(work);
    } else {
        (void)progress_fail(&work->progress, &err);
        image_work_done(work, &err);
    }
}

static void send_build(struct image_work *work)
{
    const struct image_build *build = &work->list.build;
    AUTO(json) *labels = json_object();
    AUTO(json) *args = json_object();

    set_labels(work, labels);
    for (size_t i = 0; i < build->args_count; i++)
        json_set_text(args, build->args[i].key, build->args[i].value);
    docker_query_add(&work->query, "version", "1");
    docker_query_add(&work->query, "t", work->reference);
    docker_query_add(&work->query, "dockerfile", build->dockerfile);
    docker_query_add(&work->query, "target", build->target);
    docker_query_add(&work->query, "platform", build->platform);
    docker_query_add_json(&work->query, "buildargs", args);
    docker_query_add_json(&work->query, "labels", labels);
    docker_query_add_bool(&work->query, "rm", true);
    docker_query_add_bool(&work->query, "forcerm", true);
    image_work_send_build(work, on_built);
}

static void on_context(void *ctx, bool cancelled)
{
    struct image_work *work = ctx;

    work->job = NULL;
    if (cancelled || work->call->cancelled || work->call->engine->freeing) {
        (void)err_set(&work->failure, ERR_CANCELLED, "cancelled");
        image_work_fail(work);
    } else if (!work->written) {
        (void)err_wrap(&work->failure, "the build context");
        image_work_fail(work);
    } else {
        send_build(work);
    }
}

void image_work_build(struct image_work *work)
{
    work->job = worker_submit(work->call->engine->loop, write_context, on_context, work);
}
