/*
 * Who may dial now.  A host takes only so many logins at once (MaxStartups of sshd), and so does a
 * jump host that stands before many; and each dial costs this machine a process.
 *
 * One that takes long is counted no more: hosts that hang cannot keep the others from theirs.
 */
#ifndef DRIVERS_EC2_DIALS_H
#define DRIVERS_EC2_DIALS_H

#include "drivers/io/loop.h"

#define DIALS_MAX          16 /* at once */
#define DIALS_PER_HOST_MAX 4
#define DIAL_LONG_MS       2000

struct dials; /* of all connections */

/* The caller's storage.  Zeroed is a valid one that asks for nothing. */
struct dial {
    struct dials *dials;
    const char *host; /* lives as long as the dial */
    loop_fn *go;
    void *ctx;
    bool is_waiting;
    bool is_going;
    bool is_counted; /* among the DIALS_MAX */
    struct timer timer;
    struct dial *prev;
    struct dial *next;
};

struct dials *dials_new(struct loop *loop);
/* None may be waiting or going. */
void dials_free(struct dials *dials);

/* go(ctx) is called once, from the loop, in the order of asking. */
void dial_ask(struct dials *dials, struct dial *dial, const char *host, loop_fn *go, void *ctx);
/* It is over, or not wanted any more. */
void dial_over(struct dial *dial);

#endif
