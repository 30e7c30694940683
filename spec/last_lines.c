#include "spec/last_lines.h"

#include <string.h>

#define CUT " ..."

void last_lines_init(struct last_lines *lines)
{
    buf_init(&lines->kept, LAST_LINES_MAX + LAST_LINE_MAX + sizeof(CUT) + 4);
    buf_init(&lines->arriving[0], LAST_LINE_MAX);
    buf_init(&lines->arriving[1], LAST_LINE_MAX);
}

void last_lines_release(struct last_lines *lines)
{
    buf_release(&lines->kept);
    buf_release(&lines->arriving[0]);
    buf_release(&lines->arriving[1]);
}

/* Where a character begins at or before that byte. */
static size_t whole_characters(const char *text, size_t size)
{
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    return size;
}

static void line_end(struct last_lines *lines, size_t which)
{
    struct buf *line = &lines->arriving[which];
    const char *text = buf_text(line);
    const char *space = strchr(text, ' ');
    size_t time_size = space == NULL ? line->size : (size_t)(space - text);
    size_t size = line->truncated ? whole_characters(text, line->size - 1) : line->size;
    size_t from = time_size + 1 < size ? time_size + 1 : size;

    buf_printf(&lines->kept, "%.*s %zu %.*s%s\n", (int)time_size, text, which + 1,
               (int)(size - from), text + from, line->truncated ? CUT : "");
    while (lines->kept.size > LAST_LINES_MAX)
        buf_drop_front(&lines->kept, strcspn(lines->kept.data, "\n") + 1);
    buf_reset(line);
}

void last_lines_add(struct last_lines *lines, bool is_error, const char *data, size_t size)
{
    size_t which = is_error ? 1 : 0;

    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n')
            line_end(lines, which);
        else if (data[i] != '\r' && data[i] != '\0')
            buf_char(&lines->arriving[which], data[i]);
    }
}

const char *last_lines_end(struct last_lines *lines)
{
    for (size_t which = 0; which < ARRAY_COUNT(lines->arriving); which++) {
        if (lines->arriving[which].size > 0)
            line_end(lines, which);
    }
    return buf_text(&lines->kept);
}

bool last_lines_next(const char **at, struct last_line *out)
{
    const char *line = *at;
    size_t size = strcspn(line, "\n");
    const char *space = memchr(line, ' ', size);

    if (*line == '\0')
        return false;
    *at = line + size + (line[size] == '\n' ? 1 : 0);
    if (space == NULL || size - (size_t)(space - line) < 3) /* of no text that was made here */
        space = line;
    *out = (struct last_line){ .time = line, .time_size = (size_t)(space - line) };
    if (space > line) {
        out->is_error = space[1] == '2';
        space += 3;
    }
    out->text = space;
    out->size = size - (size_t)(space - line);
    return true;
}

const char *last_lines_words(const char *text, size_t count, struct arena *arena)
{
    AUTO(buf) words = { 0 };
    struct last_line line;
    size_t lines = 0;

    buf_init(&words, strlen(text) + 1);
    for (const char *at = text; last_lines_next(&at, &line);)
        lines++;
    for (const char *at = text; last_lines_next(&at, &line); lines--) {
        if (lines <= count)
            buf_printf(&words, "%s%.*s", words.data == NULL ? "" : "\n", (int)line.size, line.text);
    }
    return arena_text(arena, buf_text(&words));
}
