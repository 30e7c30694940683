/*
 * What people do with the maintenance of hosts, and are told of it.
 */
#ifndef RECONCILER_RUN_UPKEEP_H
#define RECONCILER_RUN_UPKEEP_H

#include "reconciler/plan/maintenance.h"
#include "reconciler/run/app.h"

/* One that failed goes on, as `berth hosts resume` asks: everything is tried again, or, with
 * `is_done`, as if it had gone well.  ERR_NOT_FOUND; ERR_CONFLICT: it has not failed. */
int upkeep_resume(struct app *app, const char *instance, bool is_done, struct err *err);

/* How far it is, or why it failed; NULL: there is nothing to say.  In the arena. */
const char *upkeep_text(const struct app *app, const char *instance, struct arena *arena);

/* An instance whose maintenance failed; NULL: none. */
const char *upkeep_failed(const struct app *app);

/* Each host that is out for its maintenance, and each cluster whose hosts wait for a window, which
 * has neither instance nor maintenance.  `text` NULL: nothing is known of it yet. */
typedef void upkeep_fn(void *context, const char *instance, const struct maintenance *maintenance,
                       const char *text);
void upkeep_each(const struct app *app, upkeep_fn *fn, void *context);

/* Tells of clusters whose hosts wait for a window, once for each time that it opens. */
void upkeep_tell_rest(struct app *app);

#endif
