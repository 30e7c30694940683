/*
 * Work that blocks (git, compression, tar files), done on other threads: the only threads there
 * are.
 *
 * A job gets plain data in its ctx, owns it while it runs, and hands it back: `work` runs on a
 * thread and may touch nothing else; `done` runs on the loop and is called exactly once per job,
 * never from inside worker_submit() or worker_cancel().
 */
#ifndef DRIVERS_IO_WORKER_H
#define DRIVERS_IO_WORKER_H

#include "drivers/io/loop.h"

struct worker_job;
struct worker_queue;

typedef void worker_work_fn(void *ctx);
/* cancelled: `work` was never called. */
typedef void worker_done_fn(void *ctx, bool cancelled);

/* Jobs run in parallel on up to four threads.  The job is valid until `done` was called. */
struct worker_job *worker_submit(struct loop *loop, worker_work_fn *work, worker_done_fn *done,
                                 void *ctx);
/* A job that has not started is not going to: `done` follows with cancelled = true.  One that runs
 * goes on to its end, and one that is over stays over.  NULL is allowed. */
void worker_cancel(struct worker_job *job);

/* Jobs of one queue run one after the other, in order: for what is not safe to use from two
 * threads, such as one git repository. */
struct worker_queue *worker_queue_new(struct loop *loop);
struct worker_job *worker_queue_submit(struct worker_queue *queue, worker_work_fn *work,
                                       worker_done_fn *done, void *ctx);
/* Cancels the jobs that have not started; their `done` and that of the running one still follow, so
 * ctx must live until then.  NULL is allowed. */
void worker_queue_free(struct worker_queue *queue);

#endif
