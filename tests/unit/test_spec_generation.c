/*
 * Generations: deriving from the parent is the same as deriving from nothing, what did not change
 * is shared, and the difference of two is complete.
 */
#include <stdio.h>
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/rng.h"
#include "spec/base/text.h"
#include "spec/generation.h"
#include "spec/variable_file.h"
#include "tests/unit/unit.h"

/* ---- Repositories made of text --------------------------------------------------------------- */

#define FILES 12

struct repository {
    char *files[FILES]; /* NULL: not there */
};

static struct file_change change_of(const char *path, const char *text)
{
    struct file_change change = { .path = path, .bytes = text };

    if (text != NULL) {
        change.size = strlen(text);
        sha256_hex(text, change.size, change.blob);
    }
    return change;
}

static int derive(struct generation *parent, const struct file_change *changes, size_t count,
                  struct generation **out)
{
    AUTO(diag_list) diags = { 0 };
    struct err err = { 0 };
    int result = generation_derive(parent, "commit", changes, count, &diags, out, &err);

    assert_int_equal(result == 0, diags.errors == 0);
    return result;
}

static struct generation *derive_one(struct generation *parent, const char *path, const char *text)
{
    struct generation *generation = NULL;
    struct file_change change = change_of(path, text);

    assert_int_equal(derive(parent, &change, 1, &generation), 0);
    return generation;
}

#define HEAD(kind, name) "---\napiVersion: berth/v1\nkind: " kind "\nmetadata: {name: " name "}\n"

/* clang-format off */
static const char base_text[] =
    HEAD("Cluster", "c")
    HEAD("Image", "i")
    "spec: {source: \"r.example/i:1\"}\n"
    HEAD("Task", "t")
    "spec: {cpu: 256, memory: 512, containerDefinitions: [{name: a, image: i}]}\n"
    HEAD("Service", "s")
    "spec: {cluster: c, taskDefinition: t}\n"
    HEAD("Service", "u")
    "spec: {cluster: c, taskDefinition: t, dependsOn: [s]}\n";
/* clang-format on */

/* ---- The property ---------------------------------------------------------------------------- */

/* One of a few resources under one of a few names, some of them with mistakes: collisions, missing
 * references and cycles are frequent. */
static void add_random_resource(struct rng *rng, struct buf *out)
{
    unsigned name = (unsigned)rng_below(rng, 4);
    unsigned other = (unsigned)rng_below(rng, 4);
    unsigned third = (unsigned)rng_below(rng, 4);

    switch (rng_below(rng, 5)) {
    case 0: buf_printf(out, HEAD("Cluster", "n%u") "spec: {}\n", name); break;
    case 1:
        if (other > 1)
            buf_printf(out, HEAD("Image", "n%u") "spec: {source: r/i:%u}\n", name, other);
        else
            buf_printf(out,
                       HEAD("Image", "n%u") "spec: {build: {context: a, platform: linux/%s}}\n",
                       name, other == 0 ? "amd64" : "arm64");
        break;
    case 2:
        buf_printf(out,
                   HEAD("Task", "n%u") "spec:\n  cpu: 256\n  memory: 512\n  containerDefinitions:\n"
                                       "    - {name: a, image: n%u, privileged: %s}\n"
                                       "  runtimePlatform: {cpuArchitecture: %s}\n",
                   name, other, rng_chance(rng, 5) ? "true" : "false",
                   rng_chance(rng, 90) ? "X86_64" : "ARM64");
        break;
    default:
        buf_printf(out, HEAD("Service", "n%u") "spec: {cluster: n%u, taskDefinition: n%u%s}\n",
                   name, other, third, rng_chance(rng, 50) ? ", dependsOn: [n1]" : "");
        break;
    }
}

static void random_change(struct rng *rng, struct repository *repository)
{
    size_t i = (size_t)rng_below(rng, FILES);
    size_t j = (size_t)rng_below(rng, FILES);
    AUTO(buf) text = { 0 };

    if (rng_chance(rng, 20)) { /* files change places: renames */
        char *swap = repository->files[i];
        repository->files[i] = repository->files[j];
        repository->files[j] = swap;
        return;
    }
    test_free(repository->files[i]);
    repository->files[i] = NULL;
    if (rng_chance(rng, 30))
        return;
    buf_init(&text, 4096);
    for (uint64_t count = rng_below(rng, 3); count > 0; count--)
        add_random_resource(rng, &text);
    repository->files[i] = test_malloc(text.size + 1);
    memcpy(repository->files[i], buf_text(&text), text.size + 1);
}

static char path_texts[FILES][8];

