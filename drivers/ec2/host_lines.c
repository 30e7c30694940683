#include "drivers/ec2/host_lines.h"

#include <string.h>

#include "spec/base/redact.h"
#include "spec/base/text.h"

#define LINE_MAX_BYTES (HOST_LINES_MAX / 4)

static bool is_within_character(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

void host_lines_init(struct buf *lines)
{
    buf_init(lines, HOST_LINES_MAX);
}

static void make_room(struct buf *lines, size_t bytes)
{
    size_t gone = lines->size + bytes > HOST_LINES_MAX ? lines->size + bytes - HOST_LINES_MAX : 0;

    while (gone > 0 && gone < lines->size && is_within_character(lines->data[gone]))
        gone++;
    buf_drop_front(lines, gone);
}

void host_lines_add(struct buf *lines, const char *line)
{
    AUTO_TEXT char *shown = url_redact(line); /* before it is cut, or half of one is no URL */
    size_t size = strlen(shown);

    text_disarm(shown);
    if (size > LINE_MAX_BYTES) {
        for (size = LINE_MAX_BYTES; size > 0 && is_within_character(shown[size]);)
            size--;
    }
    make_room(lines, size + 3);
    buf_printf(lines, "%s%.*s", lines->size > 0 ? " / " : "", (int)size, shown);
}
