/*
 * berth images: what each engine holds, what is built or pulled, and with what success.
 */
#include "reconciler/cli/ask.h"
#include "reconciler/cli/table.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/text.h"

#define ID_DIGITS 12

/* Of all images. */
struct shown {
    const char *owner; /* this installation's name */
    bool held;         /* any of them is */
};

static const char *image_id(struct cli *cli, const struct json *image)
{
    const char *id = json_as_text(json_get(image, "id"), "");

    if (text_starts(id, "sha256:"))
        id += sizeof("sha256:") - 1;
    return arena_printf(cli->arena, "%.*s", ID_DIGITS, id);
}

static const char *size_text(struct cli *cli, int64_t bytes)
{
    if (bytes < 1024 * 1024)
        return arena_printf(cli->arena, "%lld KiB", (long long)((bytes + 1023) / 1024));
    return arena_printf(cli->arena, "%.1f MiB", (double)bytes / (1024 * 1024));
}

/* "built", "built by staging", "copied from edge-1", "pulled" ... */
static const char *origin(struct cli *cli, const struct json *image, const char *owner)
{
    const char *by = json_text(image, "owner");
    const char *text = json_text(image, "origin");
    const char *giver = json_text(image, "copiedFrom");

    if (giver != NULL)
        return arena_printf(cli->arena, "copied from %s", giver);
    return by == NULL || text_equal(by, owner) ? text
                                               : arena_printf(cli->arena, "%s by %s", text, by);
}

/* As it was pulled, else how the engine calls it first. */
static const char *reference_of(const struct json *image)
{
    const char *text = json_text(image, "pulledAs");

    if (text == NULL)
        text = json_as_text(json_at(ask_list(image, "tags"), 0), NULL);
    return text != NULL ? text : json_as_text(json_at(ask_list(image, "digests"), 0), NULL);
}

static void add_image(struct cli *cli, struct table *table, const char *instance,
                      const struct json *image, const struct shown *shown)
{
    const char *held = json_text(image, "held");

    table_add(table, instance);
    table_add(table, json_text(image, "name"));
    table_add(table, image_id(cli, image));
    table_add(table, size_text(cli, json_int(image, "sizeBytes", 0)));
    table_add(table, ask_age(cli, image, "createdAt"));
    table_add(table, origin(cli, image, shown->owner));
    table_add(table, reference_of(image));
    if (shown->held)
        table_add(table, held == NULL
                             ? NULL
                             : arena_printf(cli->arena, "%s: `berth confirm` lets it go", held));
}

static bool any_held(const struct json *instances)
{
    for (size_t i = 0; i < json_count(instances); i++) {
        const struct json *images = ask_list(json_at(instances, i), "images");

        for (size_t k = 0; k < json_count(images); k++) {
            if (json_text(json_at(images, k), "held") != NULL)
                return true;
        }
    }
    return false;
}

static void add_work(struct cli *cli, struct table *table, const char *instance,
                     const struct json *work)
{
    const char *failure = json_text(work, "failure");
    int64_t failures = json_int(work, "failures", 0);

    table_add(table, instance);
    table_add(table, json_text(work, "work"));
    table_add_color(table, failure != NULL ? COLOR_RED : COLOR_PLAIN, json_text(work, "state"));
    table_add(table, ask_age(cli, work, "time"));
    table_add(table, failures > 0 ? arena_printf(cli->arena, "%lld", (long long)failures) : NULL);
    table_add(table, failure != NULL ? failure : json_text(work, "progress"));
}

/* The newest build of that name. */
static int print_build(struct cli *cli)
{
    const char *image = cli->options.log;
    AUTO(json) *answer = NULL;
    int result = ask(cli, "GET", client_query(cli->arena, "/v1/builds", "image", image, NULL), NULL,
                     &answer);

    if (result != CLI_DONE)
        return result;
    const struct json *builds = ask_list(answer, "builds");
    const struct json *build = json_at(builds, json_count(builds) - 1);
    if (build == NULL) {
        struct err err = { 0 };

        (void)err_set(&err, ERR_NOT_FOUND, "no build of '%s' since this Berth was started", image);
        return cli_failed(cli, &err);
    }
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, build);
    const struct json *lines = ask_list(build, "lines");
    for (size_t i = 0; i < json_count(lines); i++) {
        ask_print(cli, json_as_text(json_get(json_at(lines, i), "text"), ""), 2);
        fputc('\n', cli->out);
    }
    return CLI_DONE;
}

int cmd_images(struct cli *cli)
{
    AUTO(json) *answer = NULL;
    struct table images;
    struct table works;
    size_t work_count = 0;
    int result;

    if (cli->options.log != NULL)
        return print_build(cli);
    result = ask(cli, "GET", "/v1/images", NULL, &answer);
    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    const struct json *instances = ask_list(answer, "instances");
    const struct shown shown = { json_text(answer, "owner"), any_held(instances) };
    table_init(&images, cli->arena,
               shown.held ? "INSTANCE|IMAGE|ID|SIZE|AGE|ORIGIN|REFERENCE|HELD"
                          : "INSTANCE|IMAGE|ID|SIZE|AGE|ORIGIN|REFERENCE");
    table_init(&works, cli->arena, "INSTANCE|WORK|STATE|AGE|FAILURES|PROGRESS");
    for (size_t i = 0; i < json_count(instances); i++) {
        const struct json *instance = json_at(instances, i);
        const char *name = json_text(instance, "name");
        const struct json *list = ask_list(instance, "images");

        for (size_t k = 0; k < json_count(list); k++)
            add_image(cli, &images, name, json_at(list, k), &shown);
        list = ask_list(instance, "work");
        work_count += json_count(list);
        for (size_t k = 0; k < json_count(list); k++)
            add_work(cli, &works, name, json_at(list, k));
    }
    table_print(&images, cli);
    if (work_count > 0) {
        fputc('\n', cli->out);
        table_print(&works, cli);
    }
    return CLI_DONE;
}
