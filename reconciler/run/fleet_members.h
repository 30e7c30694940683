/*
 * Which instances of EC2 clusters there are: those of a commit, and those that left it and are not
 * empty yet.  Each is also a text, for the next process.
 */
#ifndef RECONCILER_RUN_FLEET_MEMBERS_H
#define RECONCILER_RUN_FLEET_MEMBERS_H

#include "drivers/ec2/ec2.h"
#include "reconciler/plan/memory.h"
#include "spec/base/arena.h"
#include "spec/base/json.h"
#include "spec/generation.h"
#include "spec/world.h"

struct member {
    struct ec2_instance instance; /* is_leaving: the commit has it no more */
    UT_hash_handle by_name;
};

/* Zeroed is empty. */
struct members {
    struct member *first;
    struct arena arena;
};

void members_release(struct members *members);

/* NULL: there is none of that name. */
const struct member *members_find(const struct members *members, const char *name);

struct members_known {
    const struct generation *generation;
    const struct world *world;
    const struct memory *memory;
};

/* Those of the generation, with those of `before` that may have tasks and were not given up. */
void members_next(const struct members *before, const struct members_known *known,
                  struct members *out);
void members_without(const struct members *before, const char *name, struct members *out);
/* For ec2_set(); lives in the arena. */
size_t members_list(const struct members *members, struct arena *arena, struct ec2_instance **out);

struct json *members_json(const struct members *members);
/* What cannot be understood is left out. */
void members_read(const struct json *array, struct members *out);

#endif
