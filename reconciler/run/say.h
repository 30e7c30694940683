/*
 * What facts, and reports of drivers, tell: to the log, and to whoever listens.
 */
#ifndef RECONCILER_RUN_SAY_H
#define RECONCILER_RUN_SAY_H

#include "reconciler/run/app.h"

void say_fact(struct app *app, const struct fact *fact);
/* That is not in the world yet. */
void say_report(struct app *app, const struct world_change *change);

#endif
