/*
 * .dockerignore: which files of a build context are left out.  The patterns mean what they mean to
 * Docker's own client (moby patternmatcher): Go's filepath.Match with "**", cleaned, relative to
 * the root of the context; "!" takes back; a pattern that matches a directory matches all below;
 * the last match decides.  A malformed pattern matches nothing.
 *
 * Docker sends the Dockerfile and .dockerignore in any case: that is the caller's matter.
 */
#ifndef SPEC_DOCKERIGNORE_H
#define SPEC_DOCKERIGNORE_H

#include "spec/base/arena.h"

struct dockerignore;

/* Lies in the arena; the text is not needed afterwards. */
struct dockerignore *dockerignore_parse(const char *text, size_t size, struct arena *arena);
/* `path` is that of a file, relative to the context, with '/' and without "." or "..". */
bool dockerignore_excludes(const struct dockerignore *ignore, const char *path);

#endif
