/*
 * Credentials for registries, as the docker client keeps them: ~/.docker/config.json, or the one in
 * DOCKER_CONFIG, and the helpers it names.  Nothing here is ever printed.
 * Source: https://docs.docker.com/reference/cli/docker/login/ (credential stores and helpers)
 */
#ifndef DRIVERS_DOCKER_AUTH_H
#define DRIVERS_DOCKER_AUTH_H

#include "drivers/io/loop.h"
#include "spec/base/json.h"

#define AUTH_REGISTRY_SIZE 256

/* The registry of a reference: "registry:5000/a/b:tag" -> "registry:5000", "redis" -> "docker.io".
 * */
void auth_registry(const char *reference, char out[AUTH_REGISTRY_SIZE]);

/* What the configuration says about a registry. */
struct auth_choice {
    const char *helper; /* docker-credential-HELPER is to be asked; NULL: no */
    const char *server; /* what to ask it for */
    char *header;       /* heap, secret: the value of X-Registry-Auth; NULL: no credentials here */
};

/* Pure.  `config` may be NULL.  `helper` points into config. */
void auth_choose(const struct json *config, const char *registry, struct auth_choice *out);
/* What a helper printed, as a header; NULL: it knows none. */
char *auth_from_helper(const char *server, const char *text, size_t size);

/* header is heap text and now the receiver's (text_wipe()); NULL with a failure of auth_start(). */
typedef void auth_done_fn(void *ctx, char *header, const struct err *failure);
struct auth_request;

/* Reads the configuration, asks the helper if there is one; `done` is called once, from the loop.
 * */
struct auth_request *auth_start(struct loop *loop, const char *reference, auth_done_fn *done,
                                void *ctx);
/* The logins of every registry that the configuration knows, for the header X-Registry-Config of a
 * build, whose base images may come from any of them: {SERVER: login}.  A helper that does not
 * answer is a failure beside a header of the rest: the build may well need none of it. */
struct auth_request *auth_start_all(struct loop *loop, auth_done_fn *done, void *ctx);
/* done is not called. */
void auth_cancel(struct auth_request *request);

#endif
