/*
 * berth hosts exec COMMAND...: one command on several hosts, what each writes, and where it failed.
 */
#include <string.h>

#include "reconciler/cli/ask.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/text.h"

#define SUMMARY_MAX 4096

struct hosts_exec {
    struct cli *cli;
    size_t hosts;
    int width; /* of the longest name; 0: lines do not begin with one */
    size_t ended;
    size_t failed;
    struct buf failures; /* "b (exit code 3), c (...)" */
};

/* ---- Lines ----------------------------------------------------------------------------------- */

static void note_hosts(struct hosts_exec *exec, const struct json *names)
{
    exec->hosts = json_count(names);
    for (size_t i = 0; i < exec->hosts && exec->hosts > 1; i++) {
        int width = (int)strlen(json_as_text(json_at(names, i), ""));

        if (width > exec->width)
            exec->width = width;
    }
}

/* What comes from a host is printed as it came, as `berth logs` does. */
static bool print_line(struct hosts_exec *exec, const struct json *line)
{
    struct cli *cli = exec->cli;
    FILE *out = text_equal(json_text(line, "stream"), "stderr") ? cli->errors : cli->out;

    if (exec->width > 0)
        fprintf(out, "%s%-*s |%s ", cli_color(cli, COLOR_DIM), exec->width,
                json_as_text(json_get(line, "instance"), "?"), cli_color(cli, COLOR_PLAIN));
    fprintf(out, "%s\n", json_as_text(json_get(line, "text"), ""));
    return fflush(out) == 0;
}

static void note_end(struct hosts_exec *exec, const struct json *line)
{
    const char *name = json_as_text(json_get(line, "instance"), "?");
    const char *error = json_text(line, "error");
    int64_t code = json_int(line, "exitCode", -1);

    exec->ended++;
    if (error == NULL && code == 0)
        return;
    buf_printf(&exec->failures, "%s%s ", exec->failed == 0 ? "" : ", ", name);
    if (error != NULL)
        buf_printf(&exec->failures, "(%s)", error);
    else
        buf_printf(&exec->failures, "(exit code %lld)", (long long)code);
    exec->failed++;
}

static bool on_line(void *ctx, const char *text, size_t size)
{
    struct hosts_exec *exec = ctx;
    AUTO(json) *line = json_parse(text, size, NULL);
    bool is_json = exec->cli->options.run.output == OUTPUT_JSON;

    if (line == NULL)
        return true; /* a blank line keeps the connection open */
    if (json_get(line, "instances") != NULL)
        note_hosts(exec, json_get(line, "instances"));
    else if (json_text(line, "text") == NULL)
        note_end(exec, line);
    else if (!is_json)
        return print_line(exec, line);
    if (!is_json || json_get(line, "instances") != NULL)
        return true;
    fprintf(exec->cli->out, "%s\n", text);
    return fflush(exec->cli->out) == 0;
}

/* ---- The request ----------------------------------------------------------------------------- */

static struct json *make_body(struct cli *cli)
{
    struct json *body = json_object();
    struct json *command = json_array();
    const char *at = cli->options.instances;

    for (size_t i = 0; i < cli->operand_count; i++)
        json_append_text(command, cli->operands[i]);
    json_set(body, "command", command);
    json_set_text(body, "cluster", cli->options.cluster);
    if (at != NULL) {
        struct json *names = json_array();

        for (size_t size; *at != '\0'; at += size + (at[size] == ',')) {
            size = strcspn(at, ",");
            json_append_text(names, arena_text_n(cli->arena, at, size));
        }
        json_set(body, "instances", names);
    }
    return body;
}

static int end_of(struct hosts_exec *exec, const struct client *client)
{
    struct cli *cli = exec->cli;

    if (client_was_interrupted(client))
        return 128 + 2;
    if (ferror(cli->out))
        return CLI_DONE; /* who reads it has read enough, or cannot: that is told elsewhere */
    if (exec->failed == 0 && exec->ended == exec->hosts)
        return CLI_DONE;
    if (exec->ended < exec->hosts)
        cli_print(cli->errors, "berth: the running Berth ended before %zu of %zu hosts did\n",
                  exec->hosts - exec->ended, exec->hosts);
    if (exec->failed > 0)
        cli_print(cli->errors, "berth: failed on %zu of %zu hosts: %s\n", exec->failed, exec->hosts,
                  buf_text(&exec->failures));
    return CLI_FAILED;
}

int cmd_hosts_exec(struct cli *cli)
{
    AUTO(client) *client = NULL;
    AUTO(json) *body = make_body(cli);
    struct hosts_exec exec = { .cli = cli };
    struct err err = { 0 };
    int result;

    if (client_new(&cli->options, &client, &err) < 0)
        return cli_failed(cli, &err);
    buf_init(&exec.failures, SUMMARY_MAX);
    result = client_post_lines(client, "/v1/hosts/exec", body, on_line, &exec, &err);
    result = result < 0 ? cli_failed(cli, &err) : end_of(&exec, client);
    buf_release(&exec.failures);
    return result;
}
