/*
 * Which other units of planning a service waits for, when it waits.
 */
#ifndef RECONCILER_RUN_RELIES_H
#define RECONCILER_RUN_RELIES_H

#include "reconciler/plan/goal.h"

/* Keys are those of units; a service that is not declared relies on nothing. */
bool relies_on_service(const struct desired *desired, const char *key, const char *on);
bool relies_on_balancer(const struct desired *desired, const char *key, const char *on);

#endif
