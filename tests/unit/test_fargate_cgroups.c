/*
 * Where the control groups of containers are: where engines put them by default, or anywhere else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "drivers/fargate/cgroups.h"
#include "spec/base/arena.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct tree {
    struct arena arena;
    char *root;
};

static int setup(void **state)
{
    struct tree *tree = mem_alloc(sizeof(*tree));

    tree->root = scratch_make();
    *state = tree;
    return 0;
}

static int teardown(void **state)
{
    struct tree *tree = *state;

    scratch_remove(tree->root);
    arena_release(&tree->arena);
    free(tree);
    return 0;
}

/* With the folders above it. */
static const char *write_file(struct tree *tree, const char *name, const char *text)
{
    char *path = arena_printf(&tree->arena, "%s/%s", tree->root, name);
    FILE *file;

    for (char *at = path + strlen(tree->root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

static const char *mounts(struct tree *tree, const char *format)
{
    const char *root = tree->root;

    return write_file(tree, "mounts",
                      arena_printf(&tree->arena,
                                   "tmpfs %s tmpfs rw 0 0\nproc /proc proc rw 0 0\nshort\n%s", root,
                                   format));
}

static struct cgroups *second(struct tree *tree)
{
    return cgroups_new(
        mounts(tree, arena_printf(&tree->arena, "cgroup2 %s/two cgroup2 rw,x 0 0\n", tree->root)));
}

static void group_second(struct tree *tree, const char *folder, const char *usec)
{
    (void)write_file(tree, arena_printf(&tree->arena, "two/%s/cpu.stat", folder),
                     arena_printf(&tree->arena, "usage_usec %s\n", usec));
    (void)write_file(tree, arena_printf(&tree->arena, "two/%s/memory.current", folder), "100\n");
    (void)write_file(tree, arena_printf(&tree->arena, "two/%s/memory.stat", folder),
                     "inactive_file 40\n");
}

static void of_the_first_version(void **state)
{
    struct tree *tree = *state;
    struct container_sample sample;
    AUTO(cgroups) *cgroups =
        cgroups_new(mounts(tree, arena_printf(&tree->arena,
                                              "cgroup %s/cpu cgroup rw,cpuacct,cpu 0 0\n"
                                              "cgroup2 %s/two cgroup2 rw 0 0\n"
                                              "cgroup %s/memory cgroup rw,memory 0 0\n",
                                              tree->root, tree->root, tree->root)));

    (void)write_file(tree, "cpu/docker/" A "/cpuacct.usage", "7\n");
    (void)write_file(tree, "memory/docker/" A "/memory.usage_in_bytes", "100\n");
    (void)write_file(tree, "memory/docker/" A "/memory.stat", "total_inactive_file 10\n");
    cgroups_begin(cgroups, 1);
    assert_true(cgroups_read(cgroups, A, &sample));
    assert_int_equal(sample.cpu_ns, 7);
    assert_int_equal(sample.memory_bytes, 90);
    assert_false(cgroups_read(cgroups, B, &sample));
}

static void of_the_second_version(void **state)
{
    struct tree *tree = *state;
    struct container_sample sample;
    AUTO(cgroups) *cgroups = second(tree);

    group_second(tree, "system.slice/docker-" A ".scope", "3");
    cgroups_begin(cgroups, 1);
    assert_true(cgroups_read(cgroups, A, &sample));
    assert_int_equal(sample.cpu_ns, 3000);
    assert_int_equal(sample.memory_bytes, 60);
}

static void anywhere_else(void **state)
{
    struct tree *tree = *state;
    struct container_sample sample;
    AUTO(cgroups) *cgroups = second(tree);

    group_second(tree, "user.slice/engine/x/libpod-" A ".scope", "3");
    group_second(tree, "user.slice/engine/x/libpod-" B ".scope", "4");
    cgroups_begin(cgroups, 1);
    assert_true(cgroups_read(cgroups, A, &sample));
    assert_int_equal(sample.cpu_ns, 3000);
    /* What was found tells where the other one is: no folder is gone through for it. */
    assert_true(cgroups_read(cgroups, B, &sample));
    assert_int_equal(sample.cpu_ns, 4000);
}

static void found_in_vain_is_not_looked_for_at_once(void **state)
{
    struct tree *tree = *state;
    struct container_sample sample;
    AUTO(cgroups) *cgroups = second(tree);

    group_second(tree, "one/" B, "3");
    cgroups_begin(cgroups, 1000);
    assert_false(cgroups_read(cgroups, A, &sample));
    group_second(tree, "two/" A, "3");
    cgroups_begin(cgroups, 31000);
    assert_false(cgroups_read(cgroups, A, &sample));
    cgroups_begin(cgroups, 61000);
    assert_true(cgroups_read(cgroups, A, &sample));
}

static void nowhere(void **state)
{
    struct tree *tree = *state;
    struct container_sample sample;
    AUTO(cgroups) *cgroups = cgroups_new(mounts(tree, ""));
    AUTO(cgroups) *no_mounts = cgroups_new("/nowhere/at/all");

    cgroups_begin(cgroups, 1);
    assert_false(cgroups_read(cgroups, A, &sample));
    cgroups_begin(no_mounts, 1);
    assert_false(cgroups_read(no_mounts, A, &sample));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_the_first_version, setup, teardown),
        cmocka_unit_test_setup_teardown(of_the_second_version, setup, teardown),
        cmocka_unit_test_setup_teardown(anywhere_else, setup, teardown),
        cmocka_unit_test_setup_teardown(found_in_vain_is_not_looked_for_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(nowhere, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
