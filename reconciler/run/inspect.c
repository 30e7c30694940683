/*
 * The engines are listed once by the same drivers that a run uses; without a single action.
 */
#include "reconciler/run/inspect.h"

#include <unistd.h>

#include "drivers/docker/sandbox_image.h"
#include "reconciler/memory/store.h"
#include "reconciler/run/fleet.h"
#include "reconciler/run/follow.h"
#include "spec/base/text.h"

#define ENGINES_MS 20000 /* for all of them together */

struct listing {
    struct loop *loop;
    struct driver *driver;
    struct world *world;
    struct timer timer;
};

/* Not from within the driver. */
static void look(void *context)
{
    struct listing *listing = context;

    if (fleet_is_known(listing->driver, listing->world))
        loop_stop(listing->loop);
}

static void on_change(void *context, const struct world_change *change)
{
    struct listing *listing = context;

    (void)world_apply(listing->world, change);
    if (change->kind == WORLD_LISTING_END || change->kind == WORLD_INSTANCE_LOST)
        loop_defer(listing->loop, look, listing);
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

/* One that answered is enough: what the others have is not known, and the plan says so. */
static int check_answers(const struct world *world, struct err *err)
{
    const char *failure = NULL;

    for (const struct world_instance *at = world->instances; at != NULL; at = at->by_name.next) {
        if (at->complete)
            return 0;
        failure = at->failure != NULL ? at->failure : failure;
    }
    return err_set(err, ERR_UNREACHABLE,
                   "the engine cannot be asked: %s (use --offline to compare two commits)",
                   failure == NULL ? "no answer" : failure);
}

static int list_engines(const struct run_options *options, const struct desired *desired,
                        const struct memory *memory, struct world *world, struct err *err)
{
    AUTO(loop) *loop = loop_new(err);
    struct listing listing = { .loop = loop, .world = world };
    const struct fleet_options fleet = {
        .loop = loop,
        .docker_host = options->docker_host,
        .mandate = { .owner = options->owner,
                     .sink = { .change = on_change, .output = on_output, .context = &listing } }
    };
    int status;

    if (loop == NULL)
        return -1;
    listing.driver = fleet_new(&fleet);
    status = fleet_set(listing.driver, desired->generation, memory, world, err);
    if (status == 0) {
        driver_start(listing.driver);
        timer_start(loop, &listing.timer, ENGINES_MS, on_timeout, &listing);
        loop_run(loop);
    }
    timer_stop(&listing.timer);
    loop_defer_cancel(loop, look, &listing);
    driver_free(listing.driver);
    return status < 0 ? -1 : check_answers(world, err);
}

struct remembered {
    struct memory *memory;
    struct store_progress progress;
    struct arena arena; /* of the progress */
    struct secrets *secrets;
};

static void remembered_release(struct remembered *remembered)
{
    memory_free(remembered->memory);
    secrets_free(remembered->secrets);
    arena_release(&remembered->arena);
}
DEFINE_AUTO_VALUE(remembered, remembered_release)

/* What was never applied has nothing to remember, and reading must not begin a state. */
static int remember(const struct run_options *options, struct remembered *out, struct err *err)
{
    const struct store_identity identity = { "berth plan", loop_wall_ms() };
    AUTO(store) *store = NULL;
    unsigned char key[STORE_KEY_BYTES];

    out->memory = memory_new();
    if (access(options->state_dir, F_OK) < 0)
        return 0;
    store = store_open(options->state_dir, options->owner, &identity, err);
    if (store == NULL || store_load(store, out->memory, err) < 0 ||
        store_progress_read(store, &out->arena, &out->progress, err) < 0 ||
        store_secret_key(store, key, err) < 0)
        return -1;
    out->secrets = secrets_new(key, sizeof(key));
    explicit_bzero(key, sizeof(key));
    return 0;
}

static int inspect_live(const struct run_options *options,
                        const struct source_options *source_options, struct inspection *out,
                        struct err *err)
{
    AUTO(remembered) remembered = { 0 };
    AUTO(world) *world = world_new(NULL, NULL);
    char sandbox[SANDBOX_TAG_SIZE];
    struct plan_input input;
    struct preview_base base = { 0 };

    if (remember(options, &remembered, err) < 0)
        return -1;
    const struct snapshot_request request = { .source = source_options,
                                              .ref = options->ref,
                                              .since = remembered.progress.applied,
                                              .read_since = true,
                                              .confirmed = remembered.progress.confirmed,
                                              .root = remembered.progress.root,
                                              .secrets = remembered.secrets };
    if (snapshot_load(&request, &out->diags, &out->after, err) < 0 ||
        list_engines(options, out->after.desired, remembered.memory, world, err) < 0)
        return -1;
    desired_trust(out->after.desired, NULL, remembered.memory);
    sandbox_image_tag(sandbox);
    input = (struct plan_input){ .desired = out->after.desired,
                                 .world = world,
                                 .memory = remembered.memory,
                                 .owner = options->owner,
                                 .root = out->after.root,
                                 .take_over = options->take_over,
                                 .prune_allowed = out->after.confirmed,
                                 .sandbox = sandbox,
                                 .now_ms = loop_wall_ms() };
    base.in_force = out->after.since;
    if (out->after.since_err.code != ERR_OK)
        base.unreadable = arena_printf(&out->arena, "commit %.8s, which is in force: %s",
                                       remembered.progress.applied, out->after.since_err.text);
    preview_compute(&input, &base, &out->arena, &out->preview);
    return 0;
}

static int inspect_offline(const struct run_options *options,
                           const struct source_options *source_options, struct inspection *out,
                           struct err *err)
{
    AUTO(memory) *memory = memory_new();
    AUTO(world) *world = world_new(NULL, NULL);
    const struct snapshot_request before = { .source = source_options,
                                             .ref = options->base != NULL ? options->base
                                                                          : options->ref,
                                             .parent = options->base == NULL };
    struct snapshot_request after = { .source = source_options, .ref = options->ref };
    struct plan_input input;

    if (snapshot_load(&before, &out->diags, &out->before, err) < 0)
        return err_wrap(err, "what it is compared with, %s",
                        options->base != NULL ? options->base
                                              : "its parent (--base names another commit)");
    diag_release(&out->diags); /* they are not of the commit that is asked about */
    if (out->before.commit != NULL)
        after.since = out->before.commit->items[0].id;
    if (snapshot_load(&after, &out->diags, &out->after, err) < 0)
        return -1;
    input = (struct plan_input){ .desired = out->after.desired,
                                 .world = world,
                                 .memory = memory,
                                 .owner = options->owner,
                                 .prune_allowed = out->after.confirmed,
                                 .now_ms = loop_wall_ms() };
    preview_compute(&input, &(struct preview_base){ .before = out->before.desired }, &out->arena,
                    &out->preview);
    return 0;
}

int inspect(const struct run_options *options, struct inspection *out, struct err *err)
{
    const struct source_options source_options = follow_options(options);
    int status;

    if (source_global_init(err) < 0)
        return -1;
    status = options->offline || options->base != NULL
                 ? inspect_offline(options, &source_options, out, err)
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
