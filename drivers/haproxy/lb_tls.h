/*
 * The certificates of one load balancer: each is in a file of its folder, as HAProxy takes it, and
 * loaded again when the files that it comes from change.  Internal to the driver.
 */
#ifndef DRIVERS_HAPROXY_LB_TLS_H
#define DRIVERS_HAPROXY_LB_TLS_H

#include "drivers/haproxy/lb.h"

struct lb_tls;

struct lb_tls *lb_tls_new(void);
void lb_tls_free(struct lb_tls *tls);

/* The files of `balancer`, before a configuration that names them is tried.  Where an operator's
 * files are of no use and the folder has the pair of before, that one stays; else ERR_INVALID. */
int lb_tls_write(struct lb *lb, const struct balancer *balancer, struct err *err);
/* Another configuration may be there: which certificates it has is read again. */
void lb_tls_forget(struct lb *lb);

/* Between actions, while no command is on its way: looks at the files, and begins to load one that
 * changed (true; a look follows).  Stats only, unless something changed. */
bool lb_tls_check(struct lb *lb);
/* Of what could not be loaded; NULL: nothing. */
const char *lb_tls_warning(const struct lb *lb);

#endif
