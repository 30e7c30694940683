/*
 * The event loop calls back once, in order, never early, and sleeps when there is nothing to do.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "drivers/io/loop.h"
#include "tests/unit/unit.h"

#define TIMERS 40

/* What the callbacks of one test share. */
struct scene {
    struct loop *loop;
    struct timer timers[TIMERS];
    int64_t due_ms[TIMERS];
    struct timer patience;
    struct loop_watch *watch;
    struct loop_signal *signals[2];
    char said[64]; /* what was called, in order */
    unsigned count;
    bool late;
};

static int64_t clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void give_up(void *ctx)
{
    struct scene *scene = ctx;

    scene->late = true;
    loop_stop(scene->loop);
}

static int set_up(void **state)
{
    static struct scene scene;

    memset(&scene, 0, sizeof(scene));
    scene.loop = loop_new(NULL);
    timer_start(scene.loop, &scene.patience, 20000, give_up, &scene);
    *state = &scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    assert_false(scene->late);
    timer_stop(&scene->patience);
    loop_free(scene->loop);
    return 0;
}

static void say(struct scene *scene, char what)
{
    assert_true(scene->count + 1 < sizeof(scene->said));
    scene->said[scene->count++] = what;
}

/* ---- Deferred calls ---- */

static void say_a(void *ctx)
{
    say(ctx, 'a');
}

static void say_b_and_defer(void *ctx)
{
    struct scene *scene = ctx;

    say(scene, 'b');
    loop_defer(scene->loop, say_a, scene);
}

static void stop(void *ctx)
{
    struct scene *scene = ctx;

    loop_stop(scene->loop);
}

static void deferred_calls_come_in_order(void **state)
{
    struct scene *scene = *state;

    loop_defer(scene->loop, say_a, scene);
    loop_defer(scene->loop, say_b_and_defer, scene);
    loop_defer(scene->loop, say_a, scene);
    assert_string_equal(scene->said, "");
    timer_start(scene->loop, &scene->timers[0], 10, stop, scene);
    loop_run(scene->loop);
    assert_string_equal(scene->said, "abaa");
}

static void cancelled_calls_do_not_come(void **state)
{
    struct scene *scene = *state;

    loop_defer(scene->loop, say_b_and_defer, scene);
    loop_defer(scene->loop, say_a, scene);
    loop_defer(scene->loop, say_b_and_defer, scene);
    loop_defer_cancel(scene->loop, say_b_and_defer, scene);
    loop_defer(scene->loop, stop, scene);
    loop_run(scene->loop);
    assert_string_equal(scene->said, "a");
}

static void cancel_the_next(void *ctx)
{
    struct scene *scene = ctx;

    say(scene, 'c');
    loop_defer(scene->loop, say_a, scene);
    loop_defer_cancel(scene->loop, say_a, scene);
    loop_defer(scene->loop, stop, scene);
}

static void a_call_may_cancel_those_behind_it(void **state)
{
    struct scene *scene = *state;

    loop_defer(scene->loop, cancel_the_next, scene);
    loop_defer(scene->loop, say_a, scene);
    loop_run(scene->loop);
    assert_string_equal(scene->said, "c");
}

/* A call that always defers itself must not keep timers and descriptors waiting. */
static void defer_again(void *ctx)
{
    struct scene *scene = ctx;

    loop_defer(scene->loop, defer_again, scene);
}

static void deferring_for_ever_starves_nobody(void **state)
{
    struct scene *scene = *state;

    loop_defer(scene->loop, defer_again, scene);
    timer_start(scene->loop, &scene->timers[0], 5, stop, scene);
    loop_run(scene->loop);
    loop_defer_cancel(scene->loop, defer_again, scene);
}

/* ---- Timers ---- */

static void check_due(void *ctx)
{
    struct scene *scene = ctx;

    for (size_t i = 0; i < TIMERS; i++)
        if (scene->due_ms[i] != 0 && !timer_is_running(&scene->timers[i])) {
            assert_true(clock_ms() >= scene->due_ms[i]);
            scene->due_ms[i] = 0;
            scene->count++;
        }
    if (scene->count == TIMERS)
        loop_stop(scene->loop);
}

/* Work that takes time in between makes the loop's own idea of now stale. */
static void timers_are_never_early(void **state)
{
    struct scene *scene = *state;

    for (size_t i = 0; i < TIMERS; i++) {
        struct timespec pause = { .tv_nsec = 300000 };

        (void)nanosleep(&pause, NULL);
        scene->due_ms[i] = clock_ms() + (int64_t)(i % 8);
        timer_start(scene->loop, &scene->timers[i], (int64_t)(i % 8), check_due, scene);
    }
    loop_run(scene->loop);
    assert_int_equal(scene->count, TIMERS);
}

