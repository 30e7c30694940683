/*
 * What `show stat` tells as counters; the columns are some of HAProxy 2.6's.
 */
#include <string.h>

#include "drivers/haproxy/stat.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

#define HEAD                                                                                       \
    "# pxname,svname,qcur,qmax,stot,econ,status,weight,type,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,"  \
    "hrsp_5xx,hrsp_other,last_chk,rtime,mode,\n"
#define ROWS                                                                                       \
    "c:web:main:80,one,1,9,50,2,UP,100,2,1,10,2,3,4,0,,12,http,\n"                                 \
    "c:web:main:80,two,0,9,50,0,UP 1/3,0,2,0,5,0,0,0,0,\"a, \"\"b\"\"\",7,http,\n"                 \
    "c:web:main:80,two.first,0,9,50,0,UP,1,2,0,5,0,0,0,0,,7,http,\n"                               \
    "c:web:main:80,BACKEND,3,9,60,2,UP,1,1,0,6,0,0,0,0,,7,http,\n"                                 \
    "c:db:main:81,three,0,0,42,1,no check,100,2,,,,,,,,,tcp,\n"                                    \
    "default.0,BACKEND,0,0,4,0,UP,0,1,0,0,0,4,0,0,,,http,\n"

static void parse(struct stat_table *table, uint64_t process, const char *text)
{
    AUTO_TEXT char *copy = mem_text(text);

    stat_parse(table, process, copy);
}

static void counters(void **state)
{
    AUTO(arena) arena = { 0 };
    struct stat_table table = { .arena = &arena };
    const struct target_sample *target = NULL;

    (void)state;
    parse(&table, 7, "1 master\n\n" HEAD ROWS "\nx,y,1\n");
    assert_int_equal(table.target_count, 3);
    target = &table.targets[0];
    assert_string_equal(target->group, "c:web:main:80");
    assert_string_equal(target->task, "one");
    assert_int_equal(target->process, 7);
    assert_true(target->in_service);
    assert_int_equal(target->requests, 20);
    assert_int_equal(target->answers[0], 10);
    assert_int_equal(target->answers[3], 4);
    assert_int_equal(target->connection_errors, 2);
    assert_int_equal(target->response_ms, 12);
    target = &table.targets[1];
    assert_false(target->in_service); /* it drains */
    assert_int_equal(target->requests, 5);
    assert_int_equal(target->response_ms, 7); /* behind a field with a comma */
    target = &table.targets[2];
    assert_true(target->in_service);
    assert_int_equal(target->requests, 42); /* connections of TCP */
    assert_int_equal(target->answers[0], 0);
    assert_int_equal(table.group_count, 3);
    assert_int_equal(table.groups[0].queued, 4);
}

static void of_two_processes(void **state)
{
    AUTO(arena) arena = { 0 };
    struct stat_table table = { .arena = &arena };

    (void)state;
    parse(&table, 7, HEAD ROWS);
    parse(&table, 6, HEAD ROWS);
    assert_int_equal(table.target_count, 6);
    assert_int_equal(table.targets[3].process, 6);
    assert_int_equal(table.group_count, 3);
    assert_int_equal(table.groups[0].queued, 8);
}

static void of_many_targets(void **state)
{
    AUTO(arena) arena = { 0 };
    AUTO(buf) text = { 0 };
    struct stat_table table = { .arena = &arena };

    (void)state;
    buf_init(&text, (size_t)64 * 1024 * 1024);
    buf_text_add(&text, HEAD);
    for (size_t i = 0; i < STAT_ROWS_MAX + 10; i++)
        buf_printf(&text, "g:s:c:1,%zu,0,0,0,0,UP,1,2,0,1,0,0,0,0,,,http,\n", i);
    stat_parse(&table, 1, text.data);
    assert_int_equal(table.target_count, STAT_ROWS_MAX);
}

static void what_is_no_table(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "Unknown command\n",
        "# pxname,\n,\n",
        "a,b,c\n",
        HEAD ",one,1\n",
        HEAD "g,,1\n",
        HEAD "# other\ng,one,1\n",
        "# pxname,svname\n\ng,one\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        AUTO(arena) arena = { 0 };
        struct stat_table table = { .arena = &arena };

        parse(&table, 1, texts[i]);
        assert_int_equal(table.target_count, 0);
        assert_int_equal(table.group_count, 0);
    }
}

static void what_is_not_told(void **state)
{
    AUTO(arena) arena = { 0 };
    struct stat_table table = { .arena = &arena };

    (void)state;
    parse(&table, 1, "# pxname,svname\ng:s:c:1,one\ng:s:c:1,two,\"open\n");
    assert_int_equal(table.target_count, 2);
    assert_int_equal(table.targets[0].requests, 0);
    assert_false(table.targets[0].in_service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters),         cmocka_unit_test(of_two_processes),
        cmocka_unit_test(of_many_targets),  cmocka_unit_test(what_is_no_table),
        cmocka_unit_test(what_is_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
