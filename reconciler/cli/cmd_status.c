/*
 * berth status: the commit in force, engines and services at a glance.
 */
#include <string.h>

#include "reconciler/cli/ask.h"
#include "reconciler/cli/table.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/text.h"

#define LABEL_WIDTH 11
#define WAIT_WIDTH  160 /* bytes of a reason in the table */

static void print_label(struct cli *cli, const char *label)
{
    fprintf(cli->out, "%s%-*s%s ", cli_color(cli, COLOR_DIM), LABEL_WIDTH, label,
            cli_color(cli, COLOR_PLAIN));
}

static void print_fact(struct cli *cli, enum cli_color color, const char *label, const char *text)
{
    print_label(cli, label);
    if (color != COLOR_PLAIN)
        fputs(cli_color(cli, color), cli->out);
    ask_print(cli, text, LABEL_WIDTH + 1);
    if (color != COLOR_PLAIN)
        fputs(cli_color(cli, COLOR_PLAIN), cli->out);
    fputc('\n', cli->out);
}

/* ---- Where from ------------------------------------------------------------------------------ */

static void print_source(struct cli *cli, const struct json *status)
{
    const char *repository = json_text(status, "repository");
    const char *branch = json_text(status, "branch");
    const char *path = json_text(status, "path");

    print_fact(cli, COLOR_PLAIN, "repository",
               arena_printf(cli->arena, "%s, branch %s%s%s (owner %s)",
                            repository == NULL ? "-" : repository, branch == NULL ? "HEAD" : branch,
                            text_is_empty(path) ? "" : ", path ", text_is_empty(path) ? "" : path,
                            json_text(status, "owner")));
}

static void print_commit(struct cli *cli, const struct json *status)
{
    const struct json *commit = json_get(status, "commit");
    const char *failure = json_text(status, "sourceFailure");
    const char *age = ask_age(cli, commit, "time");

    if (failure != NULL)
        print_fact(cli, COLOR_RED, "source", failure);
    if (commit == NULL) {
        print_fact(cli, COLOR_PLAIN, "commit", "none yet");
        return;
    }
    print_fact(cli, COLOR_PLAIN, "commit",
               arena_printf(cli->arena, "%s %s", ask_short(cli, commit, "id", ASK_COMMIT_DIGITS),
                            json_as_text(json_get(commit, "subject"), "")));
    print_fact(cli, COLOR_PLAIN, "author",
               arena_printf(cli->arena, "%s, %s ago",
                            json_as_text(json_get(commit, "author"), "unknown"),
                            age == NULL ? "-" : age));
}

static void print_state(struct cli *cli, const struct json *status)
{
    bool converged = json_bool(status, "converged", false);
    int64_t in_flight = json_int(status, "inFlight", 0);

    if (converged)
        print_fact(cli, COLOR_GREEN, "state", "converged");
    else if (in_flight > 0)
        print_fact(cli, COLOR_YELLOW, "state",
                   arena_printf(cli->arena, "working, %lld call%s under way", (long long)in_flight,
                                in_flight == 1 ? "" : "s"));
    else
        print_fact(cli, COLOR_YELLOW, "state", "not converged");
}

static void print_rejected(struct cli *cli, const struct json *status)
{
    const struct json *rejected = json_get(status, "rejected");
    const struct json *first = NULL;
    const struct json *errors = ask_list(rejected, "errors");
    int64_t count = json_int(rejected, "errorCount", 0);

    if (rejected == NULL)
        return;
    for (size_t i = 0; first == NULL && i < json_count(errors); i++) {
        if (text_equal(json_text(json_at(errors, i), "level"), "error"))
            first = json_at(errors, i);
    }
    print_fact(cli, COLOR_RED, "rejected",
               arena_printf(cli->arena, "%s has %lld mistake%s and changes nothing",
                            ask_short(cli, rejected, "commit", ASK_COMMIT_DIGITS), (long long)count,
                            count == 1 ? "" : "s"));
    if (first != NULL)
        print_fact(cli, COLOR_PLAIN, "", ask_mistake(cli, first));
}

