/*
 * The engine is listed once by the same driver that a run uses; without a single action.
 */
#include "reconciler/run/inspect.h"

#include <unistd.h>

#include "drivers/fargate/fargate.h"
#include "reconciler/memory/store.h"
#include "reconciler/run/follow.h"
#include "spec/base/text.h"

#define ENGINE_MS 15000

struct listing {
    struct loop *loop;
    struct world *world;
    struct timer timer;
    bool complete;
    char *failure;
};

static void on_change(void *context, const struct world_change *change)
{
    struct listing *listing = context;

    (void)world_apply(listing->world, change);
    if (change->kind == WORLD_LISTING_END) {
        listing->complete = true;
        loop_stop(listing->loop);
    }
    if (change->kind == WORLD_INSTANCE_LOST)
        loop_stop(listing->loop);
}

static void on_output(void *context, const char *object, const char *line)
{
    (void)context;
    (void)object;
    (void)line;
}

static void on_timeout(void *context)
{
    struct listing *listing = context;

    loop_stop(listing->loop);
}

static int list_engine(const struct run_options *options, struct world *world, struct err *err)
{
    AUTO(loop) *loop = loop_new(err);
    struct listing listing = { .loop = loop, .world = world };
    const struct fargate_options engine = { .loop = loop,
                                            .docker_host = options->docker_host,
                                            .owner = options->owner,
                                            .sink = { on_change, on_output, &listing } };
    struct driver *driver;
    const struct world_instance *instance;

    if (loop == NULL || fargate_new(&engine, &driver, err) < 0)
        return -1;
    driver_start(driver);
    timer_start(loop, &listing.timer, ENGINE_MS, on_timeout, &listing);
    loop_run(loop);
    timer_stop(&listing.timer);
    driver_free(driver);
    if (listing.complete)
        return 0;
    instance = world->instances;
    return err_set(err, ERR_UNREACHABLE,
                   "the engine cannot be asked: %s (use --offline to compare "
                   "two commits)",
                   instance == NULL || instance->failure == NULL ? "no answer" : instance->failure);
}

static int inspect_live(const struct run_options *options,
                        const struct source_options *source_options, struct inspection *out,
                        struct err *err)
{
    AUTO(memory) *memory = memory_new();
    AUTO(world) *world = world_new(NULL, NULL);
    struct secrets *secrets = NULL;
    struct plan_input input;
    int status = 0;

    /* What was never applied has nothing to remember, and reading must not begin a state. */
    if (access(options->state_dir, F_OK) == 0) {
        const struct store_identity identity = { "berth plan", loop_wall_ms() };
        AUTO(store) *store = store_open(options->state_dir, options->owner, &identity, err);
        unsigned char key[STORE_KEY_BYTES];

        if (store == NULL || store_load(store, memory, err) < 0 ||
            store_secret_key(store, key, err) < 0)
            return -1;
        secrets = secrets_new(key, sizeof(key));
    }
    if (snapshot_load(source_options, options->ref, /* parent= */ false, secrets, &out->diags,
                      &out->after, err) < 0 ||
        list_engine(options, world, err) < 0)
        status = -1;
    secrets_free(secrets);
    if (status < 0)
        return -1;
    input = (struct plan_input){ .desired = out->after.desired,
                                 .world = world,
                                 .memory = memory,
                                 .owner = options->owner,
                                 .now_ms = loop_wall_ms() };
    preview_compute(&input, NULL, &out->arena, &out->preview);
    return 0;
}

static int inspect_offline(const struct run_options *options,
                           const struct source_options *source_options, struct inspection *out,
                           struct err *err)
{
    AUTO(memory) *memory = memory_new();
    AUTO(world) *world = world_new(NULL, NULL);
    const char *base = options->base != NULL ? options->base : options->ref;
    struct plan_input input;

    if (snapshot_load(source_options, options->ref, /* parent= */ false, NULL, &out->diags,
                      &out->after, err) < 0 ||
        snapshot_load(source_options, base, /* parent= */ options->base == NULL, NULL, &out->diags,
                      &out->before, err) < 0)
        return -1;
    input = (struct plan_input){ .desired = out->after.desired,
                                 .world = world,
                                 .memory = memory,
                                 .owner = options->owner,
                                 .now_ms = loop_wall_ms() };
    preview_compute(&input, out->before.desired, &out->arena, &out->preview);
    return 0;
}

int inspect(const struct run_options *options, struct inspection *out, struct err *err)
{
    const struct source_options source_options = follow_options(options);
    int status;

    if (source_global_init(err) < 0)
        return -1;
    status = options->offline ? inspect_offline(options, &source_options, out, err)
                              : inspect_live(options, &source_options, out, err);
    source_global_exit();
    return status;
}

void inspection_release(struct inspection *inspection)
{
    snapshot_release(&inspection->before);
    snapshot_release(&inspection->after);
    diag_release(&inspection->diags);
    arena_release(&inspection->arena);
}
