/*
 * berth validate [PATH...]: the checks of a commit, without a commit, an engine or a network.
 */
#include "reconciler/cli/disk.h"
#include "reconciler/cli/files.h"
#include "reconciler/cli/verbs.h"
#include "reconciler/plan/goal.h"
#include "reconciler/run/zones.h"
#include "spec/base/text.h"

struct verdict {
    size_t files;
    size_t resources;
    struct diag_list diags;
    bool valid;
};

static size_t count_resources(const struct generation *generation)
{
    size_t count = 0;

    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        count += generation_count(generation, (enum kind)kind);
    return count;
}

/* "1 error", "2 errors" */
static const char *counted(struct cli *cli, size_t count, const char *noun)
{
    return arena_printf(cli->arena, "%zu %s%s", count, noun, count == 1 ? "" : "s");
}

static const char *place(struct cli *cli, const struct diag *diag)
{
    if (diag->file == NULL)
        return "";
    if (diag->line == 0)
        return diag->file;
    return arena_printf(cli->arena, "%s:%u:%u", diag->file, diag->line, diag->column);
}

static void print_bold(struct cli *cli, const char *where)
{
    fputs(cli_color(cli, COLOR_BOLD), cli->out);
    cli_print(cli->out, "%s", where);
    fprintf(cli->out, "%s: ", cli_color(cli, COLOR_PLAIN));
}

static void print_text(struct cli *cli, const struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->diags.count; i++) {
        const struct diag *diag = &verdict->diags.items[i];
        const char *where = place(cli, diag);

        if (!text_is_empty(where))
            print_bold(cli, where);
        if (diag->level == DIAG_WARNING)
            fprintf(cli->out, "%swarning%s: ", cli_color(cli, COLOR_YELLOW),
                    cli_color(cli, COLOR_PLAIN));
        cli_print(cli->out, "%s\n", diag->text);
    }
}

static int print_json(struct cli *cli, const struct verdict *verdict)
{
    AUTO(json) *object = json_object();
    struct json *list = json_array();

    json_set_text(object, "apiVersion", "berth/v1");
    json_set_bool(object, "valid", verdict->valid);
    json_set_int(object, "files", (int64_t)verdict->files);
    json_set_int(object, "resources", (int64_t)verdict->resources);
    json_set_int(object, "errors", (int64_t)verdict->diags.errors);
    json_set_int(object, "warnings", (int64_t)verdict->diags.warnings);
    for (size_t i = 0; i < verdict->diags.count; i++) {
        const struct diag *diag = &verdict->diags.items[i];
        struct json *item = json_object();

        json_set_text(item, "level", diag->level == DIAG_ERROR ? "error" : "warning");
        json_set_text(item, "file", diag->file);
        json_set_int(item, "line", diag->line);
        json_set_int(item, "column", diag->column);
        json_set_text(item, "text", diag->text);
        json_append(list, item);
    }
    json_set(object, "diagnostics", list);
    return cli_print_json(cli, object);
}

static void print_markdown(struct cli *cli, const struct verdict *verdict)
{
    fprintf(cli->out, "**%s**: %s, %s, %s in %s\n\n", verdict->valid ? "valid" : "not valid",
            counted(cli, verdict->diags.errors, "error"),
            counted(cli, verdict->diags.warnings, "warning"),
            counted(cli, verdict->resources, "resource"), counted(cli, verdict->files, "file"));
    for (size_t i = 0; i < verdict->diags.count; i++) {
        const struct diag *diag = &verdict->diags.items[i];

        cli_print(cli->out, "- `%s` %s%s\n", place(cli, diag),
                  diag->level == DIAG_ERROR ? "" : "warning: ", diag->text);
    }
}

static void print_summary(struct cli *cli, const struct verdict *verdict)
{
    size_t hidden = verdict->diags.errors + verdict->diags.warnings - verdict->diags.count;

    if (hidden > 0)
        fprintf(cli->errors, "berth: %zu more are not shown\n", hidden);
    if (cli->options.run.is_quiet)
        return;
    if (verdict->valid)
        fprintf(cli->errors, "valid: %s in %s", counted(cli, verdict->resources, "resource"),
                counted(cli, verdict->files, "file"));
    else
        fputs(counted(cli, verdict->diags.errors, "error"), cli->errors);
    if (verdict->diags.warnings > 0)
        fprintf(cli->errors, ", %s", counted(cli, verdict->diags.warnings, "warning"));
    fputs("\n", cli->errors);
}

static int print(struct cli *cli, const struct verdict *verdict)
{
    switch (cli->options.run.output) {
    case OUTPUT_JSON: return print_json(cli, verdict);
    case OUTPUT_MARKDOWN: print_markdown(cli, verdict); return CLI_DONE;
    case OUTPUT_TEXT:
    case OUTPUT_FORMAT_COUNT: break;
    }
    print_text(cli, verdict);
    print_summary(cli, verdict);
    return CLI_DONE;
}

/* What is too large only together: a Service with its Task and environment files.  The keys of what
 * is built are as long as any.  And what time zones this machine knows. */
static bool fits(struct generation *generation, struct diag_list *diags)
{
    static const char key[] = "0000000000000000000000000000000000000000000000000000000000000000";
    AUTO(desired) *desired = NULL;

    for (size_t i = 0; i < generation_count(generation, KIND_IMAGE); i++) {
        const struct resource *image = generation_at(generation, KIND_IMAGE, i);

        if (resource_image(image)->build != NULL)
            generation_set_build_key(generation, image->name, key);
    }
    desired = desired_make(generation, NULL, NULL, NULL, NULL, diags);
    return desired != NULL && desired_read_zones(desired, zone_read, NULL, diags) == 0;
}

int cmd_validate(struct cli *cli)
{
    static const char *const here[] = { "." };
    AUTO(diag_list) diags = { 0 };
    AUTO(generation) *generation = NULL;
    struct manifest_files files;
    struct err err = { 0 };
    bool named = cli->operand_count > 0;

    if (manifest_files_read(cli->arena, named ? cli->operands : here,
                            named ? cli->operand_count : 1, &files, &err) < 0)
        return cli_failed(cli, &err);
    if (files.count == 0) {
        (void)err_set(&err, ERR_NOT_FOUND, "there is no manifest: *.yaml, *.yml or *.json");
        return cli_failed(cli, &err);
    }
    struct verdict verdict = { .files = files.count };
    verdict.valid =
        generation_derive(NULL, "", files.items, files.count, &diags, &generation, &err) == 0;
    if (verdict.valid)
        verdict.valid = disk_check(generation, &diags) && fits(generation, &diags);
    diag_sort(&diags);
    verdict.diags = diags;
    if (verdict.valid)
        verdict.resources = count_resources(generation);
    (void)print(cli, &verdict);
    return verdict.valid ? CLI_DONE : CLI_USAGE;
}
