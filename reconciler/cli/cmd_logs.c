/*
 * berth logs SERVICE|TASK|CONTAINER: what containers write, of several tasks together.
 *
 * Without --follow everything is read, sorted by time and printed.  With it lines are printed as
 * they come, and containers that are started meanwhile, or once more, join in: an engine has no
 * more to say of one that is not started yet, nor of one that ended, until it is started again.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/io/loop.h"
#include "reconciler/cli/targets.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/world.h"

#define LOGS_CONTAINERS_MAX 64
#define LOGS_STREAMS_MAX    128 /* half of what the API serves */
#define LOGS_RELIST_MS      1000

struct logs;

/* One container whose log is read or was. */
struct source {
    struct logs *logs;
    char *id; /* of its task */
    char *container;
    int64_t started_ms; /* the start since which it is read; 0: unknown */
    int64_t last_ms;    /* its newest line; 0: none came */
    bool open;
    bool listed;
    struct source *next;
};

struct line {
    int64_t time_ms;
    size_t order; /* as it came, for lines of one millisecond */
    char *text;   /* as it is printed */
};

struct logs {
    struct cli *cli;
    struct client *client;
    const char *name;
    int64_t since_ms;
    bool has_prefix;
    bool is_service;
    bool is_stopped; /* a task that is gone: what is kept of it is read */
    bool has_found;  /* at least one task, ever */
    bool is_full;    /* LOGS_STREAMS_MAX, and told so */
    size_t open;
    int container_width;
    struct source *sources;
    struct line *lines; /* until all are there; unused with --follow */
    size_t line_count;
    size_t line_capacity;
    size_t line_bytes;
    struct timer relist;
    struct err err;
    bool failed;
};

/* ---- Lines ----------------------------------------------------------------------------------- */

static char *line_text(struct logs *logs, const struct source *source, const struct json *line)
{
    struct cli *cli = logs->cli;
    int64_t ms = ask_time_ms(line, "time");
    AUTO(buf) text = { 0 };

    buf_init(&text, LIMIT_OUTPUT);
    if (cli->options.run.output == OUTPUT_JSON) {
        AUTO(json) *copy = json_copy(line);
        json_set_text(copy, "task", source->id);
        json_print(copy, JSON_STYLE_COMPACT, &text);
        return buf_take(&text);
    }
    if (logs->has_prefix)
        buf_printf(&text, "%s%.*s %-*s |%s ", cli_color(cli, COLOR_DIM), ASK_TASK_DIGITS,
                   source->id, logs->container_width,
                   json_as_text(json_get(line, "container"), "?"), cli_color(cli, COLOR_PLAIN));
    if (cli->options.timestamps)
        buf_printf(&text, "%s ", ask_time_text(cli, ms));
    buf_text_add(&text, json_as_text(json_get(line, "text"), ""));
    return buf_take(&text);
}

static bool print(struct cli *cli, const char *text)
{
    fprintf(cli->out, "%s\n", text);
    return fflush(cli->out) == 0;
}

static void keep(struct logs *logs, int64_t time_ms, char *text)
{
    if (logs->line_count == logs->line_capacity) {
        logs->line_capacity = logs->line_capacity == 0 ? 256 : logs->line_capacity * 2;
        logs->lines = mem_resize(logs->lines, logs->line_capacity * sizeof(*logs->lines));
    }
    logs->lines[logs->line_count] =
        (struct line){ .time_ms = time_ms, .order = logs->line_count, .text = text };
    logs->line_count++;
    logs->line_bytes += strlen(text);
}

