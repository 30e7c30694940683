/*
 * What must be true of services with one task on each host, counted by what people declared.
 */
#ifndef TESTS_SIM_DAEMONS_H
#define TESTS_SIM_DAEMONS_H

#include "tests/sim/check_int.h"

/* The service, as it is in force, is a DAEMON. */
bool daemons_is(const struct check *check, const char *key);
/* Hosts that are to have a task and have a healthy one of the revision. */
uint32_t daemons_healthy(const struct check *check, const char *key, const char *revision);
/* A new task: on a host that is to have one, and has none. */
void daemons_check_new(struct check *check, const struct action *action);
/* A healthy task is to stop. */
void daemons_check_stop(struct check *check, const struct fact *facts, size_t index,
                        const struct world_task *stopped);
/* In the end: each host that is to have a task has so many containers of it, no other any. */
void daemons_check_end(struct check *check, size_t service, size_t each);
/* A replica is placed, and the room of no missing task is taken for it. */
void daemons_check_room(struct check *check, const struct action *action);

#endif
