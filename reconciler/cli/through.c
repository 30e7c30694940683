/*
 * Asks the run that holds the state.
 */
#include "reconciler/cli/through.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "drivers/io/loop.h"
#include "reconciler/cli/ask.h"
#include "reconciler/cli/plan_print.h"
#include "reconciler/source/url.h"
#include "spec/base/redact.h"
#include "spec/base/text.h"

#define LOOK_AGAIN_MS 100

/* ---- Is there one ---------------------------------------------------------------------------- */

/* A folder by its real path, a URL without its credentials, as GET /v1/status says it. */
static bool is_same_repository(const char *given, const char *theirs)
{
    AUTO_TEXT char *folder = realpath(given, NULL);
    AUTO_TEXT char *redacted = url_redact(given);

    return theirs == NULL || text_equal(folder != NULL ? folder : redacted, theirs);
}

static bool has_socket(const struct cli_options *options)
{
    AUTO(arena) arena = { 0 };
    struct stat status;

    return stat(arena_printf(&arena, "%s/berth.sock", options->run.state_dir), &status) == 0;
}

/* What is given here would be obeyed by a Berth that begins, and one that runs has its own. */
static int check_given(const struct cli_options *options, const struct json *status,
                       struct err *err)
{
    const struct {
        enum option_id id;
        const char *given;
        const char *theirs; /* NULL: not told, so never the same */
    } rows[] = {
        { OPT_BRANCH, options->run.branch, json_text(status, "branch") },
        { OPT_OWNER, options->run.owner, json_text(status, "owner") },
        { OPT_DOCKER_HOST, NULL, NULL },
        { OPT_INTERVAL, NULL, NULL },
        { OPT_GIT_TIMEOUT, NULL, NULL },
        { OPT_TAKE_OVER, NULL, NULL },
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if ((options->given >> rows[i].id & 1) == 0 ||
            (rows[i].theirs != NULL && text_equal(rows[i].given, rows[i].theirs)))
            continue;
        return err_set(err, ERR_INVALID,
                       "a Berth runs on %s, and this goes through it, with its own --%s: leave "
                       "that out, or give another --state",
                       options->run.state_dir, cli_options[rows[i].id].name);
    }
    return 0;
}

int through_find(const struct cli_options *options, struct client **out, struct err *err)
{
    AUTO(client) *client = NULL;
    AUTO(json) *status = NULL;

    *out = NULL;
    if (!has_socket(options))
        return 0;
    if (client_new(options, &client, err) < 0)
        return -1;
    if (client_call(client, "GET", "/v1/status", NULL, &status, err) < 0)
        return err->code == ERR_UNREACHABLE ? 0
                                            : -1; /* a socket that nobody listens on is left over */
    const char *repository = json_text(status, "repository");
    const char *path = json_text(status, "path");
    if (!is_same_repository(options->run.repo, repository))
        return err_set(
            err, ERR_CONFLICT,
            "a Berth runs on %s with another repository, %s: give this one another --state",
            options->run.state_dir, repository);
    if (!text_is_empty(options->run.path) && !text_equal(options->run.path, path))
        return err_set(err, ERR_CONFLICT, "a Berth runs on %s with --path '%s'",
                       options->run.state_dir, path == NULL ? "" : path);
    if (check_given(options, status, err) < 0)
        return -1;
    *out = TAKE(client);
    return 0;
}

/* ---- Plan ------------------------------------------------------------------------------------ */

/* What is about nothing in particular. */
static void tell_error(struct cli *cli, const char *text)
{
    if (cli->options.run.output == OUTPUT_JSON)
        log_line(&cli->options.run, "error", /* fields= */ NULL, text);
    else
        cli_print(cli->errors, "%s\n", text);
}

static void print_mistakes(struct cli *cli, const struct json *mistakes)
{
    for (size_t i = 0; i < json_count(mistakes); i++)
        cli_print(cli->errors, "%s\n", ask_mistake(cli, json_at(mistakes, i)));
}

static bool on_plan_line(void *ctx, const char *line, size_t size)
{
    struct cli *cli = ctx;

    (void)size;
    if (cli->options.run.output == OUTPUT_MARKDOWN)
        cli_print(cli->out, "%s\n", line);
    else
        plan_print_line(cli, line);
    return true;
}

