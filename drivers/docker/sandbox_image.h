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

/* "berth/sandbox:0123456789ab", of the digest of its configuration: another program, another tag.
 * */
void sandbox_image_tag(char out[SANDBOX_TAG_SIZE]);

/* A tar as POST /images/load takes it (docker image specification 1.2), appended to *out.  The same
 * program gives the same bytes. */
MUST_USE int sandbox_image_write(struct buf *out, struct err *err);
#define SANDBOX_IMAGE_BYTES_MAX (256 * 1024)

#endif
