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
/* Bits of the hosts that are to have a task of the DAEMON. */
uint32_t hosts_of_daemon(const struct people *people, size_t service);
/* HOSTS_MAX: it is none of them. */
size_t hosts_index(const char *instance);
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
/* Surely so many more tasks find a place, one at least, whatever any service is about to get. */
bool hosts_have_room(const struct check *check, uint32_t wanted);
bool hosts_have_volume(const struct check *check, const char *name);
/* Tasks may be on any instance that was not seen yet. */
void hosts_check_known(struct check *check, const struct action *action);
/* A new task where nothing is missing: one that moves, if it may. */
void hosts_check_move(struct check *check, const struct action *action);
/* In the end tasks are spread, where it is declared that they are and may move. */
void hosts_check_even(struct check *check, size_t service);

#endif
