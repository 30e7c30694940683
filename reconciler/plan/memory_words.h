/*
 * Words for what is remembered: how a rollout stands, why a task stopped.
 */
#ifndef RECONCILER_PLAN_MEMORY_WORDS_H
#define RECONCILER_PLAN_MEMORY_WORDS_H

#include "spec/base/base.h"

/* ecs.md 1.5, rolloutState. */
#define ROLLOUT_STATES(X)                                                                          \
    X(IN_PROGRESS, "IN_PROGRESS")                                                                  \
    X(COMPLETED, "COMPLETED")                                                                      \
    X(FAILED, "FAILED")

/* ecs.md 1.4, stopCode. */
#define STOP_CODES(X)                                                                              \
    X(NONE, "")                                                                                    \
    X(TASK_FAILED_TO_START, "TaskFailedToStart")                                                   \
    X(ESSENTIAL_CONTAINER_EXITED, "EssentialContainerExited")                                      \
    X(USER_INITIATED, "UserInitiated")                                                             \
    X(SERVICE_SCHEDULER_INITIATED, "ServiceSchedulerInitiated")

#define MEMORY_ENUM_ROLLOUT(name, text) ROLLOUT_##name,
enum rollout_state { ROLLOUT_STATES(MEMORY_ENUM_ROLLOUT) ROLLOUT_STATE_COUNT };
#undef MEMORY_ENUM_ROLLOUT
#define MEMORY_ENUM_STOP(name, text) STOP_##name,
enum stop_code { STOP_CODES(MEMORY_ENUM_STOP) STOP_CODE_COUNT };
#undef MEMORY_ENUM_STOP

const char *rollout_state_text(enum rollout_state state);
MUST_USE bool rollout_state_parse(const char *text, enum rollout_state *out);
const char *stop_code_text(enum stop_code code);
MUST_USE bool stop_code_parse(const char *text, enum stop_code *out);

#endif
