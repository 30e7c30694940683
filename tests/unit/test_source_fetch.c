/*
 * URLs: clones under the state directory, over file, ssh and http, with passwords, deadlines and
 * accidents.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reconciler/source/source.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "tests/unit/git_http.h"
#include "tests/unit/git_repo.h"
#include "tests/unit/unit.h"

#define GENEROUS_MS 60000

struct fixture {
    char *folder; /* holds "repo" and "state" */
    struct source *source;
    struct git_http http;
};

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    struct err err = { 0 };

    if (source_global_init(&err) < 0)
        return -1;
    fixture->folder = git_repo_folder();
    git_repo_run(fixture->folder,
                 "mkdir home; init repo; cd repo; printf one >a.yaml; commit first");
    (void)setenv("HOME", fixture->folder, 1);
    (void)setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    (void)unsetenv("GIT_SSH_COMMAND");
    (void)unsetenv("GIT_SSH");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    git_http_stop(&fixture->http);
    source_close(fixture->source);
    git_repo_remove(fixture->folder);
    free(fixture);
    source_global_exit();
    return 0;
}

static void open_url(struct fixture *fixture, const char *url, const char *branch,
                     int64_t timeout_ms)
{
    char state_dir[4096];
    struct source_options options = {
        .location = url, .branch = branch, .state_dir = state_dir, .timeout_ms = timeout_ms
    };
    struct err err = { 0 };

    (void)snprintf(state_dir, sizeof(state_dir), "%s/state", fixture->folder);
    source_close(fixture->source);
    fixture->source = NULL;
    if (source_open(&options, &fixture->source, &err) < 0)
        fail_msg("%s", err.text);
    assert_false(source_is_local(fixture->source));
}

static void open_file(struct fixture *fixture, const char *branch)
{
    char url[4096];

    (void)snprintf(url, sizeof(url), "file://%s/repo", fixture->folder);
    open_url(fixture, url, branch, GENEROUS_MS);
}

static struct source_tip refresh(struct fixture *fixture)
{
    struct source_tip tip = { 0 };
    struct err err = { 0 };

    if (source_refresh(fixture->source, &tip, &err) < 0)
        fail_msg("%s: %s", err_code_text(err.code), err.text);
    return tip;
}

