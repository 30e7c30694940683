/*
 * A connection that begins as HTTP and goes on as bytes: a request with `Upgrade: tcp`, which the
 * engine answers with 101 (or 200, as engines did before), and then it is ours.
 * Source: https://docs.docker.com/engine/api/v1.43/#tag/Container/operation/ContainerAttach
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/stream.h"
#include "drivers/io/http_head.h"
#include "drivers/io/socket.h"
#include "spec/base/buf.h"

#define HEAD_MAX  ((size_t)16 * 1024)
#define ERROR_MAX ((size_t)64 * 1024)

enum hijack_state { HIJACK_ASKING, HIJACK_REFUSED, HIJACK_OPEN, HIJACK_ENDED };

struct hijack {
    struct docker *docker;        /* until the connection is asked for */
    char *name;                   /* the docker's */
    struct docker_call *agreeing; /* the version is not known yet */
    struct socket *socket;        /* NULL until it is */
    enum hijack_state state;
    struct demux demux;
    struct buf answer; /* its head; then the body of a refusal */
    int status;
    size_t body_size;  /* of a refusal; SIZE_MAX: until the end */
    struct buf queued; /* written before the engine agreed */
    char *path;
    char *query;
    char *json;
    void (*on_open)(void *ctx);
    stream_fn *on_data;
    void (*on_drained)(void *ctx);
    void (*on_end)(void *ctx, const struct err *failure);
    void *ctx;
    bool finishing; /* half close wanted before the engine agreed */
    bool paused;
    bool freed;
    unsigned depth; /* of callbacks that run now */
};

static void destroy(struct hijack *hijack)
{
    buf_release(&hijack->answer);
    buf_release(&hijack->queued);
    free(hijack->name);
    free(hijack->path);
    free(hijack->query);
    free(hijack->json);
    free(hijack);
}

static void enter(struct hijack *hijack)
{
    hijack->depth++;
}

static void leave(struct hijack *hijack)
{
    hijack->depth--;
    if (hijack->depth == 0 && hijack->freed)
        destroy(hijack);
}

static void end(struct hijack *hijack, const struct err *failure)
{
    if (hijack->freed || hijack->state == HIJACK_ENDED)
        return;
    hijack->state = HIJACK_ENDED;
    socket_free(hijack->socket);
    hijack->socket = NULL;
    hijack->on_end(hijack->ctx, failure);
}

/* ---- What the engine says ---- */

static void pass_data(void *ctx, enum stream_kind kind, const char *data, size_t size)
{
    struct hijack *hijack = ctx;

    if (!hijack->freed)
        hijack->on_data(hijack->ctx, kind, data, size);
}

static void on_bytes(struct hijack *hijack, const char *data, size_t size)
{
    struct err failure = { 0 };

    if (demux_feed(&hijack->demux, data, size, pass_data, hijack, &failure) < 0)
        end(hijack, &failure);
}

static void end_refused(struct hijack *hijack)
{
    struct err failure = { 0 };

    (void)docker_answer_err(hijack->status, buf_text(&hijack->answer), hijack->answer.size,
                            &failure);
    end(hijack, &failure);
}

static void on_refusal(struct hijack *hijack, const char *data, size_t size)
{
    size_t left = hijack->body_size - hijack->answer.size;

    buf_add(&hijack->answer, data, size < left ? size : left);
    if (hijack->answer.size >= hijack->body_size || hijack->answer.truncated)
        end_refused(hijack);
}

static void open_stream(struct hijack *hijack)
{
    struct err failure = { 0 };

    if (hijack->queued.truncated) {
        (void)err_set(&failure, ERR_CAPACITY, "%s: more than %zu bytes were written too early",
                      hijack->name, HIJACK_QUEUE_MAX);
        end(hijack, &failure);
        return;
    }
    hijack->state = HIJACK_OPEN;
    socket_write(hijack->socket, buf_text(&hijack->queued), hijack->queued.size);
    buf_release(&hijack->queued);
    if (hijack->finishing)
        socket_finish(hijack->socket);
    socket_pause(hijack->socket, hijack->paused);
    if (hijack->on_open != NULL)
        hijack->on_open(hijack->ctx);
}

static void on_head(struct hijack *hijack, const char *data, size_t size)
{
    struct err failure = { 0 };
    struct http_head head;
    size_t before = hijack->answer.size;

    buf_add(&hijack->answer, data, size);
    enum http_head_state state =
        http_head_parse(buf_text(&hijack->answer), hijack->answer.size, &head);
    if (state == HTTP_HEAD_PART && !hijack->answer.truncated)
        return;
    if (state != HTTP_HEAD_WHOLE) {
        (void)err_set(&failure, ERR_FAILED, "%s: no HTTP answer", hijack->name);
        end(hijack, &failure);
        return;
    }

    /* The head may have come in several chunks; what comes behind it is in the last one, of which
     * the buffer may have kept only a part. */
    ASSERT(head.size > before);
    const char *behind = data + (head.size - before);
    size_t rest = size - (head.size - before);
    hijack->status = head.status;
    if (hijack->status == 101 || hijack->status == 200) {
        open_stream(hijack);
        if (!hijack->freed && hijack->state == HIJACK_OPEN && rest > 0)
            on_bytes(hijack, behind, rest);
        return;
    }
    hijack->state = HIJACK_REFUSED;
    hijack->body_size = head.body_size;
    buf_release(&hijack->answer);
    buf_init(&hijack->answer, ERROR_MAX);
    on_refusal(hijack, behind, rest);
}

