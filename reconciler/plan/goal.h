/*
 * A goal is a target that stands by itself: its canonical text and what was parsed from it,
 * counted. It outlives the generation it came from, so deployments, rollback and calls in flight
 * can hold it.
 */
#ifndef RECONCILER_PLAN_GOAL_H
#define RECONCILER_PLAN_GOAL_H

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/err.h"
#include "spec/base/hash.h"
#include "spec/generation.h"
#include "spec/target.h"
#include "spec/zone.h"

struct goal {
    uint32_t refs; /* 0: it is of an arena */
    struct arena arena;
    const char *text; /* what target_print() wrote */
    size_t text_size;
    const struct target *target;
};

struct goal *goal_parse(const char *text, size_t size, struct err *err); /* NULL on failure */
/* In an arena, for as long as that lives: goal_ref() of it is another one, with the same text. */
struct goal *goal_lend(const struct target *target, struct arena *arena);
struct goal *goal_ref(struct goal *goal);
void goal_unref(struct goal *goal);
DEFINE_AUTO(goal, goal_unref)

/* "CLUSTER/SERVICE": the unit of planning. */
char *unit_key(struct arena *arena, const char *cluster, const char *service);

struct desired_service {
    char *key;
    struct goal *goal;
    struct pos pos; /* of the manifest; file lives with the generation */
    bool is_blind;  /* a secret could not be read: the revision does not tell its value */
    struct desired_service *next_daemon;
    UT_hash_handle by_key;
};

struct desired_schedule {
    char *key; /* SCHEDULE_KEY and its name */
    const struct resource *resource;
    struct goal *goal; /* of a run without an id: target_of_run() has one */
    UT_hash_handle by_key;
};

/* What the current generation declares, ready to be planned. */
struct desired {
    struct generation *generation; /* counted */
    struct desired_service *services;
    struct desired_service *daemons; /* those of them that are DAEMON, linked by next_daemon */
    size_t service_count;
    struct desired_schedule *schedules;
    struct zone *zones; /* that it names, but UTC: desired_read_zones() */
    size_t zone_count;
    struct arena arena; /* of these */
};

struct memory;

/* From a generation; goals of `before`, and without it those that services are remembered to be
 * brought to, are used again where their text is the same.  Either may be NULL.  NULL when a
 * service is too large for a goal, environment files included: a mistake in `diags` each. */
struct desired *desired_make(struct generation *generation, const struct desired *before,
                             const struct memory *memory, secret_digest_fn *secrets,
                             void *secrets_context, struct diag_list *diags);
/* A blind service, all of whose rest is as `before` or memory (as in desired_make()) has it, is
 * taken for unchanged: a file that cannot be read for a moment must not replace what runs well. */
void desired_trust(struct desired *desired, const struct desired *before,
                   const struct memory *memory);
/* `changed` is told each key that is new, gone or different, or whose Cluster is. */
typedef void desired_changed_fn(void *context, const char *key);
void desired_compare(const struct desired *before, const struct desired *after,
                     desired_changed_fn *changed, void *context);
void desired_free(struct desired *desired);
DEFINE_AUTO(desired, desired_free)

/* The time zone of that name, as in zone_parse(). */
typedef int zone_read_fn(void *context, const char *name, struct arena *arena, struct zone *out,
                         struct err *err);
/* Asks for each that the generation names, once.  One that cannot be had is a mistake in `diags`;
 * windows of maintenance that are told by its clocks never open, schedules are never due, and
 * scheduled actions never happen. */
int desired_read_zones(struct desired *desired, zone_read_fn *read, void *context,
                       struct diag_list *diags);
const struct zone *desired_zone(const struct desired *desired, const char *name); /* NULL: none */

const struct desired_service *desired_service(const struct desired *desired, const char *key);
/* By its key.  goal_schedules.c */
const struct desired_schedule *desired_schedule(const struct desired *desired, const char *key);
/* What an entry of dependsOn names, "SERVICE" or "CLUSTER/SERVICE"; NULL: it is not declared. */
const struct desired_service *desired_dependency(const struct desired *desired, const char *name);

#endif