static size_t changes_between(const struct repository *old, const struct repository *new,
                              struct file_change *out)
{
    size_t count = 0;

    for (size_t i = 0; i < FILES; i++)
        if (old == NULL ? new->files[i] != NULL : !text_equal(old->files[i], new->files[i]))
            out[count++] = change_of(path_texts[i], new->files[i]);
    return count;
}

static void copy_repository(struct repository *to, const struct repository *from)
{
    for (size_t i = 0; i < FILES; i++) {
        test_free(to->files[i]);
        to->files[i] = NULL;
        if (from->files[i] == NULL)
            continue;
        size_t size = strlen(from->files[i]) + 1;
        to->files[i] = test_malloc(size);
        memcpy(to->files[i], from->files[i], size);
    }
}

static void check_same(const struct generation *a, const struct generation *b)
{
    assert_int_equal(generation_file_count(a), generation_file_count(b));
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        assert_int_equal(generation_count(a, kind), generation_count(b, kind));
        for (size_t i = 0; i < generation_count(a, kind); i++) {
            const struct resource *left = generation_at(a, kind, i);
            const struct resource *right = generation_at(b, kind, i);
            size_t left_cursor = 0;
            size_t right_cursor = 0;
            const struct resource *referrer;
            assert_string_equal(left->name, right->name);
            assert_string_equal(left->digest, right->digest);
            assert_string_equal(left->pos.file, right->pos.file);
            assert_int_equal(left->pos.line, right->pos.line);
            do {
                referrer = generation_next_referrer(a, kind, left->name, &left_cursor);
                const struct resource *same =
                    generation_next_referrer(b, kind, left->name, &right_cursor);
                assert_int_equal(referrer == NULL, same == NULL);
                assert_true(referrer == NULL || text_equal(referrer->name, same->name));
            } while (referrer != NULL);
        }
    }
}

/* What generation_diff() must say, found without it. */
struct seen {
    enum generation_change change[KIND_COUNT][4];
    bool told[KIND_COUNT][4];
};

static void see(void *context, enum generation_change change, enum kind kind, const char *name)
{
    struct seen *seen = context;
    size_t i = (size_t)(name[1] - '0');

    assert_true(i < 4);
    assert_false(seen->told[kind][i]);
    seen->told[kind][i] = true;
    seen->change[kind][i] = change;
}

static void check_difference(const struct generation *old, const struct generation *new)
{
    struct seen seen = { 0 };

    generation_diff(old, new, see, &seen);
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        for (size_t i = 0; i < 4; i++) {
            const char name[] = { 'n', (char)('0' + i), '\0' };
            const struct resource *before = old != NULL ? generation_find(old, kind, name) : NULL;
            const struct resource *after = generation_find(new, kind, name);
            bool differs = (before == NULL) != (after == NULL) ||
                           (before != NULL && !text_equal(before->digest, after->digest));
            if (!differs) {
                assert_true(!seen.told[kind][i] || seen.change[kind][i] == GENERATION_REFERRER);
                continue;
            }
            assert_true(seen.told[kind][i]);
            assert_int_equal(seen.change[kind][i], before == NULL  ? GENERATION_ADDED
                                                   : after == NULL ? GENERATION_REMOVED
                                                                   : GENERATION_CHANGED);
            size_t cursor = 0;
            const struct resource *referrer;
            while ((referrer = generation_next_referrer(new, kind, name, &cursor)) != NULL)
                assert_true(seen.told[referrer->kind][referrer->name[1] - '0']);
        }
    }
}

static void the_parent_makes_no_difference(void **state)
{
    (void)state;
    struct rng rng = { 2026 };
    struct repository last = { 0 };
    struct repository next = { 0 };
    struct generation *parent = NULL;
    size_t accepted = 0;
    size_t refused = 0;

    for (size_t i = 0; i < FILES; i++)
        assert_true(snprintf(path_texts[i], sizeof(path_texts[i]), "%zu.yaml", i) > 0);
    for (int round = 0; round < 4000; round++) {
        struct file_change changes[FILES];
        struct generation *derived = NULL;
        struct generation *fresh = NULL;
        copy_repository(&next, &last);
        for (uint64_t count = 1 + rng_below(&rng, 4); count > 0; count--)
            random_change(&rng, &next);
        size_t count = changes_between(&last, &next, changes);
        int result = derive(parent, changes, count, &derived);
        count = changes_between(NULL, &next, changes);
        assert_int_equal(derive(NULL, changes, count, &fresh), result);
        if (result < 0) {
            refused++;
            continue;
        }
        accepted++;
        check_same(derived, fresh);
        check_difference(parent, derived);
        generation_unref(fresh);
        generation_unref(parent);
        parent = derived;
        copy_repository(&last, &next);
    }
    assert_true(accepted > 200);
    assert_true(refused > 200);
    generation_unref(parent);
    copy_repository(&last, &(struct repository){ 0 });
    copy_repository(&next, &(struct repository){ 0 });
}