static void check_tip(struct fixture *fixture, const char *rev, const char *ref,
                      const char *content)
{
    struct source_tip tip = refresh(fixture);
    AUTO(source_changes) *changes = NULL;
    AUTO_TEXT char *expected = NULL;
    struct err err = { 0 };
    char script[512];

    (void)snprintf(script, sizeof(script), "cd repo; git rev-parse '%s^{commit}'", rev);
    expected = git_repo_output(fixture->folder, script);
    if (tip.state != SOURCE_FOUND)
        fail_msg("%s", tip.text);
    assert_string_equal(tip.commit, expected);
    assert_string_equal(tip.ref, ref);
    if (source_changes(fixture->source, "", tip.commit, &changes, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(changes->count, 1);
    assert_string_equal(changes->items[0].bytes, content);
}

static void check_fails(struct fixture *fixture, enum err_code code, const char *text)
{
    struct source_tip tip = { .text = "untouched" };
    struct err err = { 0 };

    assert_int_equal(source_refresh(fixture->source, &tip, &err), -1);
    if (err.code != code || strstr(err.text, text) == NULL)
        fail_msg("'%s: %s' is not '%s: %s'", err_code_text(err.code), err.text, err_code_text(code),
                 text);
    assert_string_equal(tip.text, "untouched");
    assert_null(strstr(err.text, "secret"));
}

/* ---- file:// ------------------------------------------------------------------------------- */

static void follows_a_branch(void **state)
{
    struct fixture *fixture = *state;
    struct source_tip before;
    struct source_tip after;
    AUTO(source_changes) *changes = NULL;
    AUTO(source_log) *log = NULL;
    struct err err = { 0 };

    open_file(fixture, NULL);
    check_tip(fixture, "main", "refs/heads/main", "one");
    before = refresh(fixture);
    git_repo_run(fixture->folder, "cd repo; printf two >a.yaml; commit two; git gc -q");
    check_tip(fixture, "main", "refs/heads/main", "two");
    after = refresh(fixture);
    assert_int_equal(source_changes(fixture->source, before.commit, after.commit, &changes, &err),
                     0);
    assert_int_equal(changes->count, 1);
    assert_false(changes->whole);

    git_repo_run(fixture->folder, "cd repo; git reset -q --hard HEAD^; printf 3 >a.yaml; commit 3");
    check_tip(fixture, "main", "refs/heads/main", "3"); /* pushed with force */
    assert_int_equal(
        source_log(fixture->source, after.commit, refresh(fixture).commit, 9, &log, &err), 0);
    assert_true(log->diverged);
    git_repo_run(fixture->folder, "cd repo; git reset -q --hard HEAD^");
    check_tip(fixture, "main", "refs/heads/main", "one"); /* and back to what is here already */

    source_close(TAKE(fixture->source));
    open_file(fixture, NULL);
    check_tip(fixture, "main", "refs/heads/main", "one");
}

static void branches_tags_and_commits(void **state)
{
    struct fixture *fixture = *state;
    AUTO_TEXT char *first = git_repo_output(fixture->folder, "cd repo; git rev-parse HEAD");

    git_repo_run(fixture->folder,
                 "cd repo; git tag light; git tag -m note heavy; printf 2 >a.yaml\n"
                 "commit two; git branch side/x; git checkout -q --detach light");
    open_file(fixture, "light");
    check_tip(fixture, "light", "refs/tags/light", "one");
    open_file(fixture, "heavy");
    check_tip(fixture, "light", "refs/tags/heavy", "one");
    open_file(fixture, "side/x");
    check_tip(fixture, "side/x", "refs/heads/side/x", "2");
    open_file(fixture, "refs/heads/main");
    check_tip(fixture, "main", "refs/heads/main", "2");
    open_file(fixture, NULL); /* detached */
    check_tip(fixture, "light", "HEAD", "one");
    git_repo_run(fixture->folder, "rm -rf state");
    open_file(fixture, first);
    check_tip(fixture, "light", "", "one");
    check_tip(fixture, "light", "", "one");
    open_file(fixture, "0123456789012345678901234567890123456789");
    assert_int_equal(refresh(fixture).state, SOURCE_GONE);
    open_file(fixture, "none");
    assert_int_equal(refresh(fixture).state, SOURCE_GONE);
    git_repo_run(fixture->folder, "rm -rf repo; init repo");
    assert_int_equal(refresh(fixture).state, SOURCE_EMPTY);
    open_file(fixture, NULL);
    assert_int_equal(refresh(fixture).state, SOURCE_EMPTY);
}

static void a_missing_repository_is_an_error(void **state)
{
    struct fixture *fixture = *state;

    open_file(fixture, NULL);
    check_tip(fixture, "main", "refs/heads/main", "one");
    git_repo_run(fixture->folder, "mv repo away");
    check_fails(fixture, ERR_NOT_FOUND, "repo");
    git_repo_run(fixture->folder, "mv away repo");
    check_tip(fixture, "main", "refs/heads/main", "one");
}

static void damaged_clones_are_made_again(void **state)
{
    struct fixture *fixture = *state;
    static const char *const accidents[] = {
        "rm -r $c/objects; mkdir $c/objects",
        "rm $c/HEAD",
        ": >$c/config; : >$c/HEAD",
        "echo garbage >$c/refs/berth/tip",
        "chmod u+w $c/objects/pack/*; for f in $c/objects/pack/*.pack; do : >$f; done",
        "chmod u+w $c/objects/pack/*; for f in $c/objects/pack/*.idx; do echo no >$f; done",
        "rm $c/objects/pack/*.pack",
        "rm -r $c; : >$c",
        "touch $c/refs/berth/tip.lock $c/HEAD.lock $c/objects/pack/pack_git2_x; cp -r $c $c.new",
    };

    open_file(fixture, NULL);
    for (size_t i = 0; i < ARRAY_COUNT(accidents); i++) {
        char script[1024];

        check_tip(fixture, "main", "refs/heads/main", "one");
        (void)snprintf(script, sizeof(script),
                       "c=$(ls -d state/repos/* | grep -v '[.]' | head -1)\n"
                       "%s",
                       accidents[i]);
        git_repo_run(fixture->folder, script);
        if (i % 2 == 0) /* while it is open, and before it is opened */
            open_file(fixture, NULL);
    }
    check_tip(fixture, "main", "refs/heads/main", "one");
    git_repo_run(fixture->folder,
                 "test -z \"$(find state -name '*_git2_*' -o -name 'HEAD.lock')\"");
    git_repo_run(fixture->folder, "test -z \"$(find state -perm /077 -type f)\"");
}

static bool is_long(void)
{
    return !text_is_empty(getenv("LONG"));
}

/* In short most of the packs are not fetched but made here. */
static void packs_do_not_grow_without_end(void **state)
{
    struct fixture *fixture = *state;
    AUTO_TEXT char *packs = NULL;
    int commits = is_long() ? 100 : 5;
    char last[16];
    uint32_t count;

    open_file(fixture, "main");
    for (int i = 0; i < commits; i++) {
        char script[256];

        (void)snprintf(script, sizeof(script), "cd repo; printf %d >a.yaml; commit %d", i, i);
        git_repo_run(fixture->folder, script);
        assert_int_equal(refresh(fixture).state, SOURCE_FOUND);
        if (!is_long() && i == 0)
            git_repo_run(
                fixture->folder,
                "cd state/repos/*[0-9a-f]; for i in $(seq 22); do echo $i | git hash-object"
                " -w --stdin | git pack-objects -q objects/pack/pack; done");
    }
    (void)snprintf(last, sizeof(last), "%d", commits - 1);
    check_tip(fixture, "main", "refs/heads/main", last);
    packs = git_repo_output(fixture->folder, "ls state/repos/*/objects/pack/*.pack | wc -l");
    assert_true(text_parse_u32(packs, &count));
    assert_in_range(count, 1, 25);
    git_repo_run(fixture->folder,
                 "cd state/repos/*[0-9a-f]; git -c safe.directory='*' fsck --strict");
}

/* ---- Deadlines and kills ------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void write_script(struct fixture *fixture, const char *variable, const char *text)
{
    char path[4096];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/ssh.sh", fixture->folder);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\n%s\n", text) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0700), 0);
    (void)setenv(variable, path, 1);
}

static void hanging_servers_meet_the_deadline(void **state)
{
    struct fixture *fixture = *state;
    static const enum git_http_mode modes[] = { GIT_HTTP_SILENT, GIT_HTTP_HALF };
    char url[256];
    AUTO_TEXT char *pid = NULL;

    for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
        int64_t start_ms = now_ms();

        git_http_start(&fixture->http, fixture->folder, modes[i], NULL);
        (void)snprintf(url, sizeof(url), "http://u:secret@127.0.0.1:%u/repo", fixture->http.port);
        open_url(fixture, url, NULL, 1500);
        check_fails(fixture, ERR_TIMEOUT, "1500 ms");
        assert_in_range(now_ms() - start_ms, 1400, 20000);
        git_http_stop(&fixture->http);
    }
    /* What ssh started goes too. */
    write_script(fixture, "GIT_SSH", "cd \"$HOME\"; echo $$ >pid; exec tail -f /dev/null");
    open_url(fixture, "ssh://host/repo", NULL, 1500);
    check_fails(fixture, ERR_TIMEOUT, "1500 ms");
    pid = git_repo_output(fixture->folder, "cat pid");
    uint32_t number = 0;
    assert_true(text_parse_u32(pid, &number));
    for (int64_t end_ms = now_ms() + 20000; kill((pid_t)number, 0) == 0 && now_ms() < end_ms;)
        (void)poll(NULL, 0, 10);
    assert_int_equal(kill((pid_t)number, 0), -1);
}

/* ---- ssh ----------------------------------------------------------------------------------- */

static void goes_through_the_users_ssh(void **state)
{
    struct fixture *fixture = *state;
    char url[4096];

    git_repo_run(fixture->folder, "cp -r repo \"it's here\"");
    write_script(fixture, "GIT_SSH",
                 "cd \"$HOME\"; printf '%s\\n' \"$@\" >arguments\n"
                 "for last; do :; done; eval \"$last\"");
    (void)snprintf(url, sizeof(url), "ssh://git@host.example:2222%s/it's here", fixture->folder);
    open_url(fixture, url, "main", GENEROUS_MS);
    check_tip(fixture, "main", "refs/heads/main", "one");
    git_repo_run(fixture->folder, "test \"$(head -3 arguments | tr '\\n' ' ')\" = "
                                  "'-p 2222 git@host.example '");
    git_repo_run(fixture->folder, "cd \"it's here\"; printf two >a.yaml; commit two\n"
                                  "cd ../repo; git pull -q \"../it's here\" main");
    check_tip(fixture, "main", "refs/heads/main", "two");

    (void)unsetenv("GIT_SSH"); /* as shell text, relative to the home of the remote user */
    (void)setenv("GIT_SSH_COMMAND", "cd \"$HOME\"; \"$HOME/ssh.sh\" -o 'A B'", 1);
    open_url(fixture, "git@host.example:repo", NULL, GENEROUS_MS);
    check_tip(fixture, "main", "refs/heads/main", "two");
    git_repo_run(fixture->folder, "test \"$(head -3 arguments | tr '\\n' ' ')\" = "
                                  "'-o A B git@host.example '");
    (void)unsetenv("GIT_SSH_COMMAND");
    git_repo_run(fixture->folder, "git config -f .gitconfig core.sshCommand \"$PWD/ssh.sh -v\"");
    open_url(fixture, "host.example:repo", NULL, GENEROUS_MS);
    check_tip(fixture, "main", "refs/heads/main", "two");
    git_repo_run(fixture->folder,
                 "test \"$(head -2 arguments | tr '\\n' ' ')\" = '-v host.example '");
}

static void failures_of_ssh_are_told(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *script;
        enum err_code code;
        const char *text;
    } cases[] = {
        { "echo 'ssh: connect to host h port 22: Connection refused' >&2; exit 255",
          ERR_UNREACHABLE, "Connection refused" },
        { "echo 'git@h: Permission denied (publickey).' >&2; exit 255", ERR_DENIED,
          "Permission denied (publickey)." },
        { "echo 'Host key verification failed.' >&2; exit 255", ERR_DENIED, "Host key" },
        { "eval 'git-upload-pack /none'", ERR_NOT_FOUND, "none" },
        { "exit 127", ERR_FAILED, "git-upload-pack" },
        { "echo welcome, this is no git; exit 0", ERR_UNREACHABLE, "" },
        { "exit 0", ERR_UNREACHABLE, "" },
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        write_script(fixture, "GIT_SSH", cases[i].script);
        open_url(fixture, "ssh://h/none", NULL, GENEROUS_MS);
        check_fails(fixture, cases[i].code, cases[i].text);
    }
    (void)setenv("GIT_SSH", "/nowhere/ssh", 1);
    check_fails(fixture, ERR_UNREACHABLE, "ssh");
}

