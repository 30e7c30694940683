/*
 * A stream over TLS: libcurl connects and shakes hands on another thread (CURLOPT_CONNECT_ONLY),
 * and gives the connection away; from then on the loop says when to read and write.
 */
#include "drivers/io/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "drivers/io/http_int.h"
#include "drivers/io/worker.h"
#include "spec/base/buf.h"

#define READ_SIZE  ((size_t)16 * 1024) /* one record */
#define READS_MAX  32                  /* then others have their turn */
#define URL_MAX    1024
#define CONNECT_MS 10000L

/* libcurl must be asked to send the same bytes again, where they were. */
struct tls_write {
    struct tls_write *prev;
    struct tls_write *next;
    size_t size;
    size_t sent;
    char data[];
};

struct tls {
    struct loop *loop;
    struct socket_options options; /* its callbacks only */
    CURL *easy;
    char *url;
    CURLcode result; /* of connecting */
    bool abandoned;  /* the thread that connects shall give up: atomic */
    struct loop_watch *watch;
    int fd;
    struct tls_write *writes;
    size_t unsent;
    bool connecting;
    bool connected;
    bool finishing; /* half close wanted */
    bool shut;      /* and done */
    bool paused;
    bool ended;
    bool freed;
    unsigned depth; /* of callbacks that run now */
    char error_text[CURL_ERROR_SIZE];
    char chunk[READ_SIZE];
};

static void destroy(struct tls *tls)
{
    struct tls_write *write;
    struct tls_write *next;

    DL_FOREACH_SAFE(tls->writes, write, next)
    {
        free(write);
    }
    curl_easy_cleanup(tls->easy);
    free(tls->url);
    free(tls);
}

static void enter(struct tls *tls)
{
    tls->depth++;
}

static void leave(struct tls *tls)
{
    tls->depth--;
    if (tls->depth == 0 && tls->freed)
        destroy(tls);
}

/* code CURLE_OK: the orderly end of the peer's stream. */
static void end(struct tls *tls, CURLcode code)
{
    const char *text = tls->error_text[0] != '\0' ? tls->error_text : curl_easy_strerror(code);
    struct err failure = { 0 };

    if (tls->ended || tls->freed)
        return;
    tls->ended = true;
    loop_unwatch(tls->watch);
    tls->watch = NULL;
    if (code != CURLE_OK)
        (void)err_set(&failure, http_error_code(code), "%s%s: %s",
                      tls->connected ? "" : "cannot connect to ", tls->url, text);
    tls->options.on_end(tls->options.ctx, code != CURLE_OK ? &failure : NULL);
}

/* ---- Reading and writing -------------------------------------------------------------------- */

static void watch_what_is_wanted(struct tls *tls)
{
    if (tls->watch != NULL)
        loop_watch_change(tls->watch, (tls->paused ? 0U : LOOP_READABLE) |
                                          (tls->writes != NULL ? LOOP_WRITABLE : 0U));
}

/* There is no half close in libcurl's TLS, but in TCP below it: the peer's next read then ends. */
static void shut_if_over(struct tls *tls)
{
    if (!tls->finishing || tls->shut || !tls->connected || tls->writes != NULL)
        return;
    tls->shut = true;
    (void)shutdown(tls->fd, SHUT_WR);
}

static void send_some(struct tls *tls)
{
    CURLcode code = CURLE_OK;

    while (tls->writes != NULL && code == CURLE_OK) {
        struct tls_write *write = tls->writes;
        size_t count = 0;

        code =
            curl_easy_send(tls->easy, write->data + write->sent, write->size - write->sent, &count);
        write->sent += count;
        tls->unsent -= count;
        if (write->sent < write->size)
            continue;
        DL_DELETE(tls->writes, write);
        free(write);
    }
    if (code != CURLE_OK && code != CURLE_AGAIN) {
        /* A peer that reads no more may still have something to say: its end comes by reading. */
        while (tls->writes != NULL) {
            struct tls_write *write = tls->writes;
            tls->unsent -= write->size - write->sent;
            DL_DELETE(tls->writes, write);
            free(write);
        }
        tls->finishing = true;
        return;
    }
    shut_if_over(tls);
    if (tls->unsent == 0 && tls->options.on_drained != NULL)
        tls->options.on_drained(tls->options.ctx);
}

/* What was decrypted already makes no descriptor readable: it is read until there is nothing. */
static void read_some(void *ctx)
{
    struct tls *tls = ctx;
    CURLcode code = CURLE_OK;

    enter(tls);
    for (int i = 0; i < READS_MAX && code == CURLE_OK && !tls->ended && !tls->paused; i++) {
        size_t count = 0;

        code = curl_easy_recv(tls->easy, tls->chunk, sizeof(tls->chunk), &count);
        if (code == CURLE_OK && count > 0)
            tls->options.on_data(tls->options.ctx, tls->chunk, count);
        else if (code != CURLE_AGAIN)
            end(tls, code);
    }
    if (code == CURLE_OK && !tls->ended && !tls->paused) {
        loop_defer_cancel(tls->loop, read_some, tls);
        loop_defer(tls->loop, read_some, tls);
    }
    leave(tls);
}

