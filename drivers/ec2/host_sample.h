/*
 * One reading of the control groups of a remote host: one command, which prints the lines of their
 * files that count.
 */
#ifndef DRIVERS_EC2_HOST_SAMPLE_H
#define DRIVERS_EC2_HOST_SAMPLE_H

#include "drivers/driver.h"
#include "drivers/ec2/ssh_command.h"
#include "drivers/io/loop.h"

struct engine;
struct host_sample;

/* Texts are copied; the engine must outlive it. */
struct host_sample_options {
    struct loop *loop;
    struct engine *engine; /* whose containers, and who reports them */
    const struct ssh_target *target;
    const char *local_socket;
    /* Before done(), or before it is left to the engine: it frees itself. */
    void (*over)(void *ctx, struct host_sample *sample);
    void *ctx;
};

/* done() follows.  What cannot be read so is asked of the engine. */
struct host_sample *host_sample_start(const struct host_sample_options *options,
                                      struct driver_call *call);
/* done() is called now, with ERR_CANCELLED; over() is not. */
void host_sample_leave(struct host_sample *sample);

#endif
