/*
 * A preview as text, as a comment of a pull request, and as JSON.
 */
#include <string.h>

#include "reconciler/plan/preview.h"
#include "spec/base/text.h"

#define COMMENT_MAX 60000 /* bytes of entries; GitHub's limit is 65,536 characters */
#define VALUE_SHOWN 160   /* of one value; longer ones are cut */
#define TITLE_SHOWN 200
#define TEXT_SHOWN  2000 /* of a cause or a reason */
#define OPEN_BELOW  4000 /* a comment that is longer is folded */

/* ---- Summary --------------------------------------------------------------------------------- */

static void add_counts(const struct preview *preview, const enum preview_verdict *verdicts,
                       size_t count, const char *first, struct buf *out)
{
    const char *before = first;

    for (size_t i = 0; i < count; i++) {
        enum preview_verdict verdict = verdicts[i];

        if (preview->counts[verdict] == 0)
            continue;
        buf_printf(out, "%s%zu %s%s", before, preview->counts[verdict],
                   verdict == PREVIEW_REPAIR ? "to " : "", preview_verdict_text(verdict));
        before = ", ";
    }
}

static const char *preview_summary(const struct preview *preview, struct arena *arena)
{
    static const enum preview_verdict moving[] = { PREVIEW_CONTINUE, PREVIEW_REPAIR };
    static const enum preview_verdict still[] = { PREVIEW_SUSPENDED, PREVIEW_QUARANTINED,
                                                  PREVIEW_LEFT };
    bool has_still = preview->counts[PREVIEW_SUSPENDED] + preview->counts[PREVIEW_QUARANTINED] +
                         preview->counts[PREVIEW_LEFT] >
                     0;
    AUTO(buf) text = { 0 };

    buf_init(&text, TEXT_SHOWN);
    if (preview_has_changes(preview)) {
        buf_printf(&text,
                   "Plan: %zu to create, %zu to replace, %zu to update in place, %zu to remove%s",
                   preview->counts[PREVIEW_CREATE], preview->counts[PREVIEW_REPLACE],
                   preview->counts[PREVIEW_UPDATE], preview->counts[PREVIEW_REMOVE],
                   preview->held > 0 ? " (held until confirmed)" : "");
        add_counts(preview, moving, ARRAY_COUNT(moving), "; ", &text);
        add_counts(preview, still, ARRAY_COUNT(still), "; ", &text);
        buf_char(&text, '.');
    } else if (preview->uncompared != NULL) {
        buf_text_add(&text, "No changes of services; Images and Clusters are not compared.");
    } else if (preview->blocked != NULL) {
        buf_text_add(&text, "No changes to what was applied last; what runs is not known.");
    } else if (has_still) {
        buf_text_add(&text, "No changes");
        add_counts(preview, still, ARRAY_COUNT(still), ": ", &text);
        buf_text_add(&text, "; all else that the commit declares is what runs.");
    } else {
        buf_text_add(&text, "No changes: what the commit declares is what runs.");
    }
    return arena_text(arena, buf_text(&text));
}

/* ---- Text ------------------------------------------------------------------------------------ */

static bool is_control(const char *at)
{
    unsigned char byte = (unsigned char)at[0];

    /* The second row of control characters is two bytes in UTF-8. */
    return byte < 0x20 || byte == 0x7f ||
           (byte == 0xc2 && (unsigned char)at[1] >= 0x80 && (unsigned char)at[1] < 0xa0);
}

/* One line, without what a terminal would obey; cut between characters. */
static void add_line(const char *text, size_t max, struct buf *out)
{
    size_t size = strlen(text);
    bool is_cut = size > max;

    if (is_cut) {
        size = max;
        while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
            size--;
    }
    for (size_t i = 0; i < size; i++) {
        if (!is_control(&text[i])) {
            buf_char(out, text[i]);
            continue;
        }
        buf_char(out, text[i] == '\n' || text[i] == '\t' ? ' ' : '?');
        i += (unsigned char)text[i] == 0xc2;
    }
    if (is_cut)
        buf_text_add(out, "...");
}

