/*
 * One load balancer: its process, what was seen of it last, and the action that is under way.
 * Internal to the driver.
 */
#ifndef DRIVERS_HAPROXY_LB_H
#define DRIVERS_HAPROXY_LB_H

#include "drivers/driver.h"
#include "drivers/haproxy/answers.h"
#include "drivers/haproxy/cli.h"
#include "drivers/haproxy/drift.h"
#include "drivers/haproxy/folder.h"
#include "drivers/io/loop.h"
#include "drivers/io/socket.h"

/* Files of its folder. */
#define LB_SOCKET   "master.sock"
#define LB_LOG      "log"
#define LB_PID      "pid"
#define LB_CONFIG   "haproxy.cfg"
#define LB_NEW      "haproxy.new"
#define LB_PREVIOUS "haproxy.old"
#define LB_ERRORS   "errors"

/* What all of them share; the driver's. */
struct lb_shared {
    struct loop *loop;
    const char *program;
    const char *directory;
    const char *owner;
    struct driver_sink sink;
    /* A look at one is over, well or not. */
    void (*looked)(void *context);
    void *context;
};

struct lb;
struct lb_action;
struct lb_tls;
typedef void lb_sent_fn(struct lb *lb, const struct err *failure);

struct lb {
    const struct lb_shared *shared;
    struct lb *next; /* of the driver's */
    char *name;      /* NULL: it was found, and has not said so yet */
    char *folder;
    char *socket_path;

    /* The next look. */
    struct timer timer;
    int64_t due_ms;
    bool is_looking;
    bool is_wanted;     /* something happened during a look */
    bool is_unobserved; /* somebody waits for a look that begins now */
    bool is_observing;  /* and this is the one */
    bool is_held;       /* none now: its process is being started or reloaded */
    struct cli *cli;    /* of a look, or of commands; one at a time */

    /* What was seen last; valid until the next look begins. */
    struct arena arena;
    struct answers current;
    struct answers old[ANSWER_WORKERS_MAX];
    size_t old_read;
    const char *shape; /* NULL: not one of ours */
    bool is_ours;
    uint32_t master;    /* its process; kept */
    int64_t refused_ms; /* since when nobody listens; 0: somebody does */
    uint32_t worker;    /* whose arrival old workers learned of new members */

    int log_fd;
    struct loop_watch *log_watch;
    struct socket *watch; /* ends when the process does */

    /* Commands on their way. */
    struct buf script; /* "@!PID COMMAND" lines */
    lb_sent_fn *sent;
    char complaint[256]; /* what HAProxy said to the last that it refused; "" : nothing */

    struct lb_tls *tls; /* its certificates, lb_tls.h */

    /* What was reported last, in its own arena; kept when the process dies. */
    struct arena told;
    struct target_report *targets; /* by group, task */
    size_t target_count;
    bool is_told;         /* it runs, as far as the sink knows */
    bool is_leaving;      /* it was asked to end: its folder goes with it */
    struct buf told_text; /* all of it, to find what differs */

    bool is_over;             /* its process and its folder are gone */
    struct lb_action *action; /* NULL: none */
};

/* `name` NULL: it is told by what runs in the folder. */
struct lb *lb_new(const struct lb_shared *shared, const char *folder, const char *name);
/* No action may be under way. */
void lb_free(struct lb *lb);

/* Looks so soon, or sooner when that was wanted already. */
void lb_look(struct lb *lb, int64_t delay_ms);
/* Nobody listens there and the process is gone: surely dead. */
bool lb_is_dead(const struct lb *lb);
/* Listens to its log and to its end. */
void lb_attend(struct lb *lb);

/* Sends the commands that lb_settle() found. */
void lb_send(struct lb *lb, lb_sent_fn *sent);
/* What all workers lack of `wanted` (NULL: as it is) is said; is it needed?  Of the last look.
 * `is_fresh`: of a worker that has just begun. */
bool lb_settle(struct lb *lb, const struct balancer *wanted, bool is_fresh);

/* Tells the sink how it is, when that changed or an action ended well. */
void lb_report(struct lb *lb, bool applied);
/* Tells the sink that it does not run, and forgets what it held of it. */
void lb_gone(struct lb *lb);
/* Was the member HEALTHY in what was reported last: there, or where the group is new, under the
 * name that it had before a change of its port? */
bool lb_was_healthy(const struct lb *lb, const char *group, const struct balancer_member *member);

/* lb_action.c */
void lb_action_begin(struct lb *lb, struct driver_call *call);
/* A look is over. */
void lb_action_looked(struct lb *lb, bool is_good);
/* done() follows, with ERR_CANCELLED. */
void lb_action_cancel(struct lb *lb);

#endif
