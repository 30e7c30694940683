/*
 * What the shell of a host is told so that it runs one command, and how it says that the command
 * has ended.  Pure.
 *
 * It reads this from its standard input, which stays open: nothing of the command is on a command
 * line but its own, and when the input ends, by whatever end we came to, the command is ended.
 */
#ifndef DRIVERS_EC2_REMOTE_SCRIPT_H
#define DRIVERS_EC2_REMOTE_SCRIPT_H

#include "spec/base/base.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"

/* What a pipe holds: it is written at once. */
#define REMOTE_SCRIPT_MAX ((size_t)60 * 1024)

/* Hexadecimal: it begins the last line of standard output, and no command can know it. */
#define REMOTE_MARK_SIZE 33

/* NULL-terminated words, run as they are: no shell looks into them.  ERR_INVALID: there is none;
 * ERR_CAPACITY: they are more than REMOTE_SCRIPT_MAX. */
int remote_script(const char *const *words, const char *mark, struct buf *out, struct err *err);

/* Is this line of standard output the last one?  Then its exit code, as a shell words it: 127 when
 * there is no such command, 128 and the signal that ended it. */
bool remote_is_end(const char *line, const char *mark, int *out_code);

#endif
