/*
 * Lines for people; under systemd the journal adds its own time, which does no harm.
 */
#include "reconciler/run/log.h"

#include <stdio.h>
#include <string.h>

#include "drivers/io/loop.h"
#include "spec/base/text.h"

void log_line(const struct run_options *options, const char *topic, const char *text)
{
    char now[TEXT_TIME_SIZE];
    const char *line = text;

    if (options->is_quiet && !text_equal(topic, "error") && !text_equal(topic, "warning"))
        return;
    text_print_time(loop_wall_ms(), now);
    (void)fprintf(stderr, "%.8s %-10s ", now + strlen("2026-11-22T"), topic);
    while (*line != '\0') {
        size_t size = strcspn(line, "\n");

        (void)fprintf(stderr, "%s%.*s\n", line == text ? "" : "                    ", (int)size,
                      line);
        line += size;
        if (*line == '\n')
            line++;
    }
    (void)fflush(stderr);
}
