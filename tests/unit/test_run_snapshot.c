/*
 * What a commit declares, read from nothing: which commit, and whether its removals may go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/run/snapshot.h"
#include "spec/base/text.h"
#include "tests/unit/git_repo.h"
#include "tests/unit/unit.h"

/* A cluster; then a commit that removes it and says so, one that does not, and a branch that says
 * so beside them. */
static const char history[] =
    "init repo; cd repo; "
    "printf 'apiVersion: berth/v1\\nkind: Cluster\\nmetadata: {name: c}\\n"
    "spec: {launchType: FARGATE}\\n' >c.yaml; commit first; git tag first; "
    "git switch -q -c beside; echo x >notes; git add .; "
    "git commit -q -m 'Beside' -m 'Berth-Confirm: prune'; git switch -q main; "
    "git rm -q c.yaml; git commit -q -m 'Gone' -m 'Berth-Confirm: prune'; git tag said; "
    "echo y >other; git add .; git commit -q -m 'More'";

static int set_up(void **state)
{
    struct err err = { 0 };
    char *folder;

    if (source_global_init(&err) < 0)
        return -1;
    folder = git_repo_folder();
    git_repo_run(folder, history);
    *state = folder;
    return 0;
}

static int tear_down(void **state)
{
    git_repo_remove(*state);
    source_global_exit();
    return 0;
}

static char *id_of(const char *folder, const char *revision)
{
    char script[256];

    (void)snprintf(script, sizeof(script), "cd repo; git rev-parse '%s^{commit}'", revision);
    return git_repo_output(folder, script);
}

static struct snapshot load(const char *folder, struct snapshot_request request)
{
    char location[4096];
    const struct source_options options = { .location = location };
    AUTO(diag_list) diags = { 0 };
    struct snapshot snapshot = { 0 };
    struct err err = { 0 };

    (void)snprintf(location, sizeof(location), "%s/repo", folder);
    request.source = &options;
    if (snapshot_load(&request, &diags, &snapshot, &err) < 0)
        fail_msg("%s", err.text);
    return snapshot;
}

static bool is_confirmed(const char *folder, const char *ref, const char *since,
                         const char *confirmed)
{
    AUTO_TEXT char *from = since == NULL ? NULL : id_of(folder, since);
    AUTO_TEXT char *person = confirmed == NULL ? NULL : id_of(folder, confirmed);
    AUTO(snapshot)
    snapshot =
        load(folder, (struct snapshot_request){ .ref = ref, .since = from, .confirmed = person });

    return snapshot.confirmed;
}

static void a_trailer_counts_between_what_is_in_force_and_the_candidate(void **state)
{
    const char *folder = *state;

    assert_true(is_confirmed(folder, "main", "first", NULL));
    assert_true(is_confirmed(folder, "said", "first", NULL));
    assert_true(is_confirmed(folder, "beside", "first", NULL));
    assert_false(is_confirmed(folder, "main", "said", NULL)); /* it was used up */
    assert_false(is_confirmed(folder, "main", "main", NULL));
    assert_false(is_confirmed(folder, "first", "main", NULL)); /* on the way back there is none */
    /* With nothing in force, only what the commit itself says. */
    assert_true(is_confirmed(folder, "said", NULL, NULL));
    assert_false(is_confirmed(folder, "main", NULL, NULL));
}

static void a_person_confirms_one_commit(void **state)
{
    const char *folder = *state;

    assert_true(is_confirmed(folder, "main", "said", "main"));
    assert_false(is_confirmed(folder, "main", "said", "said"));
}

static void the_parent_and_the_root(void **state)
{
    const char *folder = *state;
    AUTO_TEXT char *first = id_of(folder, "first");
    AUTO(snapshot) tip = load(folder, (struct snapshot_request){ 0 });
    AUTO(snapshot)
    parent = load(folder, (struct snapshot_request){ .ref = "said", .parent = true });

    assert_string_equal(tip.commit->items[0].subject, "More");
    assert_string_equal(tip.root, first);
    assert_string_equal(parent.commit->items[0].id, first);
    assert_non_null(generation_find(parent.desired->generation, KIND_CLUSTER, "c"));
    assert_null(generation_find(tip.desired->generation, KIND_CLUSTER, "c"));
}

/* Each file is within its limits, and all together are not. */
static void a_service_that_is_too_large_is_a_mistake(void **state)
{
    const char *folder = *state;
    char location[4096];
    const struct source_options options = { .location = location };
    const struct snapshot_request request = { .source = &options };
    AUTO(diag_list) diags = { 0 };
    AUTO(snapshot) snapshot = { 0 };
    struct err err = { 0 };

    git_repo_run(
        folder,
        "cd repo; files=; for n in 0 1 2 3 4 5 6 7 8 9; do "
        "awk -v n=$n 'BEGIN { for (i = 0; i < 12000; i++) print \"v\" n \"_\" i \"=\" }' >$n.env;"
        "files=\"$files{value: $n.env}, \"; done; printf '%s\\n' 'apiVersion: berth/v1' "
        "'kind: Cluster' 'metadata: {name: c}' 'spec: {}' --- 'apiVersion: berth/v1' 'kind: Task' "
        "'metadata: {name: t}' 'spec: {cpu: 256, memory: 512, containerDefinitions: "
        "[{name: a, image: \"r.io/r:1\", environmentFiles: ['\"$files\"']}]}' --- "
        "'apiVersion: berth/v1' 'kind: Service' 'metadata: {name: s}' "
        "'spec: {cluster: c, taskDefinition: t}' >all.yaml; git add .; git commit -q -m Much");
    (void)snprintf(location, sizeof(location), "%s/repo", folder);
    assert_int_equal(snapshot_load(&request, &diags, &snapshot, &err), -1);
    assert_int_equal(diags.errors, 1);
    assert_string_equal(diags.items[0].file, "all.yaml");
    assert_int_equal(diags.items[0].line, 13);
    assert_true(text_starts(diags.items[0].text,
                            "service 's', with its Task and environment files, is too large: "));
}

/* For a preview: what is in force may have left the repository, and the candidate is read all the
 * same. */
static void what_is_in_force_is_read_too(void **state)
{
    const char *folder = *state;
    AUTO_TEXT char *first = id_of(folder, "first");
    AUTO(snapshot)
    both = load(folder, (struct snapshot_request){ .since = first, .read_since = true });
    AUTO(snapshot) one = load(folder, (struct snapshot_request){ .since = first });
    AUTO(snapshot)
    lost =
        load(folder, (struct snapshot_request){ .since = "0123456789012345678901234567890123456789",
                                                .read_since = true });

    assert_non_null(generation_find(both.since, KIND_CLUSTER, "c"));
    assert_int_equal(both.since_err.code, ERR_OK);
    assert_null(one.since);
    assert_null(lost.since);
    assert_int_not_equal(lost.since_err.code, ERR_OK);
    assert_non_null(lost.desired);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_trailer_counts_between_what_is_in_force_and_the_candidate),
        TEST(a_person_confirms_one_commit),
        TEST(the_parent_and_the_root),
        TEST(a_service_that_is_too_large_is_a_mistake),
        TEST(what_is_in_force_is_read_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
