/*
 * What libcurl is told about one request, and what its errors mean.
 *
 * The functions here that libcurl calls only store: callbacks of ours run later (http.c), because
 * libcurl must not be entered from inside itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/io/http_int.h"

#define CONNECT_MS 10000L
/* So much of a streamed answer waits for its reader before libcurl is told to wait too. */
#define DATA_MAX   ((size_t)4 * 1024 * 1024)

/* ---- What libcurl calls ---- */

static bool is_streamed(const struct http_request *request)
{
    long status = 0;

    if (request->on_data == NULL)
        return false;
    (void)curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300;
}

static size_t on_body(char *data, size_t one, size_t size, void *ctx)
{
    struct http_request *request = ctx;

    (void)one;
    if (size == 0)
        return 0;
    if (is_streamed(request)) {
        if (request->paused || size > request->data.max - request->data.size) {
            request->choked = true;
            return CURL_WRITEFUNC_PAUSE;
        }
        buf_add(&request->data, data, size);
        http_request_ready(request);
        return size;
    }
    if (size > request->gathered.max - request->gathered.size) {
        request->failed = true;
        (void)err_set(&request->failure, ERR_CAPACITY, "%s: the answer is larger than %zu bytes",
                      request->endpoint->name, request->gathered.max);
        return 0;
    }
    buf_add(&request->gathered, data, size);
    return size;
}

/* Where in the file the next byte of the body is; *left: so many follow it there. */
static int64_t body_place(const struct http_request *request, int64_t *left)
{
    int64_t at = request->body_fd_at;

    *left = request->body_fd_size - at;
    for (size_t i = 0; i < request->body_part_count; i++) {
        const struct http_part *part = &request->body_parts[i];

        if (at < part->size) {
            *left = part->size - at;
            return part->at + at;
        }
        at -= part->size;
    }
    return request->body_fd_at;
}

static size_t on_body_wanted(char *out, size_t one, size_t size, void *ctx)
{
    struct http_request *request = ctx;
    int64_t left;
    int64_t place = body_place(request, &left);

    (void)one;
    ssize_t count = pread(request->body_fd, out, (size_t)left < size ? (size_t)left : size, place);
    if (count < 0 || (count == 0 && left > 0)) {
        request->failed = true;
        (void)err_set_errno(&request->failure, ERR_FAILED, count < 0 ? errno : ENODATA,
                            "%s: cannot read what to send", request->endpoint->name);
        return CURL_READFUNC_ABORT;
    }
    request->body_fd_at += count;
    return (size_t)count;
}

/* A kept connection that turns out to be closed: libcurl sends again on a new one. */
static int on_rewind(void *ctx, curl_off_t offset, int origin)
{
    struct http_request *request = ctx;

    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    request->body_fd_at = offset;
    return CURL_SEEKFUNC_OK;
}

/* libcurl 7.88 opens sockets that a child would inherit. */
curl_socket_t http_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)ctx;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- Options ---- */

/* Every value has one of the types long, curl_off_t and pointer that libcurl's varargs expect. */
#define SET(option, value) (refused |= (unsigned)curl_easy_setopt(easy, option, value))

static unsigned set_connection(CURL *easy, const struct http_endpoint *endpoint)
{
    unsigned refused = 0;

    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    SET(CURLOPT_OPENSOCKETFUNCTION, http_open_socket);
    SET(CURLOPT_CLOSESOCKETFUNCTION, http_close_socket);
    SET(CURLOPT_CLOSESOCKETDATA, endpoint);
    if (endpoint->unix_path != NULL) {
        SET(CURLOPT_UNIX_SOCKET_PATH, endpoint->unix_path);
        SET(CURLOPT_PROXY, "");
        return refused;
    }
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_KEEPIDLE, 30L);
    SET(CURLOPT_TCP_KEEPINTVL, 10L);
    if (endpoint->ca_path != NULL)
        SET(CURLOPT_CAINFO, endpoint->ca_path);
    if (endpoint->cert_path != NULL)
        SET(CURLOPT_SSLCERT, endpoint->cert_path);
    if (endpoint->key_path != NULL)
        SET(CURLOPT_SSLKEY, endpoint->key_path);
    return refused;
}

static unsigned set_body(CURL *easy, struct http_request *request)
{
    unsigned refused = 0;

    if (request->body_is_fd) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_fd_size);
        SET(CURLOPT_READFUNCTION, on_body_wanted);
        SET(CURLOPT_READDATA, request);
        SET(CURLOPT_SEEKFUNCTION, on_rewind);
        SET(CURLOPT_SEEKDATA, request);
    } else if (request->body != NULL || strcmp(request->method, "POST") == 0) {
        SET(CURLOPT_POSTFIELDS, request->body != NULL ? request->body : "");
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
    } else if (strcmp(request->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    }
    SET(CURLOPT_CUSTOMREQUEST, request->method);
    return refused;
}

