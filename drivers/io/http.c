/*
 * Requests on libcurl's multi interface.
 *
 * libcurl says which descriptors and which timeout to wait for; when one is due it runs and stores
 * what came; http_endpoint_settle() then calls back, outside of it.  So every callback may use
 * every function here, and one that frees the endpoint is noticed by `freed` after each call.
 */
#include "drivers/io/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "drivers/io/http_int.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

/* ---- The lists ---- */

static void settle_now(void *ctx)
{
    struct http_endpoint *endpoint = ctx;

    endpoint->settling = false;
    http_endpoint_settle(endpoint);
}

void http_endpoint_forget(struct http_endpoint *endpoint)
{
    loop_defer_cancel(endpoint->loop, settle_now, endpoint);
}

static void settle_later(struct http_endpoint *endpoint)
{
    if (endpoint->settling || endpoint->freed)
        return;
    endpoint->settling = true;
    loop_defer(endpoint->loop, settle_now, endpoint);
}

void http_request_ready(struct http_request *request)
{
    struct http_endpoint *endpoint = request->endpoint;

    if (request->is_ready || endpoint->freed)
        return;
    request->is_ready = true;
    request->next_ready = NULL;
    if (endpoint->ready_last == NULL)
        endpoint->ready = request;
    else
        endpoint->ready_last->next_ready = request;
    endpoint->ready_last = request;
}

static struct http_request *take_ready(struct http_endpoint *endpoint)
{
    struct http_request *request = endpoint->ready;

    if (request == NULL)
        return NULL;
    endpoint->ready = request->next_ready;
    if (endpoint->ready == NULL)
        endpoint->ready_last = NULL;
    request->is_ready = false;
    return request;
}

static void wait_in_line(struct http_request *request)
{
    struct http_endpoint *endpoint = request->endpoint;

    request->is_waiting = true;
    if (endpoint->waiting_last == NULL)
        endpoint->waiting = request;
    else
        endpoint->waiting_last->next_waiting = request;
    endpoint->waiting_last = request;
}

static struct http_request *take_waiting(struct http_endpoint *endpoint)
{
    struct http_request *request = endpoint->waiting;

    endpoint->waiting = request->next_waiting;
    if (endpoint->waiting == NULL)
        endpoint->waiting_last = NULL;
    request->next_waiting = NULL;
    request->is_waiting = false;
    return request;
}

static void leave_line(struct http_request *request)
{
    struct http_endpoint *endpoint = request->endpoint;
    struct http_request *before = NULL;

    if (!request->is_waiting)
        return;
    while ((before != NULL ? before->next_waiting : endpoint->waiting) != request)
        before = before != NULL ? before->next_waiting : endpoint->waiting;
    if (before != NULL)
        before->next_waiting = request->next_waiting;
    else
        endpoint->waiting = request->next_waiting;
    if (endpoint->waiting_last == request)
        endpoint->waiting_last = before;
    request->is_waiting = false;
}

static void leave_requests(struct http_request *request)
{
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        request->endpoint->requests = request->next;
    if (request->next != NULL)
        request->next->previous = request->previous;
}

/* ---- Transfers ---- */

static CURL *take_easy(struct http_endpoint *endpoint)
{
    if (endpoint->spare_count > 0)
        return endpoint->spare[--endpoint->spare_count];

    CURL *easy = curl_easy_init();
    ASSERT(easy != NULL); /* memory only */
    return easy;
}

static void give_easy(struct http_endpoint *endpoint, CURL *easy)
{
    if (easy == NULL)
        return;
    if (endpoint->freed || endpoint->spare_count == HTTP_SPARE_MAX) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    endpoint->spare[endpoint->spare_count++] = easy;
}

static void leave_multi(struct http_request *request)
{
    struct http_endpoint *endpoint = request->endpoint;

    if (request->in_multi) {
        ASSERT(!endpoint->in_curl);
        endpoint->in_curl = true;
        (void)curl_multi_remove_handle(endpoint->multi, request->easy);
        endpoint->in_curl = false;
        request->in_multi = false;
    }
    if (request->is_counted) {
        request->is_counted = false;
        endpoint->counted--;
    }
}

