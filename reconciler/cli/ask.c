/*
 * One question to the running Berth, and the parts of its answer as people read them.
 */
#include "reconciler/cli/ask.h"

#include <string.h>

#include "drivers/io/loop.h"
#include "spec/base/text.h"

int ask(struct cli *cli, const char *method, const char *path, const struct json *body,
        struct json **out)
{
    AUTO(client) *client = NULL;
    struct err err = { 0 };

    if (client_new(&cli->options, &client, &err) < 0 ||
        client_call(client, method, path, body, out, &err) < 0)
        return cli_failed(cli, &err);
    return CLI_DONE;
}

int ask_operand_service(struct cli *cli, struct ask_service *out)
{
    const char *name = cli->operand_count > 0 ? cli->operands[0] : NULL;
    const char *slash = name == NULL ? NULL : strchr(name, '/');
    struct ask_service found = { .cluster = cli->options.cluster, .service = name };

    if (slash != NULL) {
        const char *cluster = arena_text_n(cli->arena, name, (size_t)(slash - name));

        if (found.cluster != NULL && !text_equal(found.cluster, cluster))
            return cli_usage(cli, "'%s' is not in cluster '%s'", name, found.cluster);
        found = (struct ask_service){ .cluster = cluster, .service = slash + 1 };
    }
    *out = found;
    return CLI_DONE;
}

int ask_is_service(struct cli *cli, const struct ask_service *wanted)
{
    AUTO(json) *answer = NULL;
    struct err err = { 0 };
    int result =
        ask(cli, "GET", client_query(cli->arena, "/v1/services", "cluster", wanted->cluster, NULL),
            NULL, &answer);
    const struct json *services = ask_list(answer, "services");

    if (result != CLI_DONE)
        return result;
    for (size_t i = 0; i < json_count(services); i++) {
        if (text_equal(json_text(json_at(services, i), "service"), wanted->service))
            return CLI_DONE;
    }
    (void)err_set(&err, ERR_NOT_FOUND, "there is no service '%s'", cli->operands[0]);
    return cli_failed(cli, &err);
}

const char *ask_why_path(struct cli *cli, const char *name)
{
    const char *slash = strchr(name, '/');

    if (slash == NULL)
        return arena_printf(cli->arena, "/v1/why/%s", client_segment(cli->arena, name));
    return arena_printf(
        cli->arena, "/v1/why/%s/%s",
        client_segment(cli->arena, arena_text_n(cli->arena, name, (size_t)(slash - name))),
        client_segment(cli->arena, slash + 1));
}

int ask_since(struct cli *cli, int64_t *out_ms, struct err *err)
{
    const char *text = cli->options.since;
    int64_t ms = 0;

    if (text != NULL && text_parse_duration_ms(text, &ms))
        ms = loop_wall_ms() - ms;
    else if (text != NULL && !text_parse_time_ms(text, &ms))
        return err_set(err, ERR_INVALID,
                       "--since: '%s' is neither a duration (10m) nor a time"
                       " (2026-11-22T19:02:42Z)",
                       text);
    *out_ms = ms;
    return 0;
}

const char *ask_short(struct cli *cli, const struct json *object, const char *path, int digits)
{
    const char *id = json_text(object, path);

    return text_is_empty(id) ? NULL : arena_printf(cli->arena, "%.*s", digits, id);
}

const char *ask_key(struct cli *cli, const struct json *object)
{
    const char *cluster = json_text(object, "cluster");
    const char *service = json_text(object, "service");

    if (cluster == NULL || service == NULL)
        return NULL;
    return arena_printf(cli->arena, "%s/%s", cluster, service);
}

int64_t ask_time_ms(const struct json *object, const char *path)
{
    const char *text = json_text(object, path);
    int64_t ms = 0;

    if (text == NULL || !text_parse_time_ms(text, &ms))
        return 0;
    return ms;
}

const char *ask_age(struct cli *cli, const struct json *object, const char *path)
{
    int64_t then_ms = ask_time_ms(object, path);
    int64_t age_ms = loop_wall_ms() - then_ms;
    char *text;

    if (then_ms == 0)
        return NULL;
    text = arena_alloc(cli->arena, TEXT_TIME_SIZE);
    if (age_ms < 1000) /* clocks may differ */
        text_copy(text, TEXT_TIME_SIZE, "0s");
    else
        text_print_duration(age_ms / 1000 * 1000, text);
    return text;
}

const char *ask_time_text(struct cli *cli, int64_t ms)
{
    char *text = arena_alloc(cli->arena, TEXT_TIME_SIZE);

    text_print_time(ms, text);
    char *dot = strchr(text, '.');
    if (dot != NULL)
        text_copy(dot, 2, "Z");
    return text;
}

const char *ask_mistake(struct cli *cli, const struct json *mistake)
{
    const struct pos pos = { .file = json_text(mistake, "file"),
                             .line = (uint32_t)json_int(mistake, "line", 0),
                             .column = (uint32_t)json_int(mistake, "column", 0) };
    bool is_warning = text_equal(json_text(mistake, "level"), "warning");

    return arena_printf(cli->arena, "%s%s%s", pos_prefix(cli->arena, pos),
                        is_warning ? "warning: " : "", json_as_text(json_get(mistake, "text"), ""));
}

const struct json *ask_list(const struct json *object, const char *path)
{
    const struct json *list = json_path(object, path);

    return json_is_array(list) ? list : NULL;
}

void ask_print(struct cli *cli, const char *text, size_t indent)
{
    char *copy = arena_text(cli->arena, text);
    size_t size = strlen(copy);

    text_disarm(copy);
    while (size > 0 && copy[size - 1] == '\n')
        copy[--size] = '\0';
    for (const char *at = copy; *at != '\0'; at++) {
        fputc(*at, cli->out);
        if (*at == '\n')
            fprintf(cli->out, "%*s", (int)indent, "");
    }
}
