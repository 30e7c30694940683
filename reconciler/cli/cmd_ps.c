/*
 * berth ps [SERVICE]: tasks with their containers, addresses and health.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/cli/table.h"
#include "reconciler/cli/targets.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define CONTAINERS_MAX 64

struct row {
    const struct json *task;
    const char *service; /* never NULL */
    bool is_stopped;
    int64_t slot;
    int64_t time_ms; /* when it stopped, else 0 */
    const char *id;
};

static int64_t compare_numbers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* By service; those that run first, by slot; then those that stopped, the last of them first. */
static int compare(const void *a_row, const void *b_row)
{
    const struct row *a = a_row;
    const struct row *b = b_row;
    int64_t order = strcmp(a->service, b->service);

    if (order == 0)
        order = compare_numbers(a->is_stopped, b->is_stopped);
    if (order == 0)
        order = compare_numbers(b->time_ms, a->time_ms);
    if (order == 0)
        order = compare_numbers(a->slot, b->slot);
    return (int)(order != 0 ? order : strcmp(a->id, b->id));
}

static struct row *sorted(struct cli *cli, const struct json *tasks)
{
    struct row *rows = arena_array(cli->arena, struct row, json_count(tasks) + 1);

    for (size_t i = 0; i < json_count(tasks); i++) {
        const struct json *task = json_at(tasks, i);
        const char *key = ask_key(cli, task);

        rows[i] = (struct row){ .task = task,
                                .service = key == NULL ? "" : key,
                                .is_stopped = text_equal(json_text(task, "status"), "STOPPED"),
                                .slot = json_int(task, "slot", 0),
                                .time_ms = ask_time_ms(task, "stoppedAt"),
                                .id = json_as_text(json_get(task, "id"), "") };
    }
    qsort(rows, json_count(tasks), sizeof(*rows), compare);
    return rows;
}

/* "proxy,report"; a stopped task is remembered without them. */
static const char *container_names(struct cli *cli, const struct json *task)
{
    const char *names[CONTAINERS_MAX];
    size_t count = target_containers(task, names, CONTAINERS_MAX);
    const char *text = NULL;

    for (size_t i = 0; i < count; i++)
        text = text == NULL ? names[i] : arena_printf(cli->arena, "%s,%s", text, names[i]);
    return text;
}

/* Since when it runs, as its containers say. */
static const char *age(struct cli *cli, const struct row *row)
{
    const struct json *containers = ask_list(row->task, "containers");
    const struct json *oldest = NULL;

    if (row->is_stopped)
        return ask_age(cli, row->task, "stoppedAt");
    for (size_t i = 0; i < json_count(containers); i++) {
        const struct json *at = json_at(containers, i);
        int64_t ms = ask_time_ms(at, "createdAt");

        if (ms != 0 && (oldest == NULL || ms < ask_time_ms(oldest, "createdAt")))
            oldest = at;
    }
    return ask_age(cli, oldest, "createdAt");
}

static const char *reason(struct cli *cli, const struct row *row)
{
    const char *text = json_text(row->task, "reason");
    const char *code = json_text(row->task, "stopCode");
    int64_t exit_code = json_int(row->task, "exitCode", -1);

    if (text == NULL)
        text = code;
    if (text == NULL || exit_code < 0 || strstr(text, "exit") != NULL)
        return text;
    return arena_printf(cli->arena, "%s (exit code %lld)", text, (long long)exit_code);
}

static enum cli_color health_color(const char *health)
{
    if (text_equal(health, "unhealthy"))
        return COLOR_RED;
    return text_equal(health, "healthy") ? COLOR_GREEN : COLOR_PLAIN;
}

/* Where there are others than the local engine, it is said which. */
static bool has_hosts(const struct json *tasks)
{
    for (size_t i = 0; i < json_count(tasks); i++) {
        const char *instance = json_text(json_at(tasks, i), "instance");

        if (instance != NULL && !text_equal(instance, LOCAL_INSTANCE))
            return true;
    }
    return false;
}

static void add_task(struct cli *cli, struct table *table, const struct row *row, bool with_host)
{
    const struct json *task = row->task;
    const char *health = json_text(task, "health");

    table_add(table, ask_short(cli, task, "id", ASK_TASK_DIGITS));
    table_add(table, text_is_empty(row->service) ? json_text(task, "group") : row->service);
    table_add(table, container_names(cli, task));
    table_add(table, json_text(task, "status"));
    table_add_color(table, health_color(health), text_equal(health, "none") ? NULL : health);
    if (with_host)
        table_add(table, json_text(task, "instance"));
    table_add(table, json_text(task, "address"));
    table_add(table, ask_short(cli, task, "revision", ASK_REVISION_DIGITS));
    table_add(table, ask_short(cli, task, "commit", ASK_COMMIT_DIGITS));
    table_add(table, age(cli, row));
    table_add(table, reason(cli, row));
}

int cmd_ps(struct cli *cli)
{
    AUTO(json) *answer = NULL;
    struct ask_service wanted;
    struct table table;
    int result = ask_operand_service(cli, &wanted);

    if (result == CLI_DONE)
        result = ask(cli, "GET",
                     client_query(cli->arena, "/v1/tasks", "cluster", wanted.cluster, "service",
                                  wanted.service, "all", cli->options.all ? "true" : NULL, NULL),
                     NULL, &answer);
    if (result != CLI_DONE)
        return result;
    const struct json *tasks = ask_list(answer, "tasks");
    if (json_count(tasks) == 0 && wanted.service != NULL) {
        result = ask_is_service(cli, &wanted);
        if (result != CLI_DONE)
            return result;
    }
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    const struct row *rows = sorted(cli, tasks);
    bool with_host = has_hosts(tasks);
    table_init(
        &table, cli->arena,
        with_host
            ? "TASK|SERVICE|CONTAINERS|STATUS|HEALTH|INSTANCE|ADDRESS|REVISION|COMMIT|AGE|REASON"
            : "TASK|SERVICE|CONTAINERS|STATUS|HEALTH|ADDRESS|REVISION|COMMIT|AGE|REASON");
    for (size_t i = 0; i < json_count(tasks); i++)
        add_task(cli, &table, &rows[i], with_host);
    table_print(&table, cli);
    return CLI_DONE;
}
