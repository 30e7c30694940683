/*
 * All that the program decides in a life, as one number: two builds that decide the same have the
 * same.
 */
#ifndef TESTS_SIM_TRACE_H
#define TESTS_SIM_TRACE_H

#include "reconciler/plan/memory.h"
#include "spec/action.h"

struct trace {
    uint64_t sum;
    uint64_t calls;
    uint64_t facts;
};

void trace_action(struct trace *trace, int64_t now_ms, const struct action *action);
void trace_facts(struct trace *trace, const struct fact *facts, size_t count);

#endif
