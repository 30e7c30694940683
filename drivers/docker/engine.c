/*
 * The life of an engine: dialled, connected, lost, dialled again.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "drivers/docker/engine_int.h"
#include "drivers/docker/hold.h"
#include "drivers/docker/labels.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"

#define DIAL_MS        10000 /* for the answer to /info */
#define PAUSE_MIN_MS   100
#define PAUSE_MAX_MS   15000
#define SINCE_SIZE     40
#define MS_PER_S       1000
#define LABEL_PAIR_MAX 600

void engine_report(struct engine *engine, const struct world_change *change)
{
    if (!engine->freeing)
        engine->sink.change(engine->sink.context, change);
}

void engine_report_named(struct engine *engine, enum world_change_kind kind, const char *name)
{
    engine_report(
        engine, &(struct world_change){
                    .kind = kind, .named = { .instance = engine->reader.instance, .name = name } });
}

void engine_call_done(struct engine_call *call, const struct err *failure)
{
    struct engine *engine = call->engine;
    struct driver_call *outer = call->call;
    struct err copy = { 0 };

    ASSERT(call->docker == NULL);
    if (failure != NULL)
        copy = *failure;
    DL_DELETE(engine->calls, call);
    free(call);
    outer->state = NULL;
    outer->done(outer, failure != NULL ? &copy : NULL);
}

/* ---- Dialling ------------------------------------------------------------------------------- */

static void dial(void *ctx);

static void dial_later(struct engine *engine)
{
    /* Half of the pause is drawn, so that many that lost one engine do not come back at once. */
    int64_t delay = engine->pause_ms / 2 + rng_between(&engine->rng, 0, engine->pause_ms / 2);

    engine->pause_ms = engine->pause_ms * 2 < PAUSE_MAX_MS ? engine->pause_ms * 2 : PAUSE_MAX_MS;
    timer_start(engine->loop, &engine->redial, delay, dial, engine);
}

static void unfollow(struct engine *engine)
{
    timer_stop(&engine->recheck);
    docker_events_close(TAKE(engine->events));
    docker_events_close(TAKE(engine->ground_events));
}

void engine_lost(struct engine *engine, const struct err *failure)
{
    if (engine->freeing || timer_is_running(&engine->redial))
        return; /* known already */
    engine->connected = false;
    docker_cancel(TAKE(engine->dial)); /* what was asked for ahead may fail before it */
    unfollow(engine);
    engine_forget(engine, failure);
    engine_report(engine, &(struct world_change){ .kind = WORLD_INSTANCE_LOST,
                                                  .lost = { .instance = engine->reader.instance,
                                                            .failure = failure->text,
                                                            .at_ms = loop_wall_ms() } });
    dial_later(engine);
}

void engine_settled(struct engine *engine)
{
    engine->pause_ms = PAUSE_MIN_MS;
}

static void report_gone(struct engine *engine, enum world_change_kind kind, const char *name)
{
    if (!text_is_empty(name))
        engine_report_named(engine, kind, name);
}

/* Who sends one of these wants the container to end.  Others tell a program something ("read your
 * configuration again"), and if it ends by one it has failed. */
static bool is_meant_to_end(const struct engine *engine, const struct event_report *event)
{
    const struct tracked *tracked = engine_tracked(engine, event->id);

    return event->signal == SIGTERM || event->signal == SIGKILL || event->signal == SIGINT ||
           event->signal == SIGQUIT || (tracked != NULL && event->signal == tracked->stop_signal);
}

