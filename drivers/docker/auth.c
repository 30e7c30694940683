/*
 * Order of looking: the helper of the registry, the common helper, then what lies in the file
 * itself, which a common helper hides.
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
#define SERVERS_MAX     100 /* asked for at once */
#define PATH_SIZE       4096
#define CONFIG_SIZE_MAX (1024 * 1024)

/* The helper that is to be asked for one server. */
struct auth_question {
    char *helper;
    char *server;
};

/* One registry's login, or those of all; the helpers are asked one after the other. */
struct auth_request {
    struct loop *loop;
    auth_done_fn *done;
    void *ctx;
    bool wants_all;
    char *header;         /* of the one registry, secret; NULL: none */
    struct json *logins;  /* of all: server -> login */
    struct json *helpers; /* of all: servers with a helper of their own; NULL: none */
    char *store;          /* of all: the helper that is asked which servers it knows */
    struct auth_question *questions;
    size_t count;
    size_t asked; /* of them; the helper that runs is the one before */
    struct process *helper;
    struct err failure;
    bool failed;
};

static void ask_next(struct auth_request *request);

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

static struct json *login_of(const char *server, const char *user, const char *secret,
                             bool is_token)
{
    struct json *login = json_object();

    if (is_token) {
        json_set_text(login, "identitytoken", secret);
    } else {
        json_set_text(login, "username", user);
        json_set_text(login, "password", secret);
    }
    json_set_text(login, "serveraddress", server);
    return login;
}

/* NULL of NULL. */
static char *header_of(const struct json *value)
{
    char *text;
    char *header;

    if (value == NULL)
        return NULL;
    text = json_print_text(value, JSON_STYLE_COMPACT);
    header = base64_encode(text, strlen(text), /* url_safe= */ true);
    text_wipe(text);
    return header;
}

static char *auth_anonymous(void)
{
    return base64_encode("{}", 2, /* url_safe= */ true);
}

/* "auth" is base64 of user:password. */
static struct json *login_of_entry(const char *server, const struct json *entry)
{
    const char *token = json_text(entry, "identitytoken");
    struct json *login = NULL;
    size_t size = 0;
    char *plain;
    char *colon;

    if (!text_is_empty(token))
        return login_of(server, /* user= */ NULL, token, /* is_token= */ true);
    if (json_text(entry, "username") != NULL && json_text(entry, "password") != NULL)
        return login_of(server, json_text(entry, "username"), json_text(entry, "password"),
                        /* is_token= */ false);
    if (text_is_empty(json_text(entry, "auth")))
        return NULL;
    plain = base64_decode(json_text(entry, "auth"), &size);
    if (plain == NULL)
        return NULL;
    colon = strchr(plain, ':');
    if (colon != NULL) {
        *colon = '\0';
        login = login_of(server, plain, colon + 1, /* is_token= */ false);
    }
    explicit_bzero(plain, size);
    free(plain);
    return login;
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
            AUTO(json) *login = login_of_entry(server, entry);
            out->header = header_of(login);
            if (out->header != NULL)
                return;
        }
    }
}

static struct json *login_from_helper(const char *server, const char *text, size_t size)
{
    AUTO(json) *value = json_parse(text, size, /* err= */ NULL);
    const char *user = json_text(value, "Username");
    const char *secret = json_text(value, "Secret");

    if (user == NULL || text_is_empty(secret))
        return NULL;
    return login_of(server, user, secret, text_equal(user, TOKEN_USER));
}

char *auth_from_helper(const char *server, const char *text, size_t size)
{
    AUTO(json) *login = login_from_helper(server, text, size);

    return header_of(login);
}

/* ---- Asking --------------------------------------------------------------------------------- */

static void request_free(struct auth_request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        free(request->questions[i].helper);
        free(request->questions[i].server);
    }
    free(request->questions);
    free(request->store);
    text_wipe(request->header);
    json_free(request->logins);
    json_free(request->helpers);
    free(request);
}

static void finish(void *ctx)
{
    struct auth_request *request = ctx;
    auth_done_fn *done = request->done;
    void *done_ctx = request->ctx;
    struct err failure = request->failure;
    bool failed = request->failed;
    char *header = NULL;

    if (request->wants_all)
        header = header_of(request->logins);
    else if (!failed)
        header = request->header != NULL ? TAKE(request->header) : auth_anonymous();
    request_free(request);
    done(done_ctx, header, failed ? &failure : NULL);
}

/* The first one is told. */
static void fail(struct auth_request *request, const struct err *failure)
{
    if (!request->failed)
        request->failure = *failure;
    request->failed = true;
}

/* Takes the login over, which may be NULL. */
static void take_login(struct auth_request *request, const char *server, struct json *login)
{
    if (login != NULL && request->wants_all) {
        json_set(request->logins, server, login);
        return;
    }
    request->header = header_of(login);
    json_free(login);
}

static void add_question(struct auth_request *request, const char *helper, const char *server)
{
    struct err err;

    if (request->count == SERVERS_MAX) {
        (void)err_set(&err, ERR_CAPACITY, "credentials for more than %d registries", SERVERS_MAX);
        fail(request, &err);
        return;
    }
    request->questions =
        mem_resize(request->questions, (request->count + 1) * sizeof(*request->questions));
    request->questions[request->count++] =
        (struct auth_question){ mem_text(helper), mem_text(server) };
}

