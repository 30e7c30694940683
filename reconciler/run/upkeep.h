/*
 * What people do with the maintenance of hosts, and are told of it.
 */
#ifndef RECONCILER_RUN_UPKEEP_H
#define RECONCILER_RUN_UPKEEP_H

#include "reconciler/run/app.h"

/* One that failed goes on, as `berth hosts resume` asks: everything is tried again, or, with
 * `is_done`, as if it had gone well.  ERR_NOT_FOUND; ERR_CONFLICT: it has not failed. */
int upkeep_resume(struct app *app, const char *instance, bool is_done, struct err *err);

/* How far it is, or why it failed; NULL: there is nothing to say.  In the arena. */
const char *upkeep_text(const struct app *app, const char *instance, struct arena *arena);

/* An instance whose maintenance failed; NULL: none. */
const char *upkeep_failed(const struct app *app);

/* Tells of clusters whose hosts wait for a window, once for each time that it opens. */
void upkeep_tell_rest(struct app *app);

#endif
