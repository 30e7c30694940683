/*
 * Scope cleanup and the heap.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/base.h"
#include "tests/unit/unit.h"

static void fd_is_closed_at_the_end_of_its_scope(void **state)
{
    (void)state;
    int seen;

    {
        AUTO_FD int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        AUTO_FD int none = -1;
        assert_true(fd >= 0);
        assert_int_equal(none, -1);
        seen = fd;
        errno = ENOENT;
    }
    assert_int_equal(errno, ENOENT);
    assert_int_equal(fcntl(seen, F_GETFD), -1);
    assert_int_equal(errno, EBADF);
}

static void take_leaves_nothing_behind(void **state)
{
    (void)state;
    char *kept;

    {
        AUTO_TEXT char *text = mem_text("kept");
        kept = TAKE(text);
        assert_null(text);
    }
    assert_string_equal(kept, "kept");
    free(kept);
}

static void heap_is_zeroed_and_never_null(void **state)
{
    (void)state;
    AUTO_TEXT char *memory = mem_alloc(64);
    AUTO_TEXT char *nothing = mem_alloc(0);

    for (size_t i = 0; i < 64; i++)
        assert_int_equal(memory[i], 0);
    assert_non_null(nothing);

    memset(memory, 'x', 64);
    memory = mem_resize(memory, 4096);
    assert_int_equal(memory[63], 'x');
    nothing = mem_resize(nothing, 0);
    assert_non_null(nothing);
}

static void assertions_abort(void **state)
{
    (void)state;
    pid_t child = fork();

    if (child == 0) {
        (void)close(STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        assert_failed("false", "file.c", 1);
    }
    assert_true(child > 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fd_is_closed_at_the_end_of_its_scope),
        cmocka_unit_test(take_leaves_nothing_behind),
        cmocka_unit_test(heap_is_zeroed_and_never_null),
        cmocka_unit_test(assertions_abort),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
