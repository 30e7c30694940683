/*
 * What the checks share: what they count by themselves, never by asking the planner.
 *
 *     check.c       calls: bounds, removal; the whole plan; at rest
 *     decide.c      facts: proof, what is to stop
 *     daemons.c     one task on each host
 *     order.c       what comes before what: containers, services; room; whose engine it is
 *     end.c         what is there in the end
 *     images.c      where images that are built come from
 *     evidence.c    failures, pauses, repetitions: enough of them, and not too many
 */
#ifndef TESTS_SIM_CHECK_INT_H
#define TESTS_SIM_CHECK_INT_H

#include "tests/sim/check.h"

#define PLENTY_MIB 32768 /* for all that people may declare */

const struct service_spec *check_spec(const struct check *check, const char *key);
/* How many tasks the service is to have now; 0: it is not declared. */
uint32_t check_desired(const struct check *check, const char *key);
size_t check_service(const char *name);
/* As the world tells it, not as the planner does: every container is there, up, and well. */
bool check_is_healthy(const struct check *check, const struct world_task *task);
/* It was said that this difference is left alone. */
bool check_is_left_alone(const struct check *check, const struct world_container *container);
/* Something of it ended and nothing of it runs: it is over, whether that was recorded or not. */
bool check_is_over(const struct world_task *task);
/* It is to stop, or has. */
bool check_is_leaving(const struct task_record *record);
/* One of the facts says so of that task. */
bool check_is_stated(const struct fact *facts, size_t count, const char *task);
bool check_is_proved(const struct check *check, const char *service, const char *revision);
/* ceil(count * of / 100) with `add` 99, floor with 0. */
uint32_t check_percent(uint32_t count, uint32_t of, uint32_t add);
/* Something of its kind is in flight, whose end makes room for what found none. */
bool check_lane_is_used(const struct check *check, enum action_kind kind);

/* ---- order.c ---- */

void check_order(struct check *check, const struct action *action);
void check_room(struct check *check, const struct container_report *made);

/* ---- images.c ---- */

void check_images(struct check *check, const struct action *action);

/* ---- evidence.c ---- */

void check_evidence(struct check *check, const struct fact *facts, size_t count);
void check_repetition(struct check *check, const struct action *action);
void check_enough(struct check *check, const struct action *action);
void check_lines(struct check *check, const struct action *action);

#endif
