/*
 * What the reconciler asks of a driver, and what a driver owes: it does single steps and reports
 * what it sees. It decides nothing, retries nothing and keeps no wishes.
 *
 * Everything happens on the event loop.  A call that apply() accepted ends in exactly one done(),
 * later, never from inside apply() or cancel().  What a call changed is reported to the sink before
 * done(), so that the next plan sees it.
 */
#ifndef DRIVERS_DRIVER_H
#define DRIVERS_DRIVER_H

#include "spec/action.h"
#include "spec/base/base.h"
#include "spec/base/err.h"
#include "spec/sample.h"
#include "spec/world.h"

/* Where a driver reports to; `change` and all it points to live only during the call. */
struct driver_sink {
    void (*change)(void *context, const struct world_change *change);
    /* One line of a long action's output ("Step 3/4 : RUN make"), for people. */
    void (*output)(void *context, const char *object, const char *line);
    /* Optional.  What is not as it should be about an instance that works, for people. */
    void (*note)(void *context, const char *instance, const char *text);
    /* Optional.  What a sample() found. */
    void (*sample)(void *context, const struct sample_report *sample);
    void *context;
};

struct driver_call;
typedef void driver_done_fn(struct driver_call *call, const struct err *failure);

/* The caller's storage; it lives until done(). */
struct driver_call {
    const struct action *action; /* NULL for observe */
    int64_t timeout_ms;          /* > 0; of IMAGE_COPY: how long nothing of it may move */
    driver_done_fn *done;
    void *context;
    void *state; /* the driver's own */
};

struct driver {
    const struct driver_ops *ops;
};

struct driver_ops {
    const char *name;

    /* Begins to connect, to list and to follow events, and goes on for ever: a lost engine is
     * reported as INSTANCE_LOST and dialled again with growing pauses. */
    void (*start)(struct driver *driver);

    /* 0: accepted, done() follows.  -1: refused, *err says why, done() does not follow.
     * An action that finds its work already done succeeds. */
    int (*apply)(struct driver *driver, struct driver_call *call, struct err *err);

    /* A fresh complete listing of `instance`, reported between LISTING_BEGIN and LISTING_END. */
    int (*observe)(struct driver *driver, const char *instance, struct driver_call *call,
                   struct err *err);

    /* Optional.  How much all that runs on `instance` uses, reported to sink.sample before done();
     * nothing may have been found.  It changes nothing that is observed, and is not cancelled. */
    int (*sample)(struct driver *driver, const char *instance, struct driver_call *call,
                  struct err *err);

    /* done() still follows, with ERR_CANCELLED unless the call was over first. */
    void (*cancel)(struct driver *driver, struct driver_call *call);

    /* Optional.  Our wall clock was moved: how far the engine's is from it has to be asked again,
     * which may look like a lost engine for a moment. */
    void (*clock_moved)(struct driver *driver);

    /* Ends all calls with ERR_CANCELLED; the driver is freed when the last done() returned. */
    void (*free)(struct driver *driver);
};

/* Callers use these, never ops: one place checks the contract. */
int driver_apply(struct driver *driver, struct driver_call *call, struct err *err) MUST_USE;
int driver_observe(struct driver *driver, const char *instance, struct driver_call *call,
                   struct err *err) MUST_USE;
/* ERR_INVALID too: this driver cannot. */
int driver_sample(struct driver *driver, const char *instance, struct driver_call *call,
                  struct err *err) MUST_USE;
void driver_start(struct driver *driver);
void driver_cancel(struct driver *driver, struct driver_call *call);
void driver_clock_moved(struct driver *driver);
void driver_free(struct driver *driver);
DEFINE_AUTO(driver, driver_free)

#endif
