/*
 * Goals for tests, made the way the program makes them: from manifests.
 */
#ifndef TESTS_UNIT_GOALS_H
#define TESTS_UNIT_GOALS_H

#include "reconciler/plan/goal.h"

/* Of service default/NAME with two containers, "main" (whose environment says `color`) and "side".
 * The caller unrefs it. */
struct goal *goal_for_test(const char *name, const char *color);

#endif