/* Ends a request by a decision of ours: what came and was not delivered is dropped. */
void http_request_fail(struct http_request *request, enum err_code code, const char *text)
{
    if (request->finished)
        return;
    if (!request->failed)
        (void)err_set(&request->failure, code, "%s: %s", request->endpoint->name, text);
    request->failed = true;
    request->finished = true;
    request->dropped = true;
    leave_line(request);
    leave_multi(request);
    http_request_ready(request);
    settle_later(request->endpoint);
}

/* Also one whose answer came and was not delivered: the caller no longer wants it. */
void http_request_cancel(struct http_request *request)
{
    if (request->dropped)
        return;
    request->finished = false;
    request->failed = false;
    http_request_fail(request, ERR_CANCELLED, "the request was cancelled");
}

static void launch(struct http_request *request)
{
    struct http_endpoint *endpoint = request->endpoint;

    request->easy = take_easy(endpoint);
    if (http_easy_set_up(request) < 0) {
        http_request_fail(request, ERR_INTERNAL, "libcurl");
        return;
    }

    endpoint->in_curl = true;
    CURLMcode code = curl_multi_add_handle(endpoint->multi, request->easy);
    endpoint->in_curl = false;
    if (code != CURLM_OK) {
        http_request_fail(request, ERR_INTERNAL, curl_multi_strerror(code));
        return;
    }
    request->in_multi = true;
    if (!request->is_long) {
        request->is_counted = true;
        endpoint->counted++;
    }
}

static void launch_waiting(struct http_endpoint *endpoint)
{
    while (endpoint->waiting != NULL && endpoint->counted < endpoint->requests_max)
        launch(take_waiting(endpoint));
}

/* ---- Callbacks ---- */

static void request_free(struct http_request *request)
{
    give_easy(request->endpoint, request->easy);
    for (struct curl_slist *at = request->headers; at != NULL; at = at->next)
        explicit_bzero(at->data, strlen(at->data)); /* it may be a login */
    curl_slist_free_all(request->headers);
    buf_release(&request->gathered);
    buf_release(&request->data);
    free(request->method);
    free(request->path);
    if (request->body != NULL)
        explicit_bzero(request->body, request->body_size); /* it may have secrets */
    free(request->body);
    free(request);
}

/* on_done, exactly once. */
void http_request_answer(struct http_request *request)
{
    struct http_response response = {
        .body = buf_text(&request->gathered),
        .size = request->gathered.size,
        .request = request,
    };
    long status = 0;
    char *content_type = NULL;

    timer_stop(&request->deadline);
    leave_line(request);
    leave_multi(request);
    leave_requests(request);
    if (request->easy != NULL) {
        (void)curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_easy_getinfo(request->easy, CURLINFO_CONTENT_TYPE, &content_type);
    }
    response.status = (int)status;
    response.content_type = content_type;
    request->on_done(request->ctx, &response, request->failed ? &request->failure : NULL);
    request_free(request);
}

/* libcurl goes on with what it held back. */
static void unchoke(struct http_request *request)
{
    struct http_endpoint *endpoint = request->endpoint;

    if (!request->choked || request->paused || !request->in_multi)
        return;
    request->choked = false;
    endpoint->in_curl = true;
    (void)curl_easy_pause(request->easy, CURLPAUSE_CONT); /* may store more at once */
    endpoint->in_curl = false;
}

static void deliver(struct http_request *request)
{
    struct http_endpoint *endpoint = request->endpoint;

    if (request->data.size > 0 && !request->dropped) {
        if (request->paused)
            return; /* http_pause() puts it in line again */

        struct buf data = request->data;

        buf_init(&request->data, HTTP_DATA_MAX);
        http_request_ready(request); /* its end, or more of it, comes after this */
        request->on_data(request->ctx, data.data, data.size);
        buf_release(&data);
        if (!endpoint->freed)
            unchoke(request);
        return;
    }
    if (request->finished)
        http_request_answer(request);
}

static void take_results(struct http_endpoint *endpoint)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(endpoint->multi, &left)) != NULL) {
        CURLcode code = message->data.result;
        char *private = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);

        struct http_request *request = (struct http_request *)(void *)private;
        if (code != CURLE_OK)
            http_easy_fail(request, code);
        request->finished = true;
        leave_multi(request);
        http_request_ready(request);
    }
}