int through_plan(struct cli *cli, struct client *client)
{
    const struct run_options *run = &cli->options.run;
    const char *ref = run->ref != NULL ? run->ref : run->branch;
    AUTO(json) *plan = NULL;
    struct err err = { 0 };

    if (client_call(client, "GET", client_query(cli->arena, "/v1/plan", "ref", ref, NULL), NULL,
                    &plan, &err) < 0) {
        print_mistakes(cli, ask_list(client_refusal(client), "error.errors"));
        return cli_failed(cli, &err);
    }
    const char *commit = json_text(plan, "commit");
    bool has_changes = json_bool(plan, "changes", false);
    print_mistakes(cli, ask_list(plan, "warnings"));
    if (run->output == OUTPUT_JSON) {
        (void)cli_print_json(cli, plan);
    } else {
        const char *format = run->output == OUTPUT_MARKDOWN ? "markdown" : "text";

        if (run->output == OUTPUT_TEXT)
            plan_print_commit(cli, commit, json_text(plan, "subject"));
        if (client_lines(
                client, client_query(cli->arena, "/v1/plan", "ref", commit, "format", format, NULL),
                on_plan_line, cli, &err) < 0)
            return cli_failed(cli, &err);
    }
    return run->detailed_exitcode && has_changes ? CLI_CHANGES : CLI_DONE;
}

/* ---- Apply ----------------------------------------------------------------------------------- */

struct wait {
    struct cli *cli;
    struct client *client;
    int64_t looks;  /* so many looks of the run prove that it has seen the tip */
    int64_t event;  /* told up to this one */
    int64_t told;   /* likewise of what is going on */
    int64_t output; /* and of what builds print */
    bool confirms;
};

static void tell(struct cli *cli, const char *topic, const struct log_fields *fields,
                 const char *text)
{
    if (cli->options.run.output == OUTPUT_JSON)
        log_line(&cli->options.run, topic, fields, text);
    else
        cli_print(cli->errors, "%s: %s\n", fields->service, text);
}

/* Events that came since; with `silent` they are only counted. */
static int tell_events(struct wait *wait, bool silent, struct err *err)
{
    struct cli *cli = wait->cli;
    const char *since = arena_printf(cli->arena, "%lld", (long long)wait->event);
    AUTO(json) *answer = NULL;

    if (client_call(wait->client, "GET",
                    client_query(cli->arena, "/v1/events", "limit", silent ? "1" : NULL, "since",
                                 silent ? NULL : since, NULL),
                    NULL, &answer, err) < 0)
        return -1;
    const struct json *events = ask_list(answer, "events");
    for (size_t i = 0; i < json_count(events); i++) {
        const struct json *event = json_at(events, i);

        wait->event = json_int(event, "id", wait->event);
        if (silent || cli->options.run.is_quiet)
            continue;
        struct log_fields fields = { .service = ask_key(cli, event),
                                     .commit = json_text(event, "commit") };
        if (!text_parse_time_ms(json_as_text(json_get(event, "time"), ""), &fields.time_ms))
            fields.time_ms = 0;
        tell(cli, "event", &fields, json_as_text(json_get(event, "text"), ""));
    }
    return 0;
}

/* As the run itself says it, while it is so. */
static void tell_progress(struct wait *wait, const struct json *status)
{
    struct cli *cli = wait->cli;
    const struct json *list = ask_list(status, "progress");
    int64_t last = wait->told;

    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *item = json_at(list, i);
        const char *text = json_as_text(json_get(item, "text"), "");
        int64_t id = json_int(item, "id", 0);

        if (id <= wait->told || cli->options.run.is_quiet)
            continue;
        last = id > last ? id : last;
        if (cli->options.run.output == OUTPUT_JSON)
            log_line(&cli->options.run, "progress",
                     &(struct log_fields){ .service = json_text(item, "service"),
                                           .object = json_text(item, "object") },
                     text);
        else
            cli_print(cli->errors, "%s\n", text);
    }
    wait->told = last;
}

