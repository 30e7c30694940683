/*
 * Storage doubles, so that adding is cheap on average, and never passes the maximum.
 */
#include "spec/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN ((size_t)64)

/* Makes room for as much of `size` more bytes as the maximum allows; answers how much that is. */
static size_t reserve(struct buf *buf, size_t size)
{
    ASSERT(buf->size <= buf->max);
    if (size > buf->max - buf->size) {
        buf->truncated = true;
        size = buf->max - buf->size;
    }

    size_t needed = buf->size + size + 1;
    if (needed > buf->capacity) {
        size_t capacity = buf->capacity < CAPACITY_MIN / 2 ? CAPACITY_MIN : buf->capacity * 2;
        if (capacity > buf->max + 1)
            capacity = buf->max + 1;
        if (capacity < needed)
            capacity = needed;
        buf->data = mem_resize(buf->data, capacity);
        buf->capacity = capacity;
    }
    return size;
}

void buf_init(struct buf *buf, size_t max)
{
    ASSERT(max < SIZE_MAX / 4); /* doubling then cannot overflow */
    *buf = (struct buf){ .max = max };
}

void buf_add(struct buf *buf, const void *data, size_t size)
{
    size = reserve(buf, size);
    if (size > 0)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
}

void buf_text_add(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(buf, format, arguments);
    va_end(arguments);
}

void buf_vprintf(struct buf *buf, const char *format, va_list arguments)
{
    va_list again;

    (void)reserve(buf, 0);
    va_copy(again, arguments);
    size_t room = buf->capacity - buf->size; /* with the NUL */
    int length = vsnprintf(buf->data + buf->size, room, format, arguments);
    if (length < 0) {
        buf->truncated = true;
        buf->data[buf->size] = '\0';
    } else if ((size_t)length < room) {
        buf->size += (size_t)length;
    } else {
        size_t size = reserve(buf, (size_t)length);
        (void)vsnprintf(buf->data + buf->size, size + 1, format, again);
        buf->size += size;
    }
    va_end(again);
}

void buf_drop_front(struct buf *buf, size_t size)
{
    if (buf->data == NULL || size == 0)
        return;
    if (size > buf->size)
        size = buf->size;
    memmove(buf->data, buf->data + size, buf->size - size + 1);
    buf->size -= size;
}

void buf_reset(struct buf *buf)
{
    buf->size = 0;
    buf->truncated = false;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

void buf_release(struct buf *buf)
{
    if (buf == NULL)
        return;
    free(buf->data);
    *buf = (struct buf){ .max = buf->max };
}

const char *buf_text(const struct buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
    char *text = buf->data != NULL ? TAKE(buf->data) : mem_text("");

    buf_release(buf);
    return text;
}