static unsigned set_request(CURL *easy, struct http_request *request, const char *url)
{
    unsigned refused = 0;

    SET(CURLOPT_URL, url);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_HTTPHEADER, request->headers);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, request);
    SET(CURLOPT_ERRORBUFFER, request->error_text);
    SET(CURLOPT_PRIVATE, request);
    return refused;
}

int http_easy_set_up(struct http_request *request)
{
    const struct http_endpoint *endpoint = request->endpoint;
    AUTO(buf) url;

    buf_init(&url, (size_t)1024 * 1024);
    buf_text_add(&url, endpoint->url);
    buf_text_add(&url, request->path);
    if (url.truncated) {
        request->failed = true;
        return err_set(&request->failure, ERR_INVALID, "%s: the path of a request is too long",
                       endpoint->name);
    }

    unsigned refused = set_connection(request->easy, endpoint);
    refused |= set_body(request->easy, request);
    refused |= set_request(request->easy, request, buf_text(&url));
    if (refused == 0)
        return 0;
    request->failed = true;
    return err_set(&request->failure, ERR_INTERNAL, "%s: libcurl refuses an option",
                   endpoint->name);
}

/* ---- Errors ---- */

struct error_row {
    CURLcode curl;
    enum err_code code;
};

static const struct error_row error_rows[] = {
    { CURLE_COULDNT_RESOLVE_PROXY, ERR_UNREACHABLE },
    { CURLE_COULDNT_RESOLVE_HOST, ERR_UNREACHABLE },
    { CURLE_COULDNT_CONNECT, ERR_UNREACHABLE },
    { CURLE_OPERATION_TIMEDOUT, ERR_UNREACHABLE }, /* of connecting; deadlines are ours */
    { CURLE_SSL_CONNECT_ERROR, ERR_UNREACHABLE },
    { CURLE_GOT_NOTHING, ERR_UNREACHABLE },
    { CURLE_PARTIAL_FILE, ERR_UNREACHABLE },
    { CURLE_SEND_ERROR, ERR_UNREACHABLE },
    { CURLE_RECV_ERROR, ERR_UNREACHABLE },
    { CURLE_SEND_FAIL_REWIND, ERR_UNREACHABLE },
    { CURLE_URL_MALFORMAT, ERR_INVALID },
    { CURLE_UNSUPPORTED_PROTOCOL, ERR_FAILED }, /* no HTTP answer */
    { CURLE_PEER_FAILED_VERIFICATION, ERR_DENIED },
    { CURLE_SSL_CERTPROBLEM, ERR_DENIED },
    { CURLE_SSL_CACERT_BADFILE, ERR_DENIED },
    { CURLE_OUT_OF_MEMORY, ERR_CAPACITY },
};

enum err_code http_error_code(CURLcode code)
{
    for (size_t i = 0; i < ARRAY_COUNT(error_rows); i++)
        if (error_rows[i].curl == code)
            return error_rows[i].code;
    return ERR_FAILED;
}

static void fail_to_connect(struct http_request *request)
{
    const struct http_endpoint *endpoint = request->endpoint;
    const char *hint = endpoint->hint;
    struct err reason = { 0 };
    long number = 0;

    (void)curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &number);
    if (number == 0)
        (void)err_set(&reason, ERR_UNREACHABLE, "cannot connect to %s: %s", endpoint->name,
                      request->error_text);
    else
        (void)err_set_errno(&reason, number == EACCES ? ERR_DENIED : ERR_UNREACHABLE, (int)number,
                            "cannot connect to %s", endpoint->name);
    if (reason.code == ERR_DENIED)
        hint = endpoint->denied_hint;
    (void)err_set(&request->failure, reason.code, "%s%s%s", reason.text, hint != NULL ? "; " : "",
                  hint != NULL ? hint : "");
}

void http_easy_fail(struct http_request *request, CURLcode code)
{
    if (request->failed)
        return;

    const char *text =
        request->error_text[0] != '\0' ? request->error_text : curl_easy_strerror(code);
    request->failed = true;
    if (code == CURLE_COULDNT_CONNECT)
        fail_to_connect(request);
    else
        (void)err_set(&request->failure, http_error_code(code), "%s: %s", request->endpoint->name,
                      text);
}
