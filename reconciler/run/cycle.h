/*
 * Cycle: what is dirty is planned; facts are made durable and applied before anything that depends
 * on them; then the actions are released.
 */
#ifndef RECONCILER_RUN_CYCLE_H
#define RECONCILER_RUN_CYCLE_H

#include "reconciler/run/app.h"

struct cycle *cycle_new(struct app *app);
void cycle_free(struct cycle *cycle);

/* Plans the unit soon, from the loop. */
void cycle_mark(struct cycle *cycle, enum dirty_kind kind, const char *key);
/* Looks whether the wall clock was moved, and moves along every time that was taken from it. */
void cycle_check_clock(struct cycle *cycle);
/* The world moved there (NULL: anywhere): what was observed before no longer proves that everything
 * is as declared. */
void cycle_disturb(struct cycle *cycle, const char *instance);
/* An action begins: a listing that has begun before does not show what it does. */
void cycle_acted(struct cycle *cycle, const char *instance);
/* A whole listing begins, ends (its reports are in the world).  One during which nothing was done
 * is the fresh observation that converging needs, whoever asked for it. */
void cycle_listing(struct cycle *cycle, const char *instance, bool begins);
/* Something new is wanted: converging is to be found out, and told, again. */
void cycle_renew(struct cycle *cycle);
void cycle_mark_all(struct cycle *cycle);

/* Facts that come from people (suspend, confirm): durable, applied, planned. */
int cycle_state(struct cycle *cycle, const struct fact *facts, size_t count, struct err *err);

/* Does any unit wait for this long work? */
bool cycle_wants(const struct cycle *cycle, const struct action *action);

/* Why a unit does not move; NULL: it has nothing to wait for. */
const char *cycle_wait(const struct cycle *cycle, const char *key);
/* Of every service that waits; the first `steady` bytes of its reason stay as they are while the
 * work that it waits for goes on. */
typedef void cycle_wait_fn(void *context, const char *key, const char *wait, size_t steady);
void cycle_waits(const struct cycle *cycle, cycle_wait_fn *fn, void *context);

/* Is there an instance that may not be used, because another repository claimed it? */
bool cycle_is_refused(const struct cycle *cycle);
/* A listing was asked for and has not come. */
bool cycle_is_observing(const struct cycle *cycle);

/* Nothing is dirty, in flight or waited for, and a fresh observation of every instance that answers
 * gave an empty plan. */
bool cycle_is_converged(const struct cycle *cycle);

#endif
