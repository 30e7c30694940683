/*
 * Plans as text, for golden files.
 */
#ifndef TESTS_UNIT_PLAN_TRACE_H
#define TESTS_UNIT_PLAN_TRACE_H

#include "reconciler/plan/plan.h"
#include "spec/base/buf.h"

/* Facts, actions and waits of a plan, one a line; nothing when there are none. `at_ms` is told. */
void plan_trace(const struct plan *plan, int64_t at_ms, struct buf *out);

#endif