static void on_event(void *ctx, int fd, unsigned events)
{
    struct tls *tls = ctx;

    (void)fd;
    enter(tls);
    if ((events & LOOP_WRITABLE) != 0 && tls->writes != NULL)
        send_some(tls);
    if ((events & LOOP_READABLE) != 0 && !tls->paused && !tls->ended)
        read_some(tls);
    if (!tls->freed)
        watch_what_is_wanted(tls);
    leave(tls);
}

/* ---- Connecting ----------------------------------------------------------------------------- */

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct tls *tls = ctx;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return __atomic_load_n(&tls->abandoned, __ATOMIC_RELAXED) ? 1 : 0;
}

static void connect_work(void *ctx)
{
    struct tls *tls = ctx;

    tls->result = curl_easy_perform(tls->easy);
}

static void connect_done(void *ctx, bool cancelled)
{
    struct tls *tls = ctx;
    curl_socket_t fd = CURL_SOCKET_BAD;
    struct err err = { 0 };

    tls->connecting = false;
    if (tls->freed) {
        destroy(tls);
        return;
    }
    enter(tls);
    if (cancelled)
        tls->result = CURLE_ABORTED_BY_CALLBACK;
    if (tls->result == CURLE_OK)
        tls->result = curl_easy_getinfo(tls->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (tls->result == CURLE_OK) {
        tls->fd = fd;
        tls->watch = loop_watch_fd(tls->loop, fd, 0, on_event, tls, &err);
        if (tls->watch == NULL)
            tls->result = CURLE_COULDNT_CONNECT;
    }
    if (tls->result != CURLE_OK) {
        end(tls, tls->result);
    } else {
        tls->connected = true;
        shut_if_over(tls);
        if (tls->options.on_open != NULL)
            tls->options.on_open(tls->options.ctx);
        if (!tls->freed)
            watch_what_is_wanted(tls);
    }
    leave(tls);
}

/* Every value has one of the types long and pointer that libcurl's varargs expect. */
#define SET(option, value) (refused |= (unsigned)curl_easy_setopt(tls->easy, option, value))

static int set_up(struct tls *tls, const struct socket_options *options, struct err *err)
{
    unsigned refused = 0;

    SET(CURLOPT_URL, tls->url);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_CONNECT_ONLY, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_OPENSOCKETFUNCTION, http_open_socket);
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_ERRORBUFFER, tls->error_text);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, tls);
    if (options->ca_path != NULL)
        SET(CURLOPT_CAINFO, options->ca_path);
    if (options->cert_path != NULL)
        SET(CURLOPT_SSLCERT, options->cert_path);
    if (options->key_path != NULL)
        SET(CURLOPT_SSLKEY, options->key_path);
    return refused == 0 ? 0 : err_set(err, ERR_INTERNAL, "%s: libcurl refuses an option", tls->url);
}

struct tls *tls_connect(struct loop *loop, const struct socket_options *options, struct err *err)
{
    bool is_ipv6 = strchr(options->host, ':') != NULL;
    struct tls *tls = mem_alloc(sizeof(*tls));
    struct buf url;

    buf_init(&url, URL_MAX);
    buf_printf(&url, is_ipv6 ? "https://[%s]:%s" : "https://%s:%s", options->host, options->port);
    tls->url = buf_take(&url);
    tls->loop = loop;
    tls->options = *options;
    tls->easy = curl_easy_init();
    ASSERT(tls->easy != NULL); /* out of memory */
    if (set_up(tls, options, err) < 0) {
        destroy(tls);
        return NULL;
    }
    tls->connecting = true;
    (void)worker_submit(loop, connect_work, connect_done, tls);
    return tls;
}

/* ---- For the caller ------------------------------------------------------------------------- */

void tls_write(struct tls *tls, const void *data, size_t size)
{
    struct tls_write *write;

    if (tls->ended || tls->finishing || size == 0)
        return;
    write = mem_alloc(sizeof(*write) + size);
    write->size = size;
    memcpy(write->data, data, size);
    tls->unsent += size;
    DL_APPEND(tls->writes, write);
    watch_what_is_wanted(tls);
}

size_t tls_unsent(const struct tls *tls)
{
    return tls->unsent;
}

void tls_finish(struct tls *tls)
{
    if (tls->ended || tls->finishing)
        return;
    tls->finishing = true;
    shut_if_over(tls);
}

void tls_pause(struct tls *tls, bool paused)
{
    tls->paused = paused;
    if (!tls->connected || tls->ended)
        return;
    watch_what_is_wanted(tls);
    loop_defer_cancel(tls->loop, read_some, tls);
    if (!paused)
        loop_defer(tls->loop, read_some, tls);
}

void tls_free(struct tls *tls)
{
    ASSERT(!tls->freed);
    tls->freed = true;
    tls->ended = true;
    __atomic_store_n(&tls->abandoned, true, __ATOMIC_RELAXED);
    loop_unwatch(tls->watch);
    tls->watch = NULL;
    loop_defer_cancel(tls->loop, read_some, tls);
    if (!tls->connecting && tls->depth == 0)
        destroy(tls);
}
