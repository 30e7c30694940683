/*
 * Order of looking: the helper of the registry, the common helper, then what lies in the file
 * itself.
 */
#include "drivers/docker/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/io/process.h"
#include "spec/base/digest.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

/* Under what name the docker client keeps its login at docker.io. */
#define HUB_REGISTRY    "docker.io"
#define HUB_SERVER      "https://index.docker.io/v1/"
#define TOKEN_USER      "<token>" /* a helper's way to say that the secret is an identity token */
#define HELPER_MS       30000
#define PATH_SIZE       4096
#define CONFIG_SIZE_MAX (1024 * 1024)

struct auth_request {
    struct loop *loop;
    auth_done_fn *done;
    void *ctx;
    struct process *helper;
    char *server;
    char *header; /* known at once */
    struct err failure;
    bool failed;
};

void auth_wipe(char *header)
{
    if (header == NULL)
        return;
    explicit_bzero(header, strlen(header));
    free(header);
}

void auth_registry(const char *reference, char out[AUTH_REGISTRY_SIZE])
{
    size_t length = strcspn(reference, "/");
    bool is_host =
        reference[length] == '/' && length < AUTH_REGISTRY_SIZE &&
        (memchr(reference, '.', length) != NULL || memchr(reference, ':', length) != NULL ||
         (length == strlen("localhost") && text_starts(reference, "localhost")));

    if (is_host)
        (void)snprintf(out, AUTH_REGISTRY_SIZE, "%.*s", (int)length, reference);
    else
        (void)snprintf(out, AUTH_REGISTRY_SIZE, "%s", HUB_REGISTRY);
    if (text_equal(out, "index.docker.io"))
        (void)snprintf(out, AUTH_REGISTRY_SIZE, "%s", HUB_REGISTRY);
}

static char *header_of(const char *server, const char *user, const char *secret, bool is_token)
{
    AUTO(json) *value = json_object();
    char *text;
    char *header;

    if (is_token) {
        json_set_text(value, "identitytoken", secret);
    } else {
        json_set_text(value, "username", user);
        json_set_text(value, "password", secret);
    }
    json_set_text(value, "serveraddress", server);
    text = json_print_text(value, JSON_STYLE_COMPACT);
    header = base64_encode(text, strlen(text), /* url_safe= */ true);
    auth_wipe(text);
    return header;
}

char *auth_anonymous(void)
{
    return base64_encode("{}", 2, /* url_safe= */ true);
}

/* "auth" is base64 of user:password. */
static char *header_of_entry(const char *server, const struct json *entry)
{
    const char *token = json_text(entry, "identitytoken");
    size_t size = 0;
    char *plain;
    char *colon;
    char *header = NULL;

    if (!text_is_empty(token))
        return header_of(server, /* user= */ NULL, token, /* is_token= */ true);
    if (json_text(entry, "username") != NULL && json_text(entry, "password") != NULL)
        return header_of(server, json_text(entry, "username"), json_text(entry, "password"),
                         /* is_token= */ false);
    if (text_is_empty(json_text(entry, "auth")))
        return NULL;
    plain = base64_decode(json_text(entry, "auth"), &size);
    if (plain == NULL)
        return NULL;
    colon = strchr(plain, ':');
    if (colon != NULL) {
        *colon = '\0';
        header = header_of(server, plain, colon + 1, /* is_token= */ false);
    }
    explicit_bzero(plain, size);
    free(plain);
    return header;
}

/* "https://registry:5000/v2/" and "registry:5000" are one server. */
static bool is_server(const char *key, const char *registry)
{
    const char *host = strstr(key, "://");
    size_t length = strlen(registry);

    host = host != NULL ? host + 3 : key;
    return strncmp(host, registry, length) == 0 && (host[length] == '\0' || host[length] == '/');
}

void auth_choose(const struct json *config, const char *registry, struct auth_choice *out)
{
    bool is_hub = text_equal(registry, HUB_REGISTRY);
    const char *server = is_hub ? HUB_SERVER : registry;
    const char *host = is_hub ? "index.docker.io" : registry;
    const char *helper =
        json_as_text(json_get(json_get(config, "credHelpers"), registry), /* fallback= */ NULL);
    const struct json *entry;
    const char *key;

    *out = (struct auth_choice){ .server = server };
    if (is_hub && text_is_empty(helper))
        helper = json_as_text(json_get(json_get(config, "credHelpers"), server),
                              /* fallback= */ NULL);
    if (text_is_empty(helper))
        helper = json_text(config, "credsStore");
    if (!text_is_empty(helper)) {
        out->helper = helper;
        return;
    }
    const struct json *auths = json_get(config, "auths");
    for (void *at = NULL; (at = json_next(auths, at, &key, &entry)) != NULL;) {
        if (is_server(key, host) || is_server(key, registry)) {
            out->header = header_of_entry(server, entry);
            if (out->header != NULL)
                return;
        }
    }
}

