/*
 * berth jobs: tasks that no Service asked for.
 */
#include "reconciler/cli/ask.h"
#include "reconciler/cli/table.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/text.h"

static const char *result_of(struct cli *cli, const struct json *job)
{
    int64_t exit_code = json_int(job, "exitCode", -1);

    if (!text_equal(json_text(job, "status"), "STOPPED"))
        return NULL;
    return exit_code < 0 ? "failed" : arena_printf(cli->arena, "exit %lld", (long long)exit_code);
}

static const char *took(struct cli *cli, const struct json *job)
{
    int64_t started_ms = ask_time_ms(job, "startedAt");
    int64_t stopped_ms = ask_time_ms(job, "stoppingAt");
    char text[TEXT_TIME_SIZE];

    if (started_ms == 0 || stopped_ms < started_ms)
        return NULL;
    text_print_duration((stopped_ms - started_ms) / 1000 * 1000, text);
    return arena_text(cli->arena, text);
}

static void add_job(struct cli *cli, struct table *table, const struct json *job)
{
    bool failed = json_bool(job, "failed", false);
    int64_t due_ms = ask_time_ms(job, "dueAt");

    table_add(table, ask_short(cli, job, "id", ASK_TASK_DIGITS));
    table_add(table, arena_printf(cli->arena, "%s/%s", json_as_text(json_get(job, "cluster"), ""),
                                  json_as_text(json_get(job, "group"), "")));
    table_add(table, json_text(job, "status"));
    table_add_color(table, failed ? COLOR_RED : COLOR_PLAIN, result_of(cli, job));
    table_add(table, ask_age(cli, job, "startedAt"));
    table_add(table, took(cli, job));
    table_add(table, ask_short(cli, job, "run", ASK_TASK_DIGITS));
    table_add(table, ask_short(cli, job, "commit", ASK_COMMIT_DIGITS));
    table_add(table, json_text(job, "startedBy"));
    table_add(table, due_ms == 0 ? NULL : ask_time_text(cli, due_ms));
    table_add(table, json_text(job, "reason"));
}

int cmd_jobs(struct cli *cli)
{
    AUTO(json) *answer = NULL;
    const struct json *jobs;
    struct table table;
    int result = ask(cli, "GET",
                     client_query(cli->arena, "/v1/jobs", "cluster", cli->options.cluster, "family",
                                  cli->options.family, "schedule", cli->options.schedule, "limit",
                                  arena_printf(cli->arena, "%u", cli->options.limit), NULL),
                     NULL, &answer);

    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    jobs = ask_list(answer, "jobs");
    table_init(&table, cli->arena,
               "TASK|GROUP|STATUS|RESULT|AGE|TOOK|RUN|COMMIT|STARTED BY|DUE|REASON");
    for (size_t i = 0; i < json_count(jobs); i++)
        add_job(cli, &table, json_at(jobs, i));
    table_print(&table, cli);
    return CLI_DONE;
}
