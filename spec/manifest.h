/*
 * One file of one commit, decoded: its resources and what they refer to, in an arena of its own.
 * Immutable and counted, so that all generations that hold the same blob share it; the path is not
 * part of it, since moving a file changes nothing.
 */
#ifndef SPEC_MANIFEST_H
#define SPEC_MANIFEST_H

#include "spec/base/digest.h"
#include "spec/base/err.h"
#include "spec/kinds/kinds.h"
#include "spec/tree.h"

struct manifest;

/* A resource needs another one. */
struct reference {
    enum kind kind;
    const char *name;
    const char *cluster; /* of a Service: the cluster it must be in, or NULL */
    uint32_t line;
    uint32_t column;
    const char *edge; /* "KIND NAME\x01KIND NAME": to, from; the key of the generation's index */
};

/* Something that cannot be done on one launch type, or does not do there what one may think. */
struct refusal {
    enum launch_type on;
    bool is_warning;
    uint32_t line;
    uint32_t column;
    const char *text; /* a complete message */
};

/* A file of the repository that is part of what a resource says. */
struct file_use {
    const char *path; /* from the root of the repository */
    uint32_t line;
    uint32_t column;
};

struct resource {
    enum kind kind;
    const char *name;
    struct pos pos; /* of metadata.name */
    const struct manifest *manifest;
    const void *spec;             /* struct service_spec, ...: see resource_service() and so on */
    char digest[SHA256_HEX_SIZE]; /* of all that is written, the position apart */
    const struct pair *labels;    /* of metadata */
    size_t label_count;
    const struct reference *references;
    size_t reference_count;
    const struct refusal *refusals;
    size_t refusal_count;
    const struct file_use *files; /* of a Task: its environment files, as they are written */
    size_t file_count;
};

#define RESOURCE_SPEC(constant, kind_name, text)                                                   \
    static inline const struct kind_name##_spec *resource_##kind_name(const struct resource *r)    \
    {                                                                                              \
        ASSERT(r->kind == KIND_##constant);                                                        \
        return r->spec;                                                                            \
    }
KINDS(RESOURCE_SPEC)
#undef RESOURCE_SPEC

/* Is deletionProtection set? */
bool resource_is_protected(const struct resource *resource);

/* Does a file of this path hold manifests: *.yaml, *.yml or *.json? */
bool manifest_path_is(const char *path);
/* Is the path, relative to where manifests are looked for, hidden: does the name of the file or of
 * a folder begin with a dot?  Such files belong to tools and are no manifests. */
bool manifest_path_is_hidden(const char *path);

/*
 * Decodes a file and checks what can be checked without the others.  Mistakes and warnings are
 * added to diags with `path` in their positions.  Always answers a manifest: with mistakes it has
 * the resources whose kind and name could be read, so that references to them are no further
 * mistakes, and is good for nothing else.  The caller owns one reference; the bytes are not needed
 * afterwards.
 */
struct manifest *manifest_parse(const char *path, const char *bytes, size_t size,
                                struct diag_list *diags);
struct manifest *manifest_ref(struct manifest *manifest);
void manifest_unref(struct manifest *manifest);
DEFINE_AUTO(manifest, manifest_unref)

/* In the order written.  Their pos.file is NULL: the path belongs to the generation. */
const struct resource *manifest_resources(const struct manifest *manifest, size_t *out_count);
/* The file could not be read to its end: resources may be missing. */
bool manifest_is_cut(const struct manifest *manifest);

#endif