static void on_event(void *ctx, const struct json *value)
{
    struct engine *engine = ctx;
    struct event_report event = read_event(&engine->reader, value);

    switch (event.type) {
    case EVENT_CONTAINER_CREATED:
        /* One that we create now is reported by its call: it costs no inspect. */
        if (engine_tracked(engine, event.id) == NULL &&
            !engine_has_call(engine, ACTION_CONTAINER_CREATE, event.name))
            engine_inspect(engine, event.id);
        break;
    case EVENT_CONTAINER_CHANGED:
        if (event.is_start)
            engine_container_started(engine, event.id);
        else
            engine_inspect(engine, event.id);
        break;
    case EVENT_CONTAINER_ENDED:
        /* The engine cleans up first and answers then: what follows need not wait for it. */
        if (!engine_looked_since(engine, event.id, event.time_ms))
            engine_report_named(engine, WORLD_CONTAINER_ENDED, event.id);
        engine_inspect(engine, event.id);
        break;
    case EVENT_CONTAINER_KILLED:
        if (engine_has_call(engine, ACTION_CONTAINER_STOP, event.id))
            engine_report_named(engine, WORLD_CONTAINER_STOPPING, event.id);
        else if (is_meant_to_end(engine, &event))
            engine_report_named(engine, WORLD_CONTAINER_SIGNALLED, event.id);
        break;
    case EVENT_CONTAINER_GONE: engine_container_gone(engine, event.id); break;
    case EVENT_NETWORK_LEFT:
        /* One that ends leaves its network too, and is looked at for that. */
        if (engine_tracked(engine, event.id) != NULL &&
            !engine_has_call(engine, ACTION_CONTAINER_STOP, event.id))
            engine_inspect(engine, event.id);
        break;
    case EVENT_NETWORK_GONE: report_gone(engine, WORLD_NETWORK_GONE, event.name); break;
    case EVENT_VOLUME_GONE: report_gone(engine, WORLD_VOLUME_GONE, event.id); break;
    case EVENT_IMAGE_GONE: report_gone(engine, WORLD_IMAGE_GONE, event.id); break;
    case EVENT_OTHER: break;
    }
}

static void on_lost(void *ctx, const struct err *failure)
{
    engine_lost(ctx, failure);
}

static void recheck(void *ctx)
{
    struct engine *engine = ctx;

    engine_list(engine);
    timer_start(engine->loop, &engine->recheck, ENGINE_RECHECK_MS, recheck, engine);
}

static void release(struct engine *engine)
{
    if (engine->hold >= 0)
        (void)close(engine->hold);
    engine->hold = -1;
}

/* From a moment of the engine's clock on: the listing shows what was before. */
static void follow_since(struct engine *engine, int64_t engine_ms)
{
    char label[LABEL_PAIR_MAX];
    char since[SINCE_SIZE];

    (void)snprintf(since, sizeof(since), "%lld.%03lld000000", (long long)(engine_ms / MS_PER_S),
                   (long long)(engine_ms % MS_PER_S));
    (void)snprintf(label, sizeof(label), "%s=%s", LABEL_OWNER, engine->reader.owner);
    engine->events =
        docker_events_open(engine->docker, &(struct docker_events_options){ .since = since,
                                                                            .label = label,
                                                                            .on_event = on_event,
                                                                            .on_lost = on_lost,
                                                                            .ctx = engine });
    engine->ground_events =
        docker_events_open(engine->docker, &(struct docker_events_options){ .since = since,
                                                                            .of_ground = true,
                                                                            .on_event = on_event,
                                                                            .on_lost = on_lost,
                                                                            .ctx = engine });
    timer_start(engine->loop, &engine->recheck, ENGINE_RECHECK_MS, recheck, engine);
}

static int hold(struct engine *engine, const char *engine_id, struct err *err)
{
    if (!engine->holds || (engine->hold >= 0 && text_equal(engine->hold_of, engine_id)))
        return 0;
    release(engine);
    text_copy(engine->hold_of, sizeof(engine->hold_of), engine_id);
    return hold_engine(engine_id, engine->reader.owner, &engine->hold, err);
}

static void on_info(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct engine *engine = ctx;
    struct world_change change = { .kind = WORLD_INSTANCE };
    struct err err = { 0 };
    int64_t now_ms = loop_wall_ms();

    if (failure != NULL && failure->code == ERR_CANCELLED)
        return; /* given up: another one may be under way */
    engine->dial = NULL;
    if (failure != NULL) {
        engine_lost(engine, failure);
        return;
    }
    AUTO(json) *info = read_json(answer->body, answer->size, &err);
    change.instance.instance = engine->reader.instance;
    read_info(info, now_ms, &change.instance);
    if (text_is_empty(change.instance.engine_id)) {
        (void)err_set(&err, ERR_FAILED, "%s: its answer to /info is not an engine's",
                      docker_name(engine->docker));
        engine_lost(engine, &err);
        return;
    }
    if ((engine->take != NULL &&
         engine->take(engine->sink.context, change.instance.engine_id, &err) < 0) ||
        hold(engine, change.instance.engine_id, &err) < 0) {
        engine_lost(engine, &err);
        return;
    }
    read_facilities(info, &engine->reader);
    if (change.instance.architecture != NULL)
        text_copy(engine->architecture, sizeof(engine->architecture), change.instance.architecture);
    change.instance.connected_ms = now_ms;
    engine->connected = true;
    engine->clock_skew_ms = change.instance.clock_skew_ms;
    engine->clock_offset_ms = now_ms + engine->clock_skew_ms - loop_now_ms(engine->loop);
    follow_since(engine, engine->dialled_ms + engine->clock_skew_ms);
    engine_report(engine, &change);
    engine_list_known(engine);
}

