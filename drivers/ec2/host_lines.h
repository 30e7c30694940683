/*
 * What a command of a host wrote, as it is kept and shown: the end of it, in one line.
 */
#ifndef DRIVERS_EC2_HOST_LINES_H
#define DRIVERS_EC2_HOST_LINES_H

#include "spec/base/buf.h"

#define HOST_LINES_MAX 400 /* bytes */

void host_lines_init(struct buf *lines);
/* The newest line; what has no room any more goes, by whole characters.  User and password of each
 * URL in it become stars, what a terminal would obey '?'. */
void host_lines_add(struct buf *lines, const char *line);

#endif