static bool on_line(void *ctx, const char *text, size_t size)
{
    struct source *source = ctx;
    struct logs *logs = source->logs;
    AUTO(json) *line = json_parse(text, size, NULL);

    if (line == NULL)
        return true; /* a blank line keeps the connection open */
    if (json_text(line, "error") != NULL) {
        cli_print(logs->cli->errors, "berth: %.*s %s: %s\n", ASK_TASK_DIGITS, source->id,
                  json_as_text(json_get(line, "container"), "?"), json_text(line, "error"));
        return true;
    }
    if (logs->is_stopped) { /* made a line of when all are there */
        keep(logs, ask_time_ms(line, "time"), mem_text(text));
        return true;
    }
    AUTO_TEXT char *out = line_text(logs, source, line);
    source->last_ms = ask_time_ms(line, "time");
    if (logs->cli->options.follow)
        return print(logs->cli, out);
    keep(logs, ask_time_ms(line, "time"), TAKE(out));
    if (logs->line_bytes <= LIMIT_OUTPUT)
        return true;
    logs->failed = true;
    (void)err_set(&logs->err, ERR_CAPACITY,
                  "more than %d MiB of logs: --tail or --since takes less",
                  LIMIT_OUTPUT / (1024 * 1024));
    return false;
}

static int compare(const void *a_line, const void *b_line)
{
    const struct line *a = a_line;
    const struct line *b = b_line;

    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static void print_sorted(struct logs *logs)
{
    if (logs->line_count > 0)
        qsort(logs->lines, logs->line_count, sizeof(*logs->lines), compare);
    for (size_t i = 0; i < logs->line_count; i++)
        fprintf(logs->cli->out, "%s\n", logs->lines[i].text);
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

static void on_end(void *ctx, const struct err *failure)
{
    struct source *source = ctx;
    struct logs *logs = source->logs;

    source->open = false;
    logs->open--;
    /* A task may go between its listing and its log. */
    if (failure == NULL || (failure->code == ERR_NOT_FOUND && !logs->is_stopped))
        return;
    logs->failed = true;
    logs->err = *failure;
    client_hold(logs->client, false);
}

static void open_source(struct source *source, int64_t since_ms, bool has_tail)
{
    struct logs *logs = source->logs;
    struct cli *cli = logs->cli;

    source->open = true;
    logs->open++;
    client_stream(
        logs->client,
        client_query(
            cli->arena,
            arena_printf(cli->arena, "/v1/tasks/%s/logs", client_segment(cli->arena, source->id)),
            "timestamps", "true", "container", source->container, "follow",
            cli->options.follow && !logs->is_stopped ? "true" : NULL, "tail",
            has_tail ? arena_printf(cli->arena, "%u", cli->options.tail) : NULL, "since",
            since_ms > 0 ? arena_printf(cli->arena, "%lld", (long long)since_ms) : NULL, NULL),
        on_line, on_end, source);
}

static struct source *find_source(const struct logs *logs, const char *id, const char *container)
{
    for (struct source *at = logs->sources; at != NULL; at = at->next) {
        if (text_equal(at->id, id) && text_equal(at->container, container))
            return at;
    }
    return NULL;
}

static bool has_room(struct logs *logs)
{
    if (logs->open < LOGS_STREAMS_MAX)
        return true;
    if (!logs->is_full)
        cli_print(logs->cli->errors, "berth: the logs of %d containers only: name a task\n",
                  LOGS_STREAMS_MAX);
    logs->is_full = true;
    return false;
}

static void open_container(struct logs *logs, const char *id, const struct json *container)
{
    const char *name = json_as_text(json_get(container, "name"), "");
    int64_t started_ms = ask_time_ms(container, "startedAt");
    struct source *source = find_source(logs, id, name);
    bool again = source != NULL;

    if (again)
        source->listed = true;
    if (logs->cli->options.follow && started_ms == 0)
        return; /* not started, or not known yet */
    if ((again && (source->open || source->started_ms == started_ms)) || !has_room(logs))
        return;
    if (!again) {
        source = mem_alloc(sizeof(*source));
        *source = (struct source){ .logs = logs,
                                   .id = mem_text(id),
                                   .container = mem_text(name),
                                   .listed = true,
                                   .next = logs->sources };
        logs->sources = source;
    }
    source->started_ms = started_ms;
    /* All of it from what came while following; of one that is started again, what is new.  Not
     * since its start: an engine notes that time once the program runs, and has written already. */
    open_source(source, source->last_ms > 0 ? source->last_ms + 1 : logs->since_ms,
                logs->cli->options.tail > 0 && !logs->has_found);
}

static void open_task(struct logs *logs, const struct target *target)
{
    const struct json *containers = ask_list(target->task, "containers");

    for (size_t i = 0; i < json_count(containers); i++) {
        const struct json *at = json_at(containers, i);
        const char *name = json_text(at, "name");

        if (target->container != NULL ? text_equal(name, target->container)
                                      : !text_equal(name, SANDBOX_NAME))
            open_container(logs, target->id, at);
    }
}

static void source_free(struct source *source)
{
    free(source->id);
    free(source->container);
    free(source);
}

/* Who follows a service for weeks sees many tasks come and go. */
static void drop_gone(struct logs *logs)
{
    struct source **link = &logs->sources;

    while (*link != NULL) {
        struct source *source = *link;

        if (source->open || source->listed) {
            link = &source->next;
            continue;
        }
        *link = source->next;
        source_free(source);
    }
}

/* The widest name of a container, and whether lines must say whose they are. */
static void measure(struct logs *logs, const struct targets *targets)
{
    size_t count = 0;

    for (size_t i = 0; i < targets->count; i++) {
        const char *names[LOGS_CONTAINERS_MAX];
        size_t named = target_containers(targets->items[i].task, names, LOGS_CONTAINERS_MAX);

        count += targets->items[i].container != NULL ? 1 : named;
        for (size_t k = 0; k < named; k++) {
            int width = (int)strlen(names[k]);
            bool counts = targets->items[i].container == NULL ||
                          text_equal(targets->items[i].container, names[k]);
            if (counts && width > logs->container_width)
                logs->container_width = width;
        }
    }
    logs->has_prefix = logs->has_prefix || targets->is_service || count > 1;
}

static void open_new(struct logs *logs, const struct json *listing)
{
    AUTO(arena) arena = { 0 };
    struct targets targets;

    targets_find(&arena, listing, logs->name, logs->cli->options.container, &targets);
    measure(logs, &targets);
    for (struct source *at = logs->sources; at != NULL; at = at->next)
        at->listed = false;
    for (size_t i = 0; i < targets.count; i++)
        open_task(logs, &targets.items[i]);
    drop_gone(logs);
    if (targets.count > 0) {
        logs->has_found = true;
        logs->is_service = targets.is_service;
    } else if (logs->has_found && !logs->is_service) {
        client_hold(logs->client, false);
    }
}

/* ---- Looking again --------------------------------------------------------------------------- */

static void relist(void *ctx);

static bool on_listing(void *ctx, const char *text, size_t size)
{
    struct logs *logs = ctx;
    AUTO(json) *listing = json_parse(text, size, NULL);

    if (listing != NULL)
        open_new(logs, listing);
    return true;
}

static void on_listed(void *ctx, const struct err *failure)
{
    struct logs *logs = ctx;

    if (failure != NULL) {
        logs->failed = true;
        logs->err = *failure;
        client_hold(logs->client, false);
    } else if (!client_was_interrupted(logs->client)) {
        timer_start(client_loop(logs->client), &logs->relist, LOGS_RELIST_MS, relist, logs);
    }
}

static void relist(void *ctx)
{
    struct logs *logs = ctx;

    client_stream(logs->client, "/v1/tasks", on_listing, on_listed, logs);
}

static int read_all(struct logs *logs)
{
    if (logs->cli->options.follow) {
        client_hold(logs->client, true);
        timer_start(client_loop(logs->client), &logs->relist, LOGS_RELIST_MS, relist, logs);
    }
    int result = client_run(logs->client, &logs->err);
    timer_stop(&logs->relist);
    return result < 0 || logs->failed ? -1 : 0;
}

/* ---- Of a task that is gone ------------------------------------------------------------------ */

/* Which containers it had, only its lines say. */
static void format_kept(struct logs *logs, const struct source *source)
{
    AUTO(arena) arena = { 0 };
    const char *first = NULL;

    for (size_t i = 0; i < logs->line_count; i++) {
        AUTO(json) *line = json_parse(logs->lines[i].text, strlen(logs->lines[i].text), NULL);
        const char *name = json_as_text(json_get(line, "container"), "");

        if (first == NULL)
            first = arena_text(&arena, name);
        logs->has_prefix = logs->has_prefix || !text_equal(first, name);
        if ((int)strlen(name) > logs->container_width)
            logs->container_width = (int)strlen(name);
    }
    for (size_t i = 0; i < logs->line_count; i++) {
        AUTO_TEXT char *text = logs->lines[i].text;
        AUTO(json) *line = json_parse(text, strlen(text), NULL);

        logs->lines[i].text = line_text(logs, source, line);
    }
}

static int read_kept(struct logs *logs, const struct json *task)
{
    struct cli *cli = logs->cli;
    struct source *source = mem_alloc(sizeof(*source));

    source->logs = logs;
    source->id = mem_text(json_as_text(json_get(task, "id"), ""));
    source->container = cli->options.container == NULL ? NULL : mem_text(cli->options.container);
    logs->sources = source;
    logs->is_stopped = true;
    open_source(source, logs->since_ms, cli->options.tail > 0);
    if (client_run(logs->client, &logs->err) < 0 || logs->failed)
        return -1;
    cli_print(cli->errors, "berth: task %.*s stopped at %s: these are the last lines kept of it\n",
              ASK_TASK_DIGITS, source->id, ask_time_text(cli, ask_time_ms(task, "stoppedAt")));
    format_kept(logs, source);
    print_sorted(logs);
    return 0;
}

/* The only one of that name that stopped; NULL: none, or several. */
static const struct json *find_stopped(struct logs *logs, const struct json *listing)
{
    const struct json *found = NULL;
    struct targets targets;

    targets_find(logs->cli->arena, listing, logs->name, NULL, &targets);
    for (size_t i = 0; i < targets.count && !targets.is_service; i++) {
        if (!text_equal(json_text(targets.items[i].task, "status"), "STOPPED"))
            continue;
        if (found != NULL)
            return NULL;
        found = targets.items[i].task;
    }
    return found;
}

static int run_stopped(struct logs *logs, const struct json *running)
{
    AUTO(json) *listing = NULL;
    const struct json *task;

    if (client_call(logs->client, "GET", "/v1/tasks?all=true", NULL, &listing, &logs->err) < 0)
        return -1;
    task = find_stopped(logs, listing);
    return task == NULL ? targets_none(logs->cli, logs->client, running, &logs->err)
                        : read_kept(logs, task);
}

static int run(struct logs *logs)
{
    AUTO(json) *listing = NULL;

    if (client_call(logs->client, "GET", "/v1/tasks", NULL, &listing, &logs->err) < 0)
        return -1;
    open_new(logs, listing);
    if (!logs->has_found)
        return run_stopped(logs, listing);
    if (read_all(logs) < 0)
        return -1;
    print_sorted(logs);
    return 0;
}

static void release(struct logs *logs)
{
    for (struct source *at = logs->sources; at != NULL;) {
        struct source *next = at->next;
        source_free(at);
        at = next;
    }
    for (size_t i = 0; i < logs->line_count; i++)
        free(logs->lines[i].text);
    free(logs->lines);
}

int cmd_logs(struct cli *cli)
{
    AUTO(client) *client = NULL;
    struct logs logs = { .cli = cli, .name = cli->operands[0] };
    int result;

    if (ask_since(cli, &logs.since_ms, &logs.err) < 0)
        return cli_usage(cli, "%s", logs.err.text);
    if (client_new(&cli->options, &client, &logs.err) < 0)
        return cli_failed(cli, &logs.err);
    logs.client = client;
    result = run(&logs);
    release(&logs);
    return result < 0 ? cli_failed(cli, &logs.err) : CLI_DONE;
}
