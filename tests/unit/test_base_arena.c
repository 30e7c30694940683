/*
 * Arena memory is zeroed, aligned, apart from its neighbours and counted.
 */
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/rng.h"
#include "tests/unit/unit.h"

static bool is_filled(const unsigned char *block, size_t size, unsigned char with)
{
    for (size_t i = 0; i < size; i++) {
        if (block[i] != with)
            return false;
    }
    return true;
}

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    AUTO(arena) arena = { 0 };
    struct rng rng = { 1 };
    unsigned char *blocks[500];
    size_t sizes[500];

    for (int round = 0; round < 3; round++) {
        size_t total = 0;
        for (size_t i = 0; i < ARRAY_COUNT(blocks); i++) {
            sizes[i] = (size_t)rng_below(&rng, rng_chance(&rng, 5) ? 600000 : 300);
            blocks[i] = arena_alloc(&arena, sizes[i]);
            assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
            if (!is_filled(blocks[i], sizes[i], 0))
                fail_msg("block %zu is not zero", i);
            memset(blocks[i], (int)(i % 255 + 1), sizes[i]);
            total += sizes[i];
        }
        for (size_t i = 0; i < ARRAY_COUNT(blocks); i++)
            if (!is_filled(blocks[i], sizes[i], (unsigned char)(i % 255 + 1)))
                fail_msg("block %zu was overwritten", i);
        assert_int_equal(arena.size_bytes, total);
        arena_reset(&arena);
        assert_int_equal(arena.size_bytes, 0);
    }
}

static void texts_are_copied(void **state)
{
    (void)state;
    AUTO(arena) arena = { 0 };
    char source[] = "harbour";
    int numbers[] = { 1, 2, 3 };

    char *whole = arena_text(&arena, source);
    char *part = arena_text_n(&arena, source, 4);
    int *copy = arena_copy(&arena, numbers, sizeof(numbers));
    source[0] = 'x';
    numbers[2] = 9;
    assert_string_equal(whole, "harbour");
    assert_string_equal(part, "harb");
    assert_int_equal(copy[2], 3);
    assert_null(arena_text(&arena, NULL));
    assert_string_equal(arena_text_n(&arena, NULL, 0), "");
    assert_non_null(arena_copy(&arena, NULL, 0));
}

/* What only joins texts goes another way than what is formatted. */
static void printf_joins(void **state)
{
    AUTO(arena) arena = { 0 };
    const char *volatile none = NULL;

    (void)state;
    assert_string_equal(arena_printf(&arena, "%s/%s", "main", "web"), "main/web");
    assert_string_equal(arena_printf(&arena, "plain"), "plain");
    assert_string_equal(arena_printf(&arena, "%s%s", "", ""), "");
    assert_string_equal(arena_printf(&arena, "%s: 100%% of %s", "a", "b"), "a: 100% of b");
    assert_string_equal(arena_printf(&arena, "%s has %.3s", "a", "abcdef"), "a has abc");
    assert_string_equal(arena_printf(&arena, "%s is %s", "a", none), "a is (null)");
}

static void printf_of_any_length(void **state)
{
    (void)state;
    AUTO(arena) arena = { 0 };

    assert_string_equal(arena_printf(&arena, "%s-%d", "a", 7), "a-7");
    for (int width = 250; width < 260; width++) {
        char *text = arena_printf(&arena, "%*d", width, 5);
        assert_int_equal(strlen(text), width);
        assert_int_equal(text[width - 1], '5');
    }
    assert_int_equal(strlen(arena_printf(&arena, "%100000d", 5)), 100000);
}

static void typed_helpers(void **state)
{
    (void)state;
    AUTO(arena) arena = { 0 };
    struct pair {
        int64_t a;
        int64_t b;
    };

    struct pair *one = arena_new(&arena, struct pair);
    struct pair *many = arena_array(&arena, struct pair, 10);
    assert_int_equal(one->b, 0);
    assert_int_equal(many[9].a, 0);
    assert_int_equal(arena.size_bytes, 11 * sizeof(struct pair));
}

/* From few elements to so many that they have room of their own. */
static void arrays_are_enlarged(void **state)
{
    AUTO(arena) arena = { 0 };
    uint64_t *all = NULL;
    char *between[24];
    size_t count = 0;

    (void)state;
    for (size_t round = 0; round < ARRAY_COUNT(between); round++) {
        size_t larger = count == 0 ? 3 : 2 * count;

        all = arena_enlarge(&arena, all, count, larger, sizeof(*all));
        for (size_t i = 0; i < count; i++)
            assert_int_equal(all[i], i);
        for (size_t i = count; i < larger; i++) {
            assert_int_equal(all[i], 0);
            all[i] = i;
        }
        count = larger;
        between[round] = arena_printf(&arena, "between %zu", round);
        if (count > 1000000)
            break;
    }
    for (size_t i = 0; i < 10; i++) {
        AUTO(arena) other = { 0 };

        assert_string_equal(between[i], arena_printf(&other, "between %zu", i));
    }
}

static void release_accepts_anything(void **state)
{
    (void)state;
    struct arena arena = { 0 };

    arena_reset(&arena);
    arena_release(&arena);
    arena_release(NULL);
    arena_reset(NULL);
    (void)arena_alloc(&arena, 10);
    arena_release(&arena);
    assert_null(arena.chunk);
    assert_int_equal(arena.size_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(printf_joins),
        cmocka_unit_test(printf_of_any_length),
        cmocka_unit_test(typed_helpers),
        cmocka_unit_test(arrays_are_enlarged),
        cmocka_unit_test(release_accepts_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
