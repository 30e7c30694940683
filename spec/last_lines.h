/*
 * The last lines that a container wrote, as one text: each line is when it was written, a digit for
 * where ("1" standard output, "2" standard error), what was written, and a newline. It is gathered
 * from parts of any size, and bounded.
 */
#ifndef SPEC_LAST_LINES_H
#define SPEC_LAST_LINES_H

#include "spec/base/arena.h"
#include "spec/base/buf.h"

#define LAST_LINES_COUNT 20   /* that an engine is asked for */
#define LAST_LINES_MAX   4096 /* bytes of the text: the oldest lines go first */
#define LAST_LINE_MAX    2048 /* bytes of a line, its time among them: its end goes */

struct last_lines {
    struct buf kept;        /* whole lines */
    struct buf arriving[2]; /* of standard output and error */
};

void last_lines_init(struct last_lines *lines);
void last_lines_release(struct last_lines *lines);
DEFINE_AUTO_VALUE(last_lines, last_lines_release)

/* As the engine sends it: each line begins with its time and a space. */
void last_lines_add(struct last_lines *lines, bool is_error, const char *data, size_t size);
/* Nothing more comes; the text lives as long as `lines`, "" when nothing was written. */
const char *last_lines_end(struct last_lines *lines);

struct last_line {
    const char *time; /* "2026-11-26T15:29:15.123456789Z", not NUL-terminated */
    size_t time_size;
    bool is_error;
    const char *text; /* likewise */
    size_t size;
};

/* The line at *at, which is moved behind it; false: there is none. */
bool last_lines_next(const char **at, struct last_line *out);
/* Nothing but what was written in the last `count` of them, without a newline at the end. */
const char *last_lines_words(const char *text, size_t count, struct arena *arena);

#endif