/* The first line of it. */
static void print_value(const char *text, struct buf *out)
{
    size_t size = strcspn(text, "\r\n");

    if (text[size] == '\0' || size > VALUE_SHOWN) {
        add_line(text, VALUE_SHOWN, out);
        return;
    }
    AUTO(arena) scratch = { 0 };
    add_line(arena_text_n(&scratch, text, size), VALUE_SHOWN, out);
    buf_text_add(out, "...");
}

static void print_field(const struct preview_field *field, struct buf *out)
{
    const char *mark = field->old_text == NULL ? "+" : field->new_text == NULL ? "-" : "~";

    buf_printf(out, "%s     ", mark);
    add_line(field->path, TEXT_SHOWN, out);
    buf_text_add(out, ": ");
    if (field->old_text != NULL)
        print_value(field->old_text, out);
    if (field->old_text != NULL && field->new_text != NULL)
        buf_text_add(out, " -> ");
    if (field->new_text != NULL)
        print_value(field->new_text, out);
    buf_text_add(out, field->rolls ? "  # new tasks\n" : "\n");
}

static void print_sentence(const char *mark, const char *before, const char *text,
                           const char *after, struct buf *out)
{
    buf_printf(out, "%s     %s", mark, before);
    add_line(text, TEXT_SHOWN, out);
    buf_printf(out, "%s\n", after);
}

static void print_title(enum preview_verdict verdict, const char *kind, const char *name,
                        const char *file, uint32_t line, struct buf *out)
{
    buf_printf(out, "%-3s %s %s: %s", preview_verdict_mark(verdict), kind, name,
               preview_verdict_text(verdict));
    if (file != NULL) {
        buf_text_add(out, " (");
        add_line(file, TEXT_SHOWN, out);
        buf_printf(out, ":%u)", line);
    }
    buf_char(out, '\n');
}

static void print_service(const struct preview_service *service, struct buf *out)
{
    print_title(service->verdict, "service", service->key, service->file, service->line, out);
    print_sentence(" ", "because ", service->cause, "", out);
    for (size_t i = 0; i < service->field_count; i++)
        print_field(&service->fields[i], out);
    for (size_t i = 0; i < service->build_count; i++)
        print_sentence("+", "build image ", service->builds[i],
                       service->builds_for_all ? " on one instance, for all that need it" : "",
                       out);
    for (size_t i = 0; i < service->pull_count; i++)
        print_sentence(" ", "pull image ", service->pulls[i], " and pin what comes", out);
    if (service->rollout != NULL)
        print_sentence(service->downtime ? "!" : " ", "", service->rollout, "", out);
    for (size_t i = 0; i < service->delete_count; i++)
        print_sentence("-", "delete volume ", service->deletes[i], " and all that is in it", out);
    for (size_t i = 0; i < service->note_count; i++)
        print_sentence(" ", "", service->notes[i], "", out);
    if (service->wait != NULL)
        print_sentence("!", "it would wait: ", service->wait, "", out);
    buf_char(out, '\n');
}

static void print_resource(const struct preview_resource *resource, struct buf *out)
{
    const char *kind = resource->kind == KIND_IMAGE      ? "image"
                       : resource->kind == KIND_CLUSTER  ? "cluster"
                       : resource->kind == KIND_SCHEDULE ? "schedule"
                                                         : "load balancer";

    print_title(resource->verdict, kind, resource->name, resource->file, resource->line, out);
    print_sentence(" ", "because ", resource->cause, "", out);
    for (size_t i = 0; i < resource->field_count; i++)
        print_field(&resource->fields[i], out);
    if (resource->effect != NULL)
        print_sentence(" ", "", resource->effect, "", out);
    buf_char(out, '\n');
}

