/*
 * Local repositories in every form that git gives them, and their history.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/source/source.h"
#include "spec/base/text.h"
#include "tests/unit/git_repo.h"
#include "tests/unit/unit.h"

struct fixture {
    char *folder;
    struct source *source;
};

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    struct err err = { 0 };

    if (source_global_init(&err) < 0)
        return -1;
    fixture->folder = git_repo_folder();
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    source_close(fixture->source);
    git_repo_remove(fixture->folder);
    free(fixture);
    source_global_exit();
    return 0;
}

static int try_open(struct fixture *fixture, const char *location, const char *branch,
                    struct err *err)
{
    char full[4096];
    struct source_options options = { .location = full, .branch = branch };

    (void)snprintf(full, sizeof(full), "%s/%s", fixture->folder, location);
    source_close(fixture->source);
    fixture->source = NULL;
    return source_open(&options, &fixture->source, err);
}

static void open_as(struct fixture *fixture, const char *location, const char *branch)
{
    struct err err = { 0 };

    if (try_open(fixture, location, branch, &err) < 0)
        fail_msg("%s", err.text);
}

static struct source_tip refresh(struct fixture *fixture)
{
    struct source_tip tip = { 0 };
    struct err err = { 0 };

    if (source_refresh(fixture->source, &tip, &err) < 0)
        fail_msg("%s", err.text);
    return tip;
}

/* The tip is what git says it is, and the content of a.yaml can be read there. */
static void check_tip(struct fixture *fixture, const char *rev, const char *ref,
                      const char *content)
{
    struct source_tip tip = refresh(fixture);
    struct err err = { 0 };
    AUTO(source_changes) *changes = NULL;
    AUTO_TEXT char *expected = NULL;
    char script[512];

    (void)snprintf(script, sizeof(script), "cd repo; git rev-parse '%s^{commit}'", rev);
    expected = git_repo_output(fixture->folder, script);
    assert_int_equal(tip.state, SOURCE_FOUND);
    assert_string_equal(tip.commit, expected);
    assert_string_equal(tip.ref, ref);
    if (source_changes(fixture->source, "", tip.commit, &changes, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(changes->count >= 1);
    assert_string_equal(changes->items[0].path, "a.yaml");
    assert_string_equal(changes->items[0].bytes, content);
}

static void check_absent(struct fixture *fixture, enum source_state state, const char *text)
{
    struct source_tip tip = refresh(fixture);

    assert_int_equal(tip.state, state);
    assert_string_equal(tip.commit, "");
    if (strstr(tip.text, text) == NULL)
        fail_msg("'%s' does not say '%s'", tip.text, text);
}

#define MAKE_REPO "init repo; cd repo; printf one >a.yaml; commit first; "

/* ---- Branches ------------------------------------------------------------------------------ */

/* Even root may not, once it is somebody else. */
static void check_denied(struct fixture *fixture, const char *location)
{
    struct err err = { 0 };

    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    int result = try_open(fixture, location, NULL, &err);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(result, -1);
    assert_int_equal(err.code, ERR_INVALID);
    if (strstr(err.text, "Permission denied") == NULL)
        fail_msg("'%s' does not say that it is denied", err.text);
}

static void a_folder_that_may_not_be_read(void **state)
{
    struct fixture *fixture = *state;

    git_repo_run(fixture->folder, MAKE_REPO "cd ..; chmod 755 .; mkdir above; mv repo above\n"
                                            "chmod 0 above/repo; chmod 755 above");
    check_denied(fixture, "above/repo");
    git_repo_run(fixture->folder, "chmod 755 above/repo; chmod 0 above");
    check_denied(fixture, "above/repo");
    git_repo_run(fixture->folder, "chmod 755 above");
}

static void not_a_repository(void **state)
{
    struct fixture *fixture = *state;
    struct err err = { 0 };

    assert_int_equal(try_open(fixture, "none", NULL, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.text, "there is no repository"));
    git_repo_run(fixture->folder, "mkdir plain; " MAKE_REPO "mkdir below");
    assert_int_equal(try_open(fixture, "plain", NULL, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(try_open(fixture, "repo/below", NULL, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(try_open(fixture, "repo", "a..b", &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(try_open(fixture, "repo", "", &err), -1);
    git_repo_run(fixture->folder, "init --object-format=sha256 new");
    assert_int_equal(try_open(fixture, "new", NULL, &err), -1);
    assert_non_null(strstr(err.text, "objectformat"));
}

static void empty_then_first_commit(void **state)
{
    struct fixture *fixture = *state;

    git_repo_run(fixture->folder, "init repo");
    open_as(fixture, "repo", NULL);
    check_absent(fixture, SOURCE_EMPTY, "has no commit yet");
    git_repo_run(fixture->folder, "cd repo; printf one >a.yaml; commit first");
    check_tip(fixture, "main", "refs/heads/main", "one");
}

static void branches_come_and_go(void **state)
{
    struct fixture *fixture = *state;

    git_repo_run(fixture->folder, MAKE_REPO);
    open_as(fixture, "repo", "feature/x");
    check_absent(fixture, SOURCE_GONE, "branch 'feature/x' does not exist");
    git_repo_run(fixture->folder, "cd repo; git checkout -qb feature/x; printf two >a.yaml\n"
                                  "commit two; git checkout -q main");
    check_tip(fixture, "feature/x", "refs/heads/feature/x", "two");
    git_repo_run(fixture->folder, "cd repo; git branch -qD feature/x");
    check_absent(fixture, SOURCE_GONE, "feature/x");

    open_as(fixture, "repo", NULL); /* HEAD is followed wherever it goes */
    check_tip(fixture, "main", "refs/heads/main", "one");
    git_repo_run(fixture->folder,
                 "cd repo; git checkout -qb other; printf 3 >a.yaml; commit three");
    check_tip(fixture, "other", "refs/heads/other", "3");
    git_repo_run(fixture->folder, "cd repo; git checkout -q --detach main");
    check_tip(fixture, "main", "HEAD", "one");
    git_repo_run(fixture->folder, "cd repo; git symbolic-ref HEAD refs/heads/none");
    check_absent(fixture, SOURCE_GONE, "refs/heads/none");
}

static void a_pinned_branch_stays(void **state)
{
    struct fixture *fixture = *state;

    git_repo_run(fixture->folder, MAKE_REPO);
    open_as(fixture, "repo", NULL);
    assert_string_equal(source_pin(fixture->source), "refs/heads/main");
    git_repo_run(fixture->folder,
                 "cd repo; git checkout -qb other; printf 3 >a.yaml; commit three");
    check_tip(fixture, "main", "refs/heads/main", "one");
    git_repo_run(fixture->folder, "cd repo; git checkout -q --detach other; git branch -qD main");
    check_absent(fixture, SOURCE_GONE, "refs/heads/main");

    open_as(fixture, "repo", "other");
    assert_string_equal(source_pin(fixture->source), "other");
    open_as(fixture, "repo", NULL); /* HEAD is detached */
    assert_null(source_pin(fixture->source));
    git_repo_run(fixture->folder, "cd repo; git symbolic-ref HEAD refs/heads/none");
    assert_null(source_pin(fixture->source));
}

static void tags_refs_and_commits_as_branch(void **state)
{
    struct fixture *fixture = *state;
    AUTO_TEXT char *first = NULL;
    struct source_tip tip = { 0 };
    struct err err = { 0 };

    git_repo_run(fixture->folder, MAKE_REPO "git tag light; git tag -m note heavy\n"
                                            "printf two >a.yaml; commit second; git branch both\n"
                                            "git tag both light; git tag blob HEAD:a.yaml");
    open_as(fixture, "repo", "light");
    check_tip(fixture, "light", "refs/tags/light", "one");
    open_as(fixture, "repo", "heavy");
    check_tip(fixture, "heavy", "refs/tags/heavy", "one");
    open_as(fixture, "repo", "both");
    check_tip(fixture, "refs/heads/both", "refs/heads/both", "two");
    open_as(fixture, "repo", "refs/tags/both");
    check_tip(fixture, "light", "refs/tags/both", "one");
    first = git_repo_output(fixture->folder, "cd repo; git rev-parse light");
    open_as(fixture, "repo", first);
    check_tip(fixture, "light", "", "one");
    open_as(fixture, "repo", "0123456789012345678901234567890123456789");
    check_absent(fixture, SOURCE_GONE, "0123456789");
    open_as(fixture, "repo", "blob");
    assert_int_equal(source_refresh(fixture->source, &tip, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

static void force_push(void **state)
{
    struct fixture *fixture = *state;
    AUTO(source_changes) *changes = NULL;
    AUTO(source_log) *log = NULL;
    struct source_tip before;
    struct source_tip after;
    struct err err = { 0 };

    git_repo_run(fixture->folder, MAKE_REPO "printf two >a.yaml; commit second");
    open_as(fixture, "repo", "main");
    before = refresh(fixture);
    git_repo_run(fixture->folder,
                 "cd repo; git reset -q --hard HEAD^; printf 3 >a.yaml; commit other");
    after = refresh(fixture);
    check_tip(fixture, "main", "refs/heads/main", "3");
    assert_int_equal(source_changes(fixture->source, before.commit, after.commit, &changes, &err),
                     0);
    assert_false(changes->whole);
    assert_int_equal(changes->count, 1);
    assert_int_equal(source_log(fixture->source, before.commit, after.commit, 10, &log, &err), 0);
    assert_true(log->diverged);
    assert_int_equal(log->count, 1);

    /* The commit that was pushed away is collected too: the reader starts from nothing. */
    git_repo_run(fixture->folder, "cd repo; git reflog expire --expire=now --all\n"
                                  "git gc -q --prune=now");
    source_changes_free(TAKE(changes));
    source_log_free(TAKE(log));
    /* What is open may still know it; what is opened now does not. */
    if (source_changes(fixture->source, before.commit, after.commit, &changes, &err) < 0)
        fail_msg("%s", err.text);
    source_changes_free(TAKE(changes));
    open_as(fixture, "repo", "main");
    if (source_changes(fixture->source, before.commit, after.commit, &changes, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(changes->whole);
    assert_int_equal(source_log(fixture->source, before.commit, after.commit, 10, &log, &err), 0);
    assert_true(log->diverged);
    assert_int_equal(log->count, 2);
}

/* ---- Forms --------------------------------------------------------------------------------- */

static void forms_of_repositories(void **state)
{
    struct fixture *fixture = *state;

    git_repo_run(fixture->folder,
                 MAKE_REPO "git checkout -qb side; git worktree add -q ../tree main; cd ..\n"
                           "git clone -q --bare repo bare.git; git clone -q --shared repo shared\n"
                           "ln -s repo link; init --separate-git-dir=elsewhere apart\n"
                           "cd apart; git pull -q ../repo main");
    open_as(fixture, "tree", NULL);
    check_tip(fixture, "main", "refs/heads/main", "one");
    git_repo_run(fixture->folder, "cd tree; printf two >a.yaml; commit two");
    check_tip(fixture, "main", "refs/heads/main", "two");
    git_repo_run(fixture->folder, "cd repo; git pack-refs --all; rm -rf refs/heads");
    check_tip(fixture, "main", "refs/heads/main", "two");
    open_as(fixture, "repo", "main");
    check_tip(fixture, "main", "refs/heads/main", "two");
    open_as(fixture, "link", "main");
    check_tip(fixture, "main", "refs/heads/main", "two");
    open_as(fixture, "repo/.git", "main");
    check_tip(fixture, "main", "refs/heads/main", "two");
    open_as(fixture, "bare.git", "main");
    check_tip(fixture, "main^", "refs/heads/main", "one");
    git_repo_run(fixture->folder, "cd bare.git; git fetch -q ../repo +main:main; git gc -q");
    check_tip(fixture, "main", "refs/heads/main", "two");
    open_as(fixture, "shared", NULL); /* objects through alternates */
    check_tip(fixture, "side", "refs/heads/side", "one");
    open_as(fixture, "apart", NULL);
    check_tip(fixture, "side", "refs/heads/main", "one");
}

static void repository_of_another_user(void **state)
{
    struct fixture *fixture = *state;

    if (geteuid() != 0)
        skip(); /* only root can make one */
    git_repo_run(fixture->folder, MAKE_REPO "cd ..; chown -R 12345:12345 repo");
    open_as(fixture, "repo", NULL);
    git_repo_run(fixture->folder, "git config -f repo/.git/config safe.directory '*'"); /* unread */
    struct source_tip tip = refresh(fixture);
    assert_int_equal(tip.state, SOURCE_FOUND);
    AUTO(source_changes) *changes = NULL;
    struct err err = { 0 };
    assert_int_equal(source_changes(fixture->source, "", tip.commit, &changes, &err), 0);
    assert_int_equal(changes->count, 1);
}

static void deleted_and_made_again(void **state)
{
    struct fixture *fixture = *state;
    struct source_tip tip = { 0 };
    struct err err = { 0 };

    git_repo_run(fixture->folder, MAKE_REPO);
    open_as(fixture, "repo", NULL);
    check_tip(fixture, "main", "refs/heads/main", "one");
    git_repo_run(fixture->folder, "mv repo old");
    assert_int_equal(source_refresh(fixture->source, &tip, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    git_repo_run(fixture->folder, "init repo; cd repo; printf again >a.yaml; commit again");
    check_tip(fixture, "main", "refs/heads/main", "again");
    git_repo_run(fixture->folder,
                 "rm -rf repo/.git; cd repo; init; printf 3 >a.yaml; commit third");
    check_tip(fixture, "main", "refs/heads/main", "3");
}

static void shallow_clones(void **state)
{
    struct fixture *fixture = *state;
    AUTO(source_log) *log = NULL;
    AUTO(source_log) *last = NULL;
    struct err err = { 0 };
    struct source_tip tip;
    char root[SOURCE_ID_SIZE];

    git_repo_run(fixture->folder, "init origin; cd origin; for i in 1 2 3 4; do\n"
                                  "printf $i >n.txt; printf one >a.yaml; commit $i; done\n"
                                  "cd ..; git clone -q --depth 2 file://$PWD/origin repo");
    open_as(fixture, "repo", NULL);
    check_tip(fixture, "main", "refs/heads/main", "one");
    tip = refresh(fixture);
    assert_int_equal(source_log(fixture->source, "", tip.commit, 10, &log, &err), 0);
    assert_int_equal(log->count, 2);
    assert_true(log->truncated);
    assert_int_equal(source_last_change(fixture->source, tip.commit, "a.yaml", &last, &err), 0);
    assert_string_equal(last->items[0].id, log->items[1].id);
    assert_int_equal(source_root_commit(fixture->source, tip.commit, root, &err), 0);
    assert_string_equal(root, log->items[1].id);
    source_log_free(TAKE(last));
    assert_int_equal(source_log(fixture->source, log->items[1].id, tip.commit, 10, &last, &err), 0);
    assert_int_equal(last->count, 1);
    assert_false(last->diverged);
}

static void missing_objects_are_a_clear_error(void **state)
{
    struct fixture *fixture = *state;
    AUTO(source_changes) *changes = NULL;
    struct err err = { 0 };
    struct source_tip tip;

    git_repo_run(fixture->folder, MAKE_REPO "id=$(git rev-parse HEAD:a.yaml)\n"
                                            "rm -f .git/objects/${id%${id#??}}/${id#??}");
    open_as(fixture, "repo", NULL);
    tip = refresh(fixture);
    assert_int_equal(source_changes(fixture->source, "", tip.commit, &changes, &err), -1);
    assert_int_equal(err.code, ERR_FAILED);
    assert_non_null(strstr(err.text, "a.yaml"));

    git_repo_run(fixture->folder, "cd repo; for f in .git/objects/[0-9a-f]*/*; do chmod u+w $f\n"
                                  "printf garbage >$f; done");
    open_as(fixture, "repo", NULL);
    assert_int_equal(source_refresh(fixture->source, &tip, &err), -1);
    assert_int_equal(err.code, ERR_FAILED);
}

/* ---- While git works on it ------------------------------------------------------------------ */

static pid_t start_script(const struct fixture *fixture, const char *script)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *list[] = { mem_text("sh"), mem_text("-c"), mem_text(script), NULL };
    pid_t pid = 0;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addchdir_np(&actions, fixture->folder);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    assert_int_equal(posix_spawnp(&pid, "sh", &actions, &attributes, list, environ), 0);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; list[i] != NULL; i++)
        free(list[i]);
    return pid;
}

static bool has_ended(pid_t pid)
{
    int status = 0;
    pid_t ended = waitpid(pid, &status, WNOHANG);

    assert_true(ended >= 0);
    if (ended > 0)
        assert_int_equal(status, 0);
    return ended > 0;
}

/* Every read succeeds and is right while packs are made and vanish over and over; in short ten
 * times. */
static void repository_mid_gc(void **state)
{
    int repacks = text_is_empty(getenv("LONG")) ? 10 : 25;
    char script[512];
    struct fixture *fixture = *state;
    struct source_tip tip;
    struct err err = { 0 };
    uint32_t reads = 0;
    pid_t pid;

    git_repo_run(fixture->folder,
                 "init repo; cd repo; for i in $(seq 300); do\n"
                 "mkdir -p d$((i % 20)); echo $i >d$((i % 20))/$i.yaml; done\n"
                 "commit many; for i in 1 2 3; do echo $i >n.yaml; commit $i; done");
    open_as(fixture, "repo", "main");
    tip = refresh(fixture);
    (void)snprintf(script, sizeof(script),
                   "export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A\n"
                   "export GIT_COMMITTER_EMAIL=a@b; cd repo && git checkout -qb other\n"
                   "for i in $(seq %d); do echo $i >x.yaml && git add -A &&\n"
                   "git commit -qm $i && git gc -q --prune=now || exit 1; done",
                   repacks);
    pid = start_script(fixture, script);
    do {
        AUTO(source_changes) *changes = NULL;

        if (source_refresh(fixture->source, &tip, &err) < 0 ||
            source_changes(fixture->source, "", tip.commit, &changes, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(changes->count, 301);
        for (size_t i = 0; i < changes->count; i++)
            assert_true(changes->items[i].refused == NULL && changes->items[i].size > 0);
        reads++;
    } while (!has_ended(pid));
    print_message("%u complete reads during %d repacks\n", reads, repacks);
    assert_true(reads >= 10);
}

/* What a server with object pools does; libgit2 reads the list of alternates only once. */
static void objects_move_while_open(void **state)
{
    struct fixture *fixture = *state;

    git_repo_run(fixture->folder, MAKE_REPO);
    open_as(fixture, "repo", NULL);
    assert_int_equal(refresh(fixture).state, SOURCE_FOUND);
    git_repo_run(fixture->folder, "git clone -q --bare repo pool; git -C pool gc -q; cd repo\n"
                                  "echo ../../../pool/objects >.git/objects/info/alternates\n"
                                  "git repack -q -a -d -l; git prune-packed -q\n"
                                  "test -z \"$(ls .git/objects/pack)\"");
    check_tip(fixture, "main", "refs/heads/main", "one");
}

/* ---- History ------------------------------------------------------------------------------- */

static void commits_and_trailers(void **state)
{
    struct fixture *fixture = *state;
    AUTO(source_log) *log = NULL;
    AUTO(source_log) *one = NULL;
    struct source_tip first;
    struct source_tip tip;
    struct err err = { 0 };
    char root[SOURCE_ID_SIZE];

    git_repo_run(fixture->folder, MAKE_REPO);
    open_as(fixture, "repo", NULL);
    first = refresh(fixture);
    git_repo_run(fixture->folder,
                 "cd repo; printf two >a.yaml; commit 'web: more tasks\n\nBecause.\n\n"
                 "berth-confirm: prune\nSigned-off-by: Ada <ada@example.org>'\n"
                 "git checkout -qb side HEAD^; : >b; commit side; git checkout -q main\n"
                 "git merge -q -m 'Merge side' side\n"
                 "git -c i18n.commitEncoding=latin1 commit -q --allow-empty \\\n"
                 "--author=\"$(printf 'J\\366rg') <j@example.org>\" -m last");
    tip = refresh(fixture);
    assert_int_equal(source_log(fixture->source, first.commit, tip.commit, 10, &log, &err), 0);
    assert_int_equal(log->count, 4);
    assert_false(log->truncated);
    assert_false(log->diverged);
    assert_string_equal(log->items[0].id, tip.commit);
    assert_string_equal(log->items[0].author, "J?rg");
    assert_string_equal(log->items[0].parent, log->items[1].id);
    assert_string_equal(log->items[1].subject, "Merge side");
    for (size_t i = 0; i < log->count; i++) {
        bool confirms = text_equal(log->items[i].subject, "web: more tasks");

        assert_int_equal(source_commit_has_trailer(&log->items[i], "Berth-Confirm", "prune"),
                         confirms);
        assert_false(source_commit_has_trailer(&log->items[i], "Berth-Confirm", "prun"));
        if (confirms)
            assert_non_null(strstr(log->items[i].message, "Because."));
        assert_string_equal(log->items[i].email, i == 0 ? "j@example.org" : "ada@example.org");
        assert_true(log->items[i].time_ms > 1000000000000);
    }
    assert_int_equal(source_log(fixture->source, "", tip.commit, 1, &one, &err), 0);
    assert_int_equal(one->count, 1);
    assert_true(one->truncated);
    source_log_free(TAKE(one));
    assert_int_equal(source_log(fixture->source, tip.commit, tip.commit, 1, &one, &err), 0);
    assert_int_equal(one->count, 0);
    assert_false(one->diverged);
    assert_int_equal(source_root_commit(fixture->source, tip.commit, root, &err), 0);
    assert_string_equal(root, first.commit);
}

static void last_change_is_what_git_log_finds(void **state)
{
    struct fixture *fixture = *state;
    static const char *const paths[] = { "a.yaml", "d/b.yaml", "d/c.yaml", "m.yaml", "d" };
    struct source_tip tip;
    AUTO(source_log) *none = NULL;
    struct err err = { 0 };

    git_repo_run(fixture->folder,
                 MAKE_REPO "mkdir d; : >d/b.yaml; commit b; : >d/c.yaml; commit c\n"
                           "git checkout -qb side; echo side >d/b.yaml; commit 'b on side'\n"
                           "echo x >x; commit x; git checkout -q main; echo m >m.yaml; commit m\n"
                           "git merge -q -m merge side; chmod +x d/c.yaml; commit mode\n"
                           "echo 2 >a.yaml; commit two; echo one >a.yaml; commit back");
    open_as(fixture, "repo", NULL);
    tip = refresh(fixture);
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        AUTO(source_log) *log = NULL;
        AUTO_TEXT char *expected = NULL;
        char script[256];

        (void)snprintf(script, sizeof(script), "cd repo; git log -1 --format=%%H -- %s", paths[i]);
        expected = git_repo_output(fixture->folder, script);
        if (source_last_change(fixture->source, tip.commit, paths[i], &log, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(log->count, 1);
        assert_string_equal(log->items[0].id, expected);
    }
    assert_int_equal(source_last_change(fixture->source, tip.commit, "none", &none, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void single_blobs(void **state)
{
    struct fixture *fixture = *state;
    AUTO(source_blob) blob = { 0 };
    struct source_tip tip;
    struct err err = { 0 };
    char id[SOURCE_ID_SIZE];

    git_repo_run(fixture->folder,
                 MAKE_REPO "mkdir d; head -c 70000 /dev/zero >d/z;"
                           "ln -s z d/link;"
                           "commit z;"
                           "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),d/sub;"
                           "git commit -q -m s");
    open_as(fixture, "repo", NULL);
    tip = refresh(fixture);
    assert_int_equal(source_file_blob(fixture->source, tip.commit, "d/z", id, &err), 0);
    assert_int_equal(source_blob_read(fixture->source, id, 69999, &blob, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_null(blob.object);
    assert_int_equal(source_blob_read(fixture->source, id, 70000, &blob, &err), 0);
    assert_int_equal(blob.size, 70000);
    assert_int_equal(blob.bytes[69999], 0);
    assert_int_equal(source_file_blob(fixture->source, tip.commit, "d/y", id, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(source_file_blob(fixture->source, tip.commit, "d", id, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.text, "'d' is a folder");
    assert_int_equal(source_file_blob(fixture->source, tip.commit, "d/link", id, &err), -1);
    assert_string_equal(err.text, "'d/link' is a symbolic link");
    assert_int_equal(source_file_blob(fixture->source, tip.commit, "d/sub", id, &err), -1);
    assert_string_equal(err.text, "'d/sub' is a submodule");
    assert_int_equal(source_file_blob(fixture->source, tip.commit, "d/link/z", id, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(source_file_blob(fixture->source, tip.commit, "../d", id, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    source_blob_release(&blob);
    assert_int_equal(source_blob_read(fixture->source, tip.commit, 70000, &blob, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(not_a_repository),
        TEST(a_folder_that_may_not_be_read),
        TEST(empty_then_first_commit),
        TEST(branches_come_and_go),
        TEST(a_pinned_branch_stays),
        TEST(tags_refs_and_commits_as_branch),
        TEST(force_push),
        TEST(forms_of_repositories),
        TEST(repository_of_another_user),
        TEST(deleted_and_made_again),
        TEST(shallow_clones),
        TEST(missing_objects_are_a_clear_error),
        TEST(repository_mid_gc),
        TEST(objects_move_while_open),
        TEST(commits_and_trailers),
        TEST(last_change_is_what_git_log_finds),
        TEST(single_blobs),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
