/*
 * Nodes, their positions, and everything that is refused.
 */
#include <stdio.h>
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/yaml.h"
#include "tests/unit/unit.h"

static struct arena arena;
static struct diag_list diags;

static int forget(void **state)
{
    (void)state;
    arena_release(&arena);
    diag_release(&diags);
    memset(&diags, 0, sizeof(diags));
    return 0;
}

static const struct node *parse_n(const char *text, size_t size)
{
    struct yaml_file file;

    if (yaml_parse("f", text, size, &arena, &diags, &file) < 0) {
        assert_true(diags.errors > 0);
        return NULL;
    }
    assert_int_equal(diags.errors, 0);
    assert_true(file.document_count > 0);
    return file.documents[0];
}

static const struct node *parse(const char *text)
{
    return parse_n(text, strlen(text));
}

static void check_refused(const char *text, size_t size, uint32_t line, uint32_t column,
                          const char *part)
{
    (void)forget(NULL);
    assert_null(parse_n(text, size));
    if (strstr(diags.items[0].text, part) == NULL)
        fail_msg("'%s' does not say '%s'", diags.items[0].text, part);
    assert_int_equal(diags.items[0].line, line);
    assert_int_equal(diags.items[0].column, column);
}

#define REFUSED(text, line, column, part)                                                          \
    check_refused((text), sizeof(text) - 1, (line), (column), (part))

static void nodes_know_their_positions(void **state)
{
    (void)state;
    const struct node *root = parse("a: 1\nb:\n  - x\n  - {ü: \"q\", c: 'd'}\n");

    assert_int_equal(root->type, NODE_MAP);
    assert_int_equal(root->count, 2);
    const struct node *list = node_get(root, "b");
    assert_int_equal(list->type, NODE_LIST);
    assert_int_equal(list->line, 3);
    assert_int_equal(list->column, 3);
    const struct node *map = list->items[1];
    assert_int_equal(map->members[1].line, 4);
    assert_int_equal(map->members[1].column, 14); /* characters, not bytes */
    assert_string_equal(node_get(map, "c")->text, "d");
    assert_false(node_get(map, "c")->plain);
    assert_true(node_get(root, "a")->plain);
    assert_int_equal(root->expanded, 7);
    assert_int_equal(root->height, 4);
}

static void only_three_texts_are_null(void **state)
{
    (void)state;
    const struct node *root = parse("a:\nb: ~\nc: null\nd: Null\ne: 'null'\nf: ''\ng: no\n");

    assert_null(node_get(root, "a"));
    assert_null(node_get(root, "b"));
    assert_null(node_get(root, "c"));
    assert_string_equal(node_get(root, "d")->text, "Null");
    assert_string_equal(node_get(root, "e")->text, "null");
    assert_string_equal(node_get(root, "f")->text, "");
    assert_string_equal(node_get(root, "g")->text, "no");
}

static void documents_are_split_and_empty_ones_dropped(void **state)
{
    (void)state;
    static const char text[] = "---\n# nothing\n---\na: 1\n---\n---\nb: 2\n...\n";
    struct yaml_file file;

    assert_int_equal(yaml_parse("f", text, sizeof(text) - 1, &arena, &diags, &file), 0);
    assert_int_equal(file.document_count, 2);
    assert_int_equal(file.documents[1]->line, 7);
    assert_int_equal(yaml_parse("f", "", 0, &arena, &diags, &file), 0);
    assert_int_equal(file.document_count, 0);
}