static void print_blocked(const struct preview *preview, struct buf *out)
{
    if (preview->blocked != NULL) {
        print_sentence("!", "nothing is done yet: ", preview->blocked, "", out);
        buf_char(out, '\n');
    }
    if (preview->uncompared != NULL) {
        print_sentence("!", "Images and Clusters are not compared: ", preview->uncompared, "", out);
        buf_char(out, '\n');
    }
}

/* ---- Entries: services, and resources before them or, when they go, behind ------------------- */

static size_t entry_count(const struct preview *preview)
{
    return preview->resource_count + preview->count;
}

/* Nothing of a service that does not change. */
static void print_entry(const struct preview *preview, size_t at, struct buf *out)
{
    size_t before = 0;

    while (before < preview->resource_count && preview->resources[before].verdict != PREVIEW_REMOVE)
        before++;
    if (at < before)
        print_resource(&preview->resources[at], out);
    else if (at >= before + preview->count)
        print_resource(&preview->resources[at - preview->count], out);
    else if (preview->services[at - before].verdict != PREVIEW_NONE)
        print_service(&preview->services[at - before], out);
}

void preview_print_text(const struct preview *preview, struct buf *out)
{
    AUTO(arena) scratch = { 0 };

    print_blocked(preview, out);
    for (size_t i = 0; i < entry_count(preview); i++)
        print_entry(preview, i, out);
    buf_printf(out, "%s\n", preview_summary(preview, &scratch));
}

/* ---- Markdown -------------------------------------------------------------------------------- */

static size_t longest_ticks(const char *text)
{
    size_t longest = 0;

    while (*text != '\0') {
        size_t size = strspn(text, "`");

        if (size > longest)
            longest = size;
        text += size == 0 ? 1 : size;
    }
    return longest;
}

static void add_ticks(size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++)
        buf_char(out, '`');
}

/* A code span with more backticks around it than it has inside: nothing in it is markup. */
static void add_code(const char *text, size_t max, struct buf *out)
{
    AUTO(buf) line = { 0 };
    size_t ticks;

    buf_init(&line, max + sizeof("..."));
    add_line(text, max, &line);
    ticks = longest_ticks(buf_text(&line)) + 1;
    add_ticks(ticks, out);
    buf_printf(out, " %s ", buf_text(&line));
    add_ticks(ticks, out);
}

/* Whole entries while they fit; of one that does not fit alone, whole lines. Gives how many are
 * left out. */
static size_t add_fitting(const struct preview *preview, struct buf *body)
{
    size_t left_out = 0;

    print_blocked(preview, body);
    for (size_t i = 0; i < entry_count(preview); i++) {
        AUTO(buf) text = { 0 };
        const char *end;

        buf_init(&text, COMMENT_MAX / 2);
        print_entry(preview, i, &text);
        if (text.size == 0)
            continue;
        if (left_out > 0 || body->size + text.size > COMMENT_MAX) {
            left_out++;
            continue;
        }
        if (text.truncated) {
            end = strrchr(buf_text(&text), '\n');
            ASSERT(end != NULL);
            buf_add(body, buf_text(&text), (size_t)(end - buf_text(&text)) + 1);
            buf_text_add(body, "      ... the rest of it is left out\n\n");
            continue;
        }
        buf_add(body, buf_text(&text), text.size);
    }
    return left_out;
}

void preview_print_markdown(const struct preview *preview, const char *commit, const char *subject,
                            struct buf *out)
{
    AUTO(arena) scratch = { 0 };
    AUTO(buf) body = { 0 };
    size_t left_out;
    size_t fence;

