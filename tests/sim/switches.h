/*
 * What of a drawn life may happen: all of it, unless something is turned off. A failing life is
 * made smaller by turning off what it does not need, and the words that do so replay it.
 */
#ifndef TESTS_SIM_SWITCHES_H
#define TESTS_SIM_SWITCHES_H

#include "drivers/sim/sim.h"
#include "spec/base/buf.h"

/* X(member of sim_faults) */
#define SWITCH_FAULTS(X)                                                                           \
    X(lose_request)                                                                                \
    X(lose_answer)                                                                                 \
    X(slow_call)                                                                                   \
    X(fail_call)                                                                                   \
    X(fail_work)                                                                                   \
    X(lose_event)                                                                                  \
    X(repeat_listing)                                                                              \
    X(slow_look)                                                                                   \
    X(rewrite)                                                                                     \
    X(link_down)                                                                                   \
    X(engine_down)                                                                                 \
    X(engine_stop)                                                                                 \
    X(meddle)                                                                                      \
    X(crash)                                                                                       \
    X(sicken)                                                                                      \
    X(balancer_down)
/* Other troubles.  X(name) */
#define SWITCH_OTHERS(X)                                                                           \
    X(suspend)  /* people suspend and resume services */                                           \
    X(full)     /* the disk takes nothing for a while */                                           \
    X(confirm)  /* people confirm a commit */                                                      \
    X(broken)   /* people commit what is no manifest */                                            \
    X(late)     /* programs that are healthy only after their checks have failed */                \
    X(small)    /* the engine has little memory */                                                 \
    X(claim)    /* at first the engine is another repository's */                                  \
    X(forget)   /* a crash takes all memory along */                                               \
    X(vanish)   /* hosts are away for minutes */                                                   \
    X(daemon)   /* services with one task on each host */                                          \
    X(maintain) /* hosts are maintained */                                                         \
    X(balance)  /* services are behind a load balancer */                                          \
    X(edge)     /* services on hosts are behind one too */                                         \
    X(jobs)     /* people run Tasks by themselves */                                               \
    X(plans)    /* and schedules do */                                                             \
    X(scaling)  /* services are scaled */

#define SWITCH_ENUM(name) SWITCH_##name,
enum switch_name { SWITCH_FAULTS(SWITCH_ENUM) SWITCH_OTHERS(SWITCH_ENUM) SWITCH_COUNT };
#undef SWITCH_ENUM

/* At most so much of what can be counted.  X(name) */
#define SWITCH_LIMITS(X)                                                                           \
    X(commits)                                                                                     \
    X(crashes)                                                                                     \
    X(services)                                                                                    \
    X(minutes) /* of trouble */

#define SWITCH_LIMIT_ENUM(name) LIMIT_##name,
enum switch_limit { SWITCH_LIMITS(SWITCH_LIMIT_ENUM) SWITCH_LIMIT_COUNT };
#undef SWITCH_LIMIT_ENUM

struct switches {
    bool large;   /* the life is as large as it gets, whatever its seed says */
    uint32_t off; /* a bit for each name */
    uint32_t limits[SWITCH_LIMIT_COUNT];
};

/* Everything may happen. */
struct switches switches_all(void);
bool switch_is_on(const struct switches *switches, enum switch_name name);
/* Faults that are off do not happen. */
void switches_apply(const struct switches *switches, struct sim_faults *faults);
/* "large without=meddle,crash commits=3": each word with a space before it. */
void switches_print(const struct switches *switches, struct buf *out);
/* Reads one such word into it. */
MUST_USE bool switches_parse(const char *word, struct switches *switches);

#endif