/* ---- Single facts ---------------------------------------------------------------------------- */

static void a_move_changes_nothing_but_the_position(void **state)
{
    (void)state;
    AUTO(generation) *before = derive_one(NULL, "a.yaml", base_text);
    AUTO(generation) *after = NULL;
    struct file_change move[] = { change_of("sub/b.yaml", base_text), change_of("a.yaml", NULL) };
    struct seen seen = { 0 };

    assert_int_equal(derive(before, move, 2, &after), 0);
    const struct resource *old = generation_find(before, KIND_SERVICE, "s");
    const struct resource *new = generation_find(after, KIND_SERVICE, "s");
    assert_ptr_equal(old->spec, new->spec); /* not parsed again */
    assert_string_equal(old->pos.file, "a.yaml");
    assert_string_equal(new->pos.file, "sub/b.yaml");
    generation_diff(before, after, see, &seen);
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        for (size_t i = 0; i < 4; i++)
            assert_false(seen.told[kind][i]);
}

struct story {
    struct buf text;
};

static void tell(void *context, enum generation_change change, enum kind kind, const char *name)
{
    static const char *const changes[] = { "added", "removed", "changed", "referrer" };
    struct story *story = context;

    buf_printf(&story->text, "%s %s %s\n", changes[change], kind_text(kind), name);
}

static void check_story(const struct generation *old, const struct generation *new,
                        const char *expected)
{
    struct story story = { 0 };

    buf_init(&story.text, 4096);
    generation_diff(old, new, tell, &story);
    assert_string_equal(buf_text(&story.text), expected);
    buf_release(&story.text);
}

static void what_refers_to_a_change_is_told(void **state)
{
    (void)state;
    AUTO(generation) *before = derive_one(NULL, "a.yaml", base_text);
    AUTO(generation) *with_image = NULL;
    AUTO(generation) *with_service = NULL;
    char text[sizeof(base_text)];

    check_story(NULL, before,
                "added Image i\nadded Task t\nadded Cluster c\nadded Service s\nadded Service u\n");
    memcpy(text, base_text, sizeof(text));
    *strstr(text, "i:1") = 'j';
    with_image = derive_one(before, "a.yaml", text);
    check_story(before, with_image,
                "changed Image i\nreferrer Task t\nreferrer Service s\nreferrer Service u\n");
    AUTO(generation) *extra = derive_one(with_image, "b.yaml",
                                         HEAD("Service", "v") "spec: {cluster: c, "
                                                              "taskDefinition: t, dependsOn: [u]}");
    check_story(with_image, extra, "added Service v\n");
    char *count = strstr(text, "{cluster: c, taskDefinition: t}");
    memcpy(count, "{cluster: c,taskDefinition: t} ", strlen("{cluster: c, taskDefinition: t}"));
    with_service = derive_one(extra, "a.yaml", text);
    check_story(extra, with_service, ""); /* only blanks differ */
}

static void build_keys_are_inherited_until_the_image_changes(void **state)
{
    (void)state;
    static const char first[] = HEAD("Image", "i") "spec: {build: {context: a}}\n" HEAD(
        "Image", "j") "spec: {build: {context: b}}\n";
    static const char second[] = HEAD("Image", "i") "spec: {build: {context: a}}\n" HEAD(
        "Image", "j") "spec: {build: {context: c}}\n";
    AUTO(generation) *before = derive_one(NULL, "a.yaml", first);

    assert_null(generation_build_key(before, "i"));
    generation_set_build_key(before, "i", "k1");
    generation_set_build_key(before, "j", "k2");
    AUTO(generation) *after = derive_one(before, "a.yaml", second);
    assert_string_equal(generation_build_key(after, "i"), "k1");
    assert_null(generation_build_key(after, "j"));
    generation_set_build_key(after, "i", "k3");
    generation_set_build_key(after, "j", "k2");
    assert_string_equal(generation_build_key(before, "i"), "k1");
    check_story(before, after, "changed Image i\nchanged Image j\n");
}

static void count_file(void *context, const char *path, struct pos pos)
{
    assert_true(text_equal(path, "a.env") || text_equal(path, "b.env"));
    assert_string_equal(pos.file, "a.yaml");
    assert_int_not_equal(pos.line, 0);
    ++*(int *)context;
}