static void start_again(void *ctx)
{
    struct scene *scene = ctx;

    assert_false(timer_is_running(&scene->timers[0]));
    say(scene, 't');
    if (scene->count == 3)
        loop_stop(scene->loop);
    else
        timer_start(scene->loop, &scene->timers[0], 0, start_again, scene);
}

static void a_timer_may_start_itself(void **state)
{
    struct scene *scene = *state;

    timer_start(scene->loop, &scene->timers[1], 1, say_a, scene);
    timer_stop(&scene->timers[1]);
    timer_stop(&scene->timers[1]);
    timer_start(scene->loop, &scene->timers[0], 10000, say_a, scene);
    timer_start(scene->loop, &scene->timers[0], 1, start_again, scene);
    loop_run(scene->loop);
    assert_string_equal(scene->said, "ttt");
}

static void the_longest_delay_is_no_overflow(void **state)
{
    struct scene *scene = *state;

    timer_start(scene->loop, &scene->timers[0], INT64_MAX, say_a, scene);
    timer_start(scene->loop, &scene->timers[1], 5, stop, scene);
    loop_run(scene->loop);
    timer_stop(&scene->timers[0]);
    assert_string_equal(scene->said, "");
}

static void one_iteration_has_one_now(void **state)
{
    struct scene *scene = *state;
    int64_t now = loop_now_ms(scene->loop);
    struct timespec pause = { .tv_nsec = 5000000 };

    (void)nanosleep(&pause, NULL);
    assert_true(loop_now_ms(scene->loop) == now);
    assert_true(loop_wall_ms() > INT64_C(1600000000000));
}

/* A loop that has nothing to do until a timer sleeps once: the kernel counts. */
static void an_idle_loop_does_not_wake_up(void **state)
{
    struct scene *scene = *state;
    struct rusage before;
    struct rusage after;

    timer_start(scene->loop, &scene->timers[0], 1, stop, scene);
    loop_run(scene->loop);
    timer_start(scene->loop, &scene->timers[0], 300, stop, scene);
    (void)getrusage(RUSAGE_SELF, &before);
    loop_run(scene->loop);
    (void)getrusage(RUSAGE_SELF, &after);
    assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 0, 2);
}

/* ---- Descriptors ---- */

static void read_all(void *ctx, int fd, unsigned events)
{
    struct scene *scene = ctx;
    char bytes[512];
    ssize_t count = read(fd, bytes, sizeof(bytes));

    assert_true((events & LOOP_READABLE) != 0);
    if (count <= 0) {
        say(scene, 'e');
        loop_unwatch(scene->watch);
        scene->watch = NULL;
        loop_stop(scene->loop);
        return;
    }
    say(scene, 'r');
}

static void close_fd(void *ctx)
{
    int *fd = ctx;

    fd_auto(fd);
    *fd = -1;
}

static void a_pipe_is_read_to_its_end(void **state)
{
    struct scene *scene = *state;
    int pair[2];

    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    scene->watch = loop_watch_fd(scene->loop, pair[0], LOOP_READABLE, read_all, scene, NULL);
    assert_non_null(scene->watch);
    assert_int_equal(write(pair[1], "abc", 3), 3);
    timer_start(scene->loop, &scene->timers[0], 20, close_fd, &pair[1]);
    loop_run(scene->loop);
    assert_string_equal(scene->said, "re");
    fd_auto(&pair[0]);
}

static void write_once(void *ctx, int fd, unsigned events)
{
    struct scene *scene = ctx;

    (void)fd;
    say(scene, (events & LOOP_WRITABLE) != 0 ? 'w' : '?');
    loop_watch_change(scene->watch, 0);
    timer_start(scene->loop, &scene->timers[0], 20, stop, scene);
}

static void a_watch_for_nothing_is_quiet(void **state)
{
    struct scene *scene = *state;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    scene->watch = loop_watch_fd(scene->loop, pair[0], LOOP_WRITABLE, write_once, scene, NULL);
    loop_run(scene->loop);
    assert_string_equal(scene->said, "w");
    loop_watch_change(scene->watch, LOOP_WRITABLE);
    loop_run(scene->loop);
    assert_string_equal(scene->said, "ww");
    loop_unwatch(scene->watch);
    fd_auto(&pair[0]);
    fd_auto(&pair[1]);
}

static void epoll_says(void *ctx, int fd, unsigned events)
{
    struct scene *scene = ctx;
    struct epoll_event event;

    (void)events;
    assert_int_equal(epoll_wait(fd, &event, 1, 0), 1);
    say(scene, 'p');
    loop_stop(scene->loop);
}

