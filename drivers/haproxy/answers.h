/*
 * What HAProxy answers on its command line, as values.  Pure; whatever comes, nothing is read or
 * written beyond its bounds, unknown columns and lines are skipped, and what a line does not say is
 * empty.
 */
#ifndef DRIVERS_HAPROXY_ANSWERS_H
#define DRIVERS_HAPROXY_ANSWERS_H

#include "spec/balancer.h"
#include "spec/base/arena.h"

#define ANSWER_WORKERS_MAX 64
#define ANSWER_SERVERS_MAX 20000

/* Beside a target that no check has passed for, another server asks it more often (drift.h). */
#define ANSWER_PROBE_SUFFIX ".first"

/* One server, of `show servers state` and of `show stat`. */
struct answer_server {
    const char *group;
    const char *name;    /* of the task, without the suffix */
    bool is_probe;       /* it had the suffix */
    const char *address; /* "" : not told */
    uint32_t port;
    uint32_t check_port;
    bool is_up;       /* by its checks, or because it has had none yet */
    bool is_in_maint; /* nothing goes there: it is being added or removed */
    bool is_drained;
    uint32_t weight;
    bool has_passed; /* its last check did, */
    bool has_failed; /* or failed; neither: there was none */
    uint32_t check_health;
    char check_status[16]; /* "L7STS"; "": not told */
    uint32_t check_code;
    uint32_t connections; /* scur + qcur */
};

struct answers {
    /* `show proc` */
    uint32_t master; /* 0: not told */
    uint32_t failed; /* reloads that did */
    uint32_t worker; /* 0: none, or not told */
    const uint32_t *old_workers;
    size_t old_worker_count;
    /* `show info` */
    const char *description; /* NULL: not told */
    bool is_stopping;
    /* `show servers state`, `show stat`: by group, name, probe */
    struct answer_server *servers;
    size_t server_count;
};

/* Any number of answers, one behind the other. */
void answers_parse(const char *text, struct arena *arena, struct answers *out);
/* NULL: there is none. */
struct answer_server *answers_find(const struct answers *answers, const char *group,
                                   const char *name, bool is_probe);

/* "berth OWNER NAME SHAPE": false when it is another text, or of another owner. */
bool answer_description(const char *description, const char *owner, struct arena *arena,
                        const char **out_name, const char **out_shape);

/* Why its last check failed, in Amazon's words; NULL: it did not. */
const char *answer_reason(const struct answer_server *server, struct arena *arena);

/* What HAProxy wrote when it would not start, in few words: which address it cannot listen on, or
 * the first thing that alarmed it. */
const char *answer_alert(const char *errors, struct arena *arena);

#endif
