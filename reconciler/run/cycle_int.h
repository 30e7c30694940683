/*
 * Between the files of cycle.c.
 */
#ifndef RECONCILER_RUN_CYCLE_INT_H
#define RECONCILER_RUN_CYCLE_INT_H

#include "reconciler/run/cycle.h"
#include "reconciler/run/looks.h"
#include "reconciler/run/wants.h"
#include "spec/base/hash.h"

struct unit {
    enum dirty_kind kind;
    bool dirty;
    bool busy;    /* its last plan had actions */
    bool watches; /* an instance may let it do more; of an instance: a service may */
    char *key;
    char *wait;
    size_t wait_steady; /* so much of it stays while its work goes on */
    bool is_progress;   /* it does: nothing is in its way */
    bool is_rest;       /* it does not before a time, and all is as it should be */
    struct wants wants;
    char *told; /* the refusal that was told last */
    int64_t wake_at_ms;
    UT_hash_handle by_key;
};

struct cycle {
    struct app *app;
    struct unit *units;
    struct looks *looks;
    struct pools *pools; /* of app->world */
    struct arena arena;
    struct timer timer;
    struct timer maintenance;
    struct timer gathering;
    bool scheduled;
    bool converged;
    bool forgetful;          /* the store takes no facts, which was told */
    int64_t clock_offset_ms; /* the wall clock minus the steady one, at the last look */
};

struct unit *unit_get(struct cycle *cycle, enum dirty_kind kind, const char *key);
/* What is dirty is planned, from the loop. */
void cycle_schedule(struct cycle *cycle);
/* What a fact that is about to be applied may let units do. */
void cycle_mark_affected(struct cycle *cycle, const struct fact *fact);

#endif
