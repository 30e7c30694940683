/*
 * Words of programs are cut out of what is not for everybody.
 */
#include "reconciler/api/words.h"
#include "tests/unit/unit.h"

static void texts_keep_their_sense(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        const char *cut;
    } cases[] = {
        { "", "" },
        { "exit code 1: nothing of ours", "exit code 1: nothing of ours" },
        { "Task failed container health checks", "Task failed container health checks" },
        { "Task failed container health checks.", "Task failed container health checks." },
        { "Task failed container health checks (web: exit code 1)",
          "Task failed container health checks (web: exit code 1)" },
        { "(service s) has stopped 1 running tasks: (task t). Task failed container health checks"
          " (web: exit code 137: a) b (c: d)",
          "(service s) has stopped 1 running tasks: (task t). Task failed container health checks"
          " (web: exit code 137)" },
        { "Task failed container health checks (web: Health check exceeded timeout (1s): pin)",
          "Task failed container health checks (web)" },
        { "Task failed container health checks (web: exit code : x)",
          "Task failed container health checks (web: exit code )" },
        { "Task failed container health checks (web: exit code 1: a\nnext: Task failed container "
          "health checks (b: exit code -1: c\nlast",
          "Task failed container health checks (web: exit code 1)\nnext: Task failed container "
          "health checks (b: exit code -1)\nlast" },
        { "Task failed container health checks (", "Task failed container health checks ()" },
        { "image web: code 2; last output:\nTOKEN=pin\nmake: no", "image web: code 2" },
        { "Task failed container health checks (web: exit code 1: a); last output:\nb",
          "Task failed container health checks (web: exit code 1)" },
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(buf) out = { 0 };

        buf_init(&out, 4096);
        words_cut_text(cases[i].text, &out);
        assert_string_equal(buf_text(&out), cases[i].cut);
    }
}

static void members_that_hold_nothing_else_go(void **unused)
{
    (void)unused;
    static const char text[] =
        "{\"a\":[1,2.5,true,null,{\"reason\":\"Task failed container health checks (w: exit code 1:"
        " pin)\"}],\"failedCheck\":{\"exitCode\":3,\"output\":\"pin\"},"
        "\"x\":{\"lastLines\":[{\"text\":\"pin\"}],\"kept\":\"yes\"}}";
    struct err err = { 0 };
    AUTO(json) *value = json_parse(text, sizeof(text) - 1, &err);
    AUTO(json) *cut = words_cut_json(value);
    AUTO_TEXT char *have = json_print_text(cut, JSON_STYLE_COMPACT);

    assert_string_equal(
        have, "{\"a\":[1,2.5,true,null,{\"reason\":\"Task failed container health checks (w: exit"
              " code 1)\"}],\"failedCheck\":{\"exitCode\":3},\"x\":{\"kept\":\"yes\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_keep_their_sense),
        cmocka_unit_test(members_that_hold_nothing_else_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
