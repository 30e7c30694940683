/*
 * Commits of every kind are noticed; what does not move the branch is not.  Events are queued
 * before the call that caused them returns, so that after a script all of them are there.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "reconciler/source/watch.h"
#include "tests/unit/git_repo.h"
#include "tests/unit/unit.h"

struct fixture {
    char *folder;
    struct watch *watch;
};

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));

    fixture->folder = git_repo_folder();
    git_repo_run(fixture->folder, "init repo; cd repo; echo 1 >a.yaml; commit first");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    watch_free(fixture->watch);
    git_repo_remove(fixture->folder);
    free(fixture);
    return 0;
}

static void watch_it(struct fixture *fixture, const char *location, const char *branch)
{
    char full[4096];
    struct err err = { 0 };

    (void)snprintf(full, sizeof(full), "%s/%s", fixture->folder, location);
    watch_free(fixture->watch);
    fixture->watch = NULL;
    if (watch_new(full, branch, &fixture->watch, &err) < 0)
        fail_msg("%s", err.text);
}

static bool drain(struct fixture *fixture)
{
    struct err err = { 0 };
    bool changed = false;

    if (watch_drain(fixture->watch, &changed, &err) < 0)
        fail_msg("%s", err.text);
    return changed;
}

static void noticed(struct fixture *fixture, const char *script)
{
    struct pollfd fd = { .fd = watch_fd(fixture->watch), .events = POLLIN };

    while (drain(fixture))
        continue;
    git_repo_run(fixture->folder, script);
    assert_int_equal(poll(&fd, 1, 10000), 1);
    if (!drain(fixture))
        fail_msg("not noticed: %s", script);
    while (drain(fixture))
        continue;
}

static void not_noticed(struct fixture *fixture, const char *script)
{
    while (drain(fixture))
        continue;
    git_repo_run(fixture->folder, script);
    if (drain(fixture))
        fail_msg("noticed: %s", script);
}

#define COMMIT "echo x >>a.yaml; commit x"

static void commits_are_noticed(void **state)
{
    struct fixture *fixture = *state;

    watch_it(fixture, "repo", NULL);
    for (int i = 0; i < 3; i++)
        noticed(fixture, "cd repo; " COMMIT);
    not_noticed(fixture, "cd repo; echo y >b; git add b; git status; git branch other\n"
                         "git tag some; git stash -q; git config a.b c");
    noticed(fixture, "cd repo; git reset -q --hard HEAD^");
    noticed(fixture, "cd repo; git commit -q --amend -m amended");
    noticed(fixture, "cd repo; git checkout -q other"); /* HEAD is another branch now */
    noticed(fixture, "cd repo; " COMMIT);
    not_noticed(fixture, "cd repo; git branch -qf main HEAD");
    noticed(fixture, "cd repo; git checkout -q --detach");
    noticed(fixture, "cd repo; " COMMIT);
}

static void packing_refs_is_noticed(void **state)
{
    struct fixture *fixture = *state;

    watch_it(fixture, "repo", "main");
    noticed(fixture, "cd repo; git pack-refs --all"); /* removes refs/heads when it is empty */
    noticed(fixture, "cd repo; " COMMIT);
    noticed(fixture, "cd repo; git gc -q");
    noticed(fixture, "cd repo; git update-ref refs/heads/main HEAD^");
    noticed(fixture, "cd repo; git pack-refs --all; rm -rf .git/refs/heads; mkdir .git/refs/heads");
    noticed(fixture, "cd repo; " COMMIT);
    noticed(fixture, "cd repo; git checkout -q --detach; git branch -qD main");
    noticed(fixture, "cd repo; git branch main");
}

static void nested_branches_are_noticed(void **state)
{
    struct fixture *fixture = *state;

    watch_it(fixture, "repo", "team/feature/x");
    not_noticed(fixture, "cd repo; " COMMIT "; git checkout -q --detach; git checkout -q main");
    noticed(fixture, "cd repo; git branch team/feature/x");
    not_noticed(fixture, "cd repo; git branch team/feature/y; git branch team/z");
    noticed(fixture, "cd repo; git checkout -q team/feature/x; " COMMIT);
    noticed(fixture, "cd repo; git checkout -q main; git branch -qD team/feature/x team/feature/y\n"
                     "git branch -qD team/z");
    noticed(fixture, "cd repo; git branch team/feature/x");
    noticed(fixture, "cd repo; git branch -qD team/feature/x; git branch team");
    noticed(fixture, "cd repo; git branch -qD team; git branch team/feature/x");
    noticed(fixture, "cd repo; git branch -f team/feature/x main^");
}

static void tags_are_noticed(void **state)
{
    struct fixture *fixture = *state;

    watch_it(fixture, "repo", "release");
    noticed(fixture, "cd repo; git tag release");
    noticed(fixture, "cd repo; " COMMIT "; git tag -f release");
    watch_it(fixture, "repo", "refs/notes/x");
    noticed(fixture, "cd repo; git notes --ref=x add -m note");
}

