/*
 * ACTION_HOST_RUN: a command on a host.  It goes on to its end there when the connection or we end
 * meanwhile, for half of it is worse than none; how it ended is then known to nobody.
 */
#ifndef DRIVERS_EC2_HOST_RUN_H
#define DRIVERS_EC2_HOST_RUN_H

#include "drivers/driver.h"
#include "drivers/ec2/ssh_command.h"
#include "drivers/io/loop.h"

struct host_run;

/* Texts are copied; the sink is told how the effort of the call goes, before done(). */
struct host_run_options {
    struct loop *loop;
    const struct driver_sink *sink;
    const struct ssh_target *target;
    const char *local_socket;
    /* Behind done(): it frees itself. */
    void (*over)(void *ctx, struct host_run *run);
    void *ctx;
};

/* NULL and *err: it was refused, and is not run. */
struct host_run *host_run_start(const struct host_run_options *options, struct driver_call *call,
                                struct err *err);
/* We do not wait for its end any more: done() comes from the loop, with ERR_CANCELLED.  The sink is
 * told at once, if at all. */
void host_run_leave(struct host_run *run, bool is_told);

#endif
