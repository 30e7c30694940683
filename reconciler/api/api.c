/*
 * The API as a whole: its table of routes, its server, and its ear on the program.
 */
#include "reconciler/api/api.h"

#include <stdlib.h>

#include "reconciler/api/api_int.h"
#include "spec/base/buf.h"

#define QUERY(...)                                                                                 \
    (const struct route_query[])                                                                   \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }
#define ROUTE(handler_, method_, path_, ...)                                                       \
    { .handler = (handler_), .method = (method_), .path = (path_), __VA_ARGS__ },
static const struct route routes[] = {
#include "reconciler/api/routes.def"
};
#undef ROUTE

struct api *api_of(const struct request *request)
{
    return request_context(request);
}

struct app *app_of(const struct request *request)
{
    return api_of(request)->app;
}

static void tell(void *context)
{
    struct api *api = context;

    api->is_telling = false;
    followers_tell(api);
}

/* What is said comes after what is stored, so the events are there when followers look. */
static void on_line(void *context, const char *topic, const char *text)
{
    struct api *api = context;

    (void)topic;
    (void)text;
    if (api->followers == NULL || api->is_telling)
        return;
    api->is_telling = true;
    loop_defer(api->app->loop, tell, api);
}

struct api *api_new(struct app *app, const char *version, struct err *err)
{
    AUTO(api) *api = mem_alloc(sizeof(*api));
    AUTO(buf) path = { 0 };
    struct server_options options = { .listen = app->options->listen,
                                      .routes = routes,
                                      .route_count = ARRAY_COUNT(routes),
                                      .context = api };

    api->app = app;
    api->version = version;
    buf_init(&path, 4096);
    buf_printf(&path, "%s/berth.sock", app->options->state_dir);
    options.socket_path = buf_text(&path);
    api->server = server_new(app->loop, &options, err);
    if (api->server == NULL)
        return NULL;
    api->listener = (struct app_listener){ .line = on_line, .context = api };
    api->listener.next = app->listeners;
    app->listeners = &api->listener;
    return TAKE(api);
}

void api_free(struct api *api)
{
    if (api == NULL)
        return;
    for (struct app_listener **at = &api->app->listeners; *at != NULL; at = &(*at)->next) {
        if (*at == &api->listener) {
            *at = api->listener.next;
            break;
        }
    }
    server_free(api->server); /* ends the requests, and they what they hold */
    ASSERT(api->followers == NULL);
    loop_defer_cancel(api->app->loop, tell, api);
    plan_jobs_orphan(api);
    free(api);
}

/* ---- The reference --------------------------------------------------------------------------- */

static void print_route(FILE *out, const struct route *route)
{
    fprintf(out, "\n## %s %s\n\n%s%s\n", route->method, route->path, route->summary,
            route->writes ? " Only through the socket." : "");
    if (route->query == NULL)
        return;
    fputs("\n| parameter | meaning |\n| --- | --- |\n", out);
    for (const struct route_query *at = route->query; at->name != NULL; at++)
        fprintf(out, "| `%s` | %s |\n", at->name, at->help);
}

void api_print_manual(FILE *out)
{
    fputs("# API\n\n<!-- made by `make docs` from reconciler/api/routes.def -->\n\n"
          "A running Berth answers HTTP on the socket `berth.sock` in its state folder, and with\n"
          "`--listen` on a loopback address. Whoever may open the socket may do everything; on\n"
          "TCP only reading is served, without what programs and health checks wrote, and not\n"
          "to web pages of other sites.\n\n"
          "    curl --unix-socket /var/lib/berth/berth.sock http://localhost/v1/status\n\n"
          "Answers are JSON objects; `apiVersion` is `" API_VERSION "`. Times are RFC 3339.\n"
          "A failure is `{\"error\": {\"code\", \"message\"}}`, its status 400 or more. Bodies\n"
          "are JSON objects of at most 1 MiB. Unknown query parameters are refused.\n",
          out);
    for (size_t i = 0; i < ARRAY_COUNT(routes); i++)
        print_route(out, &routes[i]);
    fputs("\n## berth-exec/1\n\n"
          "After the 101 both sides send frames: one byte that says what it is, three of 0, the\n"
          "size of what follows in four bytes (most significant first), and as many bytes.\n\n"
          "| byte | from | what follows |\n| --- | --- | --- |\n"
          "| 0 | client | standard input |\n"
          "| 1 | server | standard output |\n"
          "| 2 | server | standard error |\n"
          "| 3 | client | nothing: standard input ends |\n"
          "| 4 | client | rows and columns of the terminal, two bytes each |\n"
          "| 5 | server | the exit code, four bytes; the connection ends |\n"
          "| 6 | server | why the command could not run, text; the connection ends |\n\n"
          "A client that closes the connection leaves; the command gets the end of its input.\n",
          out);
}
