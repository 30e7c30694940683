/*
 * The certificates of a configuration: in which file of the balancer's folder each is, and where it
 * comes from.  The configuration itself says so in comments, so that whoever finds it knows.  Pure.
 */
#ifndef DRIVERS_HAPROXY_CERTIFICATES_H
#define DRIVERS_HAPROXY_CERTIFICATES_H

#include "spec/balancer.h"
#include "spec/base/arena.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"

#define CERTIFICATE_PREFIX    "tls."
#define CERTIFICATE_NAME_SIZE 25 /* "tls.", 16 digits, ".pem" */

struct certificate_place {
    char name[CERTIFICATE_NAME_SIZE]; /* of the file in the folder */
    const char *certificate_file;
    const char *private_key_file;
};

/* The name is that of the two paths, and stays when what is in them changes. */
void certificate_place(const struct listener_certificate *certificate,
                       struct certificate_place *out);

/* The comments, before the line that begins with `bind`.  ERR_INVALID: a path is none. */
int certificates_render(const struct listener *listener, struct buf *out, struct err *err);
/* What such a line says besides the address; nothing for a listener without certificates. */
void certificates_render_bind(const struct listener *listener, const char *folder, struct buf *out);

/* Those of a configuration, each once, in a new array of the arena. */
size_t certificates_parse(const char *configuration, struct arena *arena,
                          struct certificate_place **out);

#endif
