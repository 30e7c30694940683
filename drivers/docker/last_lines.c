/*
 * What a container wrote last, before it is removed.  One answer, or none: it is never asked for
 * again.
 */
#include "spec/last_lines.h"

#include <stdlib.h>

#include "drivers/docker/engine_int.h"
#include "drivers/docker/query.h"
#include "drivers/docker/stream.h"

#define HTTP_NOT_IMPLEMENTED 501 /* its log driver cannot be read */

struct reading {
    struct demux demux;
    bool begun;
    struct last_lines lines;
    struct err failure; /* what came is no log */
};

static void on_written(void *ctx, enum stream_kind kind, const char *data, size_t size)
{
    struct reading *reading = ctx;

    last_lines_add(&reading->lines, kind == STREAM_ERRORS, data, size);
}

/* Each line begins with its time: where no frame is around it, a terminal wrote it. */
static void on_data(void *ctx, const char *data, size_t size)
{
    struct engine_call *call = ctx;
    struct reading *reading = call->work;

    if (!reading->begun)
        reading->demux.raw = data[0] >= '0' && data[0] <= '9';
    reading->begun = true;
    if (reading->failure.code == ERR_OK &&
        demux_feed(&reading->demux, data, size, on_written, reading, &reading->failure) < 0)
        docker_cancel(call->docker);
}

static void on_end(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct engine_call *call = ctx;
    struct reading *reading = call->work;
    const char *text = last_lines_end(&reading->lines);

    call->docker = NULL;
    call->work = NULL;
    if (reading->failure.code != ERR_OK)
        failure = &reading->failure;
    else if (failure != NULL && answer->status == HTTP_NOT_IMPLEMENTED)
        failure = NULL;
    if (failure == NULL)
        engine_report(call->engine, &(struct world_change){
                                        .kind = WORLD_CONTAINER_LINES,
                                        .lines = { call->engine->reader.instance,
                                                   call->call->action->container_id, text } });
    engine_call_done(call, failure);
    last_lines_release(&reading->lines);
    free(reading);
}

int engine_last_lines(struct engine_call *call, struct err *err)
{
    struct reading *reading = mem_alloc(sizeof(*reading));
    AUTO(buf) path = { 0 };
    AUTO(buf) query = { 0 };

    (void)err;
    last_lines_init(&reading->lines);
    call->work = reading;
    engine_name_path(&path, "/containers/", call->call->action->container_id, "/logs");
    buf_init(&query, 256);
    docker_query_add_bool(&query, "stdout", true);
    docker_query_add_bool(&query, "stderr", true);
    docker_query_add_bool(&query, "timestamps", true);
    docker_query_add_int(&query, "tail", LAST_LINES_COUNT);
    struct docker_request request = {
        .method = "GET", .path = buf_text(&path), .query = buf_text(&query), .on_data = on_data
    };
    engine_call_send(call, &request, on_end);
    return 0;
}
