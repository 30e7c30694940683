/*
 * One sample of all load balancers: each is asked by itself, beside the looks at it, and told of
 * when its answers are there.
 */
#ifndef DRIVERS_HAPROXY_LB_SAMPLE_H
#define DRIVERS_HAPROXY_LB_SAMPLE_H

#include "drivers/haproxy/lb.h"

struct lb_sample;

/* NULL: none runs, done() will not follow. `over` comes before done(). */
struct lb_sample *lb_sample_start(const struct lb_shared *shared, const struct lb *lbs,
                                  struct driver_call *call, void (*over)(void *context),
                                  void *context);
/* done() is called now, with ERR_CANCELLED; over() is not. */
void lb_sample_cancel(struct lb_sample *sample);

#endif