static void tell_lines(struct wait *wait, const struct json *build)
{
    struct cli *cli = wait->cli;
    const char *object = json_as_text(json_get(build, "object"), "");
    const struct json *lines = ask_list(build, "lines");

    for (size_t i = 0; i < json_count(lines); i++) {
        const char *line = json_as_text(json_get(json_at(lines, i), "text"), "");
        const char *text = arena_printf(cli->arena, "%s: %s", object, line);

        if (line[0] == '\0' || (!cli->options.run.is_verbose && output_is_about_layers(line)))
            continue;
        if (cli->options.run.output == OUTPUT_JSON)
            log_line(&cli->options.run, "build", &(struct log_fields){ .object = object }, text);
        else
            cli_print(cli->errors, "%s\n", text);
    }
}

/* What builds printed since the last time. */
static int tell_builds(struct wait *wait, const struct json *status, struct err *err)
{
    struct arena *arena = wait->cli->arena;
    const char *since = arena_printf(arena, "%lld", (long long)wait->output);
    AUTO(json) *answer = NULL;

    if (wait->cli->options.run.is_quiet || json_int(status, "outputId", 0) <= wait->output)
        return 0;
    if (client_call(wait->client, "GET", client_query(arena, "/v1/builds", "since", since, NULL),
                    NULL, &answer, err) < 0)
        return -1;
    const struct json *builds = ask_list(answer, "builds");
    for (size_t i = 0; i < json_count(builds); i++) {
        const struct json *lines = ask_list(json_at(builds, i), "lines");
        const struct json *last = json_at(lines, json_count(lines) - 1);
        int64_t id = json_int(last, "id", 0);

        tell_lines(wait, json_at(builds, i));
        wait->output = id > wait->output ? id : wait->output;
    }
    return 0;
}

static void tell_mistakes(struct cli *cli, const struct json *mistakes)
{
    for (size_t i = 0; i < json_count(mistakes); i++)
        tell_error(cli, ask_mistake(cli, json_at(mistakes, i)));
}

/* Until then nobody knows what a service waits for. */
static bool is_seen(const struct json *status)
{
    const struct json *instances = ask_list(status, "instances");

    return text_equal(json_text(json_at(instances, 0), "state"), "ACTIVE");
}

/* True: it is over, with *out.  What has not been looked at yet says nothing. */
static bool is_over(struct wait *wait, const struct json *status, enum app_outcome *out)
{
    const struct json *verdict = json_get(status, "verdict");
    const struct json *rejected = json_get(status, "rejected");
    const char *unread = json_text(status, "sourceFailure");
    bool is_idle = json_int(verdict, "pending", 1) == 0 && json_int(status, "inFlight", 0) == 0;

    if (json_int(status, "looks", 0) < wait->looks)
        return false;
    if (unread != NULL) { /* what runs may be what was wanted before */
        tell_error(wait->cli, unread);
        *out = APP_FAILED;
        return true;
    }
    if (rejected != NULL) {
        tell_mistakes(wait->cli, ask_list(rejected, "errors"));
        *out = APP_INVALID;
        return true;
    }
    if (wait->confirms || !is_idle)
        return false;
    if (json_int(verdict, "failed", 0) > 0 || json_int(verdict, "blocked", 0) > 0) {
        *out = APP_FAILED;
        return is_seen(status);
    }
    *out = json_int(verdict, "rolledBack", 0) > 0 ? APP_ROLLED_BACK : APP_CONVERGED;
    return json_bool(status, "converged", false);
}

/* --confirm is of the commit that was looked at, so it comes after the look. */
static int confirm_once(struct wait *wait, const struct json *status, struct err *err)
{
    AUTO(json) *answer = NULL;

    if (!wait->confirms || json_int(status, "looks", 0) < wait->looks)
        return 0;
    wait->confirms = false;
    return client_call(wait->client, "POST", "/v1/confirm", NULL, &answer, err);
}

static void print_lines(struct cli *cli, const struct json *service)
{
    const struct json *list = ask_list(service, "lastLines");

    for (size_t i = 0; i < json_count(list); i++)
        tell(cli, "error", &(struct log_fields){ .service = ask_key(cli, service) },
             app_lines_text(json_at(list, i), cli->arena));
}

