/*
 * berth run-task TASK: runs it, and with --wait stays until it is over.
 */
#include <poll.h>
#include <string.h>

#include "drivers/io/loop.h"
#include "reconciler/cli/ask.h"
#include "reconciler/cli/verbs.h"
#include "reconciler/run/app.h"
#include "spec/base/text.h"

#define LOOK_AGAIN_MS 100
#define OF_A_TASK     (OPT(CLUSTER) | OPT(COUNT) | OPT(OVERRIDES) | OPT(STARTED_BY))

static int request_of(struct cli *cli, struct json *body)
{
    const struct cli_options *options = &cli->options;
    struct json *overrides;
    struct err err = { 0 };

    if (options->schedule != NULL) {
        if (cli->operand_count > 0 || (options->given & OF_A_TASK) != 0)
            return cli_usage(cli, "--schedule says what is run: no TASK, --cluster, --count, "
                                  "--overrides or --started-by goes with it");
        json_set_text(body, "schedule", options->schedule);
        return CLI_DONE;
    }
    if (cli->operand_count == 0)
        return cli_usage(cli, "TASK is missing, or --schedule");
    json_set_text(body, "taskDefinition", cli->operands[0]);
    json_set_text(body, "cluster", options->cluster);
    json_set_int(body, "count", options->count);
    json_set_text(body, "startedBy", options->started_by);
    if (options->overrides == NULL)
        return CLI_DONE;
    overrides = json_parse(options->overrides, strlen(options->overrides), &err);
    if (overrides == NULL)
        return cli_usage(cli, "--overrides: %s", err.text);
    json_set(body, "overrides", overrides);
    return CLI_DONE;
}

static void print_started(struct cli *cli, const struct json *started)
{
    const struct json *tasks = ask_list(started, "tasks");

    for (size_t i = 0; i < json_count(tasks); i++)
        cli_print(cli->out, "%s\n", json_as_text(json_at(tasks, i), ""));
    fflush(cli->out);
}

/* ---- Until it is over ------------------------------------------------------------------------ */

static void print_failure(struct cli *cli, const struct json *job)
{
    const struct json *lines = ask_list(job, "lastLines");
    const char *reason = json_text(job, "reason");

    cli_print(cli->errors, "berth: task %s: %s\n", ask_short(cli, job, "id", ASK_TASK_DIGITS),
              reason == NULL ? "failed" : reason);
    for (size_t i = 0; i < json_count(lines); i++)
        cli_print(cli->errors, "%s\n", app_lines_text(json_at(lines, i), cli->arena));
}

static int code_of(const struct json *job)
{
    int64_t exit_code = json_int(job, "exitCode", -1);

    return exit_code < 0 || exit_code > 255 ? CLI_NOT_STARTED : (int)exit_code;
}

/* Of the task with that slot; NULL: it is not told of. */
static const struct json *job_of_slot(const struct json *jobs, size_t slot)
{
    for (size_t i = 0; i < json_count(jobs); i++) {
        if (json_int(json_at(jobs, i), "slot", -1) == (int64_t)slot)
            return json_at(jobs, i);
    }
    return NULL;
}

static int print_end(struct cli *cli, const struct json *answer, size_t count)
{
    const struct json *jobs = ask_list(answer, "jobs");
    int code = CLI_DONE;

    if (cli->options.run.output == OUTPUT_JSON)
        (void)cli_print_json(cli, answer);
    for (size_t slot = 0; slot < count; slot++) {
        const struct json *job = job_of_slot(jobs, slot);
        int own = job == NULL ? CLI_NOT_STARTED : code_of(job);

        if (own != 0 && job != NULL)
            print_failure(cli, job);
        if (code == CLI_DONE)
            code = own;
    }
    return code;
}

static int wait_for_end(struct cli *cli, const struct json *started)
{
    int64_t deadline_ms = loop_wall_ms() + cli->options.run.timeout_ms;
    const char *path = client_query(cli->arena, "/v1/jobs", "run", json_text(started, "run"), NULL);

    for (;;) {
        AUTO(json) *answer = NULL;
        int result = ask(cli, "GET", path, NULL, &answer);

        if (result != CLI_DONE)
            return result;
        if (json_bool(answer, "over", false))
            return print_end(cli, answer, json_count(ask_list(started, "tasks")));
        if (loop_wall_ms() >= deadline_ms) {
            cli_print(cli->errors,
                      "berth: not over within %lld s, and going on: `berth stop-task` ends it\n",
                      (long long)(cli->options.run.timeout_ms / 1000));
            return CLI_NOT_OVER;
        }
        (void)poll(NULL, 0, LOOK_AGAIN_MS);
    }
}

int cmd_run_task(struct cli *cli)
{
    AUTO(json) *body = json_object();
    AUTO(json) *started = NULL;
    int result = request_of(cli, body);

    if (result == CLI_DONE)
        result = ask(cli, "POST", "/v1/tasks", body, &started);
    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output != OUTPUT_JSON)
        print_started(cli, started);
    else if (!cli->options.wait)
        return cli_print_json(cli, started);
    return cli->options.wait ? wait_for_end(cli, started) : CLI_DONE;
}