static void on_login(void *ctx, const struct process_result *result, const struct err *failure)
{
    struct auth_request *request = ctx;
    const char *server = request->questions[request->asked - 1].server;
    struct err err;

    request->helper = NULL;
    /* Its output may hold the secret, also when it failed: none of it goes into the error. */
    if (failure == NULL) {
        take_login(request, server, login_from_helper(server, result->out, result->out_size));
    } else if (failure->code != ERR_FAILED || strstr(result->out, "not found") == NULL) {
        (void)err_set(&err, failure->code == ERR_FAILED ? ERR_DENIED : failure->code,
                      "the credential helper has no login for %s", server);
        fail(request, &err);
    } /* else: helpers say so when they know of no login; the registry may want none */
    ask_next(request);
}

/* "list" answers {server: user}. */
static void on_list(void *ctx, const struct process_result *result, const struct err *failure)
{
    struct auth_request *request = ctx;
    AUTO(json) *servers = NULL;
    const struct json *user;
    const char *server;
    struct err err;

    request->helper = NULL;
    if (failure == NULL) {
        servers = json_parse(result->out, result->out_size, /* err= */ NULL);
    } else {
        (void)err_set(&err, failure->code == ERR_FAILED ? ERR_DENIED : failure->code,
                      "the credential helper does not tell which registries it knows");
        fail(request, &err);
    }
    for (void *at = NULL; (at = json_next(servers, at, &server, &user)) != NULL;) {
        if (json_get(request->helpers, server) == NULL)
            add_question(request, request->store, server);
    }
    ask_next(request);
}

/* False: it could not be started, which is noted. */
static bool start_helper(struct auth_request *request, const char *helper, const char *verb,
                         const char *input, process_done_fn *done)
{
    char program[PATH_SIZE];
    const char *argv[] = { program, verb, NULL };
    struct process_options options = { .argv = argv,
                                       .input = PROCESS_INPUT_DATA,
                                       .input_data = input,
                                       .input_size = strlen(input),
                                       .deadline_ms = HELPER_MS,
                                       .done = done,
                                       .ctx = request };
    struct err err;

    (void)snprintf(program, sizeof(program), "docker-credential-%s", helper);
    request->helper = process_start(request->loop, &options, &err);
    if (request->helper != NULL)
        return true;
    (void)err_wrap(&err, "credentials for %s", input[0] != '\0' ? input : "all registries");
    fail(request, &err);
    return false;
}

/* The end comes from the loop, also when there was nobody to ask. */
static void ask_next(struct auth_request *request)
{
    while (request->asked < request->count) {
        const struct auth_question *question = &request->questions[request->asked++];

        if (start_helper(request, question->helper, "get", question->server, on_login))
            return;
    }
    loop_defer(request->loop, finish, request);
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

static struct auth_request *request_new(struct loop *loop, auth_done_fn *done, void *ctx)
{
    struct auth_request *request = mem_alloc(sizeof(*request));

    request->loop = loop;
    request->done = done;
    request->ctx = ctx;
    return request;
}

struct auth_request *auth_start(struct loop *loop, const char *reference, auth_done_fn *done,
                                void *ctx)
{
    struct auth_request *request = request_new(loop, done, ctx);
    AUTO(json) *config = read_config();
    char registry[AUTH_REGISTRY_SIZE];
    struct auth_choice choice;

    auth_registry(reference, registry);
    auth_choose(config, registry, &choice);
    request->header = choice.header;
    if (choice.helper != NULL)
        add_question(request, choice.helper, choice.server);
    ask_next(request);
    return request;
}

static void add_own_logins(struct auth_request *request, const struct json *config)
{
    const struct json *entry;
    const char *server;

    const struct json *auths = json_get(config, "auths");
    for (void *at = NULL; (at = json_next(auths, at, &server, &entry)) != NULL;) {
        if (json_get(request->helpers, server) == NULL)
            take_login(request, server, login_of_entry(server, entry));
    }
}

struct auth_request *auth_start_all(struct loop *loop, auth_done_fn *done, void *ctx)
{
    struct auth_request *request = request_new(loop, done, ctx);
    AUTO(json) *config = read_config();
    const char *store = json_text(config, "credsStore");
    const struct json *helper;
    const char *server;

    request->wants_all = true;
    request->logins = json_object();
    request->helpers = json_copy(json_get(config, "credHelpers"));
    for (void *at = NULL; (at = json_next(request->helpers, at, &server, &helper)) != NULL;) {
        if (!text_is_empty(json_as_text(helper, /* fallback= */ NULL)))
            add_question(request, json_as_text(helper, ""),
                         text_equal(server, HUB_REGISTRY) ? HUB_SERVER : server);
    }
    if (text_is_empty(store))
        add_own_logins(request, config);
    else
        request->store = mem_text(store);
    if (request->store == NULL || !start_helper(request, store, "list", "", on_list))
        ask_next(request);
    return request;
}

void auth_cancel(struct auth_request *request)
{
    if (request == NULL)
        return;
    process_free(request->helper);
    loop_defer_cancel(request->loop, finish, request);
    request_free(request);
}
