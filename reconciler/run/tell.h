/*
 * Tells how far the services of a commit are while it has not converged: how many tasks are
 * healthy, what is waited for, how far pulls are. Nothing, and without a timer, once it has.
 */
#ifndef RECONCILER_RUN_TELL_H
#define RECONCILER_RUN_TELL_H

#include "reconciler/run/app.h"
#include "reconciler/run/told.h"

struct teller *tell_new(struct app *app);
void tell_free(struct teller *teller);

/* Something may have changed. */
void tell_stir(struct teller *teller);
/* Another commit: what was told of the former one may be told again. */
void tell_renew(struct teller *teller);

/* What was told and is so still, as it was told, with its number: what is told later has a higher
 * one. */
typedef void tell_fn(void *context, uint64_t id, const struct log_fields *fields, const char *text);
void tell_each(const struct teller *teller, tell_fn *fn, void *context);

#endif
