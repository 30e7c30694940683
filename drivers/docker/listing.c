/*
 * What an engine runs: whole listings, and inspects of single containers.
 *
 * A listing is a picture of a moment that arrives later, so newer reports win over it: whatever was
 * reported after it began is skipped, and what went away meanwhile stays away.  Inspects of one
 * container are coalesced: however many events name it, one is waiting at most.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "drivers/docker/engine_int.h"
#include "drivers/docker/labels.h"
#include "drivers/docker/query.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

#define PATH_SIZE 400

struct inspect {
    struct engine *engine;
    uint64_t dials; /* engine->dials when it was asked for */
    char id[ENGINE_ID_SIZE];
};

static void pump(struct engine *engine);

struct tracked *engine_tracked(const struct engine *engine, const char *id)
{
    struct tracked *tracked;

    HASH_FIND(by_id, engine->containers, id, strlen(id), tracked);
    return tracked;
}

static struct tracked *track(struct engine *engine, const char *id)
{
    struct tracked *tracked = engine_tracked(engine, id);

    if (tracked != NULL || strlen(id) >= ENGINE_ID_SIZE)
        return tracked;
    tracked = mem_alloc(sizeof(*tracked));
    memcpy(tracked->id, id, strlen(id) + 1);
    HASH_ADD(by_id, engine->containers, id, strlen(tracked->id), tracked);
    return tracked;
}

static void untrack(struct engine *engine, struct tracked *tracked)
{
    if (tracked->queued)
        DL_DELETE(engine->queue, tracked);
    HASH_DELETE(by_id, engine->containers, tracked);
    json_free(tracked->held);
    free(tracked);
}

/* Ends a list of calls: each with its own failure, else with `failure`. */
static void wake(struct engine_call *waiters, const struct err *failure)
{
    while (waiters != NULL) {
        struct engine_call *next = waiters->waiter;
        waiters->waiter = NULL;
        engine_call_done(waiters, waiters->failed ? &waiters->failure : failure);
        waiters = next;
    }
}

/* ---- The listing ---------------------------------------------------------------------------- */

static void begin_listing(struct engine *engine);

static void end_listing(struct engine *engine)
{
    struct engine_call *observers = TAKE(engine->observers);
    struct tracked *tracked;
    struct tracked *next;

    engine->listing = false;
    HASH_ITER(by_id, engine->containers, tracked, next)
    {
        if (tracked->gone)
            untrack(engine, tracked);
    }
    engine_report_named(engine, WORLD_LISTING_END, /* name= */ NULL);
    engine_settled(engine);
    if (engine->next_observers != NULL) {
        engine->observers = TAKE(engine->next_observers);
        begin_listing(engine);
    }
    wake(observers, /* failure= */ NULL);
}

static void check_listing(struct engine *engine)
{
    if (engine->connected && engine->listing && engine->listing_parts == 0 &&
        engine->listing_inspects == 0)
        end_listing(engine);
}

static void want_inspect(struct engine *engine, struct tracked *tracked)
{
    if (tracked->inspecting) {
        tracked->again = true;
    } else if (!tracked->queued) {
        tracked->queued = true;
        DL_APPEND(engine->queue, tracked);
    }
}

static void inspect_for_listing(struct engine *engine, struct tracked *tracked)
{
    if (!tracked->for_listing) {
        tracked->for_listing = true;
        engine->listing_inspects++;
    }
    want_inspect(engine, tracked);
}

static void list_container(struct engine *engine, const struct json *value)
{
    struct container_report report;
    struct tracked *tracked;

    if (!read_container_summary(&engine->reader, value, &report))
        return;
    tracked = track(engine, report.id);
    if (tracked == NULL || tracked->gone)
        return;
    bool is_newer = tracked->reported > engine->listing_began;
    bool is_fresh = tracked->inspected && tracked->status == report.status &&
                    loop_now_ms(engine->loop) - tracked->inspected_ms < ENGINE_STALE_MS;
    if (is_newer)
        return;
    engine_report_container(engine, &report);
    if (is_fresh || tracked->ahead)
        return;
    inspect_for_listing(engine, tracked);
}

static void list_image(struct engine *engine, const struct json *value)
{
    struct world_change change = { .kind = WORLD_IMAGE };
    struct image_names names;

    if (read_image(&engine->reader, value, &names, &change.image))
        engine_report(engine, &change);
}

static void list_network(struct engine *engine, const struct json *value)
{
    struct world_change change = { .kind = WORLD_NETWORK };

    if (read_network(&engine->reader, value, &change.named))
        engine_report(engine, &change);
}

