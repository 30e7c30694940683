/*
 * The program as a whole: what it is made of, how it starts, and how it ends.
 */
#include "reconciler/run/app.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/sandbox_image.h"
#include "reconciler/metrics/metrics.h"
#include "reconciler/plan/maintenance.h"
#include "reconciler/run/builds.h"
#include "reconciler/run/cycle.h"
#include "reconciler/run/execute.h"
#include "reconciler/run/fleet.h"
#include "reconciler/run/follow.h"
#include "reconciler/run/installer.h"
#include "reconciler/run/log.h"
#include "reconciler/run/recall.h"
#include "reconciler/run/sampler.h"
#include "reconciler/run/say.h"
#include "reconciler/run/scaling.h"
#include "reconciler/run/secrets.h"
#include "reconciler/run/tell.h"
#include "reconciler/run/upkeep.h"
#include "reconciler/run/zones.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define LINE_BYTES (64 * 1024)
#define WIND_UP_MS 10 /* between two looks at what still runs while stopping */

static void say(struct app *app, const char *topic, const struct log_fields *fields,
                const char *text)
{
    log_line(app->options, topic, fields, text);
    for (const struct app_listener *at = app->listeners; at != NULL; at = at->next)
        at->line(at->context, topic, text);
}

void app_say(struct app *app, const char *topic, const char *format, ...)
{
    AUTO(buf) text = { 0 };
    va_list arguments;

    buf_init(&text, LINE_BYTES);
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    say(app, topic, /* fields= */ NULL, buf_text(&text));
}

void app_tell(struct app *app, const char *topic, const struct log_fields *fields,
              const char *format, ...)
{
    AUTO(buf) text = { 0 };
    va_list arguments;

    buf_init(&text, LINE_BYTES);
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    say(app, topic, fields, buf_text(&text));
}

struct plan_input app_plan_input(const struct app *app)
{
    struct plan_input input = { .desired = app->desired,
                                .world = app->world,
                                .memory = app->memory,
                                .owner = app->options->owner,
                                .root = app->progress.root,
                                .take_over = app->options->take_over,
                                .prune_allowed = app->prune_allowed,
                                .sandbox = app->sandbox,
                                .now_ms = loop_wall_ms() };

    input.recalled_count = recall_goals(app->recall, &input.recalled);
    return input;
}

bool app_may_plan(struct app *app)
{
    return app->recall == NULL || recall_allows(app->recall);
}

/* An engine was listed once, whatever became of it. */
static bool is_seen(const struct app *app)
{
    for (const struct world_instance *at = app->world->instances; at != NULL;
         at = at->by_name.next) {
        if (at->was_complete)
            return true;
    }
    return false;
}

/* `apply` waits for an engine that comes back, not for engines of which none ever answered. */
static void give_up(void *context)
{
    struct app *app = context;

    if (app->stopping || is_seen(app) || !fleet_is_known(app->driver, app->world) ||
        installer_is_busy(app->installer))
        return;
    for (const struct world_instance *at = app->world->instances; at != NULL; at = at->by_name.next)
        app_tell(app, "error", &(struct log_fields){ .instance = at->name },
                 "the engine cannot be asked: %s", at->failure == NULL ? "no answer" : at->failure);
    app_stop(app, APP_FAILED);
}

/* ---- Which instances there are --------------------------------------------------------------- */

/* So that the next process dials them at once, and knows those that left. */
static void remember_fleet(struct app *app)
{
    char *state = fleet_state(app->driver);
    struct err err;

    if (text_equal(state, app->fleet_state)) {
        free(state);
        return;
    }
    free(app->fleet_state);
    app->fleet_state = state;
    if (store_fleet_write(app->store, state, &err) < 0)
        app_say(app, "warning", "state: %s", err.text);
}

static int set_fleet(struct app *app, struct err *err)
{
    if (fleet_set(app->driver, app->desired->generation, app->memory, app->world, err) < 0)
        return -1;
    remember_fleet(app);
    installer_stir(app->installer);
    if (app->options->once) /* what is remembered was dialled before, in vain perhaps */
        loop_defer(app->loop, give_up, app);
    return 0;
}

