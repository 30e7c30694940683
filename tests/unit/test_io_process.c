/*
 * Child processes end once, with what they said, however they end.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/io/process.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

struct scene {
    struct loop *loop;
    struct timer patience;
    struct timer later;
    struct process *process;
    unsigned done;
    bool late;
    bool failed;
    struct err failure;
    int exit_code;
    int signal_number;
    struct buf out;
    struct buf errors;
    bool truncated;
    struct buf lines; /* "o<line>" and "e<line>", each with a newline */
    size_t line_max;
};

static void give_up(void *ctx)
{
    struct scene *scene = ctx;

    scene->late = true;
    loop_stop(scene->loop);
}

static int set_up(void **state)
{
    struct scene *scene = mem_alloc(sizeof(*scene));

    scene->loop = loop_new(NULL);
    buf_init(&scene->out, 1 << 20);
    buf_init(&scene->errors, 1 << 20);
    buf_init(&scene->lines, 1 << 20);
    timer_start(scene->loop, &scene->patience, 20000, give_up, scene);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    assert_false(scene->late);
    timer_stop(&scene->patience);
    loop_free(scene->loop);
    buf_release(&scene->out);
    buf_release(&scene->errors);
    buf_release(&scene->lines);
    free(scene);
    return 0;
}

static void done(void *ctx, const struct process_result *result, const struct err *failure)
{
    struct scene *scene = ctx;

    scene->done++;
    scene->exit_code = result->exit_code;
    scene->signal_number = result->signal_number;
    buf_add(&scene->out, result->out, result->out_size);
    buf_add(&scene->errors, result->errors, result->errors_size);
    scene->truncated = result->out_truncated;
    scene->failed = failure != NULL;
    if (failure != NULL)
        scene->failure = *failure;
    loop_stop(scene->loop);
}

static void out_line(void *ctx, const char *line, size_t size)
{
    struct scene *scene = ctx;

    assert_int_equal(strlen(line), size);
    if (size > scene->line_max)
        scene->line_max = size;
    buf_printf(&scene->lines, "o%s\n", line);
}

static void error_line(void *ctx, const char *line, size_t size)
{
    struct scene *scene = ctx;

    (void)size;
    buf_printf(&scene->lines, "e%s\n", line);
}

/* Starts `sh -c script` with further options and waits for its end. */
static void run(struct scene *scene, const char *script, struct process_options options)
{
    const char *const argv[] = { "sh", "-c", script, NULL };

    options.argv = argv;
    options.done = done;
    options.ctx = scene;
    scene->process = process_start(scene->loop, &options, NULL);
    assert_non_null(scene->process);
    assert_int_equal(scene->done, 0);
    loop_run(scene->loop);
    assert_int_equal(scene->done, 1);
}

static void both_outputs_are_captured(void **state)
{
    struct scene *scene = *state;

    run(scene, "echo one; echo two >&2; echo three", (struct process_options){ 0 });
    assert_false(scene->failed);
    assert_int_equal(scene->exit_code, 0);
    assert_string_equal(buf_text(&scene->out), "one\nthree\n");
    assert_string_equal(buf_text(&scene->errors), "two\n");
}

static void a_failure_says_why(void **state)
{
    struct scene *scene = *state;

    run(scene, "echo first >&2; echo no such host >&2; echo >&2; exit 7",
        (struct process_options){ 0 });
    assert_true(scene->failed);
    assert_int_equal(scene->exit_code, 7);
    assert_int_equal(scene->failure.code, ERR_FAILED);
    assert_string_equal(scene->failure.text, "'sh' ended with exit code 7: no such host");
}

static void a_signal_is_told(void **state)
{
    struct scene *scene = *state;

    run(scene, "kill -9 $$", (struct process_options){ 0 });
    assert_int_equal(scene->exit_code, -1);
    assert_int_equal(scene->signal_number, SIGKILL);
    assert_string_equal(scene->failure.text, "'sh' was ended by signal 9");
}

static void stop(void *ctx)
{
    struct scene *scene = ctx;

    loop_stop(scene->loop);
}

