/*
 * The event stream is one long call whose answer never ends.
 */
#include "drivers/docker/events.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/docker/query.h"

struct docker_events {
    struct docker *docker;
    struct docker_call *call; /* NULL: over */
    void (*on_event)(void *ctx, const struct json *event);
    void (*on_lost)(void *ctx, const struct err *failure);
    void *ctx;
    bool closed; /* by the caller: freed when the call is over */
};

/* With health_status in the list the engine compares by prefix: no action here may be the beginning
 * of an exec_ one. */
#define ACTION_TEXT(text) text,
static const char *const actions[] = { DOCKER_EVENT_ACTIONS(ACTION_TEXT) };
static const char *const ground_actions[] = { DOCKER_GROUND_ACTIONS(ACTION_TEXT) };
#undef ACTION_TEXT

static void on_line(void *ctx, const char *text, size_t size)
{
    struct docker_events *events = ctx;
    struct err failure = { 0 };

    if (events->closed)
        return;

    AUTO(json) *event = json_parse(text, size, &failure);
    if (event == NULL || !json_is_object(event))
        return; /* no event: nothing is known that a listing would not show */
    events->on_event(events->ctx, event);
}

static void on_done(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct docker_events *events = ctx;
    struct err ended = { 0 };

    (void)answer;
    events->call = NULL;
    if (events->closed) {
        free(events);
        return;
    }
    if (failure == NULL) {
        docker_agree_again(events->docker);
        (void)err_set(&ended, ERR_UNREACHABLE, "%s ended the stream of events",
                      docker_name(events->docker));
        failure = &ended;
    }
    events->on_lost(events->ctx, failure);
}

struct docker_events *docker_events_open(struct docker *docker,
                                         const struct docker_events_options *options)
{
    ASSERT(options->on_event != NULL && options->on_lost != NULL);
    ASSERT(!options->of_ground || options->label == NULL);

    struct docker_events *events = mem_alloc(sizeof(*events));
    AUTO(json) *filters = json_object();
    AUTO(buf) query;

    events->docker = docker;
    events->on_event = options->on_event;
    events->on_lost = options->on_lost;
    events->ctx = options->ctx;
    if (options->of_ground) {
        docker_filter_add(filters, "type", "network");
        docker_filter_add(filters, "type", "volume");
        docker_filter_add(filters, "type", "image");
        for (size_t i = 0; i < ARRAY_COUNT(ground_actions); i++)
            docker_filter_add(filters, "event", ground_actions[i]);
    } else {
        docker_filter_add(filters, "type", "container");
        for (size_t i = 0; i < ARRAY_COUNT(actions); i++)
            docker_filter_add(filters, "event", actions[i]);
    }
    if (options->label != NULL)
        docker_filter_add(filters, "label", options->label);
    buf_init(&query, (size_t)64 * 1024);
    docker_query_add(&query, "since", options->since);
    docker_query_add_json(&query, "filters", filters);

    const struct docker_request request = {
        .method = "GET",
        .path = "/events",
        .query = buf_text(&query),
        .is_long = true,
        .on_line = on_line,
    };
    events->call = docker_call(docker, &request, on_done, events);
    return events;
}

void docker_events_close(struct docker_events *events)
{
    if (events == NULL || events->closed)
        return;
    events->closed = true;
    if (events->call != NULL)
        docker_cancel(events->call);
    else
        free(events);
}