static void print_instances(struct cli *cli, const struct json *status)
{
    const struct json *instances = ask_list(status, "instances");

    for (size_t i = 0; i < json_count(instances); i++) {
        const struct json *instance = json_at(instances, i);
        const char *failure = json_text(instance, "failure");
        const char *version = json_text(instance, "engineVersion");
        const char *text =
            arena_printf(cli->arena, "%s %s", json_as_text(json_get(instance, "name"), "?"),
                         json_as_text(json_get(instance, "state"), "?"));

        if (failure != NULL)
            text = arena_printf(cli->arena, "%s: %s", text, failure);
        else if (!text_is_empty(version))
            text = arena_printf(cli->arena, "%s, Docker %s, %.4g vCPU, %lld MiB", text, version,
                                (double)json_int(instance, "cpuUnits", 0) / 1024,
                                (long long)json_int(instance, "memoryMiB", 0));
        print_fact(cli, failure != NULL ? COLOR_RED : COLOR_PLAIN, i == 0 ? "engine" : "", text);
    }
}

static void print_maintenance(struct cli *cli, const struct json *status)
{
    const struct json *list = ask_list(status, "maintenance");

    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *item = json_at(list, i);
        const char *instance = json_text(item, "instance");
        const char *step = json_as_text(json_get(item, "step"), "");
        const char *text = json_as_text(json_get(item, "text"), step);
        bool has_failed = text_equal(step, "FAILED");

        if (instance != NULL)
            text = arena_printf(cli->arena, "%s: %s%s", instance, text,
                                has_failed ? "; see `berth hosts resume`" : "");
        print_fact(cli, has_failed ? COLOR_RED : COLOR_YELLOW, i == 0 ? "maintenance" : "", text);
    }
}

static const char *listener_text(struct cli *cli, const struct json *balancer)
{
    const struct json *listeners = ask_list(balancer, "listeners");
    const char *text = "";

    for (size_t i = 0; i < json_count(listeners); i++) {
        const struct json *listener = json_at(listeners, i);
        const char *address = json_as_text(json_get(listener, "address"), "?");
        bool is_six = strchr(address, ':') != NULL;

        text =
            arena_printf(cli->arena, "%s%s %s%s%s:%lld", text, i == 0 ? "" : ",", is_six ? "[" : "",
                         address, is_six ? "]" : "", (long long)json_int(listener, "port", 0));
    }
    return text;
}

static void print_balancers(struct cli *cli, const struct json *status)
{
    const struct json *list = ask_list(status, "loadBalancers");

    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *balancer = json_at(list, i);
        const char *waits = json_text(balancer, "waitsFor");
        const char *failure = json_text(balancer, "failure");
        const char *warning = json_text(balancer, "warning");

        print_fact(cli, failure != NULL ? COLOR_RED : COLOR_PLAIN, i == 0 ? "balancer" : "",
                   arena_printf(cli->arena, "%s %s%s, %lld of %zu targets healthy%s%s",
                                json_as_text(json_get(balancer, "name"), "?"),
                                json_as_text(json_get(balancer, "state"), "?"),
                                listener_text(cli, balancer),
                                (long long)json_int(balancer, "healthyTargets", 0),
                                json_count(ask_list(balancer, "targets")),
                                waits == NULL ? "" : ": ", waits == NULL ? "" : waits));
        if (warning != NULL)
            print_fact(cli, COLOR_RED, "", warning);
    }
}

/* ---- Services -------------------------------------------------------------------------------- */

/* One line is enough here: of more, the first says what it is about. */
static const char *shortened(struct cli *cli, const struct json *service, const char *text)
{
    size_t size = strcspn(text, "\n");

    if (text[size] == '\0' && size <= WAIT_WIDTH)
        return text;
    size = size < WAIT_WIDTH ? size : WAIT_WIDTH;
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--; /* not within a character */
    return arena_printf(cli->arena, "%.*s ... (`berth why %s`)", (int)size, text,
                        ask_key(cli, service));
}

