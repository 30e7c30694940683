/*
 * Engine JSON into reports: what is ours, what is not, what changed, and that nothing odd hurts.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/read.h"
#include "drivers/docker/write.h"
#include "spec/base/limits.h"
#include "spec/base/rng.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

#define TASK "0123456789abcdef0123456789abcdef"
#define LABELS                                                                                     \
    "{\"berth.owner\":\"demo\",\"berth.task\":\"" TASK "\",\"berth.container\":\"web\","           \
    "\"berth.cluster\":\"local\",\"berth.service\":\"shop\",\"berth.containers\":\"1\","           \
    "\"berth.slot\":\"2\",\"berth.attempt\":\"3\","                                                \
    "\"berth.memory\":\"512\",\"berth.cpu\":\"256\","                                              \
    "\"berth.limits\":\"NanoCpus=250000000 Memory=1048576 MemorySwap=1048576\"}"
#define INSPECT                                                                                    \
    "{\"Id\":\"aa\",\"Name\":\"/berth-0123456789ab-web\",\"Image\":\"sha256:1\","                  \
    "\"Created\":\"2026-01-01T00:00:00Z\",\"RestartCount\":0,"                                     \
    "\"State\":{\"Status\":\"running\",\"Paused\":false,\"OOMKilled\":true,\"ExitCode\":137,"      \
    "\"StartedAt\":\"2026-01-01T00:00:01.5Z\",\"FinishedAt\":\"0001-01-01T00:00:00Z\","            \
    "\"Health\":{\"Status\":\"healthy\"}},"                                                        \
    "\"HostConfig\":{\"NetworkMode\":\"berth-demo-local\",\"NanoCpus\":250000000,"                 \
    "\"Memory\":1048576,\"MemorySwap\":1048576,\"PidsLimit\":null,"                                \
    "\"RestartPolicy\":{\"Name\":\"no\"}},"                                                        \
    "\"NetworkSettings\":{\"Networks\":{\"berth-demo-local\":{\"IPAddress\":\"172.18.0.2\","       \
    "\"Aliases\":[\"shop\",\"aa\"]}}},"                                                            \
    "\"Config\":{\"Labels\":" LABELS "}}"

static const struct reader reader = { .instance = "local", .owner = "demo" };

static struct json *parse(const char *text)
{
    struct json *value = json_parse(text, strlen(text), NULL);

    assert_non_null(value);
    return value;
}

/* INSPECT with the first occurrence of `from` replaced. */
static struct json *changed(const char *from, const char *to)
{
    const char *at = strstr(INSPECT, from);
    struct buf text;

    assert_non_null(at);
    buf_init(&text, 1024 * 1024);
    buf_printf(&text, "%.*s%s%s", (int)(at - INSPECT), INSPECT, to, at + strlen(from));
    struct json *value = parse(buf_text(&text));
    buf_release(&text);
    return value;
}

static void inspect_says_everything(void **state)
{
    AUTO(json) *value = parse(INSPECT);
    struct container_report report;

    (void)state;
    assert_true(read_container(&reader, value, &report));
    assert_string_equal(report.instance, "local");
    assert_string_equal(report.id, "aa");
    assert_string_equal(report.name, "berth-0123456789ab-web");
    assert_string_equal(report.cluster, "local");
    assert_string_equal(report.service, "shop");
    assert_string_equal(report.container, "web");
    assert_int_equal(report.containers, 1);
    assert_int_equal(report.slot, 2);
    assert_int_equal(report.attempt, 3);
    assert_int_equal(report.memory_mib, 512);
    assert_int_equal(report.cpu_units, 256);
    assert_int_equal(report.status, CONTAINER_RUNNING);
    assert_int_equal(report.health, HEALTH_HEALTHY);
    assert_int_equal(report.exit_code, 137);
    assert_true(report.oom_killed);
    assert_true(report.inspected);
    assert_string_equal(report.address, "172.18.0.2");
    assert_int_equal(report.started_ms - report.created_ms, 1500);
    assert_int_equal(report.finished_ms, 0);
    assert_null(report.drift);
}

