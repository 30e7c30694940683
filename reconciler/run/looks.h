/*
 * Looks: which instances have been listed since anything happened there.  Converging is proved by a
 * fresh listing of all of them.
 */
#ifndef RECONCILER_RUN_LOOKS_H
#define RECONCILER_RUN_LOOKS_H

#include "reconciler/run/app.h"

struct looks;

/* done: of all listings that looks_everywhere() asked for, the last one is over; complete: it came.
 */
typedef void looks_done_fn(void *context, bool complete);
struct looks *looks_new(struct app *app, looks_done_fn *done, void *context);
/* None may be open. */
void looks_free(struct looks *looks);

/* Something happened there; NULL: anywhere. */
void looks_disturb(struct looks *looks, const char *instance);
/* Something is done there. */
void looks_acted(struct looks *looks, const char *instance);
/* A listing begins, ends.  True: its end is a fresh look that nobody asked for. */
bool looks_listing(struct looks *looks, const char *instance, bool begins);

/* True: every instance that answers has been looked at.  Else those that have not are listed. */
bool looks_everywhere(struct looks *looks);
/* A listing was asked for and has not come. */
bool looks_are_open(const struct looks *looks);

#endif
