/*
 * What a shell is told about a command: real shells run it, as sshd would.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/ec2/remote_script.h"
#include "drivers/io/process.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

#define MARK "0123456789abcdef0123456789abcdef"

static const char *const shells[] = { "dash", "bash", "busybox" };

struct scene {
    struct loop *loop;
    struct timer patience;
    struct timer later;
    int input;
    struct buf lines; /* of standard output, each with a newline, without the end */
    int exit_code;    /* as the last line says; -1: there was none */
    bool is_over;
    bool late;
};

static void give_up(void *ctx)
{
    struct scene *scene = ctx;

    scene->late = true;
    loop_stop(scene->loop);
}

static void on_line(void *ctx, const char *line, size_t size)
{
    struct scene *scene = ctx;
    int code;

    if (remote_is_end(line, MARK, &code)) {
        scene->exit_code = code;
        return;
    }
    buf_add(&scene->lines, line, size);
    buf_char(&scene->lines, '\n');
}

static void done(void *ctx, const struct process_result *result, const struct err *failure)
{
    struct scene *scene = ctx;

    (void)result;
    (void)failure;
    scene->is_over = true;
    loop_stop(scene->loop);
}

/* What `shell` makes of the words. */
static void start(struct scene *scene, const char *shell, const char *const *words)
{
    const char *const argv[] = { shell, text_equal(shell, "busybox") ? "sh" : NULL, NULL };
    AUTO(buf) script = { 0 };
    struct process_options options = {
        .argv = argv, .input = PROCESS_INPUT_FD, .on_out_line = on_line, .done = done, .ctx = scene
    };
    struct err err = { 0 };
    int ends[2];

    *scene = (struct scene){ .loop = loop_new(NULL), .exit_code = -1 };
    buf_init(&scene->lines, 1 << 20);
    buf_init(&script, REMOTE_SCRIPT_MAX + 1);
    assert_int_equal(remote_script(words, MARK, &script, &err), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], script.data, script.size), script.size);
    options.input_fd = ends[0];
    scene->input = ends[1];
    timer_start(scene->loop, &scene->patience, 60000, give_up, scene);
    assert_non_null(process_start(scene->loop, &options, &err));
    (void)close(ends[0]);
}

static void wait_for(struct scene *scene)
{
    if (!scene->is_over)
        loop_run(scene->loop);
    assert_false(scene->late);
    timer_stop(&scene->patience);
    timer_stop(&scene->later);
    if (scene->input >= 0)
        (void)close(scene->input);
    loop_free(scene->loop);
}

#define CHECK(shell, text, code, ...)                                                              \
    do {                                                                                           \
        static const char *const words[] = { __VA_ARGS__, NULL };                                  \
        struct scene scene;                                                                        \
        start(&scene, (shell), words);                                                             \
        wait_for(&scene);                                                                          \
        assert_string_equal(buf_text(&scene.lines), (text));                                       \
        assert_int_equal(scene.exit_code, (code));                                                 \
        buf_release(&scene.lines);                                                                 \
    } while (0)

static void words_arrive_as_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(shells); i++) {
        CHECK(shells[i],
              "<a b>\n<it's>\n<\"$HOME\" `id` $(id) \\n>\n<two\nlines>\n<>\n<*;&|#!>\n\n", 0,
              "printf", "<%s>\n", "a b", "it's", "\"$HOME\" `id` $(id) \\n", "two\nlines", "",
              "*;&|#!");
        CHECK(shells[i], "'''\n\n", 0, "printf", "%s\n", "'''");
    }
}

static void its_code_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(shells); i++) {
        CHECK(shells[i], "no end\n", 3, "sh", "-c", "printf 'no end'; exit 3");
        CHECK(shells[i], "\n", 128 + 9, "sh", "-c", "kill -9 $$");
        CHECK(shells[i], "\n", 127, "/no/such/program");
        CHECK(shells[i], "\n", 255, "sh", "-c", "exit 255");
    }
}

static void it_gets_no_input(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(shells); i++)
        CHECK(shells[i], "0\n\n", 0, "wc", "-c");
}

static void let_go(void *ctx)
{
    struct scene *scene = ctx;

    (void)close(scene->input);
    scene->input = -1;
}

/* With all that it started; one that ignores it too, after a while. */
static void it_ends_with_our_input(void **state)
{
    static const char *const soft[] = { "sh", "-c", "sleep 1000 & sleep 1000; wait", NULL };
    static const char *const hard[] = { "sh", "-c", "trap '' TERM; sleep 1000 & wait; wait", NULL };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(shells); i++) {
        struct scene scene;

        start(&scene, shells[i], i == 0 ? hard : soft);
        timer_start(scene.loop, &scene.later, 300, let_go, &scene);
        wait_for(&scene);
        assert_int_equal(scene.exit_code, i == 0 ? 128 + 9 : 128 + 15);
        buf_release(&scene.lines);
    }
}

static void what_is_too_long_or_nothing_is_refused(void **state)
{
    AUTO_TEXT char *word = mem_alloc(REMOTE_SCRIPT_MAX + 1);
    const char *const none[] = { NULL };
    const char *const words[] = { "true", word, NULL };
    AUTO(buf) script = { 0 };
    struct err err = { 0 };

    (void)state;
    buf_init(&script, REMOTE_SCRIPT_MAX + 1);
    assert_int_equal(remote_script(none, MARK, &script, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    memset(word, 'x', REMOTE_SCRIPT_MAX);
    assert_int_equal(remote_script(words, MARK, &script, &err), -1);
    assert_int_equal(err.code, ERR_CAPACITY);
}

static void only_the_last_line_is_the_end(void **state)
{
    static const char *const others[] = { "",          MARK,          MARK " ",   MARK " 256",
                                          MARK " -1",  MARK "0 1",    MARK " 1 ", " " MARK " 1",
                                          MARK " 0x1", "x" MARK " 1", MARK "\t0", "0" };
    int code = 7;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        assert_false(remote_is_end(others[i], MARK, &code));
    assert_int_equal(code, 7);
    assert_true(remote_is_end(MARK " 0", MARK, &code));
    assert_int_equal(code, 0);
    assert_true(remote_is_end(MARK " 255", MARK, &code));
    assert_int_equal(code, 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_arrive_as_they_are),
        cmocka_unit_test(its_code_is_told),
        cmocka_unit_test(it_gets_no_input),
        cmocka_unit_test(it_ends_with_our_input),
        cmocka_unit_test(what_is_too_long_or_nothing_is_refused),
        cmocka_unit_test(only_the_last_line_is_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
