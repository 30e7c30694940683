/*
 * What `show stat` tells of targets and of what waits for them, as counters.  Pure; whatever comes,
 * nothing is read or written beyond its bounds, and what is not understood is left out.
 */
#ifndef DRIVERS_HAPROXY_STAT_H
#define DRIVERS_HAPROXY_STAT_H

#include "spec/base/arena.h"
#include "spec/sample.h"

#define STAT_ROWS_MAX 20000

/* Of all processes of one load balancer. */
struct stat_table {
    struct arena *arena; /* of all that follows */
    struct target_sample *targets;
    size_t target_count;
    size_t target_capacity;
    struct group_sample *groups;
    size_t group_count;
    size_t group_capacity;
};

/* Adds what that process answered; `text` is cut up.  What other answers are with it is skipped. */
void stat_parse(struct stat_table *table, uint64_t process, char *text);

#endif
