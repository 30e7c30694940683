/*
 * The API of a running Berth: what its routes mean.  Shapes are described in docs/reference/api.md,
 * which is generated from routes.def.
 */
#ifndef RECONCILER_API_API_H
#define RECONCILER_API_API_H

#include <stdio.h>

#include "reconciler/run/app.h"

struct api;

/* Listens on STATE/berth.sock, and on options->listen when it is given.  `version` is told to those
 * who ask and must live as long.  Errors: those of server_new(). */
struct api *api_new(struct app *app, const char *version, struct err *err);
/* Ends what is open.  Before the driver is freed: logs and exec use its client. */
void api_free(struct api *api);
DEFINE_AUTO(api, api_free)

/* docs/reference/api.md */
void api_print_manual(FILE *out);

#endif
