/*
 * Bootstrap: a host that ssh reaches and that has no Docker gets it, where its cluster says so.
 *
 * Whether Docker is there is asked on the host itself, right before: a process that is killed in
 * between finds it there the next time.  That it was installed is a fact, and it is not done twice.
 */
#ifndef RECONCILER_RUN_INSTALLER_H
#define RECONCILER_RUN_INSTALLER_H

#include "reconciler/run/app.h"

struct installer *installer_new(struct app *app);
/* Ends what is under way here; on the hosts an installation goes on to its end. */
void installer_stop(struct installer *installer);
void installer_free(struct installer *installer);

/* An instance may need it: it was lost, or is new.  Looked at soon, from the loop. */
void installer_stir(struct installer *installer);

/* Is it under way somewhere, or was done just now, so that an engine may come yet? */
bool installer_is_busy(const struct installer *installer);
/* What is done, or why it could not be; NULL: nothing. Lives until the next event. */
const char *installer_text(const struct installer *installer, const char *instance);

#endif
