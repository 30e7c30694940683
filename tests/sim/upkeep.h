/*
 * Maintenance of the simulation's hosts: people ask for it, and it is checked by what is stated and
 * by what reaches the engines.
 */
#ifndef TESTS_SIM_UPKEEP_H
#define TESTS_SIM_UPKEEP_H

#include "spec/base/buf.h"
#include "spec/zone.h"
#include "tests/sim/check.h"

/* A commit asks for another one, or for none. */
void upkeep_change(struct people *people);
/* In the end all of it can be done, or none is asked for. */
void upkeep_settle(struct people *people);
/* A zone_read_fn of the one zone that people are in; by nothing that is drawn. */
int upkeep_zone(void *context, const char *name, struct arena *arena, struct zone *out,
                struct err *err);
/* The key of the Cluster. */
void upkeep_print(const struct people *people, struct buf *out);

/* ---- For the checks ---- */

/* That it goes on: one of the facts says so. */
void upkeep_check_facts(struct check *check, const struct fact *facts, size_t count);
/* Its data keeps it on a host that is maintained: so it stops for that. */
bool upkeep_must_stop(const struct check *check, const struct world_task *task,
                      const struct deployment *deployment);
/* Before a command goes to its host: nothing runs there. */
void upkeep_check_apply(struct check *check, const struct action *action);
/* A command has reached its host, "HOST/...". */
void upkeep_check_engine(struct check *check, const char *object);
void upkeep_check_end(struct check *check);
/* Until each host had a window of its own. */
int64_t upkeep_windows_ms(const struct people *people);
/* Hosts wait for a window, and all else is done. */
bool upkeep_is_awaited(const struct check *check);
/* The memory was deleted. */
void upkeep_forgotten(struct check *check);

#endif