static void list_volume(struct engine *engine, const struct json *value)
{
    struct world_change change = { .kind = WORLD_VOLUME };

    if (read_volume(&engine->reader, value, &change.named))
        engine_report(engine, &change);
}

/* The four requests that make a listing. */
static const struct part {
    const char *path;
    const char *member; /* of the answer that holds the array; NULL: the answer is the array */
    const char *label;  /* only objects whose label is the owner; NULL: all */
    bool with_stopped;
    void (*read)(struct engine *engine, const struct json *value);
} parts[] = {
    { "/containers/json", NULL, LABEL_OWNER, true, list_container },
    { "/images/json", NULL, NULL, false, list_image },
    { "/networks", NULL, LABEL_NETWORK_OWNER, false, list_network },
    { "/volumes", "Volumes", LABEL_VOLUME_OWNER, false, list_volume },
};
_Static_assert(ARRAY_COUNT(parts) == ENGINE_PARTS, "a request for each part");

static void take_part(struct engine *engine, size_t index, const struct json *value)
{
    const struct json *array =
        parts[index].member != NULL ? json_get(value, parts[index].member) : value;

    for (size_t i = 0; json_is_array(array) && i < json_count(array); i++)
        parts[index].read(engine, json_at(array, i));
    engine->listing_parts--;
}

/* Containers are inspected as soon as their ids are known. */
static void hold_part(struct engine *engine, size_t index, struct json *value)
{
    engine->held[index] = value;
    if (parts[index].read != list_container)
        return;
    for (size_t i = 0; json_is_array(value) && i < json_count(value); i++) {
        const char *id = json_text(json_at(value, i), "Id");
        struct tracked *tracked = id == NULL ? NULL : track(engine, id);

        if (tracked == NULL || tracked->ahead)
            continue;
        tracked->ahead = true;
        inspect_for_listing(engine, tracked);
    }
}

static void on_part(struct engine *engine, size_t index, const struct docker_answer *answer,
                    const struct err *failure)
{
    struct err err = { 0 };

    if (failure != NULL && failure->code == ERR_CANCELLED)
        return; /* given up: another one may be under way */
    engine->listing_calls[index] = NULL;
    if (failure != NULL) {
        engine_lost(engine, failure);
        return;
    }
    AUTO(json) *value = read_json(answer->body, answer->size, &err);
    if (value == NULL) {
        (void)err_wrap(&err, "the answer to %s", parts[index].path);
        engine_lost(engine, &err);
        return;
    }
    if (engine->connected)
        take_part(engine, index, value);
    else
        hold_part(engine, index, TAKE(value));
    pump(engine);
    check_listing(engine);
}

#define PART_DONE(index)                                                                           \
    static void on_part_##index(void *ctx, const struct docker_answer *answer,                     \
                                const struct err *failure)                                         \
    {                                                                                              \
        on_part(ctx, index, answer, failure);                                                      \
    }
PART_DONE(0)
PART_DONE(1)
PART_DONE(2)
PART_DONE(3)
#undef PART_DONE

static void request_part(struct engine *engine, size_t index)
{
    static docker_done_fn *const done[] = { on_part_0, on_part_1, on_part_2, on_part_3 };
    const struct part *part = &parts[index];
    AUTO(buf) label = { 0 };
    AUTO(buf) query = { 0 };
    AUTO(json) *filters = json_object();

    buf_init(&label, LIMIT_NAME * 2);
    buf_init(&query, LIMIT_MANIFEST_BYTES);
    if (part->with_stopped)
        docker_query_add_bool(&query, "all", true);
    if (part->label != NULL) {
        buf_printf(&label, "%s=%s", part->label, engine->reader.owner);
        docker_filter_add(filters, "label", buf_text(&label));
        docker_query_add_json(&query, "filters", filters);
    }
    struct docker_request request = { .method = "GET",
                                      .path = part->path,
                                      .query = buf_text(&query),
                                      .deadline_ms = ENGINE_READ_MS };
    engine->listing_calls[index] = docker_call(engine->docker, &request, done[index], engine);
}

static void request_listing(struct engine *engine)
{
    engine->listing = true;
    engine->listing_began = engine->reports;
    engine->listing_parts = ARRAY_COUNT(parts);
    engine->listing_inspects = 0;
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
        request_part(engine, i);
}

static void begin_listing(struct engine *engine)
{
    /* Begun before it is asked for: what is reported from here on is not swept at its end. */
    engine_report_named(engine, WORLD_LISTING_BEGIN, /* name= */ NULL);
    request_listing(engine);
}

