/*
 * berth hosts: the instances, what they have left, and why one cannot be used.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/cli/ask.h"
#include "reconciler/cli/table.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"

#define CLUSTERS_BYTES 1024

static int compare(const void *a, const void *b)
{
    const struct json *const *first = a;
    const struct json *const *second = b;

    return strcmp(json_as_text(json_get(*first, "name"), ""),
                  json_as_text(json_get(*second, "name"), ""));
}

static const char *clusters_text(struct cli *cli, const struct json *host)
{
    const struct json *clusters = ask_list(host, "clusters");
    AUTO(buf) text = { 0 };

    buf_init(&text, CLUSTERS_BYTES);
    for (size_t i = 0; i < json_count(clusters); i++)
        buf_printf(&text, "%s%s", i == 0 ? "" : ",", json_as_text(json_at(clusters, i), ""));
    return arena_text(cli->arena, buf_text(&text));
}

/* What is left of how much. */
static const char *resource_text(struct cli *cli, const struct json *host, const char *name)
{
    const struct json *resource = json_get(host, name);

    if (resource == NULL || json_int(resource, "registered", 0) == 0)
        return NULL;
    return arena_printf(cli->arena, "%lld/%lld", (long long)json_int(resource, "remaining", 0),
                        (long long)json_int(resource, "registered", 0));
}

static enum cli_color color_of(const char *state)
{
    if (text_equal(state, "LOST"))
        return COLOR_RED;
    return text_equal(state, "ACTIVE") ? COLOR_GREEN : COLOR_YELLOW;
}

static const char *remark(struct cli *cli, const struct json *host)
{
    const char *failure = json_text(host, "failure");
    const char *since = ask_age(cli, host, "lostSince");

    if (ask_age(cli, host, "forgottenSince") != NULL)
        return arena_printf(cli->arena, "given up %s ago: it is used again when it answers",
                            ask_age(cli, host, "forgottenSince"));
    if (json_text(json_get(host, "maintenance"), "text") != NULL)
        return json_text(json_get(host, "maintenance"), "text");
    if (json_text(host, "bootstrap") != NULL)
        return json_text(host, "bootstrap");
    if (failure != NULL)
        return since == NULL ? failure : arena_printf(cli->arena, "%s ago: %s", since, failure);
    if (json_bool(host, "leaving", false))
        return "no manifest lists it any more: it goes when its last task is gone";
    return json_text(host, "note");
}

static void add_host(struct cli *cli, struct table *table, const struct json *host)
{
    const char *state = json_as_text(json_get(host, "state"), "");

    table_add(table, json_text(host, "name"));
    table_add(table, clusters_text(cli, host));
    table_add_color(table, color_of(state), state);
    table_add(table, json_text(host, "engineVersion"));
    table_add(table, json_text(host, "architecture"));
    table_add(table, resource_text(cli, host, "cpu"));
    table_add(table, resource_text(cli, host, "memory"));
    table_printf(table, "%lld", (long long)json_int(host, "runningTasks", 0));
    table_add(table, remark(cli, host));
}

int cmd_hosts(struct cli *cli)
{
    AUTO(json) *answer = NULL;
    struct table table;
    const struct json **hosts;
    int result = ask(cli, "GET", "/v1/hosts", NULL, &answer);

    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    const struct json *list = ask_list(answer, "hosts");
    size_t count = json_count(list);
    hosts = arena_array(cli->arena, const struct json *, count + 1);
    for (size_t i = 0; i < count; i++)
        hosts[i] = json_at(list, i);
    qsort(hosts, count, sizeof(hosts[0]), compare);
    table_init(&table, cli->arena,
               "INSTANCE|CLUSTERS|STATE|ENGINE|ARCH|CPU LEFT|MEMORY LEFT|TASKS|REMARK");
    for (size_t i = 0; i < count; i++)
        add_host(cli, &table, hosts[i]);
    table_print(&table, cli);
    return CLI_DONE;
}
