/*
 * A certificate and its private key, from the files that an operator names.
 */
#ifndef DRIVERS_HAPROXY_PEM_H
#define DRIVERS_HAPROXY_PEM_H

#include "spec/base/buf.h"
#include "spec/base/err.h"

/* Bytes of a pair as pem_pair() writes it: HAProxy takes 16 KiB in one command. */
#define PEM_PAIR_MAX ((size_t)12 * 1024)

/* Both as one text of PEM: the certificate, those that follow it in its file, the key, and nothing
 * else of the files, above all no empty line, which would end a command.  ERR_INVALID: a file is
 * missing, cannot be read or is not what it is to be, or the two do not belong together.  *err
 * names paths, and never says what is in them.  `out` is to be wiped (pem_wipe()). */
int pem_pair(const char *certificate_file, const char *private_key_file, struct buf *out,
             struct err *err);

/* Overwrites the text, and releases it. */
void pem_wipe(struct buf *text);

#endif