static void print_reasons(struct cli *cli, const struct json *services, const char *member)
{
    for (size_t i = 0; i < json_count(services); i++) {
        const struct json *service = json_at(services, i);
        const char *reason = json_text(service, member);

        if (reason != NULL && !json_bool(service, "declared", false))
            tell(cli, "error", &(struct log_fields){ .service = ask_key(cli, service) }, reason);
        print_lines(cli, service);
    }
}

/* What the commit declares, and then what it does not declare any more. */
static void print_undone(struct cli *cli, const struct json *status)
{
    print_reasons(cli, ask_list(status, "verdict.undone"), "reason");
    print_reasons(cli, ask_list(status, "services"), "waitsFor");
}

static void print_end(struct cli *cli, const struct json *status, enum app_outcome outcome)
{
    if (outcome == APP_FAILED || outcome == APP_ROLLED_BACK)
        print_undone(cli, status);
    if (cli->options.run.is_quiet || cli->options.run.output == OUTPUT_JSON ||
        outcome == APP_INVALID)
        return;
    cli_print(cli->errors, "%s %s\n", ask_short(cli, status, "commit.id", ASK_COMMIT_DIGITS),
              outcome == APP_CONVERGED     ? "converged"
              : outcome == APP_ROLLED_BACK ? "converged, with services rolled back"
                                           : "failed");
}

static struct app_end end_of(const struct json *status, enum app_outcome outcome)
{
    const struct json *verdict = json_get(status, "verdict");
    const char *commit = outcome == APP_INVALID ? json_text(json_get(status, "rejected"), "commit")
                                                : json_text(json_get(status, "commit"), "id");
    struct app_end end = { .outcome = outcome,
                           .verdict = {
                               .services = (size_t)json_int(verdict, "services", 0),
                               .pending = (size_t)json_int(verdict, "pending", 0),
                               .failed = (size_t)json_int(verdict, "failed", 0),
                               .blocked = (size_t)json_int(verdict, "blocked", 0),
                               .rolled_back = (size_t)json_int(verdict, "rolledBack", 0),
                           },
                           .undone = json_copy(json_get(verdict, "undone")) };

    text_copy(end.commit, sizeof(end.commit), commit == NULL ? "" : commit);
    return end;
}

static int wait_for_end(struct wait *wait, struct app_end *out, struct err *err)
{
    const struct run_options *run = &wait->cli->options.run;
    int64_t deadline_ms = run->timeout_ms > 0 ? loop_wall_ms() + run->timeout_ms : INT64_MAX;

    for (;;) {
        AUTO(json) *status = NULL;
        enum app_outcome outcome;

        if (client_call(wait->client, "GET", "/v1/status", NULL, &status, err) < 0 ||
            tell_builds(wait, status, err) < 0 || tell_events(wait, /* silent= */ false, err) < 0 ||
            confirm_once(wait, status, err) < 0)
            return -1;
        if (is_over(wait, status, &outcome)) {
            print_end(wait->cli, status, outcome);
            *out = end_of(status, outcome);
            return 0;
        }
        tell_progress(wait, status);
        if (loop_wall_ms() >= deadline_ms) {
            print_undone(wait->cli, status);
            tell_error(wait->cli, arena_printf(wait->cli->arena, "not converged within %lld s",
                                               (long long)(run->timeout_ms / 1000)));
            *out = end_of(status, APP_TIMED_OUT);
            return 0;
        }
        (void)poll(NULL, 0, LOOK_AGAIN_MS);
    }
}

int through_apply(struct cli *cli, struct client *client, struct app_end *out, struct err *err)
{
    struct wait wait = { .cli = cli,
                         .client = client,
                         .confirms = cli->options.run.confirm_removals };
    AUTO(json) *before = NULL;
    AUTO(json) *asked = NULL;

    if (tell_events(&wait, /* silent= */ true, err) < 0 ||
        client_call(client, "GET", "/v1/status", NULL, &before, err) < 0)
        return -1;
    wait.output = json_int(before, "outputId", 0);
    if (client_call(client, "POST", "/v1/reconcile", NULL, &asked, err) < 0)
        return -1;
    wait.looks = json_int(asked, "looks", 0);
    return wait_for_end(&wait, out, err);
}
