/*
 * Which requests a group takes, as conditions of a frontend.  Pure.
 */
#ifndef DRIVERS_HAPROXY_RULES_H
#define DRIVERS_HAPROXY_RULES_H

#include "spec/balancer.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"

/* The lines that lead requests of the listener to its groups, by priority; `found_default` says
 * whether one of them takes what the others leave. */
int rules_render(const struct balancer *balancer, const struct listener *listener, struct buf *out,
                 bool *found_default, struct err *err);

#endif