/* Calls back for everything that came, and starts what waits. */
void http_endpoint_settle(struct http_endpoint *endpoint)
{
    struct http_request *request;

    if (endpoint->depth > 0)
        return; /* the caller of this callback goes on with it */
    endpoint->depth++;
    take_results(endpoint);
    launch_waiting(endpoint);
    while (!endpoint->freed && (request = take_ready(endpoint)) != NULL) {
        deliver(request);
        if (!endpoint->freed)
            launch_waiting(endpoint);
    }
    endpoint->depth--;
    if (endpoint->freed)
        http_endpoint_destroy(endpoint);
}

/* ---- Requests ---- */

static void deadline_over(void *ctx)
{
    struct http_request *request = ctx;

    http_request_fail(request, ERR_TIMEOUT, "no answer in time");
}

static bool has_header(const char *const *headers, const char *name)
{
    size_t size = strlen(name);

    for (; headers != NULL && *headers != NULL; headers++)
        if (strncasecmp(*headers, name, size) == 0 && (*headers)[size] == ':')
            return true;
    return false;
}

/* libcurl adds some headers by itself; a name without a value takes them away. */
static struct curl_slist *header_list(const char *const *headers)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    if (!has_header(headers, "Content-Type"))
        list = curl_slist_append(list, "Content-Type:");
    for (; headers != NULL && *headers != NULL; headers++)
        list = curl_slist_append(list, *headers);
    ASSERT(list != NULL);
    return list;
}

static struct http_request *request_new(struct http_endpoint *endpoint,
                                        const struct http_options *options)
{
    struct http_request *request = mem_alloc(sizeof(*request));
    size_t max = options->body_max > 0 ? options->body_max : (size_t)LIMIT_ENGINE_RESPONSE;

    request->endpoint = endpoint;
    request->method = mem_text(options->method);
    request->path = mem_text(options->path);
    request->headers = header_list(options->headers);
    if (options->body != NULL) {
        request->body = mem_alloc(options->body_size + 1);
        memcpy(request->body, options->body, options->body_size);
        request->body_size = options->body_size;
    }
    request->body_is_fd = options->body_is_fd;
    request->body_fd = options->body_fd;
    request->body_fd_size = options->body_fd_size;
    request->body_parts = options->body_parts;
    request->body_part_count = options->body_part_count;
    request->is_long = options->is_long;
    request->on_data = options->on_data;
    request->on_done = options->on_done;
    request->ctx = options->ctx;
    buf_init(&request->gathered, max);
    buf_init(&request->data, HTTP_DATA_MAX);
    request->next = endpoint->requests;
    if (request->next != NULL)
        request->next->previous = request;
    endpoint->requests = request;
    return request;
}

struct http_request *http_start(struct http_endpoint *endpoint, const struct http_options *options)
{
    ASSERT(!endpoint->freed && !endpoint->in_curl);
    ASSERT(options->on_done != NULL);
    ASSERT(options->path[0] == '/');
    ASSERT(options->body == NULL || !options->body_is_fd);

    struct http_request *request = request_new(endpoint, options);
    bool has_room = endpoint->waiting == NULL && endpoint->counted < endpoint->requests_max;
    if (options->deadline_ms > 0)
        timer_start(endpoint->loop, &request->deadline, options->deadline_ms, deadline_over,
                    request);
    if (request->is_long || has_room)
        launch(request);
    else
        wait_in_line(request);
    return request;
}

void http_cancel(struct http_request *request)
{
    if (request == NULL)
        return;
    ASSERT(!request->endpoint->in_curl);
    http_request_cancel(request);
}

int64_t http_sent(const struct http_request *request)
{
    return request->body_fd_at;
}

void http_pause(struct http_request *request, bool paused)
{
    request->paused = paused;
    if (paused)
        return;
    unchoke(request);
    http_request_ready(request);
    settle_later(request->endpoint);
}

const char *http_response_header(const struct http_response *response, const char *name)
{
    struct curl_header *header = NULL;

    if (response->request->easy == NULL ||
        curl_easy_header(response->request->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    return header->value;
}

const char *http_library_version(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}
