/*
 * Jobs on libuv's thread pool.  A queue hands the pool one job at a time and keeps the others.
 */
#include "drivers/io/worker.h"

#include <stdlib.h>

#include <uv.h>

#include "drivers/io/loop_int.h"

struct worker_job {
    uv_work_t uv;
    struct loop *loop;
    struct worker_queue *queue; /* NULL: none */
    bool queued;                /* in the queue's list: not with the pool yet */
    bool dropped;               /* taken from that list by a cancel; `done` is deferred */
    worker_work_fn *work;
    worker_done_fn *done;
    void *ctx;
    struct worker_job *next;
};

struct worker_queue {
    struct loop *loop;
    struct worker_job *running;
    struct worker_job *waiting;
    struct worker_job **waiting_end;
    bool freed; /* goes when the running job is over */
};

static void job_work(uv_work_t *uv)
{
    struct worker_job *job = uv->data;

    job->work(job->ctx);
}

static void job_done(uv_work_t *uv, int status);

static void job_run(struct worker_job *job)
{
    job->uv.data = job;

    int status = uv_queue_work(loop_uv(job->loop), &job->uv, job_work, job_done);
    ASSERT(status == 0);
}

/* The next job starts before `done` of the last is called: the thread need not wait for the
 * loop. */
static void queue_advance(struct worker_queue *queue)
{
    struct worker_job *job = queue->waiting;

    queue->running = job;
    if (job != NULL) {
        queue->waiting = job->next;
        if (queue->waiting == NULL)
            queue->waiting_end = &queue->waiting;
        job->queued = false;
        job_run(job);
    } else if (queue->freed) {
        free(queue);
    }
}

static void job_done(uv_work_t *uv, int status)
{
    struct worker_job *job = uv->data;

    if (job->queue != NULL)
        queue_advance(job->queue);
    job->done(job->ctx, status == UV_ECANCELED);
    free(job);
}

static void job_dropped(void *ctx)
{
    struct worker_job *job = ctx;

    job->done(job->ctx, true);
    free(job);
}

static struct worker_job *job_new(struct loop *loop, worker_work_fn *work, worker_done_fn *done,
                                  void *ctx)
{
    ASSERT(work != NULL && done != NULL);

    struct worker_job *job = mem_alloc(sizeof(*job));
    job->loop = loop;
    job->work = work;
    job->done = done;
    job->ctx = ctx;
    return job;
}

struct worker_job *worker_submit(struct loop *loop, worker_work_fn *work, worker_done_fn *done,
                                 void *ctx)
{
    struct worker_job *job = job_new(loop, work, done, ctx);

    job_run(job);
    return job;
}

struct worker_queue *worker_queue_new(struct loop *loop)
{
    struct worker_queue *queue = mem_alloc(sizeof(*queue));

    queue->loop = loop;
    queue->waiting_end = &queue->waiting;
    return queue;
}

struct worker_job *worker_queue_submit(struct worker_queue *queue, worker_work_fn *work,
                                       worker_done_fn *done, void *ctx)
{
    ASSERT(!queue->freed);

    struct worker_job *job = job_new(queue->loop, work, done, ctx);
    job->queue = queue;
    job->queued = true;
    *queue->waiting_end = job;
    queue->waiting_end = &job->next;
    if (queue->running == NULL)
        queue_advance(queue);
    return job;
}

static void queue_drop(struct worker_queue *queue, struct worker_job *job)
{
    struct worker_job **slot = &queue->waiting;

    while (*slot != job)
        slot = &(*slot)->next;
    *slot = job->next;
    if (*slot == NULL)
        queue->waiting_end = slot;
    job->queue = NULL;
    job->queued = false;
    job->dropped = true;
    loop_defer(job->loop, job_dropped, job);
}

void worker_cancel(struct worker_job *job)
{
    if (job == NULL || job->dropped)
        return;
    if (job->queued) {
        queue_drop(job->queue, job);
        return;
    }
    (void)uv_cancel((uv_req_t *)&job->uv); /* UV_EBUSY: it runs, or is over */
}

void worker_queue_free(struct worker_queue *queue)
{
    if (queue == NULL)
        return;
    while (queue->waiting != NULL)
        queue_drop(queue, queue->waiting);
    queue->freed = true;
    if (queue->running == NULL) {
        free(queue);
        return;
    }
    worker_cancel(queue->running);
}
