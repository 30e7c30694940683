/*
 * What is told of the facts that were stated: to the log, and to whoever listens.
 */
#ifndef RECONCILER_RUN_SAY_H
#define RECONCILER_RUN_SAY_H

#include "reconciler/run/app.h"

void say_fact(struct app *app, const struct fact *fact);

#endif
