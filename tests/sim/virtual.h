/*
 * The event loop of the program on the clock of the simulation: in place of drivers/io/loop.c,
 * behind the same header.
 */
#ifndef TESTS_SIM_VIRTUAL_H
#define TESTS_SIM_VIRTUAL_H

#include "drivers/io/loop.h"

struct virtual_call;

struct loop {
    int64_t now_ms;
    uint64_t order;
    struct virtual_call *deferred;
    struct timer_handle *timers;
    bool halted; /* by a program that would go on for ever: nothing more is run */
};

/* All that asks for the time from now on gets this loop's. */
void virtual_use(struct loop *loop);
/* When the next timer is due; INT64_MAX: none runs. */
int64_t virtual_next(const struct loop *loop);
/* Runs the timers that are due, and what was deferred, until nothing is left to do now. */
void virtual_turn(struct loop *loop);
/* What runs on it must have been stopped. */
void virtual_end(struct loop *loop);

#endif
