/*
 * Jobs are done once each, off the loop; those of one queue never at the same time.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "drivers/io/worker.h"
#include "tests/unit/unit.h"

#define JOBS 60

struct scene;

struct job {
    struct scene *scene;
    struct worker_job *handle;
    unsigned number;
    unsigned done; /* how often */
    bool cancelled;
    bool worked;
};

struct scene {
    struct loop *loop;
    struct worker_queue *queue;
    struct job jobs[JOBS];
    unsigned wanted; /* jobs until the loop stops */
    unsigned done;
    unsigned next; /* number of the next job of the queue */
    _Atomic unsigned inside;
    _Atomic unsigned most_inside;
    _Atomic bool hold; /* jobs wait while it is set */
    pid_t loop_thread;
};

static int set_up(void **state)
{
    struct scene *scene = mem_alloc(sizeof(*scene));

    scene->loop = loop_new(NULL);
    scene->queue = worker_queue_new(scene->loop);
    scene->wanted = JOBS;
    scene->loop_thread = (pid_t)syscall(SYS_gettid);
    for (unsigned i = 0; i < JOBS; i++) {
        scene->jobs[i].scene = scene;
        scene->jobs[i].number = i;
    }
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    worker_queue_free(scene->queue);
    loop_free(scene->loop);
    for (unsigned i = 0; i < scene->wanted; i++) {
        assert_int_equal(scene->jobs[i].done, 1);
        assert_true(scene->jobs[i].cancelled != scene->jobs[i].worked);
    }
    free(scene);
    return 0;
}

static void pause_ms(int64_t ms)
{
    struct timespec pause = { .tv_nsec = ms * 1000000 };

    (void)nanosleep(&pause, NULL);
}

static void work(void *ctx)
{
    struct job *job = ctx;
    struct scene *scene = job->scene;
    unsigned inside = atomic_fetch_add(&scene->inside, 1) + 1;
    unsigned most = atomic_load(&scene->most_inside);

    while (inside > most && !atomic_compare_exchange_weak(&scene->most_inside, &most, inside))
        continue;
    while (atomic_load(&scene->hold))
        pause_ms(1);
    pause_ms(1);
    job->worked = (pid_t)syscall(SYS_gettid) != scene->loop_thread;
    (void)atomic_fetch_sub(&scene->inside, 1);
}

static void done(void *ctx, bool cancelled)
{
    struct job *job = ctx;
    struct scene *scene = job->scene;

    assert_int_equal((pid_t)syscall(SYS_gettid), scene->loop_thread);
    job->done++;
    job->cancelled = cancelled;
    scene->done++;
    if (scene->done == scene->wanted)
        loop_stop(scene->loop);
}

static void done_in_order(void *ctx, bool cancelled)
{
    struct job *job = ctx;

    assert_int_equal(job->number, job->scene->next);
    job->scene->next++;
    done(ctx, cancelled);
}

static void jobs_run_in_parallel(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < JOBS; i++)
        (void)worker_submit(scene->loop, work, done, &scene->jobs[i]);
    assert_int_equal(scene->done, 0);
    loop_run(scene->loop);
    assert_int_equal(scene->done, JOBS);
    assert_in_range(scene->most_inside, 2, 4);
}

static void a_queue_runs_one_at_a_time_in_order(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < JOBS; i++)
        (void)worker_queue_submit(scene->queue, work, done_in_order, &scene->jobs[i]);
    loop_run(scene->loop);
    assert_int_equal(scene->done, JOBS);
    assert_int_equal(scene->most_inside, 1);
}

static void release_jobs(void *ctx)
{
    struct scene *scene = ctx;

    atomic_store(&scene->hold, false);
}

/* The first runs, so it is not cancelled; all others never start. */
static void waiting_jobs_of_a_queue_can_be_cancelled(void **state)
{
    struct scene *scene = *state;

    atomic_store(&scene->hold, true);
    for (unsigned i = 0; i < JOBS; i++)
        scene->jobs[i].handle = worker_queue_submit(scene->queue, work, done, &scene->jobs[i]);
    while (atomic_load(&scene->inside) == 0)
        pause_ms(1);
    for (unsigned i = JOBS; i-- > 0;) {
        worker_cancel(scene->jobs[i].handle);
        worker_cancel(scene->jobs[i].handle);
    }
    assert_int_equal(scene->done, 0);
    loop_defer(scene->loop, release_jobs, scene);
    loop_run(scene->loop);
    assert_false(scene->jobs[0].cancelled);
    for (unsigned i = 1; i < JOBS; i++)
        assert_true(scene->jobs[i].cancelled);
}

static void waiting_jobs_of_the_pool_can_be_cancelled(void **state)
{
    struct scene *scene = *state;

    atomic_store(&scene->hold, true);
    for (unsigned i = 0; i < JOBS; i++)
        scene->jobs[i].handle = worker_submit(scene->loop, work, done, &scene->jobs[i]);
    while (atomic_load(&scene->inside) < 2)
        pause_ms(1);
    for (unsigned i = 0; i < JOBS; i++)
        worker_cancel(scene->jobs[i].handle);
    loop_defer(scene->loop, release_jobs, scene);
    loop_run(scene->loop);
    assert_false(scene->jobs[0].cancelled);
    assert_true(scene->jobs[JOBS - 1].cancelled);
}

/* Freed while a job runs: loop_free() in the tear down waits for it. */
static void a_queue_can_be_freed_while_it_works(void **state)
{
    struct scene *scene = *state;

    scene->wanted = 3;
    atomic_store(&scene->hold, true);
    for (unsigned i = 0; i < 3; i++)
        (void)worker_queue_submit(scene->queue, work, done, &scene->jobs[i]);
    while (atomic_load(&scene->inside) == 0)
        pause_ms(1);
    worker_queue_free(scene->queue);
    scene->queue = NULL;
    assert_int_equal(scene->done, 0);
    atomic_store(&scene->hold, false);
}

static void done_frees_the_queue(void *ctx, bool cancelled)
{
    struct job *job = ctx;

    if (job->number == 0) {
        worker_queue_free(job->scene->queue);
        job->scene->queue = NULL;
    }
    done(ctx, cancelled);
}

static void a_queue_can_be_freed_by_its_job(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < JOBS; i++)
        (void)worker_queue_submit(scene->queue, work, done_frees_the_queue, &scene->jobs[i]);
    loop_run(scene->loop);
    assert_int_equal(scene->done, JOBS);
    assert_true(scene->jobs[JOBS - 1].cancelled);
}

#define WORKER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(jobs_run_in_parallel),
        WORKER_TEST(a_queue_runs_one_at_a_time_in_order),
        WORKER_TEST(waiting_jobs_of_a_queue_can_be_cancelled),
        WORKER_TEST(waiting_jobs_of_the_pool_can_be_cancelled),
        WORKER_TEST(a_queue_can_be_freed_while_it_works),
        WORKER_TEST(a_queue_can_be_freed_by_its_job),
    };

    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