static void a_changed_environment_file_changes_its_tasks(void **state)
{
    (void)state;
    static const char tasks[] =
        HEAD("Task",
             "t") "spec: {cpu: 256, memory: 512, containerDefinitions: [{name: a, image: "
                  "'r.io/r:1', environmentFiles: [{value: a.env}, {value: b.env}]}]}\n" HEAD(
                      "Task",
                      "u") "spec: {cpu: 256, memory: 512, containerDefinitions: [{name: a, image: "
                           "'r.io/r:1', environmentFiles: [{value: b.env}]}]}\n";
    AUTO(generation) *before = derive_one(NULL, "a.yaml", tasks);
    AUTO(generation) *same = derive_one(before, "a.yaml", tasks);
    AUTO(generation) *other = derive_one(before, "a.yaml", tasks);
    AUTO(diag_list) diags = { 0 };
    AUTO(variable_file) *one = variable_file_parse("a.env", "A=1", 3, &diags);
    AUTO(variable_file) *two = variable_file_parse("a.env", "A=2", 3, &diags);
    int count = 0;

    generation_each_file(before, count_file, &count);
    assert_int_equal(count, 2); /* each path once */
    assert_null(generation_file(before, "a.env"));
    generation_set_file(before, "a.env", one);
    generation_set_file(before, "b.env", one);
    assert_null(generation_file(same, "a.env"));
    generation_set_file(same, "a.env", one);
    generation_set_file(same, "b.env", one);
    check_story(before, same, "");
    generation_set_file(other, "a.env", two);
    generation_set_file(other, "b.env", one);
    check_story(before, other, "changed Task t\n");
    assert_ptr_equal(generation_file(before, "a.env"), one);
}

static void a_file_that_no_task_names_any_more_is_not_told(void **state)
{
    (void)state;
    static const char task[] =
        HEAD("Task", "t") "spec: {cpu: 256, memory: 512, containerDefinitions: [{name: a, image: "
                          "'r.io/r:1'%s}]}\n";
    char with[512], without[512];
    int count = 0;

    snprintf(with, sizeof(with), task, ", environmentFiles: [{value: a.env}]");
    snprintf(without, sizeof(without), task, "");
    AUTO(generation) *first = derive_one(NULL, "a.yaml", with);
    AUTO(generation) *second = derive_one(first, "a.yaml", without);
    AUTO(generation) *third = derive_one(second, "a.yaml", with);

    generation_each_file(second, count_file, &count);
    assert_int_equal(count, 0);
    generation_each_file(first, count_file, &count);
    generation_each_file(third, count_file, &count);
    assert_int_equal(count, 2);
}

static void a_refused_file_is_a_mistake(void **state)
{
    (void)state;
    struct err refused = { .code = ERR_INVALID, .text = "a symbolic link" };
    struct file_change change = { .path = "a.yaml", .refused = &refused };
    struct generation *out = NULL;
    AUTO(diag_list) diags = { 0 };
    struct err err = { 0 };

    assert_int_equal(generation_derive(NULL, "c", &change, 1, &diags, &out, &err), -1);
    assert_string_equal(diags.items[0].text, "a symbolic link");
    assert_string_equal(diags.items[0].file, "a.yaml");
    assert_string_equal(err.text, "1 mistake in the manifests");
    assert_null(out);
}

static void removing_what_is_needed_names_who_needs_it(void **state)
{
    (void)state;
    AUTO(generation) *first = derive_one(NULL, "a.yaml", HEAD("Cluster", "c"));
    AUTO(generation) *second =
        derive_one(first, "b.yaml", strstr(base_text, "---\napiVersion: berth/v1\nkind: Image"));
    struct file_change change = change_of("a.yaml", NULL);
    struct generation *out = NULL;
    AUTO(diag_list) diags = { 0 };
    struct err err = { 0 };

    assert_int_equal(generation_derive(second, "c", &change, 1, &diags, &out, &err), -1);
    assert_int_equal(diags.errors, 2);
    assert_string_equal(diags.items[0].file, "b.yaml");
    assert_string_equal(diags.items[0].text, "there is no Cluster 'c'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parent_makes_no_difference),
        cmocka_unit_test(a_move_changes_nothing_but_the_position),
        cmocka_unit_test(what_refers_to_a_change_is_told),
        cmocka_unit_test(build_keys_are_inherited_until_the_image_changes),
        cmocka_unit_test(a_changed_environment_file_changes_its_tasks),
        cmocka_unit_test(a_file_that_no_task_names_any_more_is_not_told),
        cmocka_unit_test(a_refused_file_is_a_mistake),
        cmocka_unit_test(removing_what_is_needed_names_who_needs_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
