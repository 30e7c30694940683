/*
 * The inside of a generation, for its own files.
 */
#ifndef SPEC_GENERATION_INT_H
#define SPEC_GENERATION_INT_H

#include "spec/base/arena.h"
#include "spec/generation.h"

struct generation {
    uint32_t refs;
    char commit[OBJECT_ID_SIZE];
    struct tree files;                 /* path -> struct placed_file */
    struct tree resources[KIND_COUNT]; /* name -> struct resource */
    struct tree edges;                 /* reference.edge -> the struct resource that refers */
    struct tree file_users;            /* name of a Task that uses files -> struct resource */
    struct tree build_keys;            /* name of an Image -> text */
    struct tree variable_files;        /* path -> struct variable_file */
};

/* A resource that the change added, replaced or took away. */
struct touched {
    enum kind kind;
    const char *name; /* lives as long as the derivation */
};

/* What has to be looked at after a change, and where to say what is wrong. */
struct generation_check {
    const struct generation *generation;
    const struct touched *touched;
    size_t touched_count;
    bool is_cut; /* some file could not be read: what is missing may be in there */
    struct diag_list *diags;
    size_t mistakes;
};

/*
 * Rules across resources: references that lead to something, clusters that can run their tasks, and
 * no cycles.  Looks at what was touched and at what refers to it: nothing else can have become
 * wrong.
 */
void generation_check(struct generation_check *check);

/* Of those, about load balancers (generation_balancers.c): of a Service that names some, of one
 * LoadBalancer and all that name it, of all of them. */
void check_targets(struct generation_check *check, const struct resource *service,
                   struct arena *arena);
void check_balancer(struct generation_check *check, const struct resource *balancer,
                    struct arena *arena);
void check_listening(struct generation_check *check, struct arena *arena);

/* Position of a reference or refusal of a resource. */
static inline struct pos resource_pos(const struct resource *resource, uint32_t line,
                                      uint32_t column)
{
    return (struct pos){ resource->pos.file, line, column };
}

#endif
