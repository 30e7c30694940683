/*
 * What is remembered of schedules.  Due times are of the wall clock: they stay as they are when the
 * clock is moved.
 */
#ifndef RECONCILER_PLAN_MEMORY_SCHEDULES_H
#define RECONCILER_PLAN_MEMORY_SCHEDULES_H

#include "reconciler/plan/memory.h"

/* X(constant, text): how the newest due time stands that was not left out. */
#define SCHEDULE_RESULTS(X)                                                                        \
    X(NONE, "NONE")       /* there was none */                                                     \
    X(WAITING, "WAITING") /* a run of it is to begin */                                            \
    X(RUNNING, "RUNNING")                                                                          \
    X(SUCCEEDED, "SUCCEEDED")                                                                      \
    X(FAILED, "FAILED")                                                                            \
    X(STOPPED, "STOPPED") /* by a person, or for the next one */

#define SCHEDULE_ENUM_RESULT(name, text) SCHEDULE_##name,
enum schedule_result { SCHEDULE_RESULTS(SCHEDULE_ENUM_RESULT) SCHEDULE_RESULT_COUNT };
#undef SCHEDULE_ENUM_RESULT

const char *schedule_result_text(enum schedule_result result);
MUST_USE bool schedule_result_parse(const char *text, enum schedule_result *out);

struct schedule_record {
    const char *name;
    const char *timing;    /* what says when it is due; "": DISABLED; NULL: forget it */
    const char *suspended; /* by whom and why; NULL or "": not */
    int64_t since_ms;      /* from when on that timing counts: what was due before is not owed */
    int64_t decided_ms;    /* the newest due time of which it is known what became; 0: none */

    /* The newest one of these that has, or is to have, a run. */
    int64_t due_ms; /* 0: none */
    enum schedule_result result;
    char run[DEPLOYMENT_ID_SIZE]; /* the last of it; "": none yet */
    uint32_t tasks;               /* that it has */
    uint32_t tries;               /* runs of this due time */
    int64_t begin_ms;             /* WAITING: not before */
    int64_t ended_ms;
    int exit_code;      /* of the task that ended worst; -1: none */
    const char *reason; /* likewise */

    int64_t missed_ms;  /* the newest one that was left out; 0: none */
    const char *missed; /* why */
};

struct memory_schedule {
    struct schedule_record record;
    struct arena arena;
    UT_hash_handle by_name;
};

void schedules_apply(struct memory *memory, const struct schedule_record *record);
void schedules_free(struct memory *memory);
/* NULL: nothing is remembered of it. */
const struct schedule_record *memory_schedule(const struct memory *memory, const char *name);
/* All its texts in the arena. */
struct schedule_record *schedule_record_copy(const struct schedule_record *from,
                                             struct arena *arena);

#endif
