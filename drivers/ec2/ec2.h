/*
 * EC2: remote Docker Engines, each reached through one ssh connection (connection.h).  Which there
 * are is said from outside, and may change at any time.
 */
#ifndef DRIVERS_EC2_EC2_H
#define DRIVERS_EC2_EC2_H

#include "drivers/docker/mandate.h"
#include "drivers/driver.h"
#include "drivers/ec2/remote.h"
#include "drivers/ec2/ssh_command.h"
#include "drivers/io/loop.h"

/* Texts are copied; the loop and what the contexts point to must outlive the driver. */
struct ec2_options {
    struct loop *loop;
    struct mandate mandate;
};

struct ec2_instance {
    const char *name;
    struct ssh_target target;
    bool is_leaving; /* kept only until it is empty: gives way to another name for its engine */
};

int ec2_new(const struct ec2_options *options, struct driver **out, struct err *err);

/* These and no others, from now on.  What was there goes on as it is, unless its target changed:
 * then it is dialled anew under the same name.  Calls of one that is dropped end with
 * ERR_CANCELLED, and it is reported as gone.  Not from inside a report. */
void ec2_set(struct driver *driver, const struct ec2_instance *instances, size_t count);

/* The engine of another driver: no instance may have the same. */
void ec2_taken(struct driver *driver, const char *instance, const char *engine_id);

/* What is not as it should be about an instance that works; NULL: nothing. */
const char *ec2_note(const struct driver *driver, const char *instance);

/* The client of its engine, for exec and logs, until the instance is dropped.  NULL: there is no
 * such instance. */
struct docker;
struct docker *ec2_docker(const struct driver *driver, const char *instance);

/* Dialled anew: what its user may do there changed.  Not from inside a report. */
void ec2_redial(struct driver *driver, const char *instance);

/* A command on the host, also while its engine does not answer; it may outlive the instance.  NULL:
 * ERR_NOT_FOUND, ERR_UNREACHABLE: there is no connection now; or as remote_start(). */
struct remote *ec2_run(const struct driver *driver, const char *instance,
                       const struct remote_options *options, struct err *err);

#endif