int app_forget_host(struct app *app, const char *instance, struct err *err)
{
    const struct world_instance *seen = world_instance(app->world, instance);
    const struct host_record *known = memory_host(app->memory, instance);
    const struct maintenance *maintenance = known == NULL ? NULL : known->maintenance;
    const struct host_record record = { .instance = instance,
                                        .forgotten_ms = loop_wall_ms(),
                                        /* A command may still run there, or its failure stands. */
                                        .maintenance =
                                            maintenance_is_open(maintenance) ? maintenance : NULL };
    const struct fact fact = { .kind = FACT_HOST,
                               .durable = true,
                               .at_ms = record.forgotten_ms,
                               .host = &record,
                               .text = "given up: what was there counts as gone" };

    if (app->driver == NULL || app->desired == NULL)
        return err_set(err, ERR_CONFLICT, "no commit is in force yet");
    if (text_equal(instance, LOCAL_INSTANCE))
        return err_set(err, ERR_INVALID, "'%s' is the local engine", instance);
    if (fleet_host(app->driver, instance) == NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no instance '%s'", instance);
    if (seen != NULL && seen->state == INSTANCE_ACTIVE)
        return err_set(err, ERR_CONFLICT,
                       "instance '%s' answers: `state: DRAINING` empties it, and one that no "
                       "manifest lists goes when it is empty",
                       instance);
    /* Known before it is done: a process that is killed in between drops it when it comes back. */
    if (cycle_state(app->cycle, &fact, 1, err) < 0 ||
        fleet_forget(app->driver, instance, err) < 0 || set_fleet(app, err) < 0)
        return -1;
    cycle_mark_all(app->cycle);
    return 0;
}

static void let_go(void *context)
{
    struct app *app = context;
    struct err err;

    app->letting_go = false;
    if (!app->stopping && app->desired != NULL && set_fleet(app, &err) < 0)
        app_say(app, "error", "%s", err.text);
}

/* Of instances that left the repository and may be empty now; not from within the driver. */
static void let_go_soon(struct app *app)
{
    if (!app->letting_go)
        loop_defer(app->loop, let_go, app);
    app->letting_go = true;
}

/* ---- What drivers report --------------------------------------------------------------------- */

static void on_change(void *context, const struct world_change *change)
{
    struct app *app = context;

    cycle_check_clock(app->cycle); /* before anything is told by it */
    app->reporting = change->kind >= WORLD_BALANCERS_KNOWN
                         ? BALANCER_HOST
                         : change->named.instance; /* the first member of all */
    say_report(app, change);
    if (change->kind == WORLD_INSTANCE_LOST) {
        installer_stir(app->installer); /* first: what it begins is no reason to give up */
        if (app->options->once)
            loop_defer(app->loop, give_up, app); /* not from within the driver */
    }
    (void)world_apply(app->world, change);
    app->reporting = NULL;
    if (change->kind == WORLD_BALANCERS_KNOWN)
        cycle_mark_all(app->cycle);
    if (change->kind == WORLD_EFFORT) {
        outputs_begin(&app->outputs, &change->effort);
        tell_stir(app->teller); /* how far it is dirties nothing */
    }
    if (change->kind == WORLD_LISTING_BEGIN || change->kind == WORLD_LISTING_END)
        cycle_listing(app->cycle, change->named.instance, change->kind == WORLD_LISTING_BEGIN);
    if ((change->kind == WORLD_CONTAINER_GONE || change->kind == WORLD_LISTING_END) &&
        app->driver != NULL && fleet_has_leaving(app->driver))
        let_go_soon(app);
}

static void on_output(void *context, const char *object, const char *line)
{
    struct app *app = context;

    outputs_add(&app->outputs, object, line);
    if (line[0] == '\0' || (!app->options->is_verbose && output_is_about_layers(line)))
        return;
    app_tell(app, "build", &(struct log_fields){ .object = object }, "%s: %s", object, line);
}

static void on_note(void *context, const char *instance, const char *text)
{
    app_tell(context, "warning", &(struct log_fields){ .instance = instance }, "%s: %s", instance,
             text);
}

static void on_dirty(void *context, enum dirty_kind kind, const char *key)
{
    struct app *app = context;

    cycle_disturb(app->cycle, app->reporting);
    cycle_mark(app->cycle, kind, key);
}

/* ---- What the follower and people ask ---------------------------------------------------------
 * */

static void on_desired_changed(void *context, const char *key)
{
    struct app *app = context;

    cycle_mark(app->cycle, plan_unit_kind(key), key);
}

/* The repository's root commit is known. */
static void make_fleet(struct app *app, const char *root)
{
    const struct fleet_options options = {
        .loop = app->loop,
        .docker_host = app->options->docker_host,
        .mandate = { .owner = app->options->owner,
                     .root_commit = root,
                     .holds = true,
                     .reader = builds_reader(app->builds),
                     .secret = secret_read,
                     .secret_context = app->secrets,
                     .sink = { .change = on_change,
                               .output = on_output,
                               .note = on_note,
                               .sample = sampler_take,
                               .context = app } },
    };

    ASSERT(app->driver == NULL && root[0] != '\0');
    app->driver = fleet_new(&options);
    if (app->fleet_state != NULL)
        fleet_restore(app->driver, app->fleet_state);
    driver_start(app->driver);
    sampler_start(app->sampler);
}

struct desired *app_desire(struct app *app, struct generation *generation, struct diag_list *diags)
{
    AUTO(desired) *desired =
        desired_make(generation, app->desired, app->memory, secret_digest, app->secrets, diags);

    if (desired == NULL || desired_read_zones(desired, zone_read, NULL, diags) < 0)
        return NULL;
    desired_trust(desired, app->desired, app->memory);
    for (const struct desired_service *at = desired->services; at != NULL; at = at->by_key.next) {
        if (at->is_blind)
            app_tell(app, "warning", NULL,
                     "a secret of service %s cannot be read: what runs is kept, and no task can be "
                     "started",
                     at->goal->target->service);
    }
    return TAKE(desired);
}

void app_adopt(struct app *app, struct desired *desired, bool prune_allowed)
{
    struct desired *before = app->desired;
    struct err err;

    app->prune_allowed = prune_allowed || app->options->confirm_removals;
    app->desired = desired;
    if (before == NULL || app->prune_allowed) { /* what was held may go */
        cycle_mark_all(app->cycle);
    } else {
        desired_compare(before, app->desired, on_desired_changed, app);
    }
    cycle_renew(app->cycle);
    tell_renew(app->teller);
    desired_free(before);
    scaler_renew(app->scaler);
    if (app->driver == NULL)
        make_fleet(app, app->progress.root);
    if (set_fleet(app, &err) < 0) {
        app_say(app, "error", "%s", err.text);
        app_stop(app, APP_FAILED);
    }
}

/* ---- An end for `apply` ---------------------------------------------------------------------- */

static void say_lines(struct app *app, const char *key, const struct json *list)
{
    AUTO(arena) arena = { 0 };

    for (size_t i = 0; i < json_count(list); i++)
        app_tell(app, "error", &(struct log_fields){ .service = key }, "%s: %s", key,
                 app_lines_text(json_at(list, i), &arena));
}

/* Why services are not as they should be. */
static void say_undone(struct app *app)
{
    AUTO(json) *undone = app->desired == NULL ? json_array() : app_undone(app);
    AUTO(arena) arena = { 0 };

    for (size_t i = 0; i < json_count(undone); i++) {
        const struct json *item = json_at(undone, i);
        const char *reason = json_text(item, "reason");
        const char *key = unit_key(&arena, json_text(item, "cluster"), json_text(item, "service"));

        if (reason != NULL)
            app_tell(app, "error", &(struct log_fields){ .service = key }, "%s: %s", key, reason);
        say_lines(app, key, json_get(item, "lastLines"));
    }
}

/* A repository or a folder that was meant to be another one converges too. */
static void say_converged(struct app *app, const struct app_verdict *verdict)
{
    const char *commit = generation_commit(app->desired->generation);
    struct log_fields fields = { .commit = commit };

    if (verdict->services == 0)
        app_tell(app, "commit", &fields, "%.8s converged: it declares no service%s%s", commit,
                 text_is_empty(app->options->path) ? "" : " under ",
                 text_is_empty(app->options->path) ? "" : app->options->path);
    else
        app_tell(app, "commit", &fields, "%.8s converged: %zu %s steady%s", commit,
                 verdict->services, verdict->services == 1 ? "service is" : "services are",
                 verdict->rolled_back > 0 ? ", some of them rolled back" : "");
    upkeep_tell_rest(app);
}

void app_settled(struct app *app, bool converged)
{
    struct app_verdict verdict;

    tell_stir(app->teller);
    if (app->desired == NULL || (!converged && !app->options->once))
        return;
    verdict = app_judge(app);
    if (converged)
        say_converged(app, &verdict);
    if (app->options->once && cycle_is_refused(app->cycle)) {
        app_stop(app, APP_FAILED);
        return;
    }
    if (!app->options->once || verdict.pending > 0 || executor_in_flight(app->executor) > 0)
        return;
    /* Until then nobody knows what a service waits for. */
    if (is_seen(app) && (verdict.failed > 0 || verdict.blocked > 0)) {
        say_undone(app);
        app_stop(app, APP_FAILED);
    } else if (converged && upkeep_failed(app) != NULL) {
        app_say(app, "error", "%s: its maintenance failed", upkeep_failed(app));
        app_stop(app, APP_FAILED);
    } else if (converged) {
        say_undone(app);
        app_stop(app, verdict.rolled_back > 0 ? APP_ROLLED_BACK : APP_CONVERGED);
    }
}

static void on_deadline(void *context)
{
    struct app *app = context;

    say_undone(app);
    app_say(app, "error", "not converged within %lld s",
            (long long)(app->options->timeout_ms / 1000));
    app_stop(app, APP_TIMED_OUT);
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* Calls are cancelled and jobs are waited for; then the loop may end. */
static void wind_up(void *context)
{
    struct app *app = context;

    if (executor_in_flight(app->executor) > 0 || cycle_is_observing(app->cycle) ||
        follower_is_busy(app->follower) || recall_is_busy(app->recall) ||
        sampler_is_busy(app->sampler))
        timer_start(app->loop, &app->deadline, WIND_UP_MS, wind_up, app);
    else
        loop_stop(app->loop);
}

static void part_stop(struct app *app)
{
    if (app->part_state != NULL)
        app->part->stop(TAKE(app->part_state));
}

void app_stop(struct app *app, enum app_outcome outcome)
{
    if (app->stopping)
        return;
    app->stopping = true;
    app->outcome = outcome;
    installer_stop(app->installer);
    sampler_stop(app->sampler);
    part_stop(app); /* it uses the driver's connections */
    driver_free(TAKE(app->driver));
    wind_up(app);
}

void app_fail(struct app *app, const struct err *failure)
{
    app->failure = *failure;
    app_stop(app, APP_FAILED);
}

static void on_signal(void *context, int number)
{
    struct app *app = context;

    if (number == SIGHUP) {
        (void)follower_check(app->follower);
        return;
    }
    app_say(app, "commit", "stopping; what runs keeps running");
    app_stop(app, app->options->once ? APP_FAILED : APP_CONVERGED);
}

static int open_state(struct app *app, struct err *err)
{
    unsigned char key[STORE_KEY_BYTES];
    const struct store_identity identity = { app->options->once ? "berth apply" : "berth run",
                                             app->started_ms };

    app->store = store_open(app->options->state_dir, app->options->owner, &identity, err);
    if (app->store == NULL)
        return -1;
    app->memory = memory_new();
    if (store_load(app->store, app->memory, err) < 0 ||
        store_progress_read(app->store, &app->progress_arena, &app->progress, err) < 0 ||
        store_secret_key(app->store, key, err) < 0 ||
        store_fleet_read(app->store, &app->fleet_state, err) < 0)
        return -1;
    if (app->memory->services == NULL)
        app->recall = recall_new(app);
    memory_clock_limit(app->memory, app->started_ms);
    for (size_t i = 0; i < store_warnings(app->store)->count; i++)
        app_say(app, "warning", "%s", store_warnings(app->store)->items[i].text);
    app->secrets = secrets_new(key, sizeof(key));
    explicit_bzero(key, sizeof(key));
    return 0;
}

static int begin(struct app *app, struct err *err)
{
    app->loop = loop_new(err);
    if (app->loop == NULL)
        return -1;
    sandbox_image_tag(app->sandbox);
    app->cycle = cycle_new(app);
    app->teller = tell_new(app);
    app->world = world_new(on_dirty, app);
    app->executor = executor_new(app);
    app->installer = installer_new(app);
    app->metrics = metrics_new();
    app->source_options = follow_options(app->options);
    app->builds = builds_new(&app->source_options);
    app->follower = follower_new(app); /* its worker is busy while the state is read */
    if (open_state(app, err) < 0)
        return -1;
    app->sampler = sampler_new(app);
    if (!app->options->once) /* one that only applies a commit does not stay to watch */
        app->scaler = scaler_new(app, metrics_reader(app->metrics));
    if (app->part != NULL) {
        app->part_state = app->part->start(app, err);
        if (app->part_state == NULL)
            return -1;
    }
    if (app->options->once && app->options->timeout_ms > 0)
        timer_start(app->loop, &app->deadline, app->options->timeout_ms, on_deadline, app);
    return 0;
}

static void end(struct app *app)
{
    ASSERT(app->driver == NULL);
    timer_stop(&app->deadline);
    if (app->loop != NULL) {
        loop_defer_cancel(app->loop, give_up, app);
        loop_defer_cancel(app->loop, let_go, app);
    }
    part_stop(app);
    follower_free(app->follower);
    recall_free(app->recall);
    scaler_free(app->scaler); /* it reads the metrics */
    sampler_free(app->sampler);
    metrics_free(app->metrics);
    tell_free(app->teller);
    outputs_release(&app->outputs);
    cycle_free(app->cycle);
    executor_free(app->executor);
    installer_free(app->installer);
    desired_free(app->desired);
    world_free(app->world);
    memory_free(app->memory);
    builds_free(app->builds);
    free(app->branch);
    free(app->fleet_state);
    free(app->rest_told);
    secrets_free(app->secrets);
    store_close(app->store);
    arena_release(&app->progress_arena);
    loop_free(app->loop);
}

static struct app_end end_of(const struct app *app)
{
    struct app_end end = { .outcome = app->outcome };

    if (app->desired != NULL) {
        text_copy(end.commit, sizeof(end.commit), generation_commit(app->desired->generation));
        end.verdict = app_judge(app);
        end.undone = app_undone(app);
    }
    if (app->outcome == APP_INVALID)
        text_copy(end.commit, sizeof(end.commit), app->progress.rejected);
    return end;
}

int app_run(const struct run_options *options, const struct app_part *part, struct app_end *out,
            struct err *err)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    struct loop_signal *watches[ARRAY_COUNT(signals)] = { NULL };
    struct app app = { .options = options, .part = part, .started_ms = loop_wall_ms() };
    struct app_end how = { 0 };
    int status;

    status = begin(&app, err);
    for (size_t i = 0; status == 0 && i < ARRAY_COUNT(signals); i++) {
        watches[i] = loop_watch_signal(app.loop, signals[i], on_signal, &app, err);
        status = watches[i] == NULL ? -1 : 0;
    }
    /* One known from before is dialled while the repository is read; app_adopt() reports. */
    if (status == 0 && app.progress.root[0] != '\0')
        make_fleet(&app, app.progress.root);
    if (status < 0 && app.loop != NULL)
        app_stop(&app, APP_FAILED);
    if (app.loop != NULL)
        loop_run(app.loop);
    for (size_t i = 0; i < ARRAY_COUNT(signals); i++)
        loop_unwatch_signal(watches[i]);
    if (status == 0 && app.failure.code == ERR_OK)
        how = end_of(&app);
    end(&app);
    if (status == 0 && app.failure.code != ERR_OK) {
        *err = app.failure;
        return -1;
    }
    if (status == 0)
        *out = how;
    return status;
}