/* As libmicrohttpd has it. */
static void an_epoll_descriptor_can_be_watched(void **state)
{
    struct scene *scene = *state;
    int pair[2];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN };

    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event), 0);
    scene->watch = loop_watch_fd(scene->loop, epoll, LOOP_READABLE, epoll_says, scene, NULL);
    assert_non_null(scene->watch);
    assert_int_equal(write(pair[1], "x", 1), 1);
    loop_run(scene->loop);
    assert_string_equal(scene->said, "p");
    loop_unwatch(scene->watch);
    fd_auto(&pair[0]);
    fd_auto(&pair[1]);
    fd_auto(&epoll);
}

static void inotify_says(void *ctx, int fd, unsigned events)
{
    struct scene *scene = ctx;
    char bytes[4096];

    (void)events;
    assert_true(read(fd, bytes, sizeof(bytes)) > 0);
    say(scene, 'i');
    loop_stop(scene->loop);
}

static void an_inotify_descriptor_can_be_watched(void **state)
{
    struct scene *scene = *state;
    char path[] = "/tmp/test_io_loop.XXXXXX";
    int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    int file = mkostemp(path, O_CLOEXEC);

    assert_true(inotify_add_watch(notify, path, IN_MODIFY) >= 0);
    scene->watch = loop_watch_fd(scene->loop, notify, LOOP_READABLE, inotify_says, scene, NULL);
    assert_non_null(scene->watch);
    assert_int_equal(write(file, "x", 1), 1);
    loop_run(scene->loop);
    assert_string_equal(scene->said, "i");
    loop_unwatch(scene->watch);
    fd_auto(&notify);
    fd_auto(&file);
    (void)unlink(path);
}

static void a_file_cannot_be_watched(void **state)
{
    struct scene *scene = *state;
    char path[] = "/tmp/test_io_loop.XXXXXX";
    int file = mkostemp(path, O_CLOEXEC);
    struct err err = { 0 };

    assert_null(loop_watch_fd(scene->loop, file, LOOP_READABLE, read_all, scene, &err));
    assert_int_equal(err.code, ERR_INVALID);
    fd_auto(&file);
    (void)unlink(path);
}

/* ---- Signals ---- */

static void signal_says(void *ctx, int signal_number)
{
    struct scene *scene = ctx;

    say(scene, signal_number == SIGHUP ? 'h' : 't');
    if (scene->count == 2)
        loop_stop(scene->loop);
}

static void signals_arrive(void **state)
{
    struct scene *scene = *state;

    scene->signals[0] = loop_watch_signal(scene->loop, SIGHUP, signal_says, scene, NULL);
    scene->signals[1] = loop_watch_signal(scene->loop, SIGTERM, signal_says, scene, NULL);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(raise(SIGTERM), 0);
    loop_run(scene->loop);
    assert_int_equal(strlen(scene->said), 2);
    assert_non_null(strchr(scene->said, 'h'));
    assert_non_null(strchr(scene->said, 't'));
    loop_unwatch_signal(scene->signals[0]);
    loop_unwatch_signal(scene->signals[1]);
}

static void an_impossible_signal_is_refused(void **state)
{
    struct scene *scene = *state;
    struct err err = { 0 };

    assert_null(loop_watch_signal(scene->loop, SIGKILL, signal_says, scene, &err));
    assert_int_equal(err.code, ERR_INVALID);
}

static void stop_from_elsewhere(void *ctx, int signal_number)
{
    struct scene *scene = ctx;

    (void)signal_number;
    loop_stop(scene->loop);
}

/* Nothing but a signal ends this loop_run(): it must not return by itself. */
static void a_loop_with_nothing_to_do_goes_on(void **state)
{
    struct scene *scene = *state;
    int64_t start = clock_ms();

    timer_stop(&scene->patience);
    scene->signals[0] = loop_watch_signal(scene->loop, SIGALRM, stop_from_elsewhere, scene, NULL);
    (void)alarm(1);
    loop_run(scene->loop);
    assert_true(clock_ms() - start >= 900);
    loop_unwatch_signal(scene->signals[0]);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(deferred_calls_come_in_order),
        LOOP_TEST(cancelled_calls_do_not_come),
        LOOP_TEST(a_call_may_cancel_those_behind_it),
        LOOP_TEST(deferring_for_ever_starves_nobody),
        LOOP_TEST(timers_are_never_early),
        LOOP_TEST(a_timer_may_start_itself),
        LOOP_TEST(the_longest_delay_is_no_overflow),
        LOOP_TEST(one_iteration_has_one_now),
        LOOP_TEST(an_idle_loop_does_not_wake_up),
        LOOP_TEST(a_pipe_is_read_to_its_end),
        LOOP_TEST(a_watch_for_nothing_is_quiet),
        LOOP_TEST(an_epoll_descriptor_can_be_watched),
        LOOP_TEST(an_inotify_descriptor_can_be_watched),
        LOOP_TEST(a_file_cannot_be_watched),
        LOOP_TEST(signals_arrive),
        LOOP_TEST(an_impossible_signal_is_refused),
        LOOP_TEST(a_loop_with_nothing_to_do_goes_on),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
