/*
 * Scaling: every so often each service of autoScaling is evaluated (reconciler/plan/scale.h).  A
 * new count is made durable before anything follows from it.
 */
#ifndef RECONCILER_RUN_SCALING_H
#define RECONCILER_RUN_SCALING_H

#include "reconciler/plan/scaler.h"
#include "reconciler/run/app.h"
#include "spec/metric.h"

struct scaler;

/* The reader's context must outlive it.  Nothing is evaluated before scaler_renew(). */
struct scaler *scaler_new(struct app *app, struct metric_reader reader);
void scaler_free(struct scaler *scaler);
DEFINE_AUTO(scaler, scaler_free)

/* Another commit is in force. */
void scaler_renew(struct scaler *scaler);

/* What one policy said last. */
struct scaler_opinion {
    const char *policy;
    enum metric metric;
    enum scale_alarm alarm;
    enum scale_way way;
    uint32_t wants; /* unless it stays */
    double value;   /* the datapoint that counted; NAN: there was none */
    double target;  /* or threshold */
    const char *why;
};

/* The last evaluation of a service. */
struct scaler_story {
    int64_t at_ms;
    const char *blind; /* why there was none; NULL: there was */
    uint32_t desired;  /* then, and what came of it */
    uint32_t decided;
    uint32_t running;
    const char *not_scaled; /* why what a policy wants was not done; NULL: it was */
    int64_t cooldown_ms;    /* until when a cooldown held it back; 0: none did */
    struct scaler_opinion *opinions;
    size_t opinion_count;
};

/* NULL: it was not evaluated yet.  Valid until the loop comes round. */
const struct scaler_story *scaler_story(const struct scaler *scaler, const char *key);
/* "CPUUtilization is 85.2, the target 60: it wants 5 tasks" */
const char *scaler_opinion_text(const struct scaler_opinion *opinion, struct arena *arena);

#endif
