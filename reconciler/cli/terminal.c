/*
 * Terminal attributes and a descriptor for signals.
 */
#include "reconciler/cli/terminal.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void watched_signals(sigset_t *out)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };

    (void)sigemptyset(out);
    for (size_t i = 0; i < ARRAY_COUNT(signals); i++)
        (void)sigaddset(out, signals[i]);
}

int terminal_open(struct terminal *terminal, int fd, bool raw, struct err *err)
{
    struct terminal opened = { .is_open = true, .is_raw = raw, .fd = fd };
    struct termios attributes;
    sigset_t signals;

    ASSERT(!terminal->is_open);
    if (raw && tcgetattr(fd, &opened.before) < 0)
        return err_set_errno(err, ERR_INVALID, errno, "the terminal");
    watched_signals(&signals);
    opened.signals_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (opened.signals_fd < 0)
        return err_set_errno(err, ERR_CAPACITY, errno, "signalfd");
    (void)pthread_sigmask(SIG_BLOCK, &signals, &opened.mask_before);
    *terminal = opened;
    if (!raw)
        return 0;
    attributes = opened.before;
    cfmakeraw(&attributes);
    /* Draining, not flushing: what was typed ahead is meant for the command. */
    if (tcsetattr(fd, TCSADRAIN, &attributes) < 0) {
        terminal->is_raw = false;
        (void)err_set_errno(err, ERR_FAILED, errno, "the terminal");
        terminal_close(terminal);
        return -1;
    }
    return 0;
}

void terminal_close(struct terminal *terminal)
{
    if (!terminal->is_open)
        return;
    if (terminal->is_raw)
        (void)tcsetattr(terminal->fd, TCSADRAIN, &terminal->before);
    (void)close(terminal->signals_fd);
    (void)pthread_sigmask(SIG_SETMASK, &terminal->mask_before, NULL);
    *terminal = (struct terminal){ 0 };
}

int terminal_signal(const struct terminal *terminal)
{
    struct signalfd_siginfo info;
    ssize_t size = read(terminal->signals_fd, &info, sizeof(info));

    return size == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

bool terminal_size(int fd, uint16_t *out_rows, uint16_t *out_columns)
{
    struct winsize size;

    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
        return false;
    *out_rows = size.ws_row;
    *out_columns = size.ws_col;
    return true;
}
