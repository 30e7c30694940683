/*
 * Lives on several hosts: which there are, what commits say of them, and what the checks need to
 * know about them.
 */
#ifndef TESTS_SIM_HOSTS_H
#define TESTS_SIM_HOSTS_H

#include "spec/base/buf.h"
#include "tests/sim/check.h"

/* "host-b" */
const char *hosts_name(size_t index);
/* The Cluster as the commit declares it. */
void hosts_print_cluster(const struct people *people, struct buf *out);
/* Strategies and constraints of a service: of each kind some, as its color goes. */
void hosts_print_placement(const struct people *people, size_t service, struct buf *out);
/* A commit drains a host, takes one out, or brings one back; at least one stays. */
void hosts_change(struct people *people);
/* In the end one of them may stay empty, where no volume keeps a service. */
void hosts_settle(struct people *people);
/* Hosts that take tasks. */
size_t hosts_active(const struct people *people);

/* Is it to be empty? */
bool hosts_is_left(const struct people *people, const char *instance);
/* What runs there counts no more: nobody answers for longer than the cluster waits. */
bool hosts_is_given_up(const struct check *check, const struct world_instance *instance);
/* The name of the engine that is called so. */
const char *hosts_engine(const struct check *check, const char *engine_id);
/* A fact about what an instance has, or lacks, for a task that it would get: of several another one
 * is asked when the service is planned again. */
bool hosts_decide(const struct check *check, const struct fact *fact);
/* Of several hosts nothing is unknown. */
bool hosts_are_seen(const struct check *check);
bool hosts_have_volume(const struct check *check, const char *name);

#endif