void engine_list_ahead(struct engine *engine)
{
    ASSERT(!engine->connected && !engine->listing);
    request_listing(engine);
}

void engine_list(struct engine *engine)
{
    if (!engine->listing)
        begin_listing(engine);
}

int engine_observe(struct engine *engine, struct driver_call *call, struct err *err)
{
    struct engine_call *observer;

    if (!engine->connected)
        return err_set(err, ERR_UNREACHABLE, "%s is not connected", docker_name(engine->docker));
    observer = mem_alloc(sizeof(*observer));
    observer->engine = engine;
    observer->call = call;
    call->state = observer;
    DL_APPEND(engine->calls, observer);
    if (engine->listing) {
        LL_PREPEND2(engine->next_observers, observer, waiter);
        return 0;
    }
    LL_PREPEND2(engine->observers, observer, waiter);
    begin_listing(engine);
    return 0;
}

/* ---- Inspects ------------------------------------------------------------------------------- */

void engine_report_container(struct engine *engine, const struct container_report *report)
{
    struct world_change change = { .kind = WORLD_CONTAINER, .container = *report };
    struct tracked *tracked = track(engine, report->id);

    if (tracked == NULL || tracked->gone)
        return;
    tracked->reported = ++engine->reports;
    tracked->status = report->status;
    if (report->inspected) {
        tracked->inspected = true;
        tracked->inspected_ms = loop_now_ms(engine->loop);
    }
    engine_report(engine, &change);
}

void engine_container_gone(struct engine *engine, const char *id)
{
    struct tracked *tracked = engine_tracked(engine, id);
    struct engine_call *waiters;

    if (tracked == NULL || tracked->gone)
        return;
    waiters = TAKE(tracked->waiters);
    bool was_reported = tracked->reported != 0;
    if (tracked->for_listing)
        engine->listing_inspects--;
    tracked->for_listing = false;
    tracked->gone = true;
    if (was_reported)
        engine_report_named(engine, WORLD_CONTAINER_GONE, id);
    /* An inspect in flight finds nothing that it could report to. */
    if (!engine->listing)
        untrack(engine, tracked);
    wake(waiters, /* failure= */ NULL);
    check_listing(engine);
}

static void finish_inspect(struct engine *engine, struct tracked *tracked)
{
    bool again = tracked->again || (tracked->started && tracked->status != CONTAINER_RUNNING);

    tracked->inspecting = false;
    tracked->again = false;
    tracked->started = false;
    if (again) {
        want_inspect(engine, tracked);
        return;
    }
    struct engine_call *waiters = TAKE(tracked->waiters);
    if (tracked->for_listing)
        engine->listing_inspects--;
    tracked->for_listing = false;
    wake(waiters, /* failure= */ NULL);
}

/* Without an answer it is asked for again once it is listed. */
static void hold_inspect(struct tracked *tracked, struct json *value)
{
    tracked->held = value;
    if (value != NULL)
        return;
    tracked->ahead = false;
    tracked->inspecting = false;
}

/* It may be gone afterwards. */
static void take_inspect(struct engine *engine, struct tracked *tracked, const struct json *value,
                         const struct err *failure)
{
    struct container_report report;
    bool is_ours = read_container(&engine->reader, value, &report);
    AUTO(buf) bindings = { 0 };

    if (is_ours) {
        tracked->stop_signal = read_stop_signal(value);
        buf_init(&bindings, LIMIT_HOST_BINDINGS);
        read_bindings(value, &bindings);
        report.bindings = buf_text(&bindings);
        engine_report_container(engine, &report);
    }
    if ((failure != NULL && failure->code == ERR_NOT_FOUND) || (value != NULL && !is_ours))
        engine_container_gone(engine, tracked->id); /* or renamed: no longer ours */
    else
        finish_inspect(engine, tracked);
}

static void on_inspect(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct inspect *inspect = ctx;
    struct engine *engine = inspect->engine;
    struct tracked *tracked = NULL;

    if (inspect->dials == engine->dials)
        tracked = engine_tracked(engine, inspect->id);
    free(inspect);
    engine->inspecting--;
    if (engine->freeing)
        return;
    if (tracked != NULL && tracked->inspecting && !tracked->gone) {
        AUTO(json) *value =
            failure == NULL ? read_json(answer->body, answer->size, /* err= */ NULL) : NULL;
        if (engine->connected)
            take_inspect(engine, tracked, value, failure);
        else
            hold_inspect(tracked, TAKE(value));
    }
    pump(engine);
    check_listing(engine);
}

