/*
 * The manifests of commits, read from real repositories: what changed, what is refused, and what
 * happens to repositories that are odd, moved, or being repacked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reconciler/source/source.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "tests/unit/git_repo.h"
#include "tests/unit/unit.h"

struct fixture {
    char *folder; /* holds "repo" */
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

static void open_as(struct fixture *fixture, const char *location, const char *branch,
                    const char *path)
{
    char full[4096];
    struct source_options options = { .location = full, .branch = branch, .path = path };
    struct err err = { 0 };

    (void)snprintf(full, sizeof(full), "%s/%s", fixture->folder, location);
    source_close(fixture->source);
    fixture->source = NULL;
    if (source_open(&options, &fixture->source, &err) < 0)
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

static struct source_changes *changes_of(struct fixture *fixture, const char *base,
                                         const char *commit)
{
    struct source_changes *changes = NULL;
    struct err err = { 0 };

    if (source_changes(fixture->source, base, commit, &changes, &err) < 0)
        fail_msg("%s", err.text);
    return changes;
}

/* "a=one b-" : a has this content, b is gone, "c!": c is refused. */
static void check_changes(struct fixture *fixture, const char *base, const char *commit,
                          const char *expected)
{
    AUTO(source_changes) *changes = changes_of(fixture, base, commit);
    char found[4096] = "";
    size_t size = 0;

    for (size_t i = 0; i < changes->count; i++) {
        const struct file_change *item = &changes->items[i];

        assert_true(size < sizeof(found) - 512);
        if (item->refused != NULL) {
            assert_null(item->bytes);
            assert_string_equal(item->refused->pos.file, item->path);
        } else if (item->bytes != NULL) {
            assert_int_equal(strlen(item->bytes), item->size);
            assert_int_equal(strlen(item->blob), 40);
        } else {
            assert_string_equal(item->blob, "");
        }
        size += (size_t)snprintf(found + size, sizeof(found) - size, "%s%s%s%.100s",
                                 i > 0 ? " " : "", item->path,
                                 item->refused != NULL ? "!"
                                 : item->bytes != NULL ? "="
                                                       : "-",
                                 item->bytes != NULL ? item->bytes : "");
    }
    assert_string_equal(found, expected);
}

static void check_refused(struct fixture *fixture, const char *commit, const char *path,
                          const char *reason)
{
    AUTO(source_changes) *changes = changes_of(fixture, NULL, commit);

    for (size_t i = 0; i < changes->count; i++) {
        if (!text_equal(changes->items[i].path, path))
            continue;
        assert_non_null(changes->items[i].refused);
        if (strstr(changes->items[i].refused->text, reason) == NULL)
            fail_msg("'%s' does not say '%s'", changes->items[i].refused->text, reason);
        return;
    }
    fail_msg("'%s' is not there", path);
}

static struct source_tip commit(struct fixture *fixture, const char *script)
{
    char all[8192];

    (void)snprintf(all, sizeof(all), "cd repo\n%s\ncommit change", script);
    git_repo_run(fixture->folder, all);
    return refresh(fixture);
}

/* The same where the script makes the commit itself, of files that are never written: to make and
 * remove thousands of them takes longer than all other tests here. */
static struct source_tip made(struct fixture *fixture, const char *script)
{
    char all[8192];

    (void)snprintf(all, sizeof(all), "cd repo\n%s", script);
    git_repo_run(fixture->folder, all);
    return refresh(fixture);
}

/* ---- Differences --------------------------------------------------------------------------- */

static void from_nothing_all_manifests_are_new(void **state)
{
    struct fixture *fixture = *state;
    struct source_tip tip;

    git_repo_run(fixture->folder,
                 "init repo; cd repo; mkdir -p d/e.yaml .x\n"
                 "printf one >a.yaml; printf two >d/b.yml; printf 3 >d/c.json\n"
                 "printf no >d/README.md; printf no >yaml; printf 4 >d/e.yaml/f.yaml\n"
                 "printf 5 >.x/g.yaml; : >empty.yaml; commit first");
    open_as(fixture, "repo", NULL, NULL);
    tip = refresh(fixture);
    assert_int_equal(tip.state, SOURCE_FOUND);
    assert_string_equal(tip.ref, "refs/heads/main");
    check_changes(fixture, "", tip.commit,
                  "a.yaml=one d/b.yml=two d/c.json=3 d/e.yaml/f.yaml=4 empty.yaml=");
    open_as(fixture, "repo", NULL, "/d/");
    check_changes(fixture, NULL, tip.commit, "d/b.yml=two d/c.json=3 d/e.yaml/f.yaml=4");
    open_as(fixture, "repo", NULL, "./d/./e.yaml");
    check_changes(fixture, NULL, tip.commit, "d/e.yaml/f.yaml=4");
}

static void what_is_hidden_is_not_looked_at(void **state)
{
    struct fixture *fixture = *state;
    struct source_tip first;
    struct source_tip next;

    git_repo_run(fixture->folder, "init repo; cd repo; mkdir -p .github/workflows d/.x/y\n"
                                  "printf ci >.github/workflows/ci.yaml; printf h >.h.json\n"
                                  "printf x >d/.x/y/x.yml; printf a >d/a.yaml\n"
                                  "ln -s gone.yaml d/.link.yaml; ln -s .x/y/x.yml d/link.yml\n"
                                  "commit first");
    open_as(fixture, "repo", NULL, "");
    first = refresh(fixture);
    check_changes(fixture, NULL, first.commit, "d/a.yaml=a d/link.yml=x");
    next = commit(fixture, "printf new >.github/workflows/ci.yaml; printf y >d/.x/y/y.yml\n"
                           "git mv .h.json h.json; git mv d/a.yaml d/.a.yaml");
    check_changes(fixture, first.commit, next.commit, "d/a.yaml- h.json=h");
    open_as(fixture, "repo", NULL, ".github");
    check_changes(fixture, NULL, next.commit, ".github/workflows/ci.yaml=new");
}

static void only_what_differs_is_listed(void **state)
{
    struct fixture *fixture = *state;
    struct source_tip first;
    struct source_tip next;

    git_repo_run(fixture->folder, "init repo; cd repo; mkdir -p x/y z\n"
                                  "for i in a b c x/y/d z/e; do printf $i >$i.yaml; done\n"
                                  "printf no >other; commit first");
    open_as(fixture, "repo", NULL, "");
    first = refresh(fixture);
    check_changes(fixture, first.commit, first.commit, "");

    next = commit(fixture, "printf new >b.yaml; git rm -q z/e.yaml; printf f >x/y/f.json");
    check_changes(fixture, first.commit, next.commit, "b.yaml=new x/y/f.json=f z/e.yaml-");
    check_changes(fixture, next.commit, first.commit, "b.yaml=b x/y/f.json- z/e.yaml=z/e");

    /* A file becomes a folder, a folder a file, a name of another kind. */
    first = next;
    next =
        commit(fixture, "rm a.yaml; mkdir a.yaml; printf in >a.yaml/in.yaml; rm -r x; printf x >x\n"
                        "mv c.yaml c.txt; printf changed >other");
    check_changes(fixture, first.commit, next.commit,
                  "a.yaml- a.yaml/in.yaml=in c.yaml- x/y/d.yaml- x/y/f.json-");
    check_changes(fixture, next.commit, first.commit,
                  "a.yaml=a a.yaml/in.yaml- c.yaml=c x/y/d.yaml=x/y/d x/y/f.json=f");
    first = next;
    next = commit(fixture, "printf more >other; chmod +x b.yaml");
    check_changes(fixture, first.commit, next.commit, "");
}

/* What the tree walk finds is what `git diff` finds, over random histories. */
static void agrees_with_git(void **state)
{
    struct fixture *fixture = *state;

    git_repo_run(fixture->folder, "init repo; cd repo; : >keep.yaml; commit start");
    open_as(fixture, "repo", NULL, NULL);
    for (int i = 0; i < 12; i++) {
        struct source_tip before = refresh(fixture);
        struct source_tip after;
        char script[2048];
        AUTO_TEXT char *expected = NULL;
        char found[8192] = "";
        size_t size = 0;

        (void)snprintf(
            script, sizeof(script),
            "for n in 1 2 3 4 5 6; do\n"
            "  x=$(( (%d * 7919 + n * 104729) %% 1009 )); d=d$((x %% 3))/d$((x %% 5))\n"
            "  f=$d/f$((x %% 7)).yaml\n"
            "  case $((x %% 4)) in\n"
            "  0) rm -rf $d ;;\n"
            "  *) if [ ! -f ${d%%/*} ] && [ ! -f $d ]; then mkdir -p $d; echo $x >$f; fi ;;\n"
            "  esac\n"
            "done; echo %d >count.json",
            i, i);
        after = commit(fixture, script);
        (void)snprintf(
            script, sizeof(script),
            "cd repo; git diff --no-renames --name-status %s %s |"
            " sed 's/[AM]\t\\(.*\\)/\\1=/; s/D\t\\(.*\\)/\\1-/' | LC_ALL=C sort | tr '\\n' ' '",
            before.commit, after.commit);
        expected = git_repo_output(fixture->folder, script);
        AUTO(source_changes) *changes = changes_of(fixture, before.commit, after.commit);
        for (size_t j = 0; j < changes->count; j++)
            size += (size_t)snprintf(found + size, sizeof(found) - size, "%s%s ",
                                     changes->items[j].path,
                                     changes->items[j].bytes != NULL ? "=" : "-");
        assert_string_equal(found, expected);
    }
}

/* ---- What is refused ----------------------------------------------------------------------- */

static void large_files_are_refused_unread(void **state)
{
    struct fixture *fixture = *state;
    struct source_tip tip;

    git_repo_run(fixture->folder, "init repo");
    open_as(fixture, "repo", NULL, NULL);
    tip =
        commit(fixture, "head -c 1048576 /dev/zero | tr '\\0' a >fits.yaml\n"
                        "head -c 1048577 /dev/zero | tr '\\0' a >large.yaml\n"
                        "head -c 104857600 /dev/zero >huge.yaml; head -c 2000000 /dev/zero >x.bin");
    AUTO(source_changes) *changes = changes_of(fixture, "", tip.commit);
    assert_int_equal(changes->count, 3);
    assert_int_equal(changes->items[0].size, LIMIT_MANIFEST_BYTES);
    assert_true(changes->arena.size_bytes < 2 * LIMIT_MANIFEST_BYTES);
    check_refused(fixture, tip.commit, "large.yaml", "1048577 bytes");
    check_refused(fixture, tip.commit, "huge.yaml", "104857600 bytes");
}

static void submodules_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct source_tip first;
    struct source_tip tip;

    git_repo_run(fixture->folder, "init repo; init sub; cd sub; : >s.yaml; commit s");
    open_as(fixture, "repo", NULL, NULL);
    first = commit(fixture, "printf a >a.yaml");
    tip = commit(fixture, "git -c protocol.file.allow=always submodule -q add ../sub deep/sub");
    check_refused(fixture, tip.commit, "deep/sub", "submodule");
    check_changes(fixture, first.commit, tip.commit, "deep/sub!");
    check_changes(fixture, tip.commit, first.commit, "deep/sub-");
    open_as(fixture, "repo", NULL, "deep/sub");
    struct source_changes *changes = NULL;
    struct err err = { 0 };
    assert_int_equal(source_changes(fixture->source, "", tip.commit, &changes, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

static void links_have_the_content_of_their_file(void **state)
{
    struct fixture *fixture = *state;
    struct source_tip first;
    struct source_tip next;

    git_repo_run(fixture->folder, "init repo");
    open_as(fixture, "repo", NULL, "m");
    first = commit(fixture, "mkdir -p m/in shared; printf one >shared/x.txt\n"
                            "ln -s ../../shared/x.txt m/in/l.yaml; printf a >m/a.yaml\n"
                            "ln -s a.yaml m/b.yaml; ln -s ../shared m/folder");
    check_changes(fixture, "", first.commit, "m/a.yaml=a m/b.yaml=a m/in/l.yaml=one");

    /* The link's own entry is the same; what it leads to is not, even outside of the path. */
    next = commit(fixture, "printf two >shared/x.txt");
    check_changes(fixture, first.commit, next.commit, "m/in/l.yaml=two");
    check_changes(fixture, first.commit, next.commit, "m/in/l.yaml=two"); /* from what was kept */
    first = next;
    next = commit(fixture, "printf new >m/a.yaml");
    check_changes(fixture, first.commit, next.commit, "m/a.yaml=new m/b.yaml=new");
    open_as(fixture, "repo", NULL, "m"); /* and from nothing kept */
    check_changes(fixture, first.commit, next.commit, "m/a.yaml=new m/b.yaml=new");
    check_changes(fixture, next.commit, first.commit, "m/a.yaml=a m/b.yaml=a");

    first = next;
    next = commit(fixture, "rm m/b.yaml; printf file >m/b.yaml; rm m/in/l.yaml m/a.yaml\n"
                           "ln -s b.yaml m/a.yaml");
    check_changes(fixture, first.commit, next.commit, "m/a.yaml=file m/b.yaml=file m/in/l.yaml-");
    check_changes(fixture, next.commit, first.commit, "m/a.yaml=new m/b.yaml=new m/in/l.yaml=two");
    first = next;
    next = commit(fixture, "git mv m/b.yaml m/c.txt"); /* a link that led somewhere leads nowhere */
    check_changes(fixture, first.commit, next.commit, "m/a.yaml! m/b.yaml-");
    check_changes(fixture, next.commit, first.commit, "m/a.yaml=file m/b.yaml=file");
}

static void other_links_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct source_tip tip;

    git_repo_run(fixture->folder, "init repo");
    open_as(fixture, "repo", NULL, NULL);
    tip =
        commit(fixture, "mkdir d; : >d/x; ln -s /etc/passwd a.yaml; ln -s ../outside b.yaml\n"
                        "ln -s c.yaml c.yaml; ln -s d d.yaml; ln -s d/../../repo/x e.yaml\n"
                        "ln -s none f.yaml; ln -s d/x g.yaml; ln -s . h.yaml; ln -s d/x/y i.yaml");
    check_changes(fixture, "", tip.commit,
                  "a.yaml! b.yaml! c.yaml! d.yaml! e.yaml! f.yaml! g.yaml= h.yaml! i.yaml!");
    check_refused(fixture, tip.commit, "a.yaml", "leaves the repository");
    check_refused(fixture, tip.commit, "b.yaml", "leaves the repository");
    check_refused(fixture, tip.commit, "c.yaml", "only one is followed");
    check_refused(fixture, tip.commit, "d.yaml", "not a file");
    check_refused(fixture, tip.commit, "e.yaml", "leaves the repository");
    check_refused(fixture, tip.commit, "f.yaml", "not in the commit");
}

static void missing_path(void **state)
{
    struct fixture *fixture = *state;
    struct source_changes *changes = NULL;
    struct source_tip first;
    struct source_tip next;
    struct err err = { 0 };

    git_repo_run(fixture->folder, "init repo");
    open_as(fixture, "repo", NULL, "deploy");
    first = commit(fixture, "mkdir deploy; printf a >deploy/a.yaml; : >file");
    next = commit(fixture, "git rm -qr deploy");
    assert_int_equal(source_changes(fixture->source, "", next.commit, &changes, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "no manifests under 'deploy' at commit"));
    assert_null(changes);

    changes = changes_of(fixture, first.commit, next.commit);
    assert_false(changes->path_exists);
    assert_false(changes->whole);
    assert_int_equal(changes->count, 1);
    assert_null(changes->items[0].bytes);
    source_changes_free(changes);

    changes = changes_of(fixture, next.commit, first.commit);
    assert_true(changes->path_exists);
    assert_true(changes->whole);
    source_changes_free(changes);

    open_as(fixture, "repo", NULL, "file");
    changes = NULL;
    assert_int_equal(source_changes(fixture->source, "", next.commit, &changes, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(source_changes(fixture->source, "", "0123456789012345678901234567890123456789",
                                    &changes, &err),
                     -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(source_changes(fixture->source, "", "main", &changes, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

static void too_many_files_are_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct source_changes *changes = NULL;
    struct source_tip tip;
    struct err err = { 0 };

    git_repo_run(fixture->folder, "init repo");
    open_as(fixture, "repo", NULL, NULL);
    tip = made(fixture, "empty=$(git hash-object -w --stdin </dev/null)\n"
                        "tree=$(seq -f \"100644 blob $empty\tf%.0f.yaml\" 20001 | git mktree)\n"
                        "git update-ref refs/heads/main $(git commit-tree -m many $tree)");
    assert_int_equal(source_changes(fixture->source, "", tip.commit, &changes, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.text, "more than 20000"));
}

static void folders_too_deep_are_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct source_changes *changes = NULL;
    struct source_tip tip;
    struct err err = { 0 };

    git_repo_run(fixture->folder, "init repo");
    open_as(fixture, "repo", NULL, NULL);
    tip = commit(fixture, "p=$(printf 'd/%.0s' $(seq 64)); mkdir -p $p; : >$p/a.yaml");
    source_changes_free(changes_of(fixture, "", tip.commit));
    tip = commit(fixture, "p=$(printf 'd/%.0s' $(seq 65)); mkdir -p $p; : >$p/a.yaml");
    assert_int_equal(source_changes(fixture->source, "", tip.commit, &changes, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.text, "folders deep"));
}

/* ---- Speed, for information --------------------------------------------------------------- */

static double milliseconds_since(const struct timespec *start)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) * 1e3 +
           (double)(now.tv_nsec - start->tv_nsec) / 1e6;
}

static void work_follows_the_change(void **state)
{
    struct fixture *fixture = *state;
    struct source_tip before;
    struct source_tip after;
    struct timespec start;
    double best = 1e9;

    git_repo_run(fixture->folder, "init repo");
    open_as(fixture, "repo", NULL, NULL);
    before = made(fixture, "{ printf '%s\\n' 'commit refs/heads/main' "
                           "'committer Ada <ada@example.org> 0 +0000' 'data 0'\n"
                           "for d in $(seq 100); do for f in $(seq 100); do\n"
                           "printf 'M 644 inline %s\\ndata <<end\\n%s\\nend\\n' d$d/f$f.yaml "
                           "\"$d $f\"; done; done; } | git fast-import --quiet");
    after = made(fixture, "printf '%s\\n' 'commit refs/heads/main' "
                          "'committer Ada <ada@example.org> 0 +0000' 'data 0' "
                          "'from refs/heads/main^0' 'M 644 inline d50/f50.yaml' "
                          "'data <<end' changed end | git fast-import --quiet");
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    AUTO(source_changes) *all = changes_of(fixture, "", before.commit);
    print_message("10,000 manifests from nothing: %.2f ms\n", milliseconds_since(&start));
    assert_int_equal(all->count, 10000);
    for (int i = 0; i < 5; i++) {
        double taken;

        (void)clock_gettime(CLOCK_MONOTONIC, &start);
        assert_string_equal(refresh(fixture).commit, after.commit);
        AUTO(source_changes) *changes = changes_of(fixture, before.commit, after.commit);
        taken = milliseconds_since(&start);
        assert_int_equal(changes->count, 1);
        best = taken < best ? taken : best;
        if (i == 0)
            print_message("1 of 10,000 changed, the first time: %.3f ms\n", taken);
    }
    print_message("1 of 10,000 changed, the best of five: %.3f ms\n", best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(from_nothing_all_manifests_are_new),
        TEST(what_is_hidden_is_not_looked_at),
        TEST(only_what_differs_is_listed),
        TEST(agrees_with_git),
        TEST(large_files_are_refused_unread),
        TEST(submodules_are_refused),
        TEST(links_have_the_content_of_their_file),
        TEST(other_links_are_refused),
        TEST(missing_path),
        TEST(too_many_files_are_an_error),
        TEST(folders_too_deep_are_an_error),
        TEST(work_follows_the_change),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