/* ---- http ---------------------------------------------------------------------------------- */

static void http_with_and_without_passwords(void **state)
{
    struct fixture *fixture = *state;
    AUTO_TEXT char *login = base64_encode("ada:secret", 10, /* url_safe */ false);
    char url[256];

    git_http_start(&fixture->http, fixture->folder, GIT_HTTP_SERVE, NULL);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/repo", fixture->http.port);
    open_url(fixture, url, NULL, GENEROUS_MS);
    check_tip(fixture, "main", "refs/heads/main", "one");
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/none", fixture->http.port);
    open_url(fixture, url, NULL, GENEROUS_MS);
    check_fails(fixture, ERR_NOT_FOUND, "no such repository");
    git_http_stop(&fixture->http);
    check_fails(fixture, ERR_UNREACHABLE, "");

    git_http_start(&fixture->http, fixture->folder, GIT_HTTP_SERVE, login);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/repo", fixture->http.port);
    open_url(fixture, url, NULL, GENEROUS_MS);
    check_fails(fixture, ERR_DENIED, "no user name and password");
    git_repo_run(fixture->folder, "printf '# mine\\nmachine other login x password secret\\n"
                                  "machine 127.0.0.1\\n login ada password \"secret\"\\n' >.netrc");
    check_tip(fixture, "main", "refs/heads/main", "one");
    git_repo_run(fixture->folder, "printf 'default login ada password wrong-secret' >.netrc");
    git_repo_run(fixture->folder, "cd repo; printf two >a.yaml; commit two");
    check_fails(fixture, ERR_DENIED, "no user name and password");
    /* A helper of the user's git, and only then. */
    git_repo_run(fixture->folder,
                 "git config -f .gitconfig credential.helper "
                 "'!f() { cat >/dev/null; echo username=ada; echo password=secret; }; f'");
    check_tip(fixture, "main", "refs/heads/main", "two");
    git_repo_run(fixture->folder, "rm .netrc .gitconfig");
    (void)snprintf(url, sizeof(url), "http://ada:secret@127.0.0.1:%u/repo", fixture->http.port);
    open_url(fixture, url, NULL, GENEROUS_MS);
    check_tip(fixture, "main", "refs/heads/main", "two");
    (void)snprintf(url, sizeof(url), "http://ada:wrong-secret@127.0.0.1:%u/repo",
                   fixture->http.port);
    open_url(fixture, url, NULL, GENEROUS_MS);
    check_fails(fixture, ERR_DENIED, "***@127.0.0.1");
}

