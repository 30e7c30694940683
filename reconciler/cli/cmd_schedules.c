/*
 * berth schedules: when Tasks are run by themselves, and what became of that.
 */
#include "drivers/io/loop.h"
#include "reconciler/cli/ask.h"
#include "reconciler/cli/table.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/text.h"

static const char *next_text(struct cli *cli, const struct json *schedule)
{
    int64_t next_ms = ask_time_ms(schedule, "nextDueAt");
    char text[TEXT_TIME_SIZE];

    if (json_text(schedule, "suspended") != NULL)
        return "suspended";
    if (text_equal(json_text(schedule, "state"), "DISABLED"))
        return "disabled";
    if (next_ms == 0)
        return "never";
    if (next_ms <= loop_wall_ms())
        return "now";
    text_print_duration((next_ms - loop_wall_ms() + 999) / 1000 * 1000, text);
    return arena_printf(cli->arena, "in %s", text);
}

static void add_result(struct cli *cli, struct table *table, const struct json *last)
{
    const char *result = json_text(last, "result");
    int64_t exit_code = json_int(last, "exitCode", -1);

    if (exit_code > 0)
        result = arena_printf(cli->arena, "%s (exit %lld)", result, (long long)exit_code);
    table_add_color(table,
                    text_equal(json_text(last, "result"), "FAILED")      ? COLOR_RED
                    : text_equal(json_text(last, "result"), "SUCCEEDED") ? COLOR_GREEN
                                                                         : COLOR_PLAIN,
                    result);
}

/* What is to be known beside its last run. */
static const char *remark(struct cli *cli, const struct json *schedule, const struct json *last)
{
    const struct json *missed = json_get(schedule, "missed");

    if (ask_time_ms(missed, "dueAt") > ask_time_ms(last, "dueAt"))
        return arena_printf(cli->arena, "%s was not run: %s",
                            ask_time_text(cli, ask_time_ms(missed, "dueAt")),
                            json_as_text(json_get(missed, "reason"), ""));
    return json_text(last, "reason");
}

static void add_schedule(struct cli *cli, struct table *table, const struct json *schedule)
{
    const struct json *last = json_get(schedule, "last");
    int64_t due_ms = ask_time_ms(last, "dueAt");

    table_add(table, json_text(schedule, "name"));
    table_add(table, json_text(schedule, "cluster"));
    table_add(table, json_text(schedule, "taskDefinition"));
    table_printf(table, "%s%s%s", json_as_text(json_get(schedule, "scheduleExpression"), ""),
                 text_equal(json_text(schedule, "timezone"), "UTC") ? "" : " ",
                 text_equal(json_text(schedule, "timezone"), "UTC")
                     ? ""
                     : json_as_text(json_get(schedule, "timezone"), ""));
    table_add(table, next_text(cli, schedule));
    table_add(table, due_ms == 0 ? NULL : ask_time_text(cli, due_ms));
    add_result(cli, table, last);
    table_add(table, remark(cli, schedule, last));
}

int cmd_schedules(struct cli *cli)
{
    AUTO(json) *answer = NULL;
    const struct json *schedules;
    struct table table;
    int result = ask(cli, "GET", "/v1/schedules", NULL, &answer);

    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    schedules = ask_list(answer, "schedules");
    table_init(&table, cli->arena, "SCHEDULE|CLUSTER|TASK|DUE|NEXT|LAST DUE|RESULT|REMARK");
    for (size_t i = 0; i < json_count(schedules); i++)
        add_schedule(cli, &table, json_at(schedules, i));
    table_print(&table, cli);
    return CLI_DONE;
}
