/*
 * What outlives the process: facts, settings and history, in one SQLite database under the state
 * directory.  One process at a time holds a state directory.
 *
 * Layout of the state directory: `lock` (who holds it), `berth.db` (with SQLite's own `-wal` and
 * `-shm`), `secret.key`, and `berth.db.corrupt-TIME` for a database that could not be read.
 */
#ifndef RECONCILER_MEMORY_STORE_H
#define RECONCILER_MEMORY_STORE_H

#include "reconciler/plan/memory.h"
#include "spec/base/arena.h"
#include "spec/base/base.h"
#include "spec/base/err.h"

struct store;

/* Who opens it, for the one who comes second. */
struct store_identity {
    const char *command; /* "berth run /srv/infra" */
    int64_t started_ms;  /* wall clock */
};

/* Makes the directory (0700) with its parents and the database (0600) when they are missing, and
 * brings the schema up to date.  A damaged database is moved aside and an empty one begun:
 * store_warnings() then says so.  NULL on failure:
 *     ERR_CONFLICT  another process holds it; the text names its pid, command and start
 *     ERR_DENIED    no permission; or the database is another owner's, another program's, or a
 *                   newer version's
 *     ERR_CAPACITY  disk full */
struct store *store_open(const char *state_dir, const char *owner,
                         const struct store_identity *identity, struct err *err);
void store_close(struct store *store);
DEFINE_AUTO(store, store_close)

/* What people should know about opening and loading.  Lives as long as the store. */
const struct diag_list *store_warnings(const struct store *store);

/* All facts or none; on disk before it returns when any of them is durable. Others gather in one
 * transaction until store_flush(), the next durable write or store_close(): a process that is
 * killed before may have lost them.
 * ERR_CAPACITY when the disk is full: the store goes on working once there is room. */
int store_write(struct store *store, const struct fact *facts, size_t count, struct err *err);

/* Did anything gather? Then store_flush() should come soon: many small writes are one commit. */
bool store_gathers(const struct store *store);
int store_flush(struct store *store, struct err *err);

/* Into an empty memory: afterwards it is as if all facts ever written had been applied to it.  A
 * record that cannot be understood is left out, with a warning. */
int store_load(struct store *store, struct memory *memory, struct err *err);

/* Forgets what `memory` has expired, and history beyond the limits of history.h; to be called once
 * in a while. */
int store_prune(struct store *store, const struct memory *memory, int64_t now_ms, struct err *err);

/* ---- Settings ------------------------------------------------------------------------------ */

#define STORE_KEY_BYTES 32

/* The key for digests of secrets: random, made when first asked for, then always the same. It is a
 * file of its own, `secret.key`: revisions must stay what they are when the database is lost, or
 * every task with a secret would be replaced. */
int store_secret_key(struct store *store, unsigned char out[STORE_KEY_BYTES], struct err *err);

/* Which instances there are, as the fleet words it; heap text, NULL: never said. */
int store_fleet_read(struct store *store, char **out, struct err *err);
int store_fleet_write(struct store *store, const char *state, struct err *err);

/* Where this installation stands in the repository.  "" and NULL: none. */
struct store_progress {
    char root[COMMIT_SIZE];      /* root commit of the repository that is followed */
    char applied[COMMIT_SIZE];   /* the last one that became the current generation */
    char rejected[COMMIT_SIZE];  /* newer than `applied`, and wrong */
    char confirmed[COMMIT_SIZE]; /* up to which removals are confirmed */
    const char *rejected_errors; /* all of them, as they were printed */
    bool take_over;              /* an engine that another repository claimed becomes ours */
};

/* Texts go into the arena. */
int store_progress_read(struct store *store, struct arena *arena, struct store_progress *out,
                        struct err *err);
/* All of it, durable. */
int store_progress_write(struct store *store, const struct store_progress *progress,
                         struct err *err);

/* ---- Metrics ------------------------------------------------------------------------------- */

/* What was measured in one minute of Unix time, as the metrics word it. */
struct store_minute {
    int64_t minute;
    const void *data; /* size 0: nothing was measured */
    size_t size;
    int64_t oldest; /* minutes before this one are forgotten */
};
/* Of a service, by which it stands in the data. */
struct store_number {
    uint32_t number;
    const char *service; /* "CLUSTER/SERVICE" */
};
/* One transaction, which is not waited for.  `numbers` NULL: they are as they were. */
int store_metrics_write(struct store *store, const struct store_minute *minute,
                        const struct store_number *numbers, size_t count, struct err *err);
/* All numbers, then all minutes in their order; what they point to lives during the call. */
struct store_metrics_reader {
    void (*number)(void *context, uint32_t number, const char *service);
    void (*minute)(void *context, int64_t minute, const void *data, size_t size);
    void *context;
};
int store_metrics_read(struct store *store, const struct store_metrics_reader *reader,
                       struct err *err);

#endif
