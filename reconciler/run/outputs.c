/*
 * A build prints without end when it is told to, so the oldest lines make room for new ones.
 */
#include "reconciler/run/outputs.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/limits.h"
#include "spec/base/text.h"

#define BUILD_PREFIX "build "

static size_t line_size(const struct output_line *line)
{
    return sizeof(*line) + strlen(line->text) + 1;
}

static void drop_line(struct output *output)
{
    struct output_line *line = output->lines;

    output->size -= line_size(line);
    output->lines = line->next;
    if (output->lines == NULL)
        output->last = NULL;
    free(line);
}

static void drop_lines(struct output *output)
{
    while (output->lines != NULL)
        drop_line(output);
}

/* Takes it out of the list. */
static void unlink_output(struct outputs *outputs, const struct output *output)
{
    struct output **at = &outputs->builds;

    while (*at != output)
        at = &(*at)->next;
    *at = output->next;
    outputs->count--;
}

static void drop(struct outputs *outputs, struct output *output)
{
    unlink_output(outputs, output);
    drop_lines(output);
    free(output->instance);
    free(output->object);
    free(output->image_name);
    free(output);
}

void outputs_release(struct outputs *outputs)
{
    while (outputs->builds != NULL)
        drop(outputs, outputs->builds);
}

static struct output *find(const struct outputs *outputs, const char *object)
{
    struct output *at = outputs->builds;

    while (at != NULL && !text_equal(at->object, object))
        at = at->next;
    return at;
}

static struct output *output_new(const struct effort_report *effort, const char *object)
{
    struct output *output = mem_alloc(sizeof(*output));

    output->instance = mem_text(effort->instance);
    output->object = mem_text(object);
    output->image_name = effort->image_name == NULL ? NULL : mem_text(effort->image_name);
    return output;
}

void outputs_begin(struct outputs *outputs, const struct effort_report *effort)
{
    const char *object = effort->key + strlen(BUILD_PREFIX);
    struct output **end = &outputs->builds;
    struct output *output;

    if (effort->state != EFFORT_RUNNING || !text_starts(effort->key, BUILD_PREFIX))
        return;
    output = find(outputs, object);
    if (output != NULL && output->began_ms == effort->at_ms)
        return;
    if (output != NULL)
        unlink_output(outputs, output);
    else
        output = output_new(effort, object);
    if (outputs->count == OUTPUTS_BUILDS_MAX)
        drop(outputs, outputs->builds);
    output->began_ms = effort->at_ms;
    output->next = NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *end = output;
    outputs->count++;
}

void outputs_add(struct outputs *outputs, const char *object, const char *text)
{
    struct output *output = find(outputs, object);
    size_t size = strlen(text) + 1;
    struct output_line *line;

    if (output == NULL)
        return;
    line = mem_alloc(sizeof(*line) + size);
    memcpy(line->text, text, size);
    line->id = ++outputs->last_id;
    if (output->last == NULL)
        output->lines = line;
    else
        output->last->next = line;
    output->last = line;
    output->size += line_size(line);
    while (output->size > LIMIT_BUILD_OUTPUT) {
        drop_line(output);
        output->is_cut = true;
    }
}

bool output_is_about_layers(const char *line)
{
    const char *space = strchr(line, ' ');

    return text_starts(line, " ---> ") || text_starts(line, "Removing intermediate container") ||
           (line[0] == '#' && space != NULL && text_starts(space, " sha256:"));
}

bool output_is_of(const struct output *output, const char *name)
{
    size_t size = strlen(name);

    return text_equal(output->image_name, name) ||
           (text_starts(output->object, name) &&
            (output->object[size] == '\0' || output->object[size] == ':'));
}