char *auth_from_helper(const char *server, const char *text, size_t size)
{
    AUTO(json) *value = json_parse(text, size, /* err= */ NULL);
    const char *user = json_text(value, "Username");
    const char *secret = json_text(value, "Secret");

    if (user == NULL || text_is_empty(secret))
        return NULL;
    return header_of(server, user, secret, text_equal(user, TOKEN_USER));
}

/* ---- Asking --------------------------------------------------------------------------------- */

static void finish(void *ctx)
{
    struct auth_request *request = ctx;
    auth_done_fn *done = request->done;
    void *done_ctx = request->ctx;
    struct err failure = request->failure;
    bool failed = request->failed;
    char *header = request->header;

    free(request->server);
    free(request);
    if (!failed && header == NULL)
        header = auth_anonymous();
    done(done_ctx, header, failed ? &failure : NULL);
}

static void on_helper(void *ctx, const struct process_result *result, const struct err *failure)
{
    struct auth_request *request = ctx;

    request->helper = NULL;
    /* Its output may hold the secret, also when it failed: none of it goes into the error. */
    if (failure == NULL) {
        request->header = auth_from_helper(request->server, result->out, result->out_size);
    } else if (failure->code != ERR_FAILED || strstr(result->out, "not found") == NULL) {
        request->failed = true;
        (void)err_set(&request->failure, failure->code == ERR_FAILED ? ERR_DENIED : failure->code,
                      "the credential helper has no login for %s", request->server);
    } /* else: helpers say so when they know of no login; the registry may want none */
    finish(request);
}

static struct json *read_config(void)
{
    const char *dir = getenv("DOCKER_CONFIG");
    const char *home = getenv("HOME");
    char path[PATH_SIZE];
    AUTO_FD int fd = -1;
    ssize_t got = 0;
    size_t size = 0;

    if (!text_is_empty(dir))
        (void)snprintf(path, sizeof(path), "%s/config.json", dir);
    else
        (void)snprintf(path, sizeof(path), "%s/.docker/config.json",
                       text_is_empty(home) ? "/root" : home);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL; /* nobody has logged in */
    char *text = mem_alloc(CONFIG_SIZE_MAX);
    while (size < CONFIG_SIZE_MAX && (got = read(fd, text + size, CONFIG_SIZE_MAX - size)) > 0)
        size += (size_t)got;
    struct json *config = json_parse(text, size, /* err= */ NULL);
    explicit_bzero(text, size);
    free(text);
    return config;
}

static void ask_helper(struct auth_request *request, const char *helper)
{
    char program[PATH_SIZE];
    const char *argv[] = { program, "get", NULL };
    struct process_options options = { .argv = argv,
                                       .input = PROCESS_INPUT_DATA,
                                       .input_data = request->server,
                                       .input_size = strlen(request->server),
                                       .deadline_ms = HELPER_MS,
                                       .done = on_helper,
                                       .ctx = request };

    (void)snprintf(program, sizeof(program), "docker-credential-%s", helper);
    request->helper = process_start(request->loop, &options, &request->failure);
    if (request->helper == NULL) {
        request->failed = true;
        (void)err_wrap(&request->failure, "credentials for %s", request->server);
        loop_defer(request->loop, finish, request);
    }
}

struct auth_request *auth_start(struct loop *loop, const char *reference, auth_done_fn *done,
                                void *ctx)
{
    struct auth_request *request = mem_alloc(sizeof(*request));
    AUTO(json) *config = read_config();
    char registry[AUTH_REGISTRY_SIZE];
    struct auth_choice choice;

    auth_registry(reference, registry);
    auth_choose(config, registry, &choice);
    request->loop = loop;
    request->done = done;
    request->ctx = ctx;
    request->server = mem_text(choice.server);
    request->header = choice.header;
    if (choice.helper != NULL)
        ask_helper(request, choice.helper);
    else
        loop_defer(loop, finish, request);
    return request;
}

void auth_cancel(struct auth_request *request)
{
    if (request == NULL)
        return;
    process_free(request->helper);
    loop_defer_cancel(request->loop, finish, request);
    auth_wipe(request->header);
    free(request->server);
    free(request);
}
