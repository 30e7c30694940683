/*
 * Growing text with a mandatory maximum.  data is always NUL-terminated once anything was added;
 * buf_text() of an empty one is "".  What does not fit is dropped and `truncated` says so.
 */
#ifndef SPEC_BASE_BUF_H
#define SPEC_BASE_BUF_H

#include <stdarg.h>

#include "spec/base/base.h"

struct buf {
    char *data;
    size_t size; /* bytes of text, without the NUL */
    size_t capacity;
    size_t max; /* never more than this many bytes */
    bool truncated;
};

void buf_init(struct buf *buf, size_t max);
void buf_add(struct buf *buf, const void *data, size_t size);
void buf_text_add(struct buf *buf, const char *text);
void buf_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *buf, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
void buf_drop_front(struct buf *buf, size_t size); /* keeps what comes after */
void buf_reset(struct buf *buf);                   /* keeps the storage */
void buf_release(struct buf *buf);
const char *buf_text(const struct buf *buf);
char *buf_take(struct buf *buf); /* heap text that the caller frees; buf is empty after */
DEFINE_AUTO_VALUE(buf, buf_release)

#endif
