/*
 * An error is a value: a code, a position and a chain of context.
 *
 * Contract of every function that takes `struct err *err`: it returns 0 or -1; on -1 *err is set
 * and no output was touched; on 0 *err is untouched.  Such functions never log.
 */
#ifndef SPEC_BASE_ERR_H
#define SPEC_BASE_ERR_H

#include <stdarg.h>

#include "spec/base/arena.h"
#include "spec/base/base.h"

/* X(constant, text, class).  The class says who can mend it: the user, time, or us. */
#define ERR_CODES(X)                                                                               \
    X(OK, "ok", NONE)                                                                              \
    X(INVALID, "invalid", USER) /* the input is wrong; only other input mends it */                \
    X(NOT_FOUND, "not-found", USER)                                                                \
    X(DENIED, "denied", USER)      /* credentials or policy; trying again is noise */              \
    X(CONFLICT, "conflict", RETRY) /* the world moved: observe again, then plan again */           \
    X(CAPACITY, "capacity", RETRY) /* disk, memory, a limit */                                     \
    X(UNREACHABLE, "unreachable", RETRY)                                                           \
    X(TIMEOUT, "timeout", RETRY)                                                                   \
    X(CANCELLED, "cancelled", RETRY)                                                               \
    X(FAILED, "failed", RETRY) /* the other side tried and could not */                            \
    X(INTERNAL, "internal", BUG)

#define ERR_ENUM(name, text, class) ERR_##name,
enum err_code { ERR_CODES(ERR_ENUM) ERR_CODE_COUNT };
#undef ERR_ENUM

enum err_class { ERR_CLASS_NONE, ERR_CLASS_USER, ERR_CLASS_RETRY, ERR_CLASS_BUG };

/* A place in a manifest, counted from 1.  line 0: nowhere. */
struct pos {
    const char *file; /* lives as long as the manifest; copied text in a diag_list */
    uint32_t line;
    uint32_t column;
};

/* What goes in front of a message: "FILE:LINE:COLUMN: ", "FILE: " of a whole file, or "". */
const char *pos_prefix(struct arena *arena, struct pos pos);

/* Fixed size on purpose: reporting a failure must never allocate, so it can never fail itself. */
struct err {
    enum err_code code;
    struct pos pos;
    char text[512]; /* "outermost: ...: root cause", cut with "..." when longer */
};

/* Both always return -1, so that `return err_set(err, ...)` reads well.  err may be NULL. */
int err_set(struct err *err, enum err_code code, const char *format, ...) PRINTF_LIKE(3, 4);
int err_set_at(struct err *err, enum err_code code, struct pos pos, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* With the text of errno value `number` appended: "format: No such file or directory". */
int err_set_errno(struct err *err, enum err_code code, int number, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* Puts context in front of what *err says already. */
int err_wrap(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

const char *err_code_text(enum err_code code);
enum err_class err_class(enum err_code code);

/* All mistakes of one commit at once. */
enum diag_level { DIAG_ERROR, DIAG_WARNING };

struct diag {
    enum diag_level level;
    char *file; /* owned; NULL: nowhere */
    uint32_t line;
    uint32_t column;
    char *text; /* owned: "what is wrong: what would be right" */
};

/* Zero is empty.  At most LIMIT_DIAGNOSTICS are kept, the others only counted. */
struct diag_list {
    struct diag *items;
    size_t count;
    size_t errors;   /* all of them, kept or not */
    size_t warnings; /* likewise */
};

void diag_add(struct diag_list *list, enum diag_level level, struct pos pos, const char *format,
              ...) PRINTF_LIKE(4, 5);
/* By file, line and column. */
void diag_sort(struct diag_list *list);
struct pos diag_pos(const struct diag *diag);
void diag_release(struct diag_list *list);
DEFINE_AUTO_VALUE(diag_list, diag_release)

#endif
