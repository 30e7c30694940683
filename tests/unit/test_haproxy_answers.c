/*
 * What HAProxy answers on its command line; the texts are those of 2.6.12.
 */
#include <string.h>

#include "drivers/haproxy/answers.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

#define PROC                                                                                       \
    "#<PID>          <type>          <reloads>       <uptime>        <version>      \n"            \
    "28684           master          7 [failed: 2]   0d00h00m04s     2.6.12-1+deb12u4\n"           \
    "# workers\n"                                                                                  \
    "28685           worker          0               0d00h00m04s     2.6.12-1+deb12u4\n"           \
    "# old workers\n"                                                                              \
    "28600           worker          1               0d00h10m04s     2.6.12-1+deb12u4\n"           \
    "28601           worker          2               0d00h11m04s     2.6.12-1+deb12u4\n"           \
    "# programs\n\n"
#define INFO "Name: HAProxy\nStopping: 1\ndescription: berth me web abc\n\n"
#define STATE                                                                                      \
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "        \
    "srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health "   \
    "srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord "  \
    "srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n"                    \
    "2 a:b:c:80 2 two 10.0.0.2 0 8 100 1 12 7 2 0 6 0 0 0 - 80 - 0 81 - - 81\n"                    \
    "2 a:b:c:80 1 one 10.0.0.1 2 0 0 1 12 15 3 6 6 0 0 0 - 80 - 0 81 - - 81\n"                     \
    "2 a:b:c:80 3 one.first 10.0.0.1 0 1 0 1 12 1 0 0 2 0 0 0 - 80 - 0 81 - - 81\n\n"
#define STAT                                                                                       \
    "# pxname,svname,qcur,qmax,scur,future,check_status,check_code,\n"                             \
    "a:b:c:80,one,2,0,3,x,* L7OK,200,\n"                                                           \
    "a:b:c:80,two,0,0,1,x,L7STS,500,\n"                                                            \
    "a:b:c:80,none,0,0,1,x,L7STS,500,\n"                                                           \
    "a:b:c:80,one.first,0,0,0,x,,,\n\n"

static void all_at_once(void **state)
{
    AUTO(arena) arena = { 0 };
    struct answers answers;
    const struct answer_server *server;

    (void)state;
    answers_parse(PROC INFO STATE STAT, &arena, &answers);
    assert_int_equal(answers.master, 28684);
    assert_int_equal(answers.failed, 2);
    assert_int_equal(answers.worker, 28685);
    assert_int_equal(answers.old_worker_count, 2);
    assert_int_equal(answers.old_workers[1], 28601);
    assert_true(answers.is_stopping);
    assert_string_equal(answers.description, "berth me web abc");
    assert_int_equal(answers.server_count, 3);

    server = answers_find(&answers, "a:b:c:80", "one", false);
    assert_non_null(server);
    assert_string_equal(server->address, "10.0.0.1");
    assert_int_equal(server->port, 80);
    assert_int_equal(server->check_port, 81);
    assert_true(server->is_up && server->has_passed && !server->has_failed);
    assert_true(!server->is_in_maint && !server->is_drained);
    assert_int_equal(server->weight, 0);
    assert_int_equal(server->connections, 5);
    assert_string_equal(server->check_status, "L7OK");

    server = answers_find(&answers, "a:b:c:80", "two", false);
    assert_true(server != NULL && !server->is_up && server->is_drained && server->has_failed);
    assert_int_equal(server->check_code, 500);
    server = answers_find(&answers, "a:b:c:80", "one", true);
    assert_true(server != NULL && server->is_in_maint);
    assert_null(answers_find(&answers, "a:b:c:80", "none", false));
}

static void nothing(void **state)
{
    static const char *const texts[] = {
        "", "\n\n", "# be_id\n", "# pxname,\n,,,,\n", "#<PID>\nx master\n4294967296 master\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        AUTO(arena) arena = { 0 };
        struct answers answers;

        answers_parse(texts[i], &arena, &answers);
        assert_int_equal(answers.master, 0);
        assert_int_equal(answers.server_count, 0);
    }
}

static void descriptions(void **state)
{
#define SHAPE "0123456789012345678901234567890123456789012345678901234567890123"
    static const struct {
        const char *text;
        bool is_ours;
    } cases[] = {
        { "berth me web " SHAPE, true },
        { "berth me web " SHAPE "4", false },
        { "berth you web " SHAPE, false },
        { "berth mean web " SHAPE, false },
        { "berth me web", false },
        { "berth me  " SHAPE, false },
        { "web", false },
        { NULL, false },
    };
    AUTO(arena) arena = { 0 };
    const char *name = NULL;
    const char *shape = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(answer_description(cases[i].text, "me", &arena, &name, &shape),
                         cases[i].is_ours);
    assert_string_equal(name, "web");
    assert_string_equal(shape, SHAPE);
}

static void reasons(void **state)
{
    AUTO(arena) arena = { 0 };
    struct answer_server server = { .has_failed = true,
                                    .check_status = "L7STS",
                                    .check_code = 500 };

    (void)state;
    assert_string_equal(answer_reason(&server, &arena),
                        "Health checks failed with these codes: [500]");
    text_copy(server.check_status, sizeof(server.check_status), "L4TOUT");
    assert_string_equal(answer_reason(&server, &arena), "Request timed out");
    text_copy(server.check_status, sizeof(server.check_status), "L4CON");
    assert_string_equal(answer_reason(&server, &arena), "Health checks failed");
    server.has_failed = false;
    assert_null(answer_reason(&server, &arena));
}

static void alerts(void **state)
{
    static const char *const cases[][2] = {
        { "[NOTICE]   (1) : x\n[ALERT]    (1) : Binding [/r/haproxy.cfg:19] for frontend f: cannot "
          "bind socket (Address already in use) for [127.0.0.1:8099]\n",
          "cannot listen on 127.0.0.1:8099: Address already in use" },
        { "[WARNING] (1) : y\n[ALERT] (1) : config : parsing [x:1]: wrong\n[ALERT] (1) : z\n",
          "config : parsing [x:1]: wrong" },
        { "sh: 3: haproxy: not found\n", "sh: 3: haproxy: not found" },
        { "cannot bind socket (x", "cannot bind socket (x" },
        { "", "it does not say why" },
    };
    AUTO(arena) arena = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_string_equal(answer_alert(cases[i][0], &arena), cases[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_at_once), cmocka_unit_test(nothing), cmocka_unit_test(descriptions),
        cmocka_unit_test(reasons),     cmocka_unit_test(alerts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
