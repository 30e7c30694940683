/*
 * berth events [SERVICE]: what happened, and with --follow what happens.
 */
#include <string.h>

#include "reconciler/cli/ask.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/text.h"

/* With --since the newest of all that are kept are asked for. */
#define EVENTS_MAX    10000
#define SERVICE_WIDTH 16

struct feed {
    struct cli *cli;
    struct json *event; /* of the line at hand */
    int64_t since_ms;   /* 0: all */
};

static void print_event(const struct feed *feed, const struct json *event)
{
    struct cli *cli = feed->cli;
    int64_t ms = ask_time_ms(event, "time");
    const char *key = ask_key(cli, event);

    if (ms < feed->since_ms)
        return;
    fprintf(cli->out, "%s%s%s  %-*s  ", cli_color(cli, COLOR_DIM), ask_time_text(cli, ms),
            cli_color(cli, COLOR_PLAIN), SERVICE_WIDTH,
            key == NULL ? json_as_text(json_get(event, "cluster"), "-") : key);
    ask_print(cli, json_as_text(json_get(event, "text"), ""), strlen(ask_time_text(cli, ms)) + 2);
    fputc('\n', cli->out);
}

/* Each line is flushed: a follower that is piped should not wait for a full buffer. */
static bool on_line(void *ctx, const char *line, size_t size)
{
    struct feed *feed = ctx;
    AUTO(json) *event = json_parse(line, size, NULL);

    if (event == NULL) /* a blank line keeps the connection open */
        return true;
    if (feed->cli->options.run.output != OUTPUT_JSON)
        print_event(feed, event);
    else if (ask_time_ms(event, "time") >= feed->since_ms)
        fprintf(feed->cli->out, "%s\n", line);
    return fflush(feed->cli->out) == 0;
}

static int follow(struct feed *feed, const char *path)
{
    AUTO(client) *client = NULL;
    struct err err = { 0 };

    if (client_new(&feed->cli->options, &client, &err) < 0 ||
        client_lines(client, path, on_line, feed, &err) < 0)
        return cli_failed(feed->cli, &err);
    return CLI_DONE;
}

/* Events of a service that is gone are kept for a while. */
static int check_name(struct cli *cli, const struct ask_service *wanted)
{
    AUTO(json) *answer = NULL;
    int result = ask(cli, "GET",
                     client_query(cli->arena, "/v1/events", "limit", "1", "cluster",
                                  wanted->cluster, "service", wanted->service, NULL),
                     NULL, &answer);

    if (result != CLI_DONE || json_count(ask_list(answer, "events")) > 0)
        return result;
    return ask_is_service(cli, wanted);
}

int cmd_events(struct cli *cli)
{
    struct feed feed = { .cli = cli };
    uint32_t limit = cli->options.since != NULL ? EVENTS_MAX : cli->options.limit;
    AUTO(json) *answer = NULL;
    struct ask_service wanted;
    struct err err = { 0 };
    int result = ask_operand_service(cli, &wanted);

    if (result != CLI_DONE)
        return result;
    if (ask_since(cli, &feed.since_ms, &err) < 0)
        return cli_usage(cli, "%s", err.text);
    if (wanted.service != NULL)
        result = check_name(cli, &wanted);
    if (result != CLI_DONE)
        return result;
    const char *path =
        client_query(cli->arena, "/v1/events", "limit", arena_printf(cli->arena, "%u", limit),
                     "cluster", wanted.cluster, "service", wanted.service, "follow",
                     cli->options.follow ? "true" : NULL, NULL);
    if (cli->options.follow)
        return follow(&feed, path);
    result = ask(cli, "GET", path, NULL, &answer);
    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    const struct json *events = ask_list(answer, "events");
    for (size_t i = 0; i < json_count(events); i++)
        print_event(&feed, json_at(events, i));
    return CLI_DONE;
}
