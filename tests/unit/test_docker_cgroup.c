/*
 * What the kernel counts of a control group, of both versions, what grep prints of it on a remote
 * host, and what an engine says in its place.
 */
#include <string.h>

#include "drivers/docker/cgroup.h"
#include "drivers/docker/stats.h"
#include "spec/base/json.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void read_all(enum cgroup_file file, const char *text, struct cgroup_reading *reading)
{
    AUTO_TEXT char *copy = mem_text(text);

    cgroup_read_text(file, copy, reading);
}

static void the_first_version(void **state)
{
    struct cgroup_reading reading = { 0 };
    struct container_sample sample = { 0 };

    (void)state;
    read_all(CGROUP_CPU_1, "123456789\n", &reading);
    assert_false(cgroup_sample(&reading, &sample));
    read_all(CGROUP_MEMORY_1, "1048576\n", &reading);
    read_all(CGROUP_MEMORY_STAT,
             "cache 9\ninactive_file 1\nhierarchical_memory_limit 7\ntotal_inactive_file 48576\n"
             "total_active_file 3\n",
             &reading);
    assert_true(cgroup_sample(&reading, &sample));
    assert_int_equal(sample.cpu_ns, 123456789);
    assert_int_equal(sample.memory_bytes, 1000000);
    /* Whichever comes first, that of the groups below counts. */
    reading = (struct cgroup_reading){ .has_cpu = true, .has_memory = true, .memory_bytes = 10 };
    read_all(CGROUP_MEMORY_STAT, "total_inactive_file 4\ninactive_file 1", &reading);
    assert_true(cgroup_sample(&reading, &sample));
    assert_int_equal(sample.memory_bytes, 6);
}

static void the_second_version(void **state)
{
    struct cgroup_reading reading = { 0 };
    struct container_sample sample = { 0 };

    (void)state;
    read_all(CGROUP_CPU_2, "usage_usec 5000001\nuser_usec 3\nsystem_usec 2\nnr_periods 0\n",
             &reading);
    read_all(CGROUP_MEMORY_2, "4096\n", &reading);
    assert_true(cgroup_sample(&reading, &sample));
    assert_int_equal(sample.cpu_ns, UINT64_C(5000001000));
    assert_int_equal(sample.memory_bytes, 4096);
    read_all(CGROUP_MEMORY_STAT, "anon 1\nfile 2\ninactive_file 4097\n", &reading);
    assert_true(cgroup_sample(&reading, &sample));
    assert_int_equal(sample.memory_bytes, 0); /* they are not read at the same instant */
}

static void what_is_no_number(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "-1\n",
        "max\n",
        "1 2\n",
        "usage_usec\n",
        "usage_usec -1\n",
        "usage_usec x\n",
        "usage_usec 99999999999999999999\n",
        "usage_usec 18446744073709551\n0x1\n",
    };
    struct container_sample sample;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct cgroup_reading reading = { 0 };

        for (enum cgroup_file file = 0; file <= CGROUP_MEMORY_STAT; file++)
            read_all(file, texts[i], &reading);
        assert_false(cgroup_sample(&reading, &sample));
    }
    for (enum cgroup_file file = 0; file < CGROUP_FILE_COUNT; file++)
        assert_int_equal(cgroup_file_find(cgroup_file_name(file)), file);
    assert_int_equal(cgroup_file_find("memory.max"), CGROUP_FILE_COUNT);
}

static void a_remote_host(void **state)
{
    struct cgroup_group groups[] = { { .id = A }, { .id = B } };
    struct cgroup_listing listing = { groups, ARRAY_COUNT(groups), 0 };
    struct container_sample sample;
    static const char *const lines[] = {
        "/proc/uptime:94321.07 1234.5",
        "/sys/fs/cgroup/cpuacct/docker/" A "/cpuacct.usage:77",
        "/sys/fs/cgroup/memory/docker/" A "/memory.usage_in_bytes:1000",
        "/sys/fs/cgroup/memory/docker/" A "/memory.stat:inactive_file 1",
        "/sys/fs/cgroup/memory/docker/" A "/memory.stat:total_inactive_file 400",
        "/sys/fs/cgroup/system.slice/docker-" B ".scope/cpu.stat:usage_usec 3",
        "/sys/fs/cgroup/system.slice/docker-" B ".scope/memory.current:5",
        /* None of these says anything. */
        "",
        ":",
        "x",
        "/:1",
        "/proc/uptime:",
        "/proc/uptime:1.x 2",
        "/proc/uptime:999999999999.00 1",
        "/docker/" A "/memory.current",
        "/docker/" A "/:1",
        "/docker/" A "/memory.max:1",
        "/docker/a" A "/cpuacct.usage:9x",
        "/docker/cccc/cpuacct.usage:9",
        A ":1",
        "/" A "/cpuacct.usage.too.long.for.any:1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
        cgroup_listing_line(&listing, lines[i]);
    assert_int_equal(listing.taken_ms, 94321070);
    assert_true(cgroup_sample(&groups[0].reading, &sample));
    assert_int_equal(sample.cpu_ns, 77);
    assert_int_equal(sample.memory_bytes, 600);
    assert_true(cgroup_sample(&groups[1].reading, &sample));
    assert_int_equal(sample.cpu_ns, 3000);
    assert_int_equal(sample.memory_bytes, 5);
}

static bool stats(const char *text, struct container_sample *out)
{
    AUTO(json) *value = json_parse(text, strlen(text), NULL);

    return stats_read(value, out);
}

static void an_engine(void **state)
{
    struct container_sample sample;

    (void)state;
    assert_true(stats("{\"cpu_stats\": {\"cpu_usage\": {\"total_usage\": 5}}, \"memory_stats\":"
                      " {\"usage\": 100, \"stats\": {\"inactive_file\": 30}}}",
                      &sample));
    assert_int_equal(sample.cpu_ns, 5);
    assert_int_equal(sample.memory_bytes, 70);
    assert_true(stats("{\"cpu_stats\": {\"cpu_usage\": {\"total_usage\": 5}}, \"memory_stats\":"
                      " {\"usage\": 100, \"stats\": {\"inactive_file\": 30,"
                      " \"total_inactive_file\": 200}}}",
                      &sample));
    assert_int_equal(sample.memory_bytes, 0);
    /* One that has ended, and no answer. */
    assert_false(stats("{\"cpu_stats\": {\"cpu_usage\": {\"total_usage\": 0}},"
                       " \"memory_stats\": {}}",
                       &sample));
    assert_false(stats("[]", &sample));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_version), cmocka_unit_test(the_second_version),
        cmocka_unit_test(what_is_no_number), cmocka_unit_test(a_remote_host),
        cmocka_unit_test(an_engine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