static void forms_of_repositories(void **state)
{
    struct fixture *fixture = *state;

    git_repo_run(fixture->folder, "git clone -q --bare repo bare.git; ln -s repo link; cd repo\n"
                                  "git worktree add -q -b tree ../tree; git branch side");
    watch_it(fixture, "bare.git", "main");
    noticed(fixture, "cd repo; " COMMIT "; git push -q ../bare.git main");
    not_noticed(fixture, "cd repo; git push -q ../bare.git main:other");
    watch_it(fixture, "tree", NULL);
    noticed(fixture, "cd tree; " COMMIT);
    not_noticed(fixture, "cd repo; " COMMIT);
    noticed(fixture, "cd tree; git checkout -q side");
    noticed(fixture, "cd tree; " COMMIT);
    noticed(fixture, "cd repo; git worktree remove ../tree");
    noticed(fixture, "cd repo; git worktree add -q ../tree side");
    noticed(fixture, "cd tree; " COMMIT);
    watch_it(fixture, "link", NULL);
    noticed(fixture, "cd repo; " COMMIT);
    noticed(fixture, "git clone -q repo second; ln -sfn second link");
    noticed(fixture, "cd second; " COMMIT);
    watch_it(fixture, "repo/.git/", "main");
    noticed(fixture, "cd repo; " COMMIT);
}

static void deleted_and_made_again(void **state)
{
    struct fixture *fixture = *state;

    watch_it(fixture, "repo", NULL);
    noticed(fixture, "rm -rf repo");
    noticed(fixture, "init repo; cd repo; " COMMIT);
    noticed(fixture, "cd repo; " COMMIT);
    noticed(fixture, "mv repo old");
    noticed(fixture, "mv old repo");
    noticed(fixture, "cd repo; " COMMIT);
    noticed(fixture, "cd repo; rm -rf .git");
    noticed(fixture, "cd repo; init; " COMMIT);
    noticed(fixture, "cd repo; " COMMIT);
    noticed(fixture, "cp -r repo new; mv repo old; mv new repo");
    noticed(fixture, "cd repo; " COMMIT);
    not_noticed(fixture, "cd old; " COMMIT);
}

static void appears_later(void **state)
{
    struct fixture *fixture = *state;

    watch_it(fixture, "a/b/later", "main");
    noticed(fixture, "mkdir -p a/b");
    noticed(fixture, "git clone -q repo a/b/later");
    noticed(fixture, "cd a/b/later; " COMMIT);
    noticed(fixture, "mv a elsewhere; mkdir -p a/b; git clone -q repo a/b/later");
    noticed(fixture, "cd a/b/later; " COMMIT);
    noticed(fixture, "rm -rf a");
    noticed(fixture, "mkdir -p a/b; init a/b/later");
    noticed(fixture, "cd a/b/later; " COMMIT);
}

static void other_files_beside_it_do_not_matter(void **state)
{
    struct fixture *fixture = *state;
    struct pollfd fd = { .events = POLLIN };

    watch_it(fixture, "repo", "main");
    fd.fd = watch_fd(fixture->watch);
    git_repo_run(fixture->folder, "echo x >beside; mkdir repo/d; echo x >repo/d/f; echo y >beside");
    assert_int_equal(poll(&fd, 1, 0), 0); /* not even a wake-up */
}

static void speed_for_information(void **state)
{
    struct fixture *fixture = *state;
    struct timespec start;
    struct timespec end;
    struct pollfd fd = { .events = POLLIN };
    char target[4096];
    char lock[4096];

    watch_it(fixture, "repo", "main");
    fd.fd = watch_fd(fixture->watch);
    git_repo_run(fixture->folder, "cp repo/.git/refs/heads/main repo/.git/refs/heads/main.lock");
    assert_false(drain(fixture));
    (void)snprintf(lock, sizeof(lock), "%s/repo/.git/refs/heads/main.lock", fixture->folder);
    (void)snprintf(target, sizeof(target), "%s/repo/.git/refs/heads/main", fixture->folder);
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    assert_int_equal(rename(lock, target), 0);
    assert_int_equal(poll(&fd, 1, 10000), 1);
    assert_true(drain(fixture));
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    print_message("from the ref's rename to the end of watch_drain(): %.3f ms\n",
                  (double)(end.tv_sec - start.tv_sec) * 1e3 +
                      (double)(end.tv_nsec - start.tv_nsec) / 1e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(commits_are_noticed),
        TEST(packing_refs_is_noticed),
        TEST(nested_branches_are_noticed),
        TEST(tags_are_noticed),
        TEST(forms_of_repositories),
        TEST(deleted_and_made_again),
        TEST(appears_later),
        TEST(other_files_beside_it_do_not_matter),
        TEST(speed_for_information),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
