/*
 * What the files of this folder know about the loop and nobody else does.
 */
#ifndef DRIVERS_IO_LOOP_INT_H
#define DRIVERS_IO_LOOP_INT_H

#include <uv.h>

#include "drivers/io/loop.h"

uv_loop_t *loop_uv(struct loop *loop);

/* Fills *err from a negative libuv status, as err_set_errno() does from errno. */
int loop_err(struct err *err, enum err_code code, int uv_status, const char *format, ...)
    PRINTF_LIKE(4, 5);

#endif
