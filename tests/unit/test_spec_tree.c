/*
 * The persistent tree against a plain array, through random changes of random versions.
 */
#include <stdio.h>
#include <string.h>

#include "spec/base/rng.h"
#include "spec/base/text.h"
#include "spec/tree.h"
#include "tests/unit/unit.h"

#define KEYS     200
#define VERSIONS 8

static char keys[KEYS][8];
static int values[KEYS * 2];

/* What the tree must hold: for each key a value or NULL. */
struct model {
    const int *values[KEYS];
};

static int make_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++)
        assert_int_equal(snprintf(keys[i], sizeof(keys[i]), "k%03zu", i), 4);
    return 0;
}

static void check_equal(const struct tree *tree, const struct model *model)
{
    size_t count = 0;

    for (size_t i = 0; i < KEYS; i++) {
        assert_ptr_equal(tree_get(tree, keys[i]), model->values[i]);
        assert_int_equal(tree_rank(tree, keys[i]), count);
        if (model->values[i] == NULL)
            continue;
        const char *key;
        assert_ptr_equal(tree_at(tree, count, &key), model->values[i]);
        assert_string_equal(key, keys[i]);
        count++;
    }
    assert_int_equal(tree_count(tree), count);
}

struct expected_diff {
    const struct model *old;
    const struct model *new;
    size_t next;
    size_t told;
};

/* The next key that differs, or KEYS. */
static size_t next_difference(const struct expected_diff *expected)
{
    size_t i = expected->next;

    while (i < KEYS && expected->old->values[i] == expected->new->values[i])
        i++;
    return i;
}

static void check_difference(void *context, const char *key, void *old, void *new)
{
    struct expected_diff *expected = context;
    size_t i = next_difference(expected);

    assert_true(i < KEYS);
    assert_string_equal(key, keys[i]);
    assert_ptr_equal(old, expected->old->values[i]);
    assert_ptr_equal(new, expected->new->values[i]);
    expected->next = i + 1;
    expected->told++;
}

static void change(struct rng *rng, struct tree *tree, struct model *model)
{
    size_t i = (size_t)rng_below(rng, KEYS);

    if (rng_chance(rng, 40)) {
        assert_int_equal(tree_remove(tree, keys[i]), model->values[i] != NULL);
        model->values[i] = NULL;
        return;
    }
    int *value = &values[rng_below(rng, ARRAY_COUNT(values))];
    tree_put(tree, keys[i], value, NULL);
    model->values[i] = value;
}

static void versions_never_disturb_each_other(void **state)
{
    (void)state;
    struct tree trees[VERSIONS] = { 0 };
    struct model models[VERSIONS] = { 0 };
    struct rng rng = { 42 };

    for (int round = 0; round < 300; round++) {
        size_t from = (size_t)rng_below(&rng, VERSIONS);
        size_t to = (size_t)rng_below(&rng, VERSIONS);
        if (from != to) {
            tree_release(&trees[to]);
            tree_copy(&trees[to], &trees[from]);
            models[to] = models[from];
        }
        for (uint64_t changes = rng_below(&rng, 30); changes > 0; changes--)
            change(&rng, &trees[to], &models[to]);

        struct expected_diff expected = { &models[from], &models[to], 0, 0 };
        tree_diff(&trees[from], &trees[to], check_difference, &expected);
        assert_int_equal(next_difference(&expected), KEYS);
        for (size_t i = 0; i < VERSIONS; i++)
            check_equal(&trees[i], &models[i]);
    }
    for (size_t i = 0; i < VERSIONS; i++)
        tree_release(&trees[i]);
}

struct thing {
    struct counted counted;
    char key[8];
    int *freed;
};

static void free_thing(struct counted *self)
{
    struct thing *thing = (struct thing *)(void *)self;

    (*thing->freed)++;
    test_free(thing);
}

static void owners_live_as_long_as_a_version_needs_them(void **state)
{
    (void)state;
    int freed = 0;
    struct tree first = { 0 };
    struct tree second = { 0 };
    struct thing *thing = test_calloc(1, sizeof(*thing));

    *thing = (struct thing){ .counted = { 1, free_thing }, .key = "a", .freed = &freed };
    tree_put(&first, thing->key, thing, &thing->counted);
    counted_unref(&thing->counted);
    tree_copy(&second, &first);
    assert_true(tree_remove(&first, "a"));
    assert_false(tree_remove(&first, "a"));
    assert_int_equal(freed, 0);
    assert_ptr_equal(tree_get(&second, "a"), thing);
    tree_put(&second, "a", keys, NULL); /* another value with another key text */
    assert_int_equal(freed, 1);
    tree_release(&first);
    tree_release(&second);
}

static size_t differences;

static void count_difference(void *context, const char *key, void *old, void *new)
{
    (void)context;
    (void)key;
    (void)old;
    (void)new;
    differences++;
}

/* Sorted keys are the worst case of a tree that does not balance. */
static void sorted_keys_stay_shallow(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static char many[COUNT][8];
    AUTO(tree) tree = { 0 };
    AUTO(tree) copy = { 0 };

    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(snprintf(many[i], sizeof(many[i]), "%07zu", i), 7);
        tree_put(&tree, many[i], many[i], NULL);
    }
    tree_copy(&copy, &tree);
    for (size_t i = 0; i < COUNT; i += 2)
        assert_true(tree_remove(&copy, many[i]));
    assert_int_equal(tree_count(&tree), COUNT);
    assert_int_equal(tree_count(&copy), COUNT / 2);
    differences = 0;
    tree_diff(&tree, &copy, count_difference, NULL);
    assert_int_equal(differences, COUNT / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_never_disturb_each_other),
        cmocka_unit_test(owners_live_as_long_as_a_version_needs_them),
        cmocka_unit_test(sorted_keys_stay_shallow),
    };

    return cmocka_run_group_tests(tests, make_keys, NULL);
}