static void aliases_share_and_merges_fill_in(void **state)
{
    (void)state;
    const struct node *root = parse("base: &b {x: 1, y: 2}\n"
                                    "more: &m {y: 3, z: 4}\n"
                                    "one: {<<: *b, x: 9}\n"
                                    "two: {<<: [*b, *m]}\n"
                                    "text: {'<<': literal}\n"
                                    "same: *b\n");

    assert_string_equal(node_get(node_get(root, "one"), "x")->text, "9");
    assert_string_equal(node_get(node_get(root, "one"), "y")->text, "2");
    assert_int_equal(node_get(root, "one")->count, 2);
    assert_string_equal(node_get(node_get(root, "two"), "y")->text, "2");
    assert_string_equal(node_get(node_get(root, "two"), "z")->text, "4");
    assert_string_equal(node_get(node_get(root, "text"), "<<")->text, "literal");
    assert_ptr_equal(node_get(root, "same"), node_get(root, "base"));
}

static void what_is_ambiguous_is_refused(void **state)
{
    (void)state;
    REFUSED("a: 1\nb: 2\na: 3\n", 3, 1, "duplicate key 'a': it was given in line 1");
    REFUSED("{a: 1, \"a\": 2}", 1, 8, "duplicate key");
    REFUSED("? [a]\n: 1\n", 1, 3, "a key must be plain text");
    REFUSED("x: &x [1]\n*x : 1\n", 2, 1, "a key must be plain text");
    REFUSED("a: !!binary aGk=\n", 1, 4, "binary");
    REFUSED("a: !mine x\n", 1, 4, "unknown tag");
    REFUSED("a: *b\n", 1, 4, "no anchor '&b'");
    REFUSED("a: &a [*a]\n", 1, 8, "no anchor '&a'");
    REFUSED("--- &a x\n--- *a\n", 2, 5, "no anchor"); /* of another document */
    REFUSED("a: {<<: 3}\n", 1, 5, "merges maps");
    REFUSED("a: \"x\\0y\"\n", 1, 4, "NUL");
    REFUSED("a: b\0c\n", 1, 5, "not UTF-8");
    REFUSED("ok: 1\na: \xc3\x28\n", 2, 4, "not UTF-8");
    REFUSED("\xff\xfe"
            "a",
            1, 1, "not UTF-8");
    REFUSED("a: [1, 2\nb: 3\n", 2, 2, "not valid YAML");
    REFUSED("a:\n\tb: 1\n", 2, 1, "a tab cannot indent");
    REFUSED("a: \x07\n", 1, 1, "not valid YAML");
}

static void all_mistakes_but_those_of_syntax_are_found(void **state)
{
    (void)state;
    assert_null(parse("a: 1\na: 2\nb: *x\nc: !!binary x\n"));
    assert_int_equal(diags.errors, 3);
}

static void surrogate_pairs_become_characters(void **state)
{
    (void)state;
    const struct node *root =
        parse("{\"a\": \"\\ud83d\\ude00!\", \"b\": \"x\\\\ud83d\", \"c\": \"\\\\\\ud83d\\ude00\"}");

    assert_string_equal(node_get(root, "a")->text, "\xF0\x9F\x98\x80!");
    assert_string_equal(node_get(root, "b")->text, "x\\ud83d");
    assert_string_equal(node_get(root, "c")->text, "\\\xF0\x9F\x98\x80");
    assert_int_equal(root->members[1].column, 24); /* as the user counts */
    assert_int_equal(root->members[2].column, 41);
}

static void surrogate_pairs_mean_nothing_in_other_quotes(void **state)
{
    (void)state;
    const struct node *root = parse("a: \\ud83d\\ude00 \\U0001F600\n"
                                    "b: 'x \\U0001F600 \\ud83d\\ude00'\n"
                                    "c: |\n"
                                    "  {\"x\": \"\\ud83d\\ude00\"}\n"
                                    "d: \"\\ud83d\\ude00\"\n"
                                    "e: 1\n");

    assert_string_equal(node_get(root, "a")->text, "\\ud83d\\ude00 \\U0001F600");
    assert_string_equal(node_get(root, "b")->text, "x \\U0001F600 \\ud83d\\ude00");
    assert_string_equal(node_get(root, "c")->text, "{\"x\": \"\\ud83d\\ude00\"}\n");
    assert_string_equal(node_get(root, "d")->text, "\xF0\x9F\x98\x80");
    REFUSED("a: \"\\ud83d\"\n", 1, 7, "not valid YAML");
    REFUSED("a: \"\\ude00\\ud83d\"\n", 1, 7, "not valid YAML");
}

