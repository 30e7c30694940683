/*
 * What an operand SERVICE|TASK|CONTAINER stands for among the tasks that are there.
 */
#ifndef RECONCILER_CLI_TARGETS_H
#define RECONCILER_CLI_TARGETS_H

#include "reconciler/cli/ask.h"

struct target {
    const struct json *task; /* as GET /v1/tasks shows it */
    const char *id;          /* of the task, never NULL */
    const char *container;   /* NULL: all of the task */
};

struct targets {
    struct target *items;
    size_t count;
    bool is_service; /* the name is a service's, so more tasks may come */
};

/* Of the answer of GET /v1/tasks, which must live as long.  A service by its name or
 * CLUSTER/SERVICE, else a task by its id or the first digits of it (at least 4), else a container
 * by the engine's name or id (at least 8 digits).  `container` (may be NULL) picks one of a task's
 * containers: tasks that have none of that name are left out.  May find nothing. */
void targets_find(struct arena *arena, const struct json *answer, const char *name,
                  const char *container, struct targets *out);

/* The names of a task's containers, without the sandbox's that people did not write. */
size_t target_containers(const struct json *task, const char **out, size_t max);

/* Says in *err why there is nothing to look into, with operand and --container as given: always
 * -1. */
int targets_none(struct cli *cli, struct client *client, const struct json *listing,
                 struct err *err);

#endif