/* One that the engine found running after it died in the middle of the start. */
static void a_start_that_nobody_saw(void **state)
{
    static const char *const cases[] = { "running", "paused", "restarting" };
    struct container_report report;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(arena) arena = { 0 };
        AUTO(json) *value = changed(
            "\"running\",\"Paused\":false,\"OOMKilled\":true,\"ExitCode\":137,"
            "\"StartedAt\":\"2026-01-01T00:00:01.5Z\"",
            arena_printf(&arena, "\"%s\",\"StartedAt\":\"0001-01-01T00:00:00Z\"", cases[i]));

        assert_true(read_container(&reader, value, &report));
        assert_true(report.created_ms > 0);
        assert_int_equal(report.started_ms, report.created_ms);
    }
    AUTO(json) *created = changed("\"running\",\"Paused\":false,\"OOMKilled\":true,"
                                  "\"ExitCode\":137,\"StartedAt\":\"2026-01-01T00:00:01.5Z\"",
                                  "\"created\",\"StartedAt\":\"0001-01-01T00:00:00Z\"");
    assert_true(read_container(&reader, created, &report));
    assert_int_equal(report.started_ms, 0);
}

static void ports_of_the_host_are_told(void **state)
{
    static const struct {
        const char *ports;
        const char *bindings;
    } cases[] = {
        { "{}", "" },
        { "{\"80/tcp\":null}", "" }, /* exposed, not published */
        { "{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"49153\"},"
          "{\"HostIp\":\"::\",\"HostPort\":\"49154\"}],"
          "\"53/udp\":[{\"HostPort\":\"53\"}]}",
          "49153:80/tcp 53:53/udp" },
        { "{\"80/tcp\":[]}", "" },
        { "{\"80/tcp\":[{}]}", "" },
        { "{\"80/tcp\":[{\"HostPort\":\"0\"}],\"x\":[{\"HostPort\":\"1\"}],"
          "\"81/tcp\":[{\"HostPort\":\"65536\"}],\"82/tcp\":[{\"HostPort\":7}]}",
          "" },
        { "7", "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(arena) arena = { 0 };
        AUTO(json) *value =
            parse(arena_printf(&arena, "{\"NetworkSettings\":{\"Ports\":%s}}", cases[i].ports));
        AUTO(buf) bindings = { 0 };

        buf_init(&bindings, LIMIT_HOST_BINDINGS);
        read_bindings(value, &bindings);
        assert_string_equal(buf_text(&bindings), cases[i].bindings);
    }
}

static void whose_network_is_the_hosts_is_told(void **state)
{
    AUTO(json) *value = changed("\"NetworkMode\":\"berth-demo-local\"", "\"NetworkMode\":\"host\"");
    struct container_report report;

    (void)state;
    assert_true(read_container(&reader, value, &report));
    assert_true(report.on_host);
}

static void the_last_failed_check_is_told(void **state)
{
    static const struct {
        const char *health;
        int exit_code;
        const char *output;
    } cases[] = {
        { "\"Log\":[{\"ExitCode\":0,\"Output\":\"ok\"},{\"ExitCode\":1,\"Output\":\"down\"}]}", 1,
          "down" },
        { "\"Log\":[{\"ExitCode\":1,\"Output\":\"down\"},{\"ExitCode\":0,\"Output\":\"ok\"}]}", 0,
          NULL },
        { "\"Log\":[{\"ExitCode\":-1}]}", -1, NULL },
        { "\"Log\":[]}", 0, NULL },
        { "\"Log\":null}", 0, NULL },
        { "\"Log\":[{\"ExitCode\":9999999999,\"Output\":7}]}", -1, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char health[256];
        struct container_report report;

        (void)snprintf(health, sizeof(health), "\"Status\":\"healthy\",%s", cases[i].health);
        AUTO(json) *value = changed("\"Status\":\"healthy\"}", health);
        assert_true(read_container(&reader, value, &report));
        assert_int_equal(report.check_exit_code, cases[i].exit_code);
        if (cases[i].output == NULL)
            assert_null(report.check_output);
        else
            assert_string_equal(report.check_output, cases[i].output);
    }
}

static void what_is_not_ours(void **state)
{
    static const struct {
        const char *from;
        const char *to;
    } cases[] = {
        { "\"berth.owner\":\"demo\"", "\"berth.owner\":\"other\"" },
        { "\"berth.owner\":\"demo\",", "" },
        { "\"berth.cluster\":\"local\",", "" },
        { "\"berth.cluster\":\"local\"", "\"berth.cluster\":\"\"" },
        { "\"berth.cluster\":\"local\"", "\"berth.cluster\":\"a/b\"" },
        { "\"berth.container\":\"web\"", "\"berth.container\":\"\"" },
        { "\"berth.task\":\"" TASK "\"", "\"berth.task\":\"short\"" },
        { "\"berth.task\":\"" TASK "\"", "\"berth.task\":7" },
        { "/berth-0123456789ab-web", "/renamed" },
        { "\"running\"", "\"flying\"" },
        { "\"Id\":\"aa\"", "\"Id\":null" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(json) *value = changed(cases[i].from, cases[i].to);
        struct container_report report;
        assert_false(read_container(&reader, value, &report));
    }
}

static void drift_names_the_field(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *field;
    } cases[] = {
        { "\"Memory\":1048576,", "\"Memory\":2097152,", "Memory" },
        { "\"NanoCpus\":250000000,", "\"NanoCpus\":0,", "NanoCpus" },
        { "\"MemorySwap\":1048576,", "\"MemorySwap\":-1,", "MemorySwap" },
        { "\"PidsLimit\":null", "\"PidsLimit\":10", "PidsLimit" },
        { "\"Name\":\"no\"", "\"Name\":\"always\"", "RestartPolicy" },
        { "\"Paused\":false", "\"Paused\":true", "Paused" },
        { "{\"berth-demo-local\":{", "{\"bridge\":{},\"berth-demo-local\":{", "Networks" },
        { "{\"berth-demo-local\":{", "{\"bridge\":{", "Networks" },
        { "[\"shop\",\"aa\"]", "[\"aa\"]", "Aliases" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(json) *value = changed(cases[i].from, cases[i].to);
        struct container_report report;
        assert_true(read_container(&reader, value, &report));
        assert_string_equal(report.drift, cases[i].field);
    }
}

static void what_the_kernel_lacks_is_no_drift(void **state)
{
    AUTO(json) *value = changed("\"MemorySwap\":1048576,", "\"MemorySwap\":-1,");
    AUTO(json) *info = parse("{\"SwapLimit\":false,\"MemoryLimit\":true}");
    struct reader old = reader;
    struct container_report report;

    (void)state;
    read_facilities(info, &old);
    assert_true(old.lacks_swap_limit);
    assert_false(old.lacks_memory_limit || old.lacks_cpu_quota || old.lacks_cpu_shares);
    assert_true(read_container(&old, value, &report));
    assert_null(report.drift);
}

static void joined_namespaces_have_no_network(void **state)
{
    AUTO(json) *value =
        changed("\"NetworkMode\":\"berth-demo-local\"", "\"NetworkMode\":\"container:bb\"");
    struct container_report report;

    (void)state;
    assert_true(read_container(&reader, value, &report));
    assert_null(report.drift);
    assert_null(report.address);
}

static void summary(void **state)
{
    AUTO(json) *value =
        parse("{\"Id\":\"aa\",\"Names\":[\"/x/link\",\"/berth-0123456789ab-web\"],"
              "\"ImageID\":\"sha256:1\",\"State\":\"exited\",\"Labels\":" LABELS "}");
    struct container_report report;

    (void)state;
    assert_true(read_container_summary(&reader, value, &report));
    assert_string_equal(report.name, "berth-0123456789ab-web");
    assert_int_equal(report.status, CONTAINER_EXITED);
    assert_false(report.inspected);
}

static void images(void **state)
{
    AUTO(json) *listed =
        parse("{\"Id\":\"sha256:1\",\"RepoTags\":[\"<none>:<none>\",\"berth/web:1\"],"
              "\"RepoDigests\":null,\"Created\":1700000000,\"Size\":5,"
              "\"Labels\":{\"berth.image.name\":\"web\",\"berth.image.owner\":\"demo\"}}");
    AUTO(json) *inspected = parse("{\"Id\":\"sha256:1\",\"RepoDigests\":[\"r/web@sha256:2\"],"
                                  "\"Created\":\"2023-11-14T22:13:20Z\","
                                  "\"Config\":{\"Labels\":{\"berth.image.name\":\"web\"}}}");
    struct image_names names;
    struct image_report report;

    (void)state;
    assert_true(read_image(&reader, listed, &names, &report));
    assert_int_equal(report.tag_count, 1);
    assert_string_equal(report.tags[0], "berth/web:1");
    assert_int_equal(report.digest_count, 0);
    assert_string_equal(report.owner, "demo");
    assert_int_equal(report.created_ms, 1700000000000);
    assert_true(read_image(&reader, inspected, &names, &report));
    assert_string_equal(report.digests[0], "r/web@sha256:2");
    assert_string_equal(report.name, "web");
    assert_int_equal(report.created_ms, 1700000000000);
}

static void networks_and_volumes(void **state)
{
    AUTO(json) *network = parse("{\"Name\":\"n\",\"Labels\":{\"berth.network.owner\":\"demo\","
                                "\"berth.network.cluster\":\"local\"}}");
    AUTO(json) *foreign = parse("{\"Name\":\"n\",\"Labels\":{\"berth.network.owner\":\"x\"}}");
    AUTO(json) *bare = parse("{\"Name\":\"berth-demo\",\"Labels\":null}");
    struct named_report report;

    (void)state;
    assert_true(read_network(&reader, network, &report));
    assert_string_equal(report.cluster, "local");
    assert_false(read_network(&reader, foreign, &report));
    assert_true(read_volume(&reader, bare, &report));
    assert_null(report.owner);
}

static void info(void **state)
{
    AUTO(json) *value =
        parse("{\"ID\":\"AB:CD\",\"ServerVersion\":\"20.10.24\",\"Architecture\":\"x86_64\","
              "\"NCPU\":2,\"MemTotal\":8589934592,\"SystemTime\":\"2026-01-01T00:00:10Z\"}");
    struct instance_report report = { 0 };

    (void)state;
    read_info(value, 1767225600000, &report);
    assert_string_equal(report.engine_id, "AB:CD");
    assert_int_equal(report.cpu_units, 2048);
    assert_int_equal(report.memory_mib, 8192);
    assert_int_equal(report.clock_skew_ms, 10000);
}

static void events(void **state)
{
    static const struct {
        const char *action;
        enum event_type type;
    } cases[] = {
        { "create", EVENT_CONTAINER_CREATED },
        { "start", EVENT_CONTAINER_CHANGED },
        { "health_status: unhealthy", EVENT_CONTAINER_CHANGED },
        { "die", EVENT_CONTAINER_ENDED },
        { "kill", EVENT_CONTAINER_KILLED },
        { "destroy", EVENT_CONTAINER_GONE },
        { "exec_start: /check", EVENT_OTHER },
        { "stop", EVENT_OTHER },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[400];
        (void)snprintf(text, sizeof(text),
                       "{\"Type\":\"container\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"aa\","
                       "\"Attributes\":{\"berth.owner\":\"demo\",\"berth.task\":\"" TASK "\","
                       "\"name\":\"n\"}}}",
                       cases[i].action);
        AUTO(json) *value = parse(text);
        struct event_report event = read_event(&reader, value);
        assert_int_equal(event.type, cases[i].type);
        assert_string_equal(event.id, "aa");
        assert_string_equal(event.name, "n");
    }
    AUTO(json) *foreign = parse("{\"Type\":\"container\",\"Action\":\"start\","
                                "\"Actor\":{\"ID\":\"aa\",\"Attributes\":{}}}");
    assert_int_equal(read_event(&reader, foreign).type, EVENT_OTHER);
    AUTO(json) *no_task = parse("{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":"
                                "{\"ID\":\"aa\",\"Attributes\":{\"berth.owner\":\"demo\"}}}");
    assert_int_equal(read_event(&reader, no_task).type, EVENT_OTHER);
}

static void signals(void **state)
{
    static const struct {
        const char *text;
        int number;
    } cases[] = {
        { "1", SIGHUP },        { "28", SIGWINCH },      { "64", 64 },
        { "SIGHUP", SIGHUP },   { "quit", SIGQUIT },     { "SigWinch", SIGWINCH },
        { "SIGRTMIN+3", 37 },   { "RTMIN+30", 64 },      { "", SIGTERM },
        { "65", SIGTERM },      { "RTMIN+31", SIGTERM }, { "SIG", SIGTERM },
        { "SIGNONE", SIGTERM },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(json) *container = json_object();
        struct json *config = json_object();

        json_set_text(config, "StopSignal", cases[i].text);
        json_set(container, "Config", config);
        assert_int_equal(read_stop_signal(container), cases[i].number);
    }
    AUTO(json) *event = parse("{\"Type\":\"container\",\"Action\":\"kill\",\"Actor\":"
                              "{\"ID\":\"aa\",\"Attributes\":{\"signal\":\"1\"}}}");
    assert_int_equal(read_event(&reader, event).signal, SIGHUP);
    assert_int_equal(read_stop_signal(NULL), SIGTERM);
}

/* A health check may print anything; the engine escapes it. */
static void nul_in_a_text(void **state)
{
    static const char text[] = "{\"a\":\"x\\u0000y\",\"b\":\"\\\\u0000\",\"c\":\"\\\\\\u0000\"}";
    AUTO(json) *value = read_json(text, strlen(text), NULL);
    struct err err = { 0 };

    (void)state;
    assert_string_equal(json_text(value, "a"), "x\xef\xbf\xbdy");
    assert_string_equal(json_text(value, "b"), "\\u0000");
    assert_string_equal(json_text(value, "c"), "\\\xef\xbf\xbd");
    assert_null(read_json("{\"a\":\"\\u0000\"", 13, &err));
    assert_int_equal(err.code, ERR_INVALID);
}

/* Every reader gets the same text with bytes changed at random: none may fall over. */
static void odd_json(void **state)
{
    struct rng rng = { 7 };
    size_t size = strlen(INSPECT);
    char *text = mem_text(INSPECT);

    (void)state;
    for (int round = 0; round < 5000; round++) {
        struct container_report container;
        struct instance_report instance = { 0 };
        struct image_report image;
        struct named_report named;
        struct image_names names;
        memcpy(text, INSPECT, size);
        for (int i = 0; i < 3; i++) {
            static const char bytes[] = "{}[]\",:0123456789-eE.ntf /";
            text[rng_below(&rng, size)] = bytes[rng_below(&rng, sizeof(bytes) - 1)];
        }
        AUTO(json) *value = json_parse(text, size, NULL);
        (void)read_container(&reader, value, &container);
        (void)read_container_summary(&reader, value, &container);
        (void)read_image(&reader, value, &names, &image);
        (void)read_network(&reader, value, &named);
        (void)read_volume(&reader, value, &named);
        (void)read_event(&reader, value);
        read_info(value, 0, &instance);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inspect_says_everything),
        cmocka_unit_test(a_start_that_nobody_saw),
        cmocka_unit_test(ports_of_the_host_are_told),
        cmocka_unit_test(whose_network_is_the_hosts_is_told),
        cmocka_unit_test(the_last_failed_check_is_told),
        cmocka_unit_test(what_is_not_ours),
        cmocka_unit_test(drift_names_the_field),
        cmocka_unit_test(what_the_kernel_lacks_is_no_drift),
        cmocka_unit_test(joined_namespaces_have_no_network),
        cmocka_unit_test(summary),
        cmocka_unit_test(images),
        cmocka_unit_test(networks_and_volumes),
        cmocka_unit_test(info),
        cmocka_unit_test(events),
        cmocka_unit_test(signals),
        cmocka_unit_test(nul_in_a_text),
        cmocka_unit_test(odd_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