static void what_does_not_exist_is_refused_at_once(void **state)
{
    struct scene *scene = *state;
    const char *const argv[] = { "/no/such/program", NULL };
    struct process_options options = { .argv = argv, .done = done, .ctx = scene };
    struct err err = { 0 };

    assert_null(process_start(scene->loop, &options, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.text, "cannot start '/no/such/program': no such file or directory");
    timer_start(scene->loop, &scene->later, 20, stop, scene);
    loop_run(scene->loop);
    assert_int_equal(scene->done, 0);
}

static void what_may_not_run_is_denied(void **state)
{
    struct scene *scene = *state;
    const char *const argv[] = { "/etc/passwd", NULL };
    struct process_options options = { .argv = argv, .done = done, .ctx = scene };
    struct err err = { 0 };

    assert_null(process_start(scene->loop, &options, &err));
    assert_int_equal(err.code, ERR_DENIED);
}

static void input_is_passed_and_ends(void **state)
{
    struct scene *scene = *state;
    size_t size = 300000; /* more than any pipe holds */
    char *data = mem_alloc(size);

    memset(data, 'x', size);
    run(scene, "wc -c",
        (struct process_options){
            .input = PROCESS_INPUT_DATA, .input_data = data, .input_size = size });
    assert_string_equal(buf_text(&scene->out), "300000\n");
    free(data);
}

static void input_that_nobody_reads_is_no_failure(void **state)
{
    struct scene *scene = *state;
    size_t size = 300000;
    char *data = mem_alloc(size);

    run(scene, "exec <&-; echo done",
        (struct process_options){
            .input = PROCESS_INPUT_DATA, .input_data = data, .input_size = size });
    assert_false(scene->failed);
    assert_string_equal(buf_text(&scene->out), "done\n");
    free(data);
}

static void no_input_is_empty_input(void **state)
{
    struct scene *scene = *state;

    run(scene, "wc -c", (struct process_options){ 0 });
    assert_string_equal(buf_text(&scene->out), "0\n");
}

static void a_descriptor_can_be_input(void **state)
{
    struct scene *scene = *state;
    AUTO_FD int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    run(scene, "cmp - /etc/passwd && echo same",
        (struct process_options){ .input = PROCESS_INPUT_FD, .input_fd = fd });
    assert_string_equal(buf_text(&scene->out), "same\n");
    assert_true(fcntl(fd, F_GETFD) >= 0);
}

static void lines_come_one_by_one(void **state)
{
    struct scene *scene = *state;

    run(scene, "printf 'a\\r\\n\\nb'; sleep 0.05; printf 'c\\nend'; printf 'x\\ny\\n' >&2",
        (struct process_options){ .on_out_line = out_line, .on_error_line = error_line });
    assert_non_null(strstr(buf_text(&scene->lines), "ex\n"));
    assert_non_null(strstr(buf_text(&scene->lines), "ey\n"));
    assert_non_null(strstr(buf_text(&scene->lines), "oend\n"));
    assert_true(text_starts(buf_text(&scene->lines), "oa\no\n"));
    assert_non_null(strstr(buf_text(&scene->lines), "obc\n"));
    assert_string_equal(buf_text(&scene->out), "");
}

static void read_on(void *ctx)
{
    struct scene *scene = ctx;

    assert_int_equal(scene->done, 0);
    assert_int_equal(scene->lines.size, 0);
    process_pause(scene->process, false);
}

/* Also what a child wrote that has ended long ago. */
static void who_pauses_loses_nothing(void **state)
{
    struct scene *scene = *state;
    const char *const argv[] = { "sh", "-c", "seq 1000; echo x >&2", NULL };
    struct process_options options = { .argv = argv,
                                       .on_out_line = out_line,
                                       .on_error_line = error_line,
                                       .done = done,
                                       .ctx = scene };

    scene->process = process_start(scene->loop, &options, NULL);
    process_pause(scene->process, true);
    timer_start(scene->loop, &scene->later, PROCESS_DRAIN_MS + 300, read_on, scene);
    loop_run(scene->loop);
    assert_int_equal(scene->done, 1);
    assert_non_null(strstr(buf_text(&scene->lines), "o1000\n"));
    assert_non_null(strstr(buf_text(&scene->lines), "ex\n"));
    timer_stop(&scene->later);
}

static void an_endless_line_comes_in_parts(void **state)
{
    struct scene *scene = *state;

    run(scene, "head -c 200000 /dev/zero | tr '\\0' y",
        (struct process_options){ .on_out_line = out_line });
    assert_int_equal(scene->line_max, PROCESS_LINE_MAX);
    assert_int_equal(scene->lines.size, 200000 + 2 * 4);
}

static void captured_output_is_bounded(void **state)
{
    struct scene *scene = *state;

    run(scene, "head -c 200000 /dev/zero | tr '\\0' y",
        (struct process_options){ .out_max = 1000 });
    assert_int_equal(scene->out.size, 1000);
    assert_true(scene->truncated);
    assert_false(scene->failed);
}

static void the_deadline_ends_it_and_its_children(void **state)
{
    struct scene *scene = *state;
    int64_t start = loop_now_ms(scene->loop);

    run(scene, "echo waiting >&2; sleep 60 & sleep 60",
        (struct process_options){ .deadline_ms = 50 });
    assert_int_equal(scene->failure.code, ERR_TIMEOUT);
    assert_string_equal(scene->failure.text, "'sh' did not end in time: waiting");
    assert_int_equal(scene->signal_number, SIGTERM);
    assert_true(loop_now_ms(scene->loop) - start < 5000);
}

static void who_ignores_sigterm_is_killed(void **state)
{
    struct scene *scene = *state;

    run(scene, "trap '' TERM; while :; do sleep 0.02; done",
        (struct process_options){ .deadline_ms = 100, .grace_ms = 100 });
    assert_int_equal(scene->failure.code, ERR_TIMEOUT);
    assert_int_equal(scene->signal_number, SIGKILL);
}

static void kill_it(void *ctx)
{
    struct scene *scene = ctx;

    process_kill(scene->process);
    process_kill(scene->process);
    assert_int_equal(scene->done, 0);
}

static void it_can_be_stopped(void **state)
{
    struct scene *scene = *state;

    timer_start(scene->loop, &scene->later, 50, kill_it, scene);
    run(scene, "sleep 60", (struct process_options){ 0 });
    assert_int_equal(scene->failure.code, ERR_CANCELLED);
}

/* As an ssh master does it. */
static void a_grandchild_that_holds_the_pipe_is_not_waited_for(void **state)
{
    struct scene *scene = *state;
    int64_t start = loop_now_ms(scene->loop);

    run(scene, "setsid sleep 5 & echo said", (struct process_options){ 0 });
    assert_false(scene->failed);
    assert_string_equal(buf_text(&scene->out), "said\n");
    assert_true(loop_now_ms(scene->loop) - start < 4000);
}

static void the_environment_is_complete(void **state)
{
    struct scene *scene = *state;
    const char *const env[] = { "PATH=/usr/bin:/bin", "COLOR=blue", NULL };

    (void)setenv("LEAK", "1", 1);
    run(scene, "echo $COLOR $LEAK; pwd",
        (struct process_options){ .env = env, .directory = "/usr" });
    assert_string_equal(buf_text(&scene->out), "blue\n/usr\n");
}

/* Those that were inherited by this program are not its own; all that it opened are. */
static void no_descriptor_of_ours_is_inherited(void **state)
{
    struct scene *scene = *state;
    AUTO(buf) expected;

    buf_init(&expected, 4096);
    for (int fd = 0; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);

        if (fd < 3 || (flags >= 0 && (flags & FD_CLOEXEC) == 0))
            buf_printf(&expected, "%d ", fd);
    }
    run(scene,
        "for fd in 0 1 2 $(seq 3 255); do [ -e /proc/$$/fd/$fd ] && printf '%d ' $fd; done; :",
        (struct process_options){ 0 });
    assert_string_equal(buf_text(&scene->out), buf_text(&expected));
}

