/*
 * Sampler: how much tasks use and are asked, read every --metrics-interval from each host and each
 * load balancer, kept in memory and, once a minute, in the state.
 *
 * It only looks: nothing is observed by it, and nothing planned.  Samples are taken as a period of
 * the wall clock ends, so that what is read is of that period; hosts follow one another by a part
 * of the interval, and one that does not answer keeps nobody waiting.
 */
#ifndef RECONCILER_RUN_SAMPLER_H
#define RECONCILER_RUN_SAMPLER_H

#include "reconciler/run/app.h"

struct sampler;

/* Reads what the store has of the last day; NULL: nothing is to be measured. */
struct sampler *sampler_new(struct app *app);
/* None may be under way.  NULL is allowed. */
void sampler_free(struct sampler *sampler);
/* No further sample is taken; those under way end with the driver. */
void sampler_stop(struct sampler *sampler);
bool sampler_is_busy(const struct sampler *sampler);
/* There is a fleet: begins. */
void sampler_start(struct sampler *sampler);

/* For the driver's sink. */
void sampler_take(void *app, const struct sample_report *sample);

#endif
