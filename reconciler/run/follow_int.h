/*
 * The inside of a follower, for its own files.
 */
#ifndef RECONCILER_RUN_FOLLOW_INT_H
#define RECONCILER_RUN_FOLLOW_INT_H

#include "drivers/io/worker.h"
#include "reconciler/run/commit_files.h"
#include "reconciler/run/follow.h"
#include "reconciler/source/watch.h"
#include "spec/base/rng.h"

struct follower {
    struct app *app;
    struct source *source;
    struct watch *watch;
    struct loop_watch *watching;
    struct worker_queue *queue;
    struct worker_job *job;
    struct timer timer;
    struct rng rng;
    uint32_t failures;
    const char *pinned;            /* the branch, once it is open; NULL: HEAD */
    bool started;                  /* libgit2 was, for this one */
    bool looking;                  /* the first look has begun */
    bool again;                    /* asked to look while a job ran */
    uint64_t looks;                /* that are over, failed ones too */
    struct generation *generation; /* the last good one */
    char seen[SOURCE_ID_SIZE];     /* the last tip that was judged */
    char ref[SOURCE_REF_SIZE];     /* what the last look found it at; "" before the first */
    char *said;                    /* the trouble that was told and lasts */
    struct source_log *commit;     /* of the generation */
    struct diag_list rejected;
    char rejected_commit[SOURCE_ID_SIZE];
    struct commit_files files;
    /* What the running job fills. */
    struct {
        char base[SOURCE_ID_SIZE];
        struct source_tip tip;
        struct source_changes *changes;
        struct source_log *log;
        struct generation *generation; /* to be keyed */
        bool forward;                  /* the log is of commits that were not there before */
        char root[SOURCE_ID_SIZE];
        int status;
        bool unfit; /* the tip is there, but what is in it cannot be read as manifests */
        struct err err;
    } work;
};

/* follow_judge.c: all that can be wrong with work.tip is known now.  `err` tells what no position
 * can be given for. */
void follower_judge(struct follower *follower, struct generation *generation,
                    struct diag_list *diags, const struct err *err);
void follower_reject(struct follower *follower, struct diag_list *diags, const struct err *err);

#endif