static void on_socket_data(void *ctx, const char *data, size_t size)
{
    struct hijack *hijack = ctx;

    enter(hijack);
    switch (hijack->state) {
    case HIJACK_ASKING: on_head(hijack, data, size); break;
    case HIJACK_REFUSED: on_refusal(hijack, data, size); break;
    case HIJACK_OPEN: on_bytes(hijack, data, size); break;
    case HIJACK_ENDED: break;
    }
    leave(hijack);
}

static void on_socket_drained(void *ctx)
{
    struct hijack *hijack = ctx;

    if (hijack->state != HIJACK_OPEN || hijack->on_drained == NULL)
        return;
    enter(hijack);
    hijack->on_drained(hijack->ctx);
    leave(hijack);
}

static void on_socket_end(void *ctx, const struct err *failure)
{
    struct hijack *hijack = ctx;
    struct err own = { 0 };

    enter(hijack);
    if (failure == NULL && hijack->state == HIJACK_REFUSED) {
        end_refused(hijack);
    } else if (failure == NULL && hijack->state == HIJACK_ASKING) {
        (void)err_set(&own, ERR_UNREACHABLE, "%s closed the connection without an answer",
                      hijack->name);
        end(hijack, &own);
    } else if (failure == NULL && demux_end(&hijack->demux, &own) < 0) {
        end(hijack, &own);
    } else {
        end(hijack, failure);
    }
    leave(hijack);
}

/* ---- Asking ---- */

static int connect_socket(struct hijack *hijack, struct err *err)
{
    const struct docker_host *where = docker_where(hijack->docker);
    const char *json = hijack->json != NULL ? hijack->json : "";
    const struct socket_options options = {
        .unix_path = where->unix_path,
        .host = where->host,
        .port = where->port,
        .is_tls = where->tls,
        .ca_path = where->ca_path,
        .cert_path = where->cert_path,
        .key_path = where->key_path,
        .on_data = on_socket_data,
        .on_drained = on_socket_drained,
        .on_end = on_socket_end,
        .ctx = hijack,
    };
    AUTO(buf) text;

    buf_init(&text, (size_t)4 * 1024 * 1024);
    buf_printf(&text, "POST /v1.%u%s", docker_api(hijack->docker), hijack->path);
    if (hijack->query != NULL && hijack->query[0] != '\0')
        buf_printf(&text, "?%s", hijack->query);
    buf_printf(&text,
               " HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
               "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
               strlen(json), json);
    if (text.truncated)
        return err_set(err, ERR_INVALID, "%s: the request is too large", hijack->name);

    hijack->socket = socket_connect(http_loop(docker_http(hijack->docker)), &options, err);
    if (hijack->socket == NULL)
        return -1;
    socket_write(hijack->socket, text.data, text.size);
    return 0;
}

static void on_agreed(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct hijack *hijack = ctx;
    struct err own = { 0 };

    (void)answer;
    hijack->agreeing = NULL;
    if (hijack->freed) {
        destroy(hijack);
        return;
    }
    if (failure == NULL && connect_socket(hijack, &own) < 0)
        failure = &own;
    if (failure == NULL)
        return;
    enter(hijack);
    end(hijack, failure);
    leave(hijack);
}

struct hijack *hijack_open(struct docker *docker, const struct hijack_options *options,
                           struct err *err)
{
    const struct docker_request ping = {
        .method = "GET", .path = "/_ping", .deadline_ms = 10000, .is_long = true
    };

    ASSERT(options->on_data != NULL && options->on_end != NULL);

    struct hijack *hijack = mem_alloc(sizeof(*hijack));
    hijack->docker = docker;
    hijack->name = mem_text(docker_name(docker));
    hijack->demux.raw = options->tty;
    buf_init(&hijack->answer, HEAD_MAX);
    buf_init(&hijack->queued, HIJACK_QUEUE_MAX);
    hijack->path = mem_text(options->path);
    hijack->query = options->query != NULL ? mem_text(options->query) : NULL;
    hijack->json = options->json != NULL ? mem_text(options->json) : NULL;
    hijack->on_open = options->on_open;
    hijack->on_data = options->on_data;
    hijack->on_drained = options->on_drained;
    hijack->on_end = options->on_end;
    hijack->ctx = options->ctx;
    if (docker_api(docker) == 0) {
        hijack->agreeing = docker_call(docker, &ping, on_agreed, hijack);
        return hijack;
    }
    if (connect_socket(hijack, err) < 0) {
        destroy(hijack);
        return NULL;
    }
    return hijack;
}

/* ---- The other direction ---- */

void hijack_write(struct hijack *hijack, const void *data, size_t size)
{
    if (hijack->finishing || hijack->state == HIJACK_ENDED)
        return;
    if (hijack->state == HIJACK_OPEN)
        socket_write(hijack->socket, data, size);
    else
        buf_add(&hijack->queued, data, size);
}

size_t hijack_unsent(const struct hijack *hijack)
{
    return hijack->state == HIJACK_OPEN ? socket_unsent(hijack->socket) : hijack->queued.size;
}

void hijack_finish(struct hijack *hijack)
{
    hijack->finishing = true;
    if (hijack->state == HIJACK_OPEN)
        socket_finish(hijack->socket);
}

void hijack_pause(struct hijack *hijack, bool paused)
{
    hijack->paused = paused;
    if (hijack->state == HIJACK_OPEN)
        socket_pause(hijack->socket, paused);
}

void hijack_free(struct hijack *hijack)
{
    if (hijack == NULL || hijack->freed)
        return;
    hijack->freed = true;
    socket_free(hijack->socket);
    hijack->socket = NULL;
    if (hijack->agreeing != NULL)
        docker_cancel(hijack->agreeing); /* on_agreed() frees */
    else if (hijack->depth == 0)
        destroy(hijack);
}
