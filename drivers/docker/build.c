/*
 * Building an image: the context becomes a tar on another thread, the engine's classic builder gets
 * it; a Dockerfile that only BuildKit understands goes the same way through the docker client,
 * because BuildKit does not speak the plain Engine API.  What is seen to need BuildKit goes there
 * at once; what the classic builder refuses goes there then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/docker/dockerfile.h"
#include "drivers/docker/images_int.h"
#include "drivers/docker/labels.h"
#include "drivers/docker/query.h"
#include "spec/base/text.h"

#define OWN_ARGUMENTS 32 /* of the docker client, without build arguments */
#define HEADER_CONFIG "X-Registry-Config: "

/* What the client of Docker 23 and later says when its BuildKit is not installed. */
#define NO_BUILDX "buildx component is missing"
#define HOW_TO_BUILDX                                                                              \
    "install the buildx plugin of the docker client (package docker-buildx-plugin or "             \
    "docker-buildx), or Debian 12's docker.io, whose client needs none"

/* ---- The context, on a worker thread -------------------------------------------------------- */

/* NULL: nothing is known that would speak against the classic builder. */
static int find_reason(struct image_work *work, struct err *err)
{
    const struct context_reader *reader = &work->call->engine->contexts;
    const struct context_list *list = &work->list;

    for (size_t i = 0; i < list->count; i++) {
        const void *bytes = NULL;
        const char *flag;

        if (!text_equal(list->entries[i].path, list->build.dockerfile))
            continue;
        if (reader->read(reader->self, &work->list, &list->entries[i], &bytes, err) < 0)
            return err_wrap(err, "'%s'", list->entries[i].path);
        flag = dockerfile_buildkit_flag(bytes, list->entries[i].size);
        if (flag != NULL)
            work->reason = mem_text(flag);
        return 0;
    }
    return 0;
}

static void write_context(void *ctx)
{
    struct image_work *work = ctx;
    const struct context_reader *reader = &work->call->engine->contexts;

    if (reader->list(reader->self, work->call->call->action, &work->list, &work->failure) < 0)
        return;
    work->listed = true;
    if (find_reason(work, &work->failure) < 0)
        return;
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
    progress_client_line(&work->progress, line, image_work_line, work);
    image_work_progress(work);
}

static void fail_client(struct image_work *work, const struct err *failure)
{
    struct err err = { 0 };

    if (work->progress.tail.size > 0 && strstr(buf_text(&work->progress.tail), NO_BUILDX) != NULL) {
        (void)err_set(&err, ERR_NOT_FOUND,
                      "it needs BuildKit (%s), which the docker client found in PATH lacks: %s",
                      work->reason, HOW_TO_BUILDX);
        image_work_done(work, &err);
        return;
    }
    progress_client_error(&work->progress);
    if (failure->code != ERR_FAILED)
        err = *failure;
    else
        (void)progress_fail(&work->progress, &err);
    image_work_done(work, &err);
}

static void on_client_done(void *ctx, const struct process_result *result,
                           const struct err *failure)
{
    struct image_work *work = ctx;

    (void)result;
    work->process = NULL;
    if (failure == NULL)
        image_work_inspect(work);
    else
        fail_client(work, failure);
}

/* Variables that tell the client itself, or the programs it starts, how to work.  A build argument
 * of such a name cannot go through its environment.  A proxy does: its address may have a password,
 * and where a build reaches registries through it, so does the client that logs in to them. */
static bool steers_client(const char *name)
{
    static const char *const names[] = { "PATH",       "HOME",       "TMPDIR", "NO_PROXY",
                                         "no_proxy",   "GODEBUG",    "GOGC",   "GOMAXPROCS",
                                         "GOMEMLIMIT", "GOTRACEBACK" };
    static const char *const prefixes[] = { "DOCKER_", "BUILDX_", "BUILDKIT_",
                                            "LD_",     "XDG_",    "SSL_CERT_" };

    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (text_equal(name, names[i]))
            return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        if (text_starts(name, prefixes[i]))
            return true;
    }
    return false;
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
        const struct pair *arg = &build->args[i];

        /* Without a value it takes the one in its environment: a command line is everybody's. */
        argv[count++] = "--build-arg";
        argv[count++] =
            steers_client(arg->key) ? arena_printf(arena, "%s=%s", arg->key, arg->value) : arg->key;
    }
    if (build->target != NULL)
        argv[count++] = arena_printf(arena, "--target=%s", build->target);
    if (build->platform != NULL)
        argv[count++] = arena_printf(arena, "--platform=%s", build->platform);
    argv[count++] = "-";
    ASSERT(count < OWN_ARGUMENTS + 2 * build->args_count);
    return argv;
}

