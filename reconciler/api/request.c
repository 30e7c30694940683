/*
 * What handlers read of a request, and answers of one document.
 */
#include "reconciler/api/request.h"

#include <string.h>

#include "reconciler/api/server_int.h"
#include "reconciler/api/words.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

/* ---- Reading ------------------------------------------------------------------------------- */

bool request_is_local(const struct request *request)
{
    return request->is_local;
}

void *request_context(const struct request *request)
{
    return request->server->options.context;
}

struct arena *request_arena(struct request *request)
{
    return &request->arena;
}

const char *request_param(const struct request *request, const char *name)
{
    size_t size = strlen(name);
    size_t index = 0;

    for (const char *at = strchr(request->route->path, '{'); at != NULL; at = strchr(at + 1, '{')) {
        if (strncmp(at + 1, name, size) == 0 && at[1 + size] == '}')
            return request->params[index];
        index++;
    }
    assert_failed("the route has the parameter", __FILE__, __LINE__);
}

const char *request_query(const struct request *request, const char *name)
{
    const char *value = NULL;

    if (MHD_lookup_connection_value_n(request->connection, MHD_GET_ARGUMENT_KIND, name,
                                      strlen(name), &value, NULL) != MHD_YES)
        return NULL;
    return value == NULL ? "" : value;
}

int request_query_bool(const struct request *request, const char *name, bool fallback, bool *out,
                       struct err *err)
{
    const char *text = request_query(request, name);

    if (text == NULL)
        *out = fallback;
    else if (text_is_empty(text) || text_equal(text, "true") || text_equal(text, "1"))
        *out = true;
    else if (text_equal(text, "false") || text_equal(text, "0"))
        *out = false;
    else
        return err_set(err, ERR_INVALID, "%s: '%s' is neither true nor false", name, text);
    return 0;
}

int request_query_u64(const struct request *request, const char *name, uint64_t fallback,
                      uint64_t *out, struct err *err)
{
    const char *text = request_query(request, name);

    if (text == NULL)
        *out = fallback;
    else if (!text_parse_u64(text, out))
        return err_set(err, ERR_INVALID, "%s: '%s' is no number", name, text);
    return 0;
}

int request_json(struct request *request, const struct json **out, struct err *err)
{
    if (request->json == NULL) {
        struct json *json = request->body.size == 0
                                ? json_object()
                                : json_parse(request->body.data, request->body.size, err);

        if (json == NULL)
            return err_wrap(err, "the body");
        if (!json_is_object(json)) {
            json_free(json);
            return err_set(err, ERR_INVALID, "the body is no JSON object");
        }
        request->json = json;
    }
    *out = request->json;
    return 0;
}

void request_keep(struct request *request, request_gone_fn *gone, void *context)
{
    ASSERT(request->gone == NULL && gone != NULL);
    request->gone = gone;
    request->context = context;
}

/* ---- Answering ----------------------------------------------------------------------------- */

void request_set_response(struct request *request, unsigned status, struct MHD_Response *response)
{
    ASSERT(request->response == NULL && !request->queued);
    request->status = status;
    request->response = response;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    request_wake(request);
}

/* Takes the text over. */
static void set_text(struct request *request, unsigned status, const char *content_type, char *text,
                     size_t size)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);

    ASSERT(response != NULL);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    request_set_response(request, status, response);
}

/* Takes `object` over. */
static struct json *sendable(const struct request *request, struct json *object)
{
    struct json *cut;

    if (request->is_local)
        return object;
    cut = words_cut_json(object);
    json_free(object);
    return cut;
}

static void set_json(struct request *request, unsigned status, struct json *object)
{
    AUTO(buf) text = { 0 };
    size_t size;

    ASSERT(json_is_object(object));
    json_set_text(object, "apiVersion", API_VERSION);
    object = sendable(request, object);
    buf_init(&text, LIMIT_OUTPUT);
    json_print(object, JSON_STYLE_COMPACT, &text);
    json_free(object);
    buf_char(&text, '\n');
    size = text.size;
    set_text(request, status, "application/json", buf_take(&text), size);
}

void request_answer(struct request *request, struct json *object)
{
    set_json(request, MHD_HTTP_OK, object);
}

void request_accept(struct request *request, struct json *object)
{
    set_json(request, MHD_HTTP_ACCEPTED, object);
}

void request_answer_text(struct request *request, const char *content_type, const char *text,
                         size_t size)
{
    AUTO(buf) copy = { 0 };

    buf_init(&copy, LIMIT_OUTPUT);
    if (request->is_local)
        buf_add(&copy, text, size);
    else
        words_cut_text(text, &copy);
    size = copy.size;
    set_text(request, MHD_HTTP_OK, content_type, buf_take(&copy), size);
}

static unsigned status_of(enum err_code code)
{
    switch (code) {
    case ERR_INVALID: return MHD_HTTP_BAD_REQUEST;
    case ERR_NOT_FOUND: return MHD_HTTP_NOT_FOUND;
    case ERR_DENIED: return MHD_HTTP_FORBIDDEN;
    case ERR_CONFLICT: return MHD_HTTP_CONFLICT;
    case ERR_CAPACITY:
    case ERR_CANCELLED: return MHD_HTTP_SERVICE_UNAVAILABLE;
    case ERR_UNREACHABLE:
    case ERR_FAILED: return MHD_HTTP_BAD_GATEWAY;
    case ERR_TIMEOUT: return MHD_HTTP_GATEWAY_TIMEOUT;
    case ERR_OK:
    case ERR_INTERNAL:
    case ERR_CODE_COUNT: break;
    }
    return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

void request_fail_with(struct request *request, unsigned status, const struct err *err,
                       const char *extra, struct json *value)
{
    struct json *answer = json_object();
    struct json *error = json_object();

    json_set_text(error, "code", err_code_text(err->code));
    json_set_text(error, "message", err->text);
    if (extra != NULL)
        json_set(error, extra, value);
    json_set(answer, "error", error);
    set_json(request, status, answer);
}

void request_fail(struct request *request, const struct err *err)
{
    request_fail_with(request, status_of(err->code), err, NULL, NULL);
}

void request_fail_list(struct request *request, const struct err *err, const char *name,
                       struct json *list)
{
    request_fail_with(request, status_of(err->code), err, name, list);
}

size_t request_write_json(struct request *request, struct json *object)
{
    AUTO(buf) line = { 0 };

    object = sendable(request, object);
    buf_init(&line, STREAM_MAX);
    json_print(object, JSON_STYLE_COMPACT, &line);
    json_free(object);
    buf_char(&line, '\n');
    return request_write(request, buf_text(&line), line.size);
}
