/*
 * Scale: how many tasks a service of autoScaling is to have (ecs.md 1.8).  Pure: datapoints, counts
 * and what is remembered go in, a decision and what led to it come out.
 *
 * Where AWS says nothing:
 *   1. A cooldown is counted from the last change that any policy made: one load is not answered
 *      twice.  It lasts at least until one datapoint was measured wholly after that change.
 *   2. While a scale-out cools down nothing is taken away.
 *   3. Out goes to ceil(running * newest / target).  In goes to ceil(running * highest of the
 *      fifteen / (0.9 * target)): where it arrives no noise below a tenth leads out again.
 *   4. Target tracking never takes the last task: nothing would be measured any more.
 *   5. A datapoint that is missing is passed over, up to two of them; with more there is not enough
 *      data.  Those that end within the last minute, and one always, are not missing but not there
 *      yet, until a newer one is.
 *   6. One target tracking policy that may scale in and is not ready to, or knows too little, holds
 *      back those of step scaling, too.
 *   7. metricAggregationType is taken over the datapoints of the alarm.
 */
#ifndef RECONCILER_PLAN_SCALE_H
#define RECONCILER_PLAN_SCALE_H

#include "spec/base/arena.h"
#include "spec/kinds/kinds.h"
#include "spec/metric.h"

/* What is remembered of a service's scaling.  Not `set`: nothing is. */
struct scaling {
    bool set;
    uint32_t desired;  /* the scaler's count */
    uint32_t from;     /* what it was before */
    int64_t at_ms;     /* since when it is so */
    bool fulfilled;    /* so many tasks ran since */
    int64_t out_ms;    /* the last scale-out of a policy; 0: none */
    uint32_t out_from; /* so many tasks ran then */
    int64_t in_ms;     /* the last scale-in of a policy; 0: none */
};

struct scale_input {
    const struct auto_scaling *spec;
    uint32_t min; /* in force, */
    uint32_t max;
    uint32_t desired; /* between them */
    uint32_t running; /* RUNNING, ecs.md 1.4 */
    bool deploying;   /* a deployment is in progress */
    struct scaling memory;
    int64_t now_ms;
    /* Of each policy scale_point_count() datapoints of scale_metric(), in periods of
     * scale_period_s(), the newest last; NAN: none. */
    const double *const *points;
};

size_t scale_point_count(const struct scaling_policy *policy);
enum metric scale_metric(const struct scaling_policy *policy);
uint32_t scale_period_s(const struct scaling_policy *policy);

/* X(constant, text).  As CloudWatch calls the state of an alarm; target tracking has two. */
#define SCALE_ALARMS(X)                                                                            \
    X(INSUFFICIENT, "INSUFFICIENT_DATA")                                                           \
    X(OK, "OK")                                                                                    \
    X(HIGH, "ALARM high")                                                                          \
    X(LOW, "ALARM low")                                                                            \
    X(ALARM, "ALARM")
#define SCALE_ENUM(name, text) SCALE_##name,
enum scale_alarm { SCALE_ALARMS(SCALE_ENUM) SCALE_ALARM_COUNT };
#undef SCALE_ENUM
const char *scale_alarm_text(enum scale_alarm alarm);

enum scale_way { SCALE_STAY, SCALE_WAY_OUT, SCALE_WAY_IN };

/* What one policy says. */
struct scale_opinion {
    const struct scaling_policy *policy;
    enum scale_alarm alarm;
    enum scale_way way;
    uint32_t wants; /* unless it stays: so many tasks, before the bounds */
    bool has_value; /* `value` is the datapoint that counts */
    double value;
    uint32_t base;   /* from so many tasks it counts */
    const char *why; /* a sentence without its full stop */
};

struct scale_decision {
    uint32_t desired;
    enum scale_way way;                  /* SCALE_STAY: desired is as it was */
    const struct scale_opinion *opinion; /* that decided; NULL: none wants anything */
    const char *cause;                   /* of a change, in the words of ECS */
    const char *not_scaled;              /* why what a policy wants is not done; NULL: it is */
    int64_t cooldown_ms;                 /* until when a cooldown holds it back; 0: none does */
    struct scale_opinion *opinions;      /* of each policy */
};

void scale_decide(const struct scale_input *input, struct arena *arena, struct scale_decision *out);

#endif
