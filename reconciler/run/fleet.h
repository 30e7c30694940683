/*
 * Fleet: the drivers of both launch types as one.  Who acts names an instance, and need not know
 * how it is reached.
 *
 * The local engine is dialled only when a FARGATE cluster may have something on it; instances of
 * EC2 clusters are those of the commit in force, and those that left it as long as tasks are there.
 * Load balancers run beside Berth: they are looked for when a commit declares one, or their folder
 * is there.
 */
#ifndef RECONCILER_RUN_FLEET_H
#define RECONCILER_RUN_FLEET_H

#include "drivers/docker/mandate.h"
#include "drivers/driver.h"
#include "drivers/io/loop.h"
#include "reconciler/plan/memory.h"
#include "spec/generation.h"
#include "spec/world.h"

/* Texts are copied; the loop and what the contexts point to must outlive the fleet. */
struct fleet_options {
    struct loop *loop;
    const char *docker_host; /* of the local engine */
    struct mandate mandate;
};

/* Nothing is dialled before driver_start(), and before it is known which instances there are. */
struct driver *fleet_new(const struct fleet_options *options);

/* What another process knew: fleet_state() of it.  Those are dialled before a commit is read. */
void fleet_restore(struct driver *driver, const char *state);
/* What the generation names, and what memory and world still know.  Not from inside a report.
 * ERR_INVALID: the local engine is needed, and docker_host cannot be understood.  ERR_DENIED: load
 * balancers are declared, and have no folder. */
int fleet_set(struct driver *driver, const struct generation *generation,
              const struct memory *memory, const struct world *world, struct err *err);
/* What was seen of it is gone, and it is dialled no more until fleet_set() comes, if that lists it.
 * Likewise.  ERR_NOT_FOUND, ERR_INVALID: the local engine. */
int fleet_forget(struct driver *driver, const char *instance, struct err *err);
/* Heap text that the caller frees. */
char *fleet_state(const struct driver *driver);
/* Is there an instance that is only kept until its last task is gone? */
bool fleet_has_leaving(const struct driver *driver);

/* Has every instance been listed, or been found not to answer, since the fleet was set first? */
bool fleet_is_known(struct driver *driver, const struct world *world);

/* As its manifest says it is reached, or said last; NULL: the local engine, or none. */
const char *fleet_host(const struct driver *driver, const char *instance);
/* What is not as it should be about an instance that works; NULL: nothing. */
const char *fleet_note(const struct driver *driver, const char *instance);

/* For exec and logs, and for no longer than the current callback.  NULL: there is no such
 * instance. */
struct docker;
struct docker *fleet_docker(const struct driver *driver, const char *instance);

/* ec2_redial(); the local engine is left alone. */
void fleet_redial(const struct driver *driver, const char *instance);
/* ec2_run(): a command on a host.  ERR_INVALID: it is the local engine. */
struct remote;
struct remote_options;
struct remote *fleet_run(const struct driver *driver, const char *instance,
                         const struct remote_options *options, struct err *err);

/* The instances that there are, in no order; `leaving`: the commit in force has it no more. */
typedef void fleet_each_fn(void *context, const char *instance, bool leaving);
void fleet_each(const struct driver *driver, fleet_each_fn *fn, void *context);

#endif