static void a_byte_order_mark_is_dropped(void **state)
{
    (void)state;
    assert_string_equal(node_get(parse("\xEF\xBB\xBF"
                                       "a: 1\n"),
                                 "a")
                            ->text,
                        "1");
}

/* "a: &a [..]" nine times, each nine aliases of the one before: nine to the ninth values. */
static void alias_bombs_are_counted(void **state)
{
    (void)state;
    static const char bomb[] = "a: &a [x,x,x,x,x,x,x,x,x]\n"
                               "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                               "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                               "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                               "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
                               "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    static const char merges[] = "a: &a {a1: x, a2: x, a3: x}\n"
                                 "b: &b {<<: *a, b1: *a, b2: *a, b3: *a}\n";

    assert_null(parse(bomb));
    assert_non_null(strstr(diags.items[0].text, "more than 200000 values"));
    (void)forget(NULL);
    assert_int_equal(node_get(parse(merges), "b")->count, 6);
}

static void nesting_is_limited(void **state)
{
    (void)state;
    char text[2 * LIMIT_YAML_DEPTH + 8] = { 0 };

    memset(text, '[', LIMIT_YAML_DEPTH);
    memset(text + LIMIT_YAML_DEPTH, ']', LIMIT_YAML_DEPTH);
    assert_non_null(parse(text));
    memset(text, '[', LIMIT_YAML_DEPTH + 1);
    memset(text + LIMIT_YAML_DEPTH + 1, ']', LIMIT_YAML_DEPTH + 1);
    assert_null(parse(text));
    assert_non_null(strstr(diags.items[0].text, "32 levels"));
    (void)forget(NULL);
    assert_null(parse(
        "a: &a [[[[[[[[[[1]]]]]]]]]]\nb: [[[[[[[[[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]]]]]]]]\n"));
    assert_non_null(strstr(diags.items[0].text, "the alias written out"));
}

static void documents_are_limited(void **state)
{
    (void)state;
    AUTO(buf) text = { 0 };

    buf_init(&text, 1 << 20);
    for (int i = 0; i <= LIMIT_MANIFEST_DOCUMENTS; i++)
        buf_text_add(&text, "--- x\n");
    assert_null(parse(buf_text(&text)));
    assert_non_null(strstr(diags.items[0].text, "10000 documents"));
}

static void nothing_is_said_by_emptiness(void **state)
{
    (void)state;
    const struct node *root =
        parse("a: {}\nb: []\nc: {x: false, y: [], z: {q: 0}}\nd: ''\ne: [1]\nf: {x: no}\n");

    assert_true(node_says_nothing(node_get(root, "a")));
    assert_true(node_says_nothing(node_get(root, "b")));
    assert_true(node_says_nothing(node_get(root, "c")));
    assert_true(node_says_nothing(node_get(root, "d")));
    assert_false(node_says_nothing(node_get(root, "e")));
    assert_false(node_says_nothing(node_get(root, "f")));
    assert_true(node_says_nothing(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, forget, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nodes_know_their_positions),
        TEST(only_three_texts_are_null),
        TEST(documents_are_split_and_empty_ones_dropped),
        TEST(aliases_share_and_merges_fill_in),
        TEST(what_is_ambiguous_is_refused),
        TEST(all_mistakes_but_those_of_syntax_are_found),
        TEST(surrogate_pairs_become_characters),
        TEST(surrogate_pairs_mean_nothing_in_other_quotes),
        TEST(a_byte_order_mark_is_dropped),
        TEST(alias_bombs_are_counted),
        TEST(nesting_is_limited),
        TEST(documents_are_limited),
        TEST(nothing_is_said_by_emptiness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
