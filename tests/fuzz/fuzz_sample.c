/*
 * What samples are read from: the first line says which.  Lines that grep prints on a remote host,
 * an answer of HAProxy's `show stat`, an engine's statistics, or a minute that was kept.
 */
#include <string.h>

#include "drivers/docker/cgroup.h"
#include "drivers/docker/stats.h"
#include "drivers/haproxy/stat.h"
#include "reconciler/metrics/metrics.h"
#include "spec/base/json.h"
#include "tests/fuzz/fuzz.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void check_lines(char *text)
{
    struct cgroup_group groups[] = { { .id = A }, { .id = B } };
    struct cgroup_listing listing = { groups, ARRAY_COUNT(groups), 0 };

    for (char *line = text; line != NULL;) {
        char *end = strchr(line, '\n');

        if (end != NULL)
            *end++ = '\0';
        cgroup_listing_line(&listing, line);
        line = end;
    }
    ASSERT(listing.taken_ms >= 0);
    for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
        struct container_sample sample;

        if (cgroup_sample(&groups[i].reading, &sample))
            ASSERT(sample.memory_bytes <= groups[i].reading.memory_bytes);
    }
}

/* All that was read is taken in, twice. */
static void check_table(char *text)
{
    AUTO(arena) arena = { 0 };
    AUTO(metrics) *metrics = metrics_new();
    struct stat_table table = { .arena = &arena };
    struct sample_report report = { .instance = "b", .balancer = "b" };

    stat_parse(&table, 1, text);
    ASSERT(table.target_count <= STAT_ROWS_MAX && table.group_count <= STAT_ROWS_MAX);
    for (size_t i = 0; i < table.target_count; i++)
        ASSERT(table.targets[i].group[0] != '\0' && table.targets[i].task[0] != '\0');
    report.targets = table.targets;
    report.target_count = table.target_count;
    report.groups = table.groups;
    report.group_count = table.group_count;
    for (int64_t at_ms = 100000; at_ms <= 120000; at_ms += 10000) {
        report.taken_ms = at_ms;
        metrics_take(metrics, NULL, &report, at_ms);
    }
}

static void check_stats(const char *text, size_t size)
{
    AUTO(json) *value = json_parse(text, size, NULL);
    struct container_sample sample;

    if (stats_read(value, &sample))
        ASSERT(sample.cpu_ns > 0);
}

static void check_minute(const char *data, size_t size)
{
    AUTO(metrics) *metrics = metrics_new();
    struct metric_reader reader = metrics_reader(metrics);
    double values[2];

    metrics_restore_number(metrics, 1, "c/a");
    metrics_restore_number(metrics, 200, "c/b");
    metrics_restore(metrics, 1000, data, size);
    for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
        reader.read(reader.context, "c/b", metric, 60, 1001 * 60000, values, 2);
        ASSERT(!(values[0] < 0) && !(values[1] < 0));
        reader.read(reader.context, "c/a", metric, 20, 1001 * 60000, values, 2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    uint32_t choice = fuzz_choice(&input, 4);
    size_t rest_size;
    AUTO_TEXT char *rest = fuzz_rest(&input, &rest_size);

    switch (choice) {
    case 0: check_lines(rest); break;
    case 1: check_table(rest); break;
    case 2: check_stats(rest, rest_size); break;
    default: check_minute(rest, rest_size); break;
    }
    return 0;
}