/* What keeps a service from being what it should be, the gravest first. */
static const char *trouble(struct cli *cli, const struct json *service)
{
    const char *key = ask_key(cli, service);
    const char *held = json_text(service, "held");
    const char *suspended = json_text(service, "suspended");
    const char *waits = json_text(service, "waitsFor");
    const char *quarantined = ask_short(cli, service, "quarantined", ASK_REVISION_DIGITS);

    if (held != NULL)
        return arena_printf(cli->arena, "%s: `berth confirm` lets it go", held);
    if (suspended != NULL)
        return arena_printf(cli->arena, "suspended: %s", suspended);
    if (waits != NULL)
        return shortened(cli, service, waits);
    if (quarantined != NULL)
        return arena_printf(cli->arena,
                            "revision %s failed: a commit that changes it, or"
                            " `berth resume --retry %s`; `berth why %s`",
                            quarantined, key, key);
    return json_bool(service, "declared", true) ? NULL : "being removed";
}

static enum cli_color rollout_color(const char *state)
{
    if (text_equal(state, "FAILED"))
        return COLOR_RED;
    return text_equal(state, "COMPLETED") ? COLOR_GREEN : COLOR_YELLOW;
}

/* "5", of a service with autoScaling "5 (2-10)". */
static void add_desired(struct table *table, const struct json *service)
{
    long long desired = (long long)json_int(service, "desiredCount", 0);

    if (json_get(service, "scaling") == NULL)
        table_printf(table, "%lld", desired);
    else
        table_printf(table, "%lld (%lld-%lld)", desired,
                     (long long)json_int(service, "scaling.minCapacity", 0),
                     (long long)json_int(service, "scaling.maxCapacity", 0));
}

static void add_service(struct cli *cli, struct table *table, const struct json *service)
{
    const char *rollout = json_text(service, "deployment.rolloutState");
    bool is_rollback = json_bool(service, "deployment.rollback", false);

    table_add(table, ask_key(cli, service));
    add_desired(table, service);
    table_printf(table, "%lld", (long long)json_int(service, "runningCount", 0));
    table_printf(table, "%lld", (long long)json_int(service, "healthyCount", 0));
    table_printf(table, "%lld", (long long)json_int(service, "pendingCount", 0));
    table_add_color(table, rollout_color(rollout),
                    is_rollback ? arena_printf(cli->arena, "%s (rollback)", rollout) : rollout);
    table_add(table, ask_short(cli, service, "deployment.revision", ASK_REVISION_DIGITS));
    table_add(table, trouble(cli, service));
}

static void print_services(struct cli *cli, const struct json *status)
{
    const struct json *services = ask_list(status, "services");
    struct table table;

    if (json_count(services) == 0) {
        fputs("There is no service.\n", cli->out);
        return;
    }
    table_init(&table, cli->arena,
               "SERVICE|DESIRED|RUNNING|HEALTHY|PENDING|ROLLOUT|REVISION|WAITS FOR");
    for (size_t i = 0; i < json_count(services); i++)
        add_service(cli, &table, json_at(services, i));
    table_print(&table, cli);
}

int cmd_status(struct cli *cli)
{
    AUTO(json) *status = NULL;
    int result = ask(cli, "GET", "/v1/status", NULL, &status);

    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, status);
    if (cli->options.run.output == OUTPUT_TEXT) {
        print_source(cli, status);
        print_commit(cli, status);
        print_rejected(cli, status);
        print_state(cli, status);
        print_instances(cli, status);
        print_maintenance(cli, status);
        print_balancers(cli, status);
        fputc('\n', cli->out);
    }
    print_services(cli, status);
    return CLI_DONE;
}