static void pump(struct engine *engine)
{
    while (engine->queue != NULL && engine->inspecting < ENGINE_INSPECTS_MAX) {
        struct tracked *tracked = engine->queue;
        struct inspect *inspect = mem_alloc(sizeof(*inspect));
        char path[PATH_SIZE];
        struct docker_request request = { .method = "GET",
                                          .path = path,
                                          .deadline_ms = ENGINE_READ_MS };
        DL_DELETE(engine->queue, tracked);
        tracked->queued = false;
        tracked->inspecting = true;
        tracked->asked_ms = loop_now_ms(engine->loop);
        engine->inspecting++;
        inspect->engine = engine;
        inspect->dials = engine->dials;
        memcpy(inspect->id, tracked->id, sizeof(inspect->id));
        (void)snprintf(path, sizeof(path), "/containers/%s/json", tracked->id);
        (void)docker_call(engine->docker, &request, on_inspect, inspect);
    }
}

void engine_inspect(struct engine *engine, const char *id)
{
    struct tracked *tracked = track(engine, id);

    if (tracked == NULL || tracked->gone)
        return;
    want_inspect(engine, tracked);
    pump(engine);
}

/* Our own start is looked at when its call is answered, often before its event is read.  An end
 * before a start is told before it, and looked at: what then runs is what was started.  No clocks
 * are compared, because an engine's may be set back. */
void engine_container_started(struct engine *engine, const char *id)
{
    struct tracked *tracked = track(engine, id);

    if (tracked == NULL || tracked->gone || tracked->queued)
        return;
    if (tracked->inspecting)
        tracked->started = true;
    else if (!tracked->inspected || tracked->status != CONTAINER_RUNNING)
        engine_inspect(engine, id);
}

bool engine_looked_since(const struct engine *engine, const char *id, int64_t engine_ms)
{
    const struct tracked *tracked = engine_tracked(engine, id);

    return tracked != NULL && !tracked->gone && (tracked->inspected || tracked->inspecting) &&
           tracked->asked_ms + engine->clock_offset_ms > engine_ms;
}

void engine_await_inspect(struct engine_call *call, const char *id)
{
    struct engine *engine = call->engine;
    struct tracked *tracked = engine->connected ? track(engine, id) : NULL;

    if (tracked == NULL || tracked->gone) {
        engine_call_done(call, call->failed ? &call->failure : NULL);
        return;
    }
    LL_PREPEND2(tracked->waiters, call, waiter);
    if (!tracked->inspecting)
        want_inspect(engine, tracked);
    pump(engine);
}

void engine_list_known(struct engine *engine)
{
    struct tracked *tracked;
    struct tracked *next;

    ASSERT(engine->listing);
    engine_report_named(engine, WORLD_LISTING_BEGIN, /* name= */ NULL);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        AUTO(json) *value = TAKE(engine->held[i]);

        if (value != NULL)
            take_part(engine, i, value);
    }
    HASH_ITER(by_id, engine->containers, tracked, next)
    {
        AUTO(json) *value = TAKE(tracked->held);

        tracked->ahead = false;
        if (value != NULL)
            take_inspect(engine, tracked, value, /* failure= */ NULL);
    }
    pump(engine);
    check_listing(engine);
}

static void remove_waiter(struct engine_call **list, const struct engine_call *call)
{
    while (*list != NULL && *list != call)
        list = &(*list)->waiter;
    if (*list != NULL)
        *list = call->waiter;
}

void engine_unwait(struct engine_call *call)
{
    struct engine *engine = call->engine;
    struct tracked *tracked;
    struct tracked *next;

    HASH_ITER(by_id, engine->containers, tracked, next)
    remove_waiter(&tracked->waiters, call);
    remove_waiter(&engine->observers, call);
    remove_waiter(&engine->next_observers, call);
}

void engine_forget(struct engine *engine, const struct err *failure)
{
    struct engine_call *observers = TAKE(engine->observers);
    struct engine_call *next_observers = TAKE(engine->next_observers);
    struct tracked *containers = TAKE(engine->containers);
    struct tracked *tracked;
    struct tracked *next;

    engine->listing = false;
    engine->queue = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        docker_cancel(TAKE(engine->listing_calls[i]));
        json_free(TAKE(engine->held[i]));
    }
    HASH_ITER(by_id, containers, tracked, next)
    {
        struct engine_call *waiters = tracked->waiters;
        HASH_DELETE(by_id, containers, tracked);
        json_free(tracked->held);
        free(tracked);
        wake(waiters, failure);
    }
    wake(observers, failure);
    wake(next_observers, failure);
}