static void free_on_line(void *ctx, const char *line, size_t size)
{
    struct scene *scene = ctx;

    (void)size;
    buf_printf(&scene->lines, "%s\n", line);
    process_free(scene->process);
    loop_stop(scene->loop);
}

/* It says its number first.  The loop waits for it to be gone; done must not follow. */
static void it_can_be_freed_while_it_runs(void **state)
{
    struct scene *scene = *state;
    const char *const argv[] = { "sh", "-c", "echo $$; exec sleep 60", NULL };
    struct process_options options = {
        .argv = argv, .on_out_line = free_on_line, .done = done, .ctx = scene
    };
    int64_t id;

    scene->process = process_start(scene->loop, &options, NULL);
    loop_run(scene->loop);
    scene->lines.data[scene->lines.size - 1] = '\0';
    assert_true(text_parse_i64(scene->lines.data, &id) && id > 1);
    timer_stop(&scene->patience);
    loop_free(scene->loop);
    assert_int_equal(kill((pid_t)id, 0), -1);
    assert_int_equal(scene->done, 0);
    scene->loop = NULL;
}

static void it_can_be_freed_by_its_line(void **state)
{
    struct scene *scene = *state;
    const char *const argv[] = { "sh", "-c", "printf 'a\\nb\\nc\\n'; sleep 60", NULL };
    struct process_options options = {
        .argv = argv, .on_out_line = free_on_line, .done = done, .ctx = scene
    };

    scene->process = process_start(scene->loop, &options, NULL);
    loop_run(scene->loop);
    assert_string_equal(buf_text(&scene->lines), "a\n");
    assert_int_equal(scene->done, 0);
}

#define PROCESS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(both_outputs_are_captured),
        PROCESS_TEST(a_failure_says_why),
        PROCESS_TEST(a_signal_is_told),
        PROCESS_TEST(what_does_not_exist_is_refused_at_once),
        PROCESS_TEST(what_may_not_run_is_denied),
        PROCESS_TEST(input_is_passed_and_ends),
        PROCESS_TEST(input_that_nobody_reads_is_no_failure),
        PROCESS_TEST(no_input_is_empty_input),
        PROCESS_TEST(a_descriptor_can_be_input),
        PROCESS_TEST(lines_come_one_by_one),
        PROCESS_TEST(who_pauses_loses_nothing),
        PROCESS_TEST(an_endless_line_comes_in_parts),
        PROCESS_TEST(captured_output_is_bounded),
        PROCESS_TEST(the_deadline_ends_it_and_its_children),
        PROCESS_TEST(who_ignores_sigterm_is_killed),
        PROCESS_TEST(it_can_be_stopped),
        PROCESS_TEST(a_grandchild_that_holds_the_pipe_is_not_waited_for),
        PROCESS_TEST(the_environment_is_complete),
        PROCESS_TEST(no_descriptor_of_ours_is_inherited),
        PROCESS_TEST(it_can_be_freed_while_it_runs),
        PROCESS_TEST(it_can_be_freed_by_its_line),
    };

    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
