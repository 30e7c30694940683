/*
 * The terminal of this end while a command runs at the other: raw, and the signals that concern it.
 *
 * Zeroed is valid and closed.  Whoever opened it closes it on every way out, signals included: they
 * arrive as numbers from a descriptor, never as the end of the program.
 */
#ifndef RECONCILER_CLI_TERMINAL_H
#define RECONCILER_CLI_TERMINAL_H

#include <signal.h>
#include <termios.h>

#include "spec/base/base.h"
#include "spec/base/err.h"

struct terminal {
    bool is_open;
    bool is_raw;
    int fd;                /* whose attributes were changed */
    int signals_fd;        /* readable when one came: terminal_signal() */
    struct termios before; /* as it was found */
    sigset_t mask_before;
};

/* Blocks SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGWINCH and gives their descriptor.  `raw`: fd
 * becomes raw, so that each key, Ctrl-C too, goes to the other end. */
int terminal_open(struct terminal *terminal, int fd, bool raw, struct err *err);
/* As it was before.  A signal that is still blocked then is delivered. */
void terminal_close(struct terminal *terminal);

/* The next signal that came; 0: none is left. */
int terminal_signal(const struct terminal *terminal);

/* False: fd is no terminal, or its size is not known. */
bool terminal_size(int fd, uint16_t *out_rows, uint16_t *out_columns);

#endif
