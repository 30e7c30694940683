/*
 * The program of the simulation: the production cycle, executor and planner, with a virtual loop, a
 * journal for a store, and a simulated engine behind a driver that checks what it is asked.
 */
#ifndef TESTS_SIM_PROCESS_H
#define TESTS_SIM_PROCESS_H

#include <stdio.h>

#include "reconciler/run/app.h"
#include "spec/metric.h"
#include "tests/sim/journal.h"
#include "tests/sim/people.h"
#include "tests/sim/virtual.h"

struct process;

/* A call of the executor that is on its way, as the checks see it. */
struct process_call {
    struct driver_call inner;
    struct driver_call *outer;
    struct process *process;
    bool cancelled;
    struct process_call *prev;
    struct process_call *next;
};

/* What a run may watch; each may be NULL. */
struct process_hooks {
    /* Before a call goes to the engine. */
    void (*apply)(void *context, const struct action *action);
    /* The program says that all is at rest. */
    void (*settled)(void *context);
    void *context;
};

struct process {
    struct driver driver; /* between the executor and the engine: the first member */
    struct sim *sim;
    struct store *store;
    struct process_hooks hooks;
    struct run_options options;
    struct loop loop;
    struct app app;
    struct driver *engine;
    struct process_call *calls;
    struct goal **declared; /* all that ever were, counted: commits can be read again */
    size_t declared_count;
    bool forgot; /* it began with nothing remembered */
    bool calm;   /* nothing was done since the last listing began */
    bool looked; /* all was listed or observed since anything changed */
    bool running;
    bool stuck;                  /* the cycle said that the plan does not settle */
    struct metric_reader reader; /* of what scales services; nothing: none is scaled */
    FILE *log;                   /* NULL: silence */
};

/* Sets members that outlive a crash: sim, store, hooks, log. */
void process_start(struct process *process, struct generation *generation, bool confirmed);
/* It dies: what is in memory is gone, what is on its way may still arrive. */
void process_crash(struct process *process);
/* It ends in order. */
void process_stop(struct process *process);
void process_adopt(struct process *process, struct generation *generation, bool confirmed);

void process_release(struct process *process);

/* Moves the engine and the program to the next moment at which anything happens, at most to to_ms.
 * */
void process_step(struct process *process, int64_t to_ms);

/* The call in flight of that object; NULL: none. */
const struct process_call *process_call(const struct process *process, const char *instance,
                                        const char *object);

#endif
