/*
 * What the two files that write a container share.
 */
#ifndef DRIVERS_DOCKER_WRITE_INT_H
#define DRIVERS_DOCKER_WRITE_INT_H

#include "drivers/docker/write.h"
#include "spec/base/arena.h"
#include "spec/base/json.h"
#include "spec/kinds/kinds.h"
#include "spec/target.h"

/* What one body is written from. */
struct write_scope {
    const struct writer *writer;
    const struct action *action;
    const struct target *target;
    const struct task_spec *task;
    const struct container_definition *definition; /* NULL: the sandbox */
    struct arena arena;                            /* of this body */
};

struct json *write_text_array(const char *const *texts, size_t count);
/* Adds nothing when there are none. */
void write_texts(struct json *object, const char *key, const char *const *texts, size_t count);
void write_pairs(struct json *object, const char *key, const struct pair *pairs, size_t count);

/* Into HostConfig; what `docker update` could change later is added to LABEL_LIMITS as well. */
void write_limits(const struct write_scope *scope, struct json *host, struct buf *limits);
void write_ulimits(const struct container_definition *definition, struct json *host);
void write_linux_parameters(const struct linux_parameters *parameters, struct json *host);
MUST_USE int write_mounts(struct write_scope *scope, struct json *host, struct err *err);
/* What a volume of a service is made with: its own labels, and ours. */
struct json *write_volume_labels(const struct writer *writer, const struct volume *volume,
                                 const char *cluster, const char *service);
struct json *write_log(const struct log_configuration *log);

#endif
