/*
 * One Berth at a time acts on an engine for an owner.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/docker/hold.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

/* Whoever else runs this test at the same time holds something else. */
static const char *engine_id(void)
{
    static char id[40];

    (void)snprintf(id, sizeof(id), "unit-%d", (int)getpid());
    return id;
}

static void another_process_is_named(void **state)
{
    char text[40];
    struct err err = { 0 };
    int fd;

    (void)state;
    assert_int_equal(hold_engine(engine_id(), "it", &fd, &err), 0);
    assert_true(fd >= 0);
    for (int i = 0; i < 100; i++) {
        int other;

        assert_int_equal(hold_engine(engine_id(), "it", &other, &err), -1);
        assert_int_equal(err.code, ERR_CONFLICT);
    }
    (void)snprintf(text, sizeof(text), "process %d ", (int)getpid());
    assert_true(text_starts(err.text, text));
    assert_int_equal(close(fd), 0);
    assert_int_equal(hold_engine(engine_id(), "it", &fd, &err), 0);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

static void other_owners_and_engines_are_others(void **state)
{
    struct err err = { 0 };
    int fds[3];

    (void)state;
    assert_int_equal(hold_engine(engine_id(), "it", &fds[0], &err), 0);
    assert_int_equal(hold_engine(engine_id(), "its", &fds[1], &err), 0);
    assert_int_equal(hold_engine("another", engine_id(), &fds[2], &err), 0);
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++) {
        assert_true(fds[i] >= 0);
        assert_int_equal(close(fds[i]), 0);
    }
}

/* However it ends. */
static void it_ends_with_its_process(void **state)
{
    struct err err = { 0 };
    int status;
    pid_t child;
    int fd;

    (void)state;
    child = fork();
    if (child == 0)
        _exit(hold_engine("ends", "it", &fd, &err) == 0 && fd >= 0 ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(hold_engine("ends", "it", &fd, &err), 0);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_process_is_named),
        cmocka_unit_test(other_owners_and_engines_are_others),
        cmocka_unit_test(it_ends_with_its_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
