/*
 * Errors are formatted beside the struct and then copied: the arguments may well point into the
 * text that is about to be replaced.
 */
#include "spec/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/limits.h"

#define ERR_TEXT_SIZE (sizeof(((struct err *)NULL)->text))

/* A message may quote input; nobody reads more of it than this. */
#define DIAG_TEXT_MAX 4096

struct err_row {
    const char *text;
    enum err_class class;
};

#define ERR_ROW(name, code_text, code_class) { code_text, ERR_CLASS_##code_class },
static const struct err_row err_rows[] = { ERR_CODES(ERR_ROW) };
#undef ERR_ROW

_Static_assert(ARRAY_COUNT(err_rows) == ERR_CODE_COUNT, "one row for each code");

/* Marks text that filled its storage, without leaving half a character before the dots. */
static void cut(char *text)
{
    size_t end = ERR_TEXT_SIZE - 4;

    while (end > 0 && ((unsigned char)text[end] & 0xC0U) == 0x80U)
        end--;
    memcpy(text + end, "...", 4);
}

/* Appends to `text`; answers the new length, or ERR_TEXT_SIZE once it is full. */
static size_t add_text(char *text, size_t length, const char *more)
{
    if (length >= ERR_TEXT_SIZE)
        return length;

    size_t size = strlen(more);
    size_t room = ERR_TEXT_SIZE - 1 - length;
    size_t taken = size < room ? size : room;
    memcpy(text + length, more, taken);
    text[length + taken] = '\0';
    if (taken < size) {
        cut(text);
        return ERR_TEXT_SIZE;
    }
    return length + taken;
}

__attribute__((format(printf, 2, 0))) static size_t format_text(char *text, const char *format,
                                                                va_list arguments)
{
    int length = vsnprintf(text, ERR_TEXT_SIZE, format, arguments);

    if (length < 0)
        text[0] = '\0';
    if (length >= (int)ERR_TEXT_SIZE) {
        cut(text);
        return ERR_TEXT_SIZE;
    }
    return length < 0 ? 0 : (size_t)length;
}

static void store(struct err *err, enum err_code code, struct pos pos, const char *text)
{
    ASSERT(code > ERR_OK && code < ERR_CODE_COUNT);
    err->code = code;
    err->pos = pos;
    memcpy(err->text, text, strlen(text) + 1);
}

const char *pos_prefix(struct arena *arena, struct pos pos)
{
    if (pos.file == NULL)
        return "";
    if (pos.line == 0)
        return arena_printf(arena, "%s: ", pos.file);
    return arena_printf(arena, "%s:%u:%u: ", pos.file, pos.line, pos.column);
}

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
    if (err == NULL)
        return -1;

    char text[ERR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)format_text(text, format, arguments);
    va_end(arguments);
    store(err, code, (struct pos){ 0 }, text);
    return -1;
}

int err_set_at(struct err *err, enum err_code code, struct pos pos, const char *format, ...)
{
    if (err == NULL)
        return -1;

    char text[ERR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)format_text(text, format, arguments);
    va_end(arguments);
    store(err, code, pos, text);
    return -1;
}

int err_set_errno(struct err *err, enum err_code code, int number, const char *format, ...)
{
    if (err == NULL)
        return -1;

    char text[ERR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text(text, format, arguments);
    va_end(arguments);

    /* Neither translated nor kept in a shared buffer, unlike what strerror answers. */
    const char *reason = strerrordesc_np(number);
    char unknown[32];
    if (reason == NULL) {
        int size = snprintf(unknown, sizeof(unknown), "error %d", number);
        ASSERT(size > 0 && size < (int)sizeof(unknown));
        reason = unknown;
    }
    length = add_text(text, length, ": ");
    (void)add_text(text, length, reason);
    store(err, code, (struct pos){ 0 }, text);
    return -1;
}

int err_wrap(struct err *err, const char *format, ...)
{
    if (err == NULL)
        return -1;
    ASSERT(err->code != ERR_OK);

    char text[ERR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text(text, format, arguments);
    va_end(arguments);

    length = add_text(text, length, ": ");
    (void)add_text(text, length, err->text);
    store(err, err->code, err->pos, text);
    return -1;
}

const char *err_code_text(enum err_code code)
{
    ASSERT((size_t)code < ARRAY_COUNT(err_rows));
    return err_rows[code].text;
}

enum err_class err_class(enum err_code code)
{
    ASSERT((size_t)code < ARRAY_COUNT(err_rows));
    return err_rows[code].class;
}

void diag_add(struct diag_list *list, enum diag_level level, struct pos pos, const char *format,
              ...)
{
    if (level == DIAG_ERROR)
        list->errors++;
    else
        list->warnings++;
    if (list->count >= LIMIT_DIAGNOSTICS)
        return;

    AUTO(buf) text = { 0 };
    va_list arguments;
    buf_init(&text, DIAG_TEXT_MAX);
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);

    /* The list is short: all its room at once is simpler than growing. */
    if (list->items == NULL)
        list->items = mem_alloc(LIMIT_DIAGNOSTICS * sizeof(*list->items));
    list->items[list->count++] = (struct diag){
        .level = level,
        .file = pos.file != NULL ? mem_text(pos.file) : NULL,
        .line = pos.line,
        .column = pos.column,
        .text = buf_take(&text),
    };
}

static int compare_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? (a != NULL) - (b != NULL) : strcmp(a, b);
}

/* Ends with level and text, so that the order never depends on the order of discovery. */
static int compare_diags(const void *a_memory, const void *b_memory)
{
    const struct diag *a = a_memory;
    const struct diag *b = b_memory;
    int order = compare_text(a->file, b->file);

    if (order == 0)
        order = (a->line > b->line) - (a->line < b->line);
    if (order == 0)
        order = (a->column > b->column) - (a->column < b->column);
    if (order == 0)
        order = (a->level > b->level) - (a->level < b->level);
    return order != 0 ? order : compare_text(a->text, b->text);
}

void diag_sort(struct diag_list *list)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof(*list->items), compare_diags);
}

struct pos diag_pos(const struct diag *diag)
{
    return (struct pos){ .file = diag->file, .line = diag->line, .column = diag->column };
}

void diag_release(struct diag_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].file);
        free(list->items[i].text);
    }
    free(list->items);
    *list = (struct diag_list){ 0 };
}
