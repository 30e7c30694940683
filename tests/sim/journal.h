/*
 * What the program made durable, kept through crashes: in place of reconciler/memory/store.c,
 * behind the same header. A crash may lose the last of what was only learnt from results.
 */
#ifndef TESTS_SIM_JOURNAL_H
#define TESTS_SIM_JOURNAL_H

#include "reconciler/memory/store.h"
#include "spec/base/rng.h"

struct journal_entry;

typedef void journal_fn(void *context, const struct fact *facts, size_t count);

struct store {
    struct arena arena;
    struct journal_entry *entries;
    size_t count;
    size_t capacity;
    uint64_t transactions;
    bool full;       /* the disk: writing fails */
    journal_fn *see; /* told of all facts before they are kept */
    void *context;
};

/* Loses up to everything since the last durable transaction. */
void journal_crash(struct store *store, struct rng *rng);
/* Would the newest fact of that kind about the service, or any about the deployment (NULL: the kind
 * is another one), outlive every crash?  False when there is none. */
bool journal_keeps(const struct store *store, enum fact_kind kind, const char *service,
                   const char *deployment);
/* Likewise, that the task of a job has its place (container NULL), or that one of its containers
 * was about to be started. */
bool journal_keeps_job(const struct store *store, const char *task, const char *container);
/* All facts, into an empty memory. */
void journal_load(const struct store *store, struct memory *memory);
/* Someone deletes it. */
void journal_forget(struct store *store);
void journal_release(struct store *store);

#endif
