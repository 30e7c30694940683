/*
 * The image of the sandbox, made by us from the program that is embedded in us: no registry is
 * asked.
 */
#ifndef DRIVERS_DOCKER_SANDBOX_IMAGE_H
#define DRIVERS_DOCKER_SANDBOX_IMAGE_H

#include "spec/base/base.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"

#define SANDBOX_TAG_SIZE 32

/* "berth/sandbox:0123456789ab", of a digest of the programs for all architectures: the same for
 * every engine, and another program has another tag. */
void sandbox_image_tag(char out[SANDBOX_TAG_SIZE]);

/* A tar as POST /images/load takes it (docker image specification 1.2), appended to *out, for an
 * engine of that architecture (as its /info says).  The same program gives the same bytes.
 * ERR_INVALID: there is no program for it. */
MUST_USE int sandbox_image_write(const char *architecture, struct buf *out, struct err *err);
#define SANDBOX_IMAGE_BYTES_MAX (256 * 1024)

#endif
