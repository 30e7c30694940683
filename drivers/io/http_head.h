/*
 * The head of an HTTP/1 answer, for connections that leave HTTP behind it: libcurl would keep those
 * to itself.
 */
#ifndef DRIVERS_IO_HTTP_HEAD_H
#define DRIVERS_IO_HTTP_HEAD_H

#include "spec/base/base.h"

struct http_head {
    int status;       /* 100 to 999 */
    size_t size;      /* bytes, the empty line included: the body begins behind them */
    size_t body_size; /* Content-Length; SIZE_MAX: it is not said, so until the end */
};

enum http_head_state {
    HTTP_HEAD_PART,  /* more has to come */
    HTTP_HEAD_WHOLE, /* *out is set */
    HTTP_HEAD_NONE   /* this is no HTTP answer, whatever comes */
};

/* `data` is all that came, of any bytes.  How much a head may have is the caller's matter.
 * Pure. */
enum http_head_state http_head_parse(const char *data, size_t size, struct http_head *out);

#endif