static void dial(void *ctx)
{
    struct engine *engine = ctx;
    struct docker_request request = { .method = "GET", .path = "/info", .deadline_ms = DIAL_MS };

    ASSERT(engine->dial == NULL);
    engine->dials++;
    engine->dialled_ms = loop_wall_ms();
    engine->dial = docker_call(engine->docker, &request, on_info, engine);
    engine_list_ahead(engine);
}

/* ---- Life ----------------------------------------------------------------------------------- */

int engine_new(const struct engine_options *options, struct engine **out, struct err *err)
{
    struct docker *docker =
        docker_new_called(options->http, options->docker_host, options->called, err);
    struct engine *engine;
    struct mandate mandate;

    if (docker == NULL)
        return -1;
    engine = mem_alloc(sizeof(*engine));
    mandate = mandate_copy(&options->mandate, &engine->texts);
    engine->docker = docker;
    engine->loop = http_loop(options->http);
    engine->reader.instance = arena_text(&engine->texts, options->instance);
    engine->reader.owner = mandate.owner;
    engine->writer = (struct writer){ .owner = mandate.owner,
                                      .root_commit = mandate.root_commit,
                                      .secret = mandate.secret,
                                      .secret_context = mandate.secret_context };
    engine->contexts = mandate.reader;
    engine->take = options->take;
    engine->transfers = mandate.transfers;
    engine->sink = mandate.sink;
    engine->holds = mandate.holds;
    engine->hold = -1;
    engine->pause_ms = PAUSE_MIN_MS;
    random_bytes(&engine->rng.state, sizeof(engine->rng.state));
    *out = engine;
    return 0;
}

void engine_start(struct engine *engine)
{
    if (!engine->connected && engine->dial == NULL && !timer_is_running(&engine->redial))
        dial(engine);
}

void engine_stop(struct engine *engine, const struct err *failure)
{
    timer_stop(&engine->redial); /* why a lost one is lost may have changed */
    engine_lost(engine, failure);
    timer_stop(&engine->redial);
    engine->pause_ms = PAUSE_MIN_MS;
}

/* Dialling asks for the engine's time, and what is known by times is listed anew. */
void engine_clock_moved(struct engine *engine)
{
    struct err failure = { 0 };

    if (!engine->connected)
        return; /* it is being dialled */
    (void)err_set(&failure, ERR_CONFLICT, "the clock was moved: its own is asked for again");
    engine_lost(engine, &failure);
}

static void destroy(struct engine *engine)
{
    void (*freed)(void *context) = engine->freed;
    void *context = engine->freed_context;

    ASSERT(engine->calls == NULL);
    release(engine);
    arena_release(&engine->texts);
    free(engine);
    if (freed != NULL)
        freed(context);
}

void engine_job_done(struct engine *engine)
{
    ASSERT(engine->jobs > 0);
    engine->jobs--;
    if (engine->freeing && engine->jobs == 0 && engine->docker == NULL)
        destroy(engine);
}

void engine_free(struct engine *engine, void (*freed)(void *context), void *context)
{
    struct engine_call *call;
    struct err failure = { 0 };

    (void)err_set(&failure, ERR_CANCELLED, "the driver is shut down");
    engine->jobs++; /* it may not go before we are through here */
    engine->freeing = true;
    engine->connected = false;
    engine->freed = freed;
    engine->freed_context = context;
    timer_stop(&engine->redial);
    unfollow(engine);
    engine_forget(engine, &failure);
    docker_free(TAKE(engine->docker)); /* answers all that is in flight */
    DL_FOREACH(engine->calls, call)
    engine_image_cancel(call); /* what is left works elsewhere, and ends later */
    engine_job_done(engine);
}

struct docker *engine_docker(struct engine *engine)
{
    return engine->docker;
}
