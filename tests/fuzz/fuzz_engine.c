/*
 * An Engine that answers anything: the first line is the action that is asked of it, the rest a
 * script of answers (fake_http.h), from the agreement on a version on.  A call ends once, whatever
 * comes, and what is reported is a world.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/engine.h"
#include "reconciler/plan/goal.h"
#include "tests/fuzz/fake_http.h"

#define HEX32 "0123456789abcdef0123456789abcdef"

static const char manifest[] =
    "apiVersion: berth/v1\nkind: Cluster\nmetadata: {name: default}\n"
    "spec: {launchType: FARGATE}\n"
    "---\napiVersion: berth/v1\nkind: Task\nmetadata: {name: web}\n"
    "spec:\n  cpu: 256\n  memory: 512\n  networkMode: awsvpc\n"
    "  containerDefinitions:\n    - {name: main, image: example/main:1}\n"
    "    - {name: side, image: example/side:1, environment: {COLOR: blue}}\n"
    "---\napiVersion: berth/v1\nkind: Service\nmetadata: {name: web}\n"
    "spec: {cluster: default, taskDefinition: web, desiredCount: 2}\n";

static struct goal *make_goal(void)
{
    struct file_change file = {
        .path = "all.yaml", .blob = "1", .bytes = manifest, .size = sizeof(manifest) - 1
    };
    AUTO(arena) arena = { 0 };
    AUTO(diag_list) diags = { 0 };
    AUTO(generation) *generation = NULL;
    AUTO(buf) text = { 0 };
    struct err err = { 0 };
    int result = generation_derive(NULL, "1", &file, 1, &diags, &generation, &err);

    ASSERT(result == 0);
    buf_init(&text, FUZZ_PRINTED_MAX);
    target_print(target_make(generation, generation_find(generation, KIND_SERVICE, "web"), NULL,
                             NULL, &arena),
                 &text);
    return goal_parse(text.data, text.size, &err);
}

struct scene {
    struct loop *loop;
    struct http *http;
    struct engine *engine;
    struct world *world;
    int ended;
};

static void on_change(void *context, const struct world_change *change)
{
    struct scene *scene = context;

    (void)world_apply(scene->world, change);
}

static void on_output(void *context, const char *object, const char *line)
{
    (void)context;
    ASSERT(object != NULL);
    for (; *line != '\0'; line++)
        ASSERT((unsigned char)*line >= ' ' || *line == '\t');
}

static void on_done(struct driver_call *call, const struct err *failure)
{
    struct scene *scene = call->context;

    ASSERT(failure == NULL || failure->code != ERR_OK);
    scene->ended++;
}

static void set_up(struct scene *scene)
{
    struct engine_options options = {
        .docker_host = "unix:///engine.sock",
        .instance = "local",
        .mandate = { .owner = "demo",
                     .root_commit = HEX32,
                     .sink = { .change = on_change, .output = on_output, .context = scene } }
    };
    struct err err = { 0 };

    scene->loop = loop_new(&err);
    scene->http = http_new(scene->loop, &err);
    scene->world = world_new(NULL, NULL);
    options.http = scene->http;
    int result = engine_new(&options, &scene->engine, &err);
    ASSERT(result == 0);
    engine_start(scene->engine);
    fake_http_settle(scene->loop);
}

/* Ends in any case: by itself, or because it is cancelled. */
static void finish_call(struct scene *scene, struct driver_call *call)
{
    fake_http_settle(scene->loop);
    if (scene->ended == 0) {
        engine_cancel(call);
        fake_http_settle(scene->loop);
    }
    ASSERT(scene->ended == 1);
    scene->ended = 0;
}

static void apply(struct scene *scene, const struct action *action)
{
    struct driver_call call = {
        .action = action, .timeout_ms = 1000, .done = on_done, .context = scene
    };
    struct err err = { 0 };

    if (engine_apply(scene->engine, &call, &err) == 0)
        finish_call(scene, &call);
    else
        ASSERT(err.code != ERR_OK && scene->ended == 0);
}

static void observe(struct scene *scene)
{
    struct driver_call call = { .timeout_ms = 1000, .done = on_done, .context = scene };
    struct err err = { 0 };

    if (engine_observe(scene->engine, &call, &err) == 0)
        finish_call(scene, &call);
}

static void tear_down(struct scene *scene)
{
    engine_free(scene->engine, NULL, NULL);
    fake_http_settle(scene->loop);
    ASSERT(fake_http_open() == 0);
    http_free(scene->http);
    loop_free(scene->loop);
    world_free(scene->world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct goal *goal;
    struct fuzz_input input = { data, size };
    uint32_t kind = fuzz_choice(&input, ACTION_KIND_COUNT);
    struct scene scene = { 0 };
    struct action action = { .kind = (enum action_kind)kind,
                             .instance = "local",
                             .object = "object",
                             .cause = "a test",
                             .identity = { .task = HEX32,
                                           .slot = 1,
                                           .attempt = 1,
                                           .deployment = HEX32,
                                           .commit = HEX32 },
                             .container = size % 2,
                             .image_id = "sha256:1",
                             .network = "berth-demo-default",
                             .container_id = HEX32 HEX32,
                             .stop_timeout_s = 1,
                             .reference = "registry.example/web:1",
                             .name = "berth-demo",
                             .cluster = "default",
                             .service = "web" };

    if (goal == NULL) {
        goal = make_goal();
        /* Nobody has logged in. */
        (void)setenv("DOCKER_CONFIG", "/nonexistent", 1); /* NOLINT(concurrency-mt-unsafe) */
    }
    action.goal = goal;
    action.target = goal->target;
    fake_http_script(input.data, input.size, /* may_stay_open= */ true);
    set_up(&scene);
    /* A build and a copy need files and a thread: see fuzz_progress and fuzz_image_tar. */
    if (action.kind != ACTION_IMAGE_BUILD && action.kind != ACTION_IMAGE_COPY)
        apply(&scene, &action);
    observe(&scene);
    tear_down(&scene);
    return 0;
}
