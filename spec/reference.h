/*
 * References of images as Docker writes them: [HOST[:PORT]/]PATH[:TAG][@DIGEST].  The grammar and
 * the familiar short forms ("redis" is docker.io/library/redis) are those of the distribution
 * project; the length limit is that of ECS (255 characters before the digest, sha256 only;
 * ecs.md 1.3).
 */
#ifndef SPEC_REFERENCE_H
#define SPEC_REFERENCE_H

#include "spec/base/arena.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"

struct image_reference {
    const char *host;   /* "docker.io", "registry.internal:5000" */
    const char *path;   /* "library/redis" */
    const char *tag;    /* NULL when none is written */
    const char *digest; /* "sha256:...", or NULL */
};

/* Short forms are written out.  The parts lie in the arena. */
MUST_USE int reference_parse(const char *text, struct arena *arena, struct image_reference *out,
                             struct err *err);
/* The one text of all that mean the same: "docker.io/library/redis:latest" of "redis"; with a
 * digest the tag says nothing and is left out.  What is no reference, as it is. */
const char *reference_canonical(const char *text, struct arena *arena);
/* Do two references mean the same: "redis" and "docker.io/library/redis:latest"? */
bool reference_is_same(const char *a, const char *b);
/* Are they of one repository, whatever their tags and digests? */
bool reference_is_sibling(const char *a, const char *b);
/* "docker.io/library/redis" of "redis:7". */
const char *reference_repository(const char *text, struct arena *arena);
/* Does the text of Task.containerDefinitions[].image name an Image resource rather than a
 * reference? */
bool reference_is_bare_name(const char *text);
/* Can the text be one part of a path: lower-case letters and digits with '.', '_', '__' or '-'
 * between? */
bool reference_is_path_part(const char *text);

#endif