static bool is_build_arg(const struct image_build *build, const char *variable)
{
    size_t length = strcspn(variable, "=");

    for (size_t i = 0; i < build->args_count; i++) {
        const char *name = build->args[i].key;

        if (strlen(name) == length && strncmp(name, variable, length) == 0)
            return !steers_client(name);
    }
    return false;
}

/* An engine over TCP is reached directly, by the client as by us, whatever proxy a build has. */
static const char *no_proxy(const struct image_work *work, struct arena *arena)
{
    const char *host = docker_where(work->call->engine->docker)->host;
    const char *ours = getenv("NO_PROXY");

    if (ours == NULL)
        ours = getenv("no_proxy");
    if (ours == NULL || ours[0] == '\0')
        return arena_printf(arena, "NO_PROXY=%s", host != NULL ? host : "");
    return arena_printf(arena, "NO_PROXY=%s%s%s", ours, host != NULL ? "," : "",
                        host != NULL ? host : "");
}

/* Ours, but for what says how, where and for what to build, and the build arguments. */
static const char **client_env(const struct image_work *work, struct arena *arena)
{
    static const char *const set[] = { "DOCKER_BUILDKIT=", "DOCKER_HOST=",
                                       "DOCKER_CONTEXT=",  "DOCKER_DEFAULT_PLATFORM=",
                                       "BUILDX_BUILDER=",  "NO_PROXY=" };
    const struct image_build *build = &work->list.build;
    size_t count = 0;
    size_t kept = 0;

    while (environ[count] != NULL)
        count++;
    const char **env = arena_array(arena, const char *, count + build->args_count + 4);
    for (size_t i = 0; i < count; i++) {
        bool keep = !is_build_arg(build, environ[i]);
        for (size_t k = 0; k < ARRAY_COUNT(set); k++)
            keep = keep && !text_starts(environ[i], set[k]);
        if (keep)
            env[kept++] = environ[i];
    }
    for (size_t i = 0; i < build->args_count; i++) {
        const struct pair *arg = &build->args[i];
        if (!steers_client(arg->key))
            env[kept++] = arena_printf(arena, "%s=%s", arg->key, arg->value);
    }
    env[kept++] = "DOCKER_BUILDKIT=1";
    env[kept++] = no_proxy(work, arena);
    env[kept] = arena_printf(arena, "DOCKER_HOST=%s", docker_name(work->call->engine->docker));
    return env;
}

static void start_client(struct image_work *work)
{
    AUTO(arena) arena = { 0 };
    struct err err = { 0 };
    struct process_options options = { .argv = client_argv(work, &arena),
                                       .env = client_env(work, &arena),
                                       .input = PROCESS_INPUT_FD,
                                       .input_fd = work->fd,
                                       .on_out_line = on_client_line,
                                       .on_error_line = on_client_line,
                                       .deadline_ms = work->call->call->timeout_ms,
                                       .done = on_client_done,
                                       .ctx = work };

    if (work->reason == NULL)
        work->reason = mem_text(work->progress.error);
    progress_release(&work->progress);
    work->progress = (struct progress){ 0 };
    (void)lseek(work->fd, 0, SEEK_SET);
    work->process = process_start(work->call->engine->loop, &options, &err);
    if (work->process == NULL) {
        (void)err_wrap(&err,
                       "it needs BuildKit (%s), which is reached through the docker client: %s",
                       work->reason, HOW_TO_BUILDX);
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
        if (err.code == ERR_DENIED && work->no_login.code != ERR_OK)
            (void)err_wrap(&err, "%s", work->no_login.text);
        image_work_done(work, &err);
    }
}

static void send_build(struct image_work *work, const char *const *headers)
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
    image_work_send_build(work, headers, on_built);
}

static void on_logins(void *ctx, char *header, const struct err *failure)
{
    struct image_work *work = ctx;
    size_t size = sizeof(HEADER_CONFIG) + strlen(header);
    char *line = mem_alloc(size);
    const char *headers[] = { line, NULL };

    work->auth = NULL;
    if (failure != NULL)
        work->no_login = *failure;
    (void)snprintf(line, size, HEADER_CONFIG "%s", header);
    text_wipe(header);
    send_build(work, headers);
    text_wipe(line);
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
    } else if (work->reason != NULL) {
        start_client(work);
    } else {
        work->auth = auth_start_all(work->call->engine->loop, on_logins, work);
    }
}

void image_work_build(struct image_work *work)
{
    work->job = worker_submit(work->call->engine->loop, write_context, on_context, work);
}
