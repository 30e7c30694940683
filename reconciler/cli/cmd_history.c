/*
 * berth history [SERVICE]: deployments, or the commits they came from.
 */
#include "reconciler/cli/ask.h"
#include "reconciler/cli/table.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/text.h"

static enum cli_color color_of(const char *state)
{
    if (text_equal(state, "FAILED") || text_equal(state, "rejected"))
        return COLOR_RED;
    return text_equal(state, "IN_PROGRESS") ? COLOR_YELLOW : COLOR_PLAIN;
}

/* A rollout that another one replaced goes no further: it is told from one that is under way. */
static bool is_abandoned(const struct json *deployment)
{
    const char *status = json_text(deployment, "status");

    return text_equal(json_text(deployment, "rolloutState"), "IN_PROGRESS") && status != NULL &&
           !text_equal(status, "PRIMARY");
}

static const char *reason_of(struct cli *cli, const struct json *deployment)
{
    const char *by = ask_short(cli, deployment, "replacedBy", ASK_TASK_DIGITS);

    if (text_equal(json_text(deployment, "rolloutState"), "COMPLETED"))
        return NULL;
    if (!is_abandoned(deployment))
        return json_text(deployment, "rolloutStateReason");
    return by == NULL
               ? "its service was removed before it was completed"
               : arena_printf(cli->arena, "replaced by deployment %s before it was completed", by);
}

static void add_deployment(struct cli *cli, struct table *table, const struct json *deployment)
{
    const char *state = json_text(deployment, is_abandoned(deployment) ? "status" : "rolloutState");
    bool is_rollback = json_bool(deployment, "rollback", false);

    table_add(table, ask_age(cli, deployment, "createdAt"));
    table_add(table, ask_key(cli, deployment));
    table_add_color(table, color_of(state),
                    is_rollback ? arena_printf(cli->arena, "%s (rollback)", state) : state);
    table_add(table, ask_short(cli, deployment, "revision", ASK_REVISION_DIGITS));
    table_add(table, ask_short(cli, deployment, "commit", ASK_COMMIT_DIGITS));
    table_add(table, json_text(deployment, "author"));
    table_add(table, json_text(deployment, "subject"));
    table_add(table, reason_of(cli, deployment));
}

static void add_commit(struct cli *cli, struct table *table, const struct json *commit)
{
    const char *outcome = json_text(commit, "outcome");

    table_add(table, ask_age(cli, commit, "seenAt"));
    table_add(table, ask_short(cli, commit, "id", ASK_COMMIT_DIGITS));
    table_add_color(table, color_of(outcome), outcome);
    table_add(table, json_text(commit, "author"));
    table_add(table, json_text(commit, "subject"));
    table_add(table, json_text(commit, "summary"));
}

int cmd_history(struct cli *cli)
{
    bool wants_commits = cli->options.commits;
    const char *limit = arena_printf(cli->arena, "%u", cli->options.limit);
    AUTO(json) *answer = NULL;
    struct ask_service wanted;
    struct table table;
    int result = ask_operand_service(cli, &wanted);

    if (result != CLI_DONE)
        return result;
    if (wants_commits && (wanted.service != NULL || wanted.cluster != NULL))
        return cli_usage(cli, "--commits are of all services");
    result = ask(cli, "GET",
                 client_query(cli->arena, wants_commits ? "/v1/commits" : "/v1/history", "limit",
                              limit, "cluster", wanted.cluster, "service", wanted.service, NULL),
                 NULL, &answer);
    const struct json *items = ask_list(answer, wants_commits ? "commits" : "deployments");
    if (result == CLI_DONE && json_count(items) == 0 && wanted.service != NULL)
        result = ask_is_service(cli, &wanted);
    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    table_init(&table, cli->arena,
               wants_commits ? "AGE|COMMIT|OUTCOME|AUTHOR|SUBJECT|SUMMARY"
                             : "AGE|SERVICE|ROLLOUT|REVISION|COMMIT|AUTHOR|SUBJECT|REASON");
    for (size_t i = 0; i < json_count(items); i++) {
        if (wants_commits)
            add_commit(cli, &table, json_at(items, i));
        else
            add_deployment(cli, &table, json_at(items, i));
    }
    table_print(&table, cli);
    return CLI_DONE;
}