    buf_init(&body, 2 * COMMENT_MAX);
    left_out = add_fitting(preview, &body);
    buf_printf(out, "### berth plan of `%.8s`", commit);
    if (!text_is_empty(subject)) {
        buf_char(out, ' ');
        add_code(subject, TITLE_SHOWN, out);
    }
    buf_printf(out, "\n\n**%s**\n", preview_summary(preview, &scratch));
    if (body.size == 0)
        return;
    fence = longest_ticks(buf_text(&body)) + 1;
    if (fence < 3)
        fence = 3;
    buf_printf(out, "\n<details%s><summary>What would happen</summary>\n\n",
               body.size < OPEN_BELOW ? " open" : "");
    add_ticks(fence, out);
    buf_printf(out, "diff\n%s", buf_text(&body));
    add_ticks(fence, out);
    buf_text_add(out, "\n");
    if (left_out > 0)
        buf_printf(out, "\n%zu more do not fit: `berth plan` prints all of them.\n", left_out);
    buf_text_add(out, "\n</details>\n");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static struct json *text_list(const char *const *items, size_t count)
{
    struct json *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_append_text(list, items[i]);
    return list;
}

static struct json *field_list(const struct preview_field *fields, size_t count)
{
    struct json *list = json_array();

    for (size_t i = 0; i < count; i++) {
        struct json *field = json_object();

        json_set_text(field, "path", fields[i].path);
        json_set_text(field, "old", fields[i].old_text);
        json_set_text(field, "new", fields[i].new_text);
        json_set_bool(field, "newTasks", fields[i].rolls);
        json_append(list, field);
    }
    return list;
}

static struct json *resource_json(const struct preview_resource *resource)
{
    struct json *object = json_object();

    json_set_text(object, "kind", kind_text(resource->kind));
    json_set_text(object, "name", resource->name);
    json_set_text(object, "action", preview_verdict_text(resource->verdict));
    json_set_text(object, "cause", resource->cause);
    json_set_text(object, "effect", resource->effect);
    json_set_bool(object, "held", resource->held);
    json_set_text(object, "file", resource->file);
    if (resource->file != NULL)
        json_set_int(object, "line", resource->line);
    json_set(object, "fields", field_list(resource->fields, resource->field_count));
    return object;
}

static struct json *place_list(const struct preview_service *service)
{
    struct json *list = json_array();

    for (size_t i = 0; i < service->place_count; i++) {
        struct json *place = json_object();

        json_set_text(place, "instance", service->places[i].instance);
        json_set_int(place, "tasks", service->places[i].tasks);
        json_append(list, place);
    }
    return list;
}

static struct json *service_json(const struct preview_service *service)
{
    struct json *object = json_object();

    json_set_text(object, "service", service->key);
    json_set_text(object, "action", preview_verdict_text(service->verdict));
    json_set_text(object, "cause", service->cause);
    json_set_text(object, "rollout", service->rollout);
    json_set_bool(object, "downtime", service->downtime);
    json_set_bool(object, "held", service->held);
    json_set_text(object, "file", service->file);
    if (service->file != NULL)
        json_set_int(object, "line", service->line);
    json_set(object, "fields", field_list(service->fields, service->field_count));
    json_set(object, "builds", text_list(service->builds, service->build_count));
    json_set(object, "pulls", text_list(service->pulls, service->pull_count));
    json_set(object, "deletes", text_list(service->deletes, service->delete_count));
    json_set(object, "places", place_list(service));
    json_set(object, "notes", text_list(service->notes, service->note_count));
    json_set_text(object, "waitsFor", service->wait);
    return object;
}

struct json *preview_json(const struct preview *preview)
{
    AUTO(arena) scratch = { 0 };
    struct json *object = json_object();
    struct json *services = json_array();
    struct json *resources = json_array();

    json_set_text(object, "apiVersion", "berth/v1");
    json_set_text(object, "summary", preview_summary(preview, &scratch));
    json_set_bool(object, "changes", preview_has_changes(preview));
    json_set_text(object, "blocked", preview->blocked);
    json_set_text(object, "uncompared", preview->uncompared);
    for (size_t i = 0; i < preview->count; i++)
        json_append(services, service_json(&preview->services[i]));
    json_set(object, "services", services);
    for (size_t i = 0; i < preview->resource_count; i++)
        json_append(resources, resource_json(&preview->resources[i]));
    json_set(object, "resources", resources);
    return object;
}
