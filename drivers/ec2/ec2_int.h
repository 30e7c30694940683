/*
 * What the files that make up the driver of EC2 instances know of it, and nobody else does.
 */
#ifndef DRIVERS_EC2_EC2_INT_H
#define DRIVERS_EC2_EC2_INT_H

#include "drivers/docker/engine.h"
#include "drivers/ec2/connection.h"
#include "drivers/ec2/dials.h"
#include "drivers/ec2/ec2.h"
#include "drivers/ec2/host_run.h"
#include "drivers/ec2/host_sample.h"
#include "drivers/ec2/socket_dir.h"
#include "spec/base/arena.h"
#include "spec/base/hash.h"

struct host {
    struct ec2 *ec2;
    char *name;
    struct arena arena; /* of the target's texts */
    struct ssh_target target;
    struct connection *connection; /* NULL: the target cannot be used */
    struct engine *engine;
    char *engine_id; /* as told last; NULL: never */
    bool is_leaving;
    bool is_wanted;  /* while a new set is compared */
    bool is_refused; /* its engine is another instance's: */
    struct err refusal;
    struct timer again;
    struct host_run *run;       /* a command of ours runs there; NULL: none */
    struct host_sample *sample; /* NULL: none is under way */
    UT_hash_handle by_name;
};

struct ec2 {
    struct driver driver; /* first: the driver is the ec2 */
    struct loop *loop;
    struct http *http;
    struct arena arena; /* of the options' texts */
    struct ec2_options options;
    struct socket_dir sockets;
    struct dials *dials;
    struct host *hosts;
    size_t sockets_made;
    size_t ending; /* engines whose work on other threads is waited for */
    char *taken_by;
    char *taken_id;
    bool started;
    bool freeing;
};

static inline struct ec2 *of(struct driver *driver)
{
    return (struct ec2 *)driver;
}

static inline const struct ec2 *of_const(const struct driver *driver)
{
    return (const struct ec2 *)driver;
}

/* NULL: there is none of that name. */
struct host *host_find(const struct ec2 *ec2, const char *name);
void host_connect(struct host *host);
void host_drop(struct host *host);
/* It is gone, if it is to be and nothing is waited for. */
void ec2_end(struct ec2 *ec2);

#endif
