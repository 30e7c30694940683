/*
 * Lines for people; under systemd the journal adds its own time, which does no harm.
 */
#include "reconciler/run/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/io/loop.h"
#include "spec/base/buf.h"
#include "spec/base/json.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

static void print_json(const char *topic, const struct log_fields *fields, const char *time,
                       const char *text)
{
    AUTO(json) *object = json_object();
    AUTO_TEXT char *line = NULL;

    json_set_text(object, "time", time);
    json_set_text(object, "topic", topic);
    json_set_text(object, "service", fields->service);
    json_set_text(object, "commit", fields->commit);
    json_set_text(object, "deployment", fields->deployment);
    json_set_text(object, "instance", fields->instance);
    json_set_text(object, "object", fields->object);
    json_set_text(object, "text", text);
    line = json_print_text(object, JSON_STYLE_COMPACT);
    (void)printf("%s\n", line);
    (void)fflush(stdout);
}

/* In one piece: others may write to the same terminal or file. */
static void print_text(const char *topic, const char *time, const char *text)
{
    AUTO_TEXT char *plain = mem_text(text);
    AUTO(buf) lines = { 0 };
    const char *line = plain;

    text_disarm(plain); /* commands of builds, messages of engines */
    buf_init(&lines, LIMIT_OUTPUT);
    buf_printf(&lines, "%.8s %-10s ", time + strlen("2026-11-22T"), topic);
    do {
        size_t size = strcspn(line, "\n");

        buf_printf(&lines, "%s%.*s\n", line == plain ? "" : "                    ", (int)size,
                   line);
        line += size;
        if (*line == '\n')
            line++;
    } while (*line != '\0');
    (void)fputs(buf_text(&lines), stderr);
    (void)fflush(stderr);
}

void log_line(const struct run_options *options, const char *topic, const struct log_fields *fields,
              const char *text)
{
    static const struct log_fields none = { 0 };
    char time[TEXT_TIME_SIZE];

    if (options->is_quiet && !text_equal(topic, "error") && !text_equal(topic, "warning"))
        return;
    if (fields == NULL)
        fields = &none;
    text_print_time(fields->time_ms == 0 ? loop_wall_ms() : fields->time_ms, time);
    if (options->output == OUTPUT_JSON)
        print_json(topic, fields, time, text);
    else
        print_text(topic, time, text);
}
