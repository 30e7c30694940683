/*
 * The sequence is part of every recorded seed: it may never change.
 */
#include "spec/base/rng.h"
#include "tests/unit/unit.h"

static void sequence_is_splitmix64(void **state)
{
    (void)state;
    struct rng rng = { 1234567 };

    /* The published reference output of this seed. */
    assert_true(rng_next(&rng) == UINT64_C(6457827717110365317));
    assert_true(rng_next(&rng) == UINT64_C(3203168211198807973));
    assert_true(rng_next(&rng) == UINT64_C(9817491932198370423));
}

static void below_stays_below_and_reaches_all(void **state)
{
    (void)state;
    struct rng rng = { 0 };
    uint32_t seen[7] = { 0 };

    for (int i = 0; i < 7000; i++)
        seen[rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 800, 1200);
    assert_int_equal(rng_below(&rng, 1), 0);
    for (int i = 0; i < 100; i++)
        assert_true(rng_below(&rng, UINT64_MAX) < UINT64_MAX);
}

static void between_includes_both_ends(void **state)
{
    (void)state;
    struct rng rng = { 5 };
    bool low = false;
    bool high = false;

    for (int i = 0; i < 1000; i++) {
        int64_t number = rng_between(&rng, -2, 2);
        assert_true(number >= -2 && number <= 2);
        low = low || number == -2;
        high = high || number == 2;
    }
    assert_true(low && high);
    assert_true(rng_between(&rng, INT64_MIN, INT64_MIN) == INT64_MIN);
    (void)rng_between(&rng, INT64_MIN, INT64_MAX);
}

static void chance_has_sure_ends(void **state)
{
    (void)state;
    struct rng rng = { 5 };
    int hits = 0;

    for (int i = 0; i < 1000; i++) {
        assert_false(rng_chance(&rng, 0));
        assert_true(rng_chance(&rng, 100));
        hits += rng_chance(&rng, 30) ? 1 : 0;
    }
    assert_in_range(hits, 230, 370);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequence_is_splitmix64),
        cmocka_unit_test(below_stays_below_and_reaches_all),
        cmocka_unit_test(between_includes_both_ends),
        cmocka_unit_test(chance_has_sure_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
