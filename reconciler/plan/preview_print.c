/*
 * A preview as text, as a comment of a pull request, and as JSON.
 */
#include <string.h>

#include "reconciler/plan/preview.h"
#include "spec/base/text.h"

#define COMMENT_MAX 60000 /* GitHub's limit is 65,536 characters */
#define VALUE_SHOWN 160   /* of one value; longer ones are cut */

const char *preview_summary(const struct preview *preview, struct arena *arena)
{
    if (!preview_has_changes(preview))
        return "No changes: what the commit declares is what runs.";
    return arena_printf(arena,
                        "Plan: %zu to create, %zu to replace, %zu to update in place, %zu to "
                        "remove%s.",
                        preview->created, preview->replaced, preview->updated, preview->removed,
                        preview->held > 0 ? " (held until confirmed)" : "");
}

static void print_value(const char *text, struct buf *out)
{
    size_t size = strcspn(text, "\r\n");

    if (size > VALUE_SHOWN)
        size = VALUE_SHOWN;
    buf_add(out, text, size);
    if (text[size] != '\0')
        buf_text_add(out, "...");
}

static void print_field(const struct preview_field *field, struct buf *out)
{
    const char *mark = field->old_text == NULL ? "+" : field->new_text == NULL ? "-" : "~";

    buf_printf(out, "%s     %s: ", mark, field->path);
    if (field->old_text != NULL)
        print_value(field->old_text, out);
    if (field->old_text != NULL && field->new_text != NULL)
        buf_text_add(out, " -> ");
    if (field->new_text != NULL)
        print_value(field->new_text, out);
    buf_text_add(out, field->rolls ? "  # new tasks\n" : "\n");
}

static void print_service(const struct preview_service *service, struct buf *out)
{
    buf_printf(out, "%-3s service %s: %s", preview_verdict_mark(service->verdict), service->key,
               preview_verdict_text(service->verdict));
    if (service->file != NULL)
        buf_printf(out, " (%s:%u)", service->file, service->line);
    buf_printf(out, "\n      because %s\n", service->cause);
    for (size_t i = 0; i < service->field_count; i++)
        print_field(&service->fields[i], out);
    for (size_t i = 0; i < service->build_count; i++)
        buf_printf(out, "+     build image %s\n", service->builds[i]);
    for (size_t i = 0; i < service->pull_count; i++)
        buf_printf(out, "      pull image %s and pin what comes\n", service->pulls[i]);
    if (service->rollout != NULL)
        buf_printf(out, "%s     %s\n", service->downtime ? "!" : " ", service->rollout);
    buf_char(out, '\n');
}

static void print_services(const struct preview *preview, struct buf *out)
{
    for (size_t i = 0; i < preview->count; i++) {
        if (preview->services[i].verdict != PREVIEW_NONE)
            print_service(&preview->services[i], out);
    }
}

void preview_print_text(const struct preview *preview, struct buf *out)
{
    AUTO(arena) scratch = { 0 };

    print_services(preview, out);
    buf_printf(out, "%s\n", preview_summary(preview, &scratch));
}

void preview_print_markdown(const struct preview *preview, const char *title, struct buf *out)
{
    AUTO(arena) scratch = { 0 };
    AUTO(buf) body = { 0 };

    buf_init(&body, COMMENT_MAX);
    print_services(preview, &body);
    buf_printf(out, "### %s\n\n**%s**\n", title, preview_summary(preview, &scratch));
    if (body.size == 0)
        return;
    buf_printf(out, "\n<details%s><summary>What would happen</summary>\n\n```diff\n%s",
               body.size < 4000 ? " open" : "", buf_text(&body));
    if (body.truncated)
        buf_text_add(out, "\n... the rest is left out: run `berth plan` to see all of it\n");
    buf_text_add(out, "```\n\n</details>\n");
}

static struct json *text_list(const char *const *items, size_t count)
{
    struct json *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_append_text(list, items[i]);
    return list;
}

static struct json *service_json(const struct preview_service *service)
{
    struct json *object = json_object();
    struct json *fields = json_array();

    json_set_text(object, "service", service->key);
    json_set_text(object, "action", preview_verdict_text(service->verdict));
    json_set_text(object, "cause", service->cause);
    json_set_text(object, "rollout", service->rollout);
    json_set_bool(object, "downtime", service->downtime);
    json_set_bool(object, "held", service->held);
    json_set_text(object, "file", service->file);
    if (service->file != NULL)
        json_set_int(object, "line", service->line);
    for (size_t i = 0; i < service->field_count; i++) {
        const struct preview_field *from = &service->fields[i];
        struct json *field = json_object();

        json_set_text(field, "path", from->path);
        json_set_text(field, "old", from->old_text);
        json_set_text(field, "new", from->new_text);
        json_set_bool(field, "newTasks", from->rolls);
        json_append(fields, field);
    }
    json_set(object, "fields", fields);
    json_set(object, "builds", text_list(service->builds, service->build_count));
    json_set(object, "pulls", text_list(service->pulls, service->pull_count));
    return object;
}

struct json *preview_json(const struct preview *preview)
{
    AUTO(arena) scratch = { 0 };
    struct json *object = json_object();
    struct json *services = json_array();

    json_set_text(object, "apiVersion", "berth/v1");
    json_set_text(object, "summary", preview_summary(preview, &scratch));
    json_set_bool(object, "changes", preview_has_changes(preview));
    for (size_t i = 0; i < preview->count; i++)
        json_append(services, service_json(&preview->services[i]));
    json_set(object, "services", services);
    return object;
}