static void state_directory_that_cannot_be_written(void **state)
{
    struct fixture *fixture = *state;

    git_repo_run(fixture->folder, ": >state");
    open_file(fixture, NULL);
    check_fails(fixture, ERR_FAILED, "state");
}

/* Killed at any moment, the next fetch works. */
static void killed_at_any_moment(void **state)
{
    struct fixture *fixture = *state;
    char url[4096];

    git_repo_run(fixture->folder,
                 "cd repo; for i in $(seq 50); do head -c 80000 /dev/urandom >b$i\n"
                 "done; commit much");
    (void)snprintf(url, sizeof(url), "file://%s/repo", fixture->folder);
    for (int64_t after_ms = 2; after_ms < 400;
         after_ms = (is_long() ? after_ms * 5 / 4 : after_ms * 3) + 1) {
        struct source_tip tip = { 0 };
        struct err err = { 0 };
        char script[256];

        open_url(fixture, url, NULL, after_ms); /* the deadline kills it */
        if (source_refresh(fixture->source, &tip, &err) < 0)
            assert_int_equal(err.code, ERR_TIMEOUT);
        if (after_ms % 3 == 0) {
            (void)snprintf(script, sizeof(script), "cd repo; printf %d >a.yaml; commit x",
                           (int)after_ms);
            git_repo_run(fixture->folder, script);
        }
        open_url(fixture, url, NULL, GENEROUS_MS);
        assert_int_equal(refresh(fixture).state, SOURCE_FOUND);
        AUTO(source_changes) *changes = NULL;
        tip = refresh(fixture);
        if (source_changes(fixture->source, "", tip.commit, &changes, &err) < 0)
            fail_msg("%s", err.text);
        if (after_ms % 2 == 0)
            git_repo_run(fixture->folder, "rm -rf state");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(follows_a_branch),
        TEST(branches_tags_and_commits),
        TEST(a_missing_repository_is_an_error),
        TEST(damaged_clones_are_made_again),
        TEST(packs_do_not_grow_without_end),
        TEST(hanging_servers_meet_the_deadline),
        TEST(goes_through_the_users_ssh),
        TEST(failures_of_ssh_are_told),
        TEST(http_with_and_without_passwords),
        TEST(state_directory_that_cannot_be_written),
        TEST(killed_at_any_moment),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
