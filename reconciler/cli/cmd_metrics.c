/*
 * berth metrics [SERVICE]: what services use and are asked; of one its tasks and how it was.
 */
#include <math.h>

#include "reconciler/cli/ask.h"
#include "reconciler/cli/table.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/text.h"
#include "spec/metric.h"

#define VALUES "CPU|MEMORY|REQUESTS|PER TARGET|4XX|5XX|CONN ERRORS|RESPONSE|QUEUE"

#define CPU_HIGH 90 /* percent */

static double value_of(const struct json *object, enum metric metric)
{
    return json_double(object, metric_name(metric), NAN);
}

static void add_percent(struct cli *cli, struct table *table, double value)
{
    if (isnan(value))
        table_add(table, NULL);
    else
        table_add_color(table, value >= CPU_HIGH ? COLOR_YELLOW : COLOR_PLAIN,
                        arena_printf(cli->arena, "%.1f%%", value));
}

static void add_count(struct table *table, double value)
{
    if (isnan(value))
        table_add(table, NULL);
    else
        table_printf(table, "%.0f", value);
}

static void add_values(struct cli *cli, struct table *table, const struct json *object)
{
    double response_s = value_of(object, METRIC_RESPONSE_TIME);
    double per_target = value_of(object, METRIC_REQUESTS_PER_TARGET);

    add_percent(cli, table, value_of(object, METRIC_CPU));
    add_percent(cli, table, value_of(object, METRIC_MEMORY));
    add_count(table, value_of(object, METRIC_REQUESTS));
    if (isnan(per_target))
        table_add(table, NULL);
    else
        table_printf(table, "%.1f", per_target);
    add_count(table, value_of(object, METRIC_ANSWERS_4XX));
    add_count(table, value_of(object, METRIC_ANSWERS_5XX));
    add_count(table, value_of(object, METRIC_CONNECTION_ERRORS));
    if (isnan(response_s))
        table_add(table, NULL);
    else
        table_printf(table, "%.0f ms", response_s * 1000);
    add_count(table, value_of(object, METRIC_QUEUE));
}

static int print_all(struct cli *cli)
{
    AUTO(json) *answer = NULL;
    struct table table;
    int result = ask(cli, "GET",
                     client_query(cli->arena, "/v1/metrics", "cluster", cli->options.cluster, NULL),
                     NULL, &answer);

    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    const struct json *services = ask_list(answer, "services");
    table_init(&table, cli->arena, "SERVICE|" VALUES "|UNTIL");
    for (size_t i = 0; i < json_count(services); i++) {
        const struct json *service = json_at(services, i);

        table_add(&table, ask_key(cli, service));
        add_values(cli, &table, service);
        table_add(&table, ask_time_text(cli, ask_time_ms(service, "at")));
    }
    table_print(&table, cli);
    if (json_int(answer, "interval", 0) == 0)
        cli_print(cli->errors, "nothing is measured: --metrics-interval is 0\n");
    return CLI_DONE;
}

static void add_use(struct cli *cli, struct table *table, double used, double given)
{
    if (isnan(used) || given <= 0)
        table_add(table, NULL);
    else
        table_printf(table, "%.0f/%.0f", used, given);
    add_percent(cli, table, given > 0 ? 100 * used / given : NAN);
}

static void print_tasks(struct cli *cli, const struct json *tasks)
{
    struct table table;

    table_init(&table, cli->arena, "TASK|INSTANCE|CPU UNITS|CPU|MIB|MEMORY|AGE");
    for (size_t i = 0; i < json_count(tasks); i++) {
        const struct json *task = json_at(tasks, i);

        table_add(&table, ask_short(cli, task, "id", ASK_TASK_DIGITS));
        table_add(&table, json_text(task, "instance"));
        add_use(cli, &table, json_double(task, "cpuUnits", NAN), json_double(task, "cpuGiven", 0));
        add_use(cli, &table, json_double(task, "memoryMiB", NAN),
                json_double(task, "memoryGiven", 0));
        table_add(&table, ask_age(cli, task, "at"));
    }
    table_print(&table, cli);
}

static void print_points(struct cli *cli, const struct json *points)
{
    struct table table;

    table_init(&table, cli->arena, "FROM|" VALUES);
    for (size_t i = 0; i < json_count(points); i++) {
        table_add(&table, ask_time_text(cli, ask_time_ms(json_at(points, i), "at")));
        add_values(cli, &table, json_at(points, i));
    }
    table_print(&table, cli);
}

static const char *seconds(struct cli *cli, int64_t ms)
{
    return arena_printf(cli->arena, "%lld", (long long)(ms / 1000));
}

int cmd_metrics(struct cli *cli)
{
    AUTO(json) *answer = NULL;
    struct ask_service wanted;
    const char *path;
    int result = ask_operand_service(cli, &wanted);

    if (result != CLI_DONE)
        return result;
    if (wanted.service == NULL)
        return print_all(cli);
    path = arena_printf(cli->arena, "/v1/metrics/%s", client_segment(cli->arena, wanted.service));
    result = ask(cli, "GET",
                 client_query(cli->arena, path, "cluster", wanted.cluster, "period",
                              seconds(cli, cli->options.period_ms), "range",
                              seconds(cli, cli->options.range_ms), NULL),
                 NULL, &answer);
    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    print_tasks(cli, ask_list(answer, "tasks"));
    fputc('\n', cli->out);
    print_points(cli, ask_list(answer, "datapoints"));
    return CLI_DONE;
}
