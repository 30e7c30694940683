/*
 * Inside of the store, for the files of this folder only.
 */
#ifndef RECONCILER_MEMORY_STORE_INT_H
#define RECONCILER_MEMORY_STORE_INT_H

#include "reconciler/memory/sql.h"
#include "reconciler/memory/store.h"
#include "reconciler/plan/memory_hosts.h"

struct store {
    struct sql *sql;
    char *directory;
    int lock;         /* descriptor of the lock file; -1: not held */
    bool synchronous; /* commits wait for the disk */
    bool gathering;   /* a transaction is open for facts that may be lost */
    struct diag_list warnings;
};

/* A transaction of its own; `durable`: its commit waits for the disk. What has gathered is
 * committed first. */
int store_begin(struct store *store, bool durable, struct err *err);
/* Commits when status is 0, else rolls back; returns -1 when either failed. */
int store_end(struct store *store, int status, struct err *err);

/* store.c: the settings of progress, inside of a transaction. */
int progress_write(struct store *store, const struct store_progress *progress, struct err *err);

/* facts.c: one fact into the tables, inside of a transaction. */
int fact_write(struct sql *sql, const struct fact *fact, struct err *err);
/* load.c: all tables into memory. */
int memory_load(struct sql *sql, struct memory *memory, struct diag_list *warnings,
                struct err *err);
/* A row of these columns; texts are borrowed from the row.  False: a value that cannot be. */
#define TASK_COLUMNS                                                                               \
    "id, deployment, revision, commit_id, cluster, service, instance, slot, attempt, stop_code,"   \
    " reason, exit_code, failed, started_ms, healthy_ms, stopping_ms, stopped_ms, started_by,"     \
    " claimed_ms, begun, due_ms"
MUST_USE bool task_read(struct query *row, struct task_record *out);

/* scaling.c: inside of a transaction; from a row that has these columns from `column` on, into the
 * memory of the service that `of` names. */
int scaling_write(struct sql *sql, const struct fact *fact, struct err *err);
#define SCALING_COLUMNS                                                                            \
    "scaled, scaled_from, scaled_ms, scaled_fulfilled, scaled_out_ms, scaled_out_from, scaled_in_ms"
void scaling_load(struct memory *memory, struct query *row, int column, const struct fact *of);

/* directory.c: the state directory and who holds it. */
int directory_make(const char *path, struct err *err);
/* The descriptor that holds the lock until it is closed; -1: held by someone else, or failed. */
int directory_lock(const char *directory, const struct store_identity *identity, struct err *err);
/* history.c: inside of a transaction. */
int history_add_event(struct sql *sql, const struct fact *fact, struct err *err);
int history_prune(struct sql *sql, int64_t now_ms, struct err *err);

#endif
