/*
 * Environment files: VAR=VALUE lines for a container's environment (ecs.md 1.3).  Everything behind
 * the first '=' is the value as it stands: no quotes, no escapes, no shell.  Empty lines and lines
 * that begin with '#' mean nothing.
 */
#ifndef SPEC_VARIABLE_FILE_H
#define SPEC_VARIABLE_FILE_H

#include "spec/base/err.h"
#include "spec/kinds/kinds.h"
#include "spec/tree.h"

/* What one blob says.  Immutable and counted, so that all generations that hold it share it. */
struct variable_file;

/*
 * Mistakes are added to diags at their lines of `path`, all of them, and then the answer is NULL: a
 * line without '=', no name or one with a blank in it, a name that is given twice, no UTF-8, a NUL,
 * more than LIMIT_VARIABLE_FILE_BYTES.  The caller owns one reference; the bytes are not needed
 * afterwards.
 */
struct variable_file *variable_file_parse(const char *path, const char *bytes, size_t size,
                                          struct diag_list *diags);
struct variable_file *variable_file_ref(struct variable_file *file);
void variable_file_unref(struct variable_file *file);
DEFINE_AUTO(variable_file, variable_file_unref)

/*
 * The container with the variables of its files (one per row of environmentFiles, in their order)
 * in its environment, and without environmentFiles.  `environment` and `secrets` win over files, an
 * earlier file over a later one.  Lives in the arena and leads into the container.
 */
void variable_files_merge(const struct container_definition *container,
                          const struct variable_file *const *files, struct arena *arena,
                          struct container_definition *out);

#endif
