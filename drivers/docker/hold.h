/*
 * One Berth at a time acts on an engine for an owner.  On one machine they notice each other, also
 * with different state directories, by a socket of the abstract namespace (unix(7)): it is gone
 * with the process that holds it, however that ends.  Others in another network namespace, or on
 * another machine, are not noticed.
 */
#ifndef DRIVERS_DOCKER_HOLD_H
#define DRIVERS_DOCKER_HOLD_H

#include "spec/base/base.h"
#include "spec/base/err.h"

/*
 * -1: ERR_CONFLICT, another process holds it, which *err names.  Only one of root or of the same
 * user counts, since anybody can take any name: beside another's, and where no such socket can be
 * made, it is 0 and *fd is -1.  Else *fd holds it until it is closed.
 */
MUST_USE int hold_engine(const char *engine_id, const char *owner, int *fd, struct err *err);

#endif
