/*
 * Efforts: what was tried on an instance, and how it went.  Part of the world.
 */
#ifndef SPEC_WORLD_EFFORT_H
#define SPEC_WORLD_EFFORT_H

#include "spec/base/hash.h"
#include "spec/report.h"

struct world_instance;

/* Of failures in a row so many are told apart in time. */
#define WORLD_FAILURES_KEPT 8

struct world_effort {
    char *key;
    char *image_id;
    char *digest;
    char *image_name;
    char *giver;
    char *progress;
    char *boot;
    bool needs_reboot;
    bool is_named; /* of a pull, as reported; false again when the image is gone: */
    bool is_new;   /* who brings it then is not known */
    struct err failure;
    enum effort_state state;
    uint32_t failures;                      /* in a row */
    int64_t failed_ms[WORLD_FAILURES_KEPT]; /* when, newest first */
    enum err_code failed_codes[WORLD_FAILURES_KEPT];
    uint64_t starts;       /* of its engine, when the first of them on this connection was told */
    bool starts_elsewhere; /* between the first and the last of them the engine started something */
    int64_t at_ms;
    UT_hash_handle by_key;
};

/* Ended efforts an instance keeps; the oldest are forgotten first. */
#define WORLD_EFFORTS_MAX 1024

const struct world_effort *world_effort(const struct world_instance *instance, const char *key);
/* Its failures in a row since that time; WORLD_FAILURES_KEPT: all in a row there are. */
uint32_t world_effort_failures(const struct world_effort *effort, int64_t since_ms);
/* Those that tell of the work itself: the engine was reached, had room, could or would not. */
uint32_t world_effort_refusals(const struct world_effort *effort, int64_t since_ms);
/* When the first that is told apart of its failures since then was; INT64_MAX: none was. */
int64_t world_effort_failing_since(const struct world_effort *effort, int64_t since_ms);

#endif
