/*
 * One pass finds out whether anything must be replaced, which is rare; a second one does it.
 */
#include "spec/yaml_source.h"

#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/text.h"

#define PAIR_SIZE   ((size_t)12) /* \ud83d\ude00 */
#define ESCAPE_SIZE ((size_t)10) /* \U0001F600 */
#define PAIR_SHIFT  ((uint32_t)(PAIR_SIZE - ESCAPE_SIZE))

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* "\uXXXX" at `at`; false when it is something else. */
static bool take_unit(const char *at, const char *end, uint32_t *out)
{
    uint32_t unit = 0;

    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return false;
    for (size_t i = 2; i < 6; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return false;
        unit = unit * 16 + (uint32_t)digit;
    }
    *out = unit;
    return true;
}

static bool take_pair(const char *at, const char *end, uint32_t *out)
{
    uint32_t high;
    uint32_t low;

    if (!take_unit(at, end, &high) || high < 0xD800 || high > 0xDBFF ||
        !take_unit(at + 6, end, &low) || low < 0xDC00 || low > 0xDFFF)
        return false;
    *out = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

/* Bytes of the line break that begins here, as libyaml sees them; 0: none. */
static size_t break_size(const char *at, const char *end)
{
    if (*at == '\n')
        return 1;
    if (*at == '\r')
        return end - at > 1 && at[1] == '\n' ? 2 : 1;
    if (end - at >= 2 && memcmp(at, "\xC2\x85", 2) == 0)
        return 2;
    if (end - at >= 3 && (memcmp(at, "\xE2\x80\xA8", 3) == 0 || memcmp(at, "\xE2\x80\xA9", 3) == 0))
        return 3;
    return 0;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0U) == 0x80U;
}

/* Where the first byte stands that is no UTF-8, or NUL. */
static struct pos find_bad_byte(const char *file, const char *text, size_t size)
{
    struct pos pos = { file, 1, 1 };
    const char *end = text + size;

    for (const char *at = text; at < end;) {
        size_t taken = 1;
        while (taken <= 4 && taken <= (size_t)(end - at) && !text_is_utf8(at, taken))
            taken++;
        if (taken > 4 || taken > (size_t)(end - at))
            return pos;
        pos.column++;
        if (*at == '\n') {
            pos.line++;
            pos.column = 1;
        }
        at += taken;
    }
    return pos;
}

/* A growing list of escapes; they end up in the arena. */
struct rewrite {
    struct buf out;
    struct buf escapes; /* of struct yaml_escape */
    size_t index;
    uint32_t line;
    uint32_t column;
    uint32_t ours; /* on this line */
};

static void add_escape(struct rewrite *rewrite, const char *original)
{
    struct yaml_escape escape = {
        .index = rewrite->index,
        .line = rewrite->line,
        .column = rewrite->column,
        .ours_before = rewrite->ours,
        .original = original,
    };

    buf_add(&rewrite->escapes, &escape, sizeof(escape));
    rewrite->ours += original != NULL ? 1 : 0;
}

/* Copies a run of backslashes; only the last of an odd run can begin an escape. */
static const char *copy_backslashes(struct rewrite *rewrite, const char *at, const char *end)
{
    size_t run = 1;
    uint32_t character;

    while (at + run < end && at[run] == '\\')
        run++;
    size_t literal = run - 1;
    buf_add(&rewrite->out, at, literal);
    rewrite->index += literal;
    rewrite->column += (uint32_t)literal;
    at += literal;

    if (run % 2 == 1 && take_pair(at, end, &character)) {
        add_escape(rewrite, at);
        buf_printf(&rewrite->out, "\\U%08X", character);
        rewrite->index += ESCAPE_SIZE;
        rewrite->column += (uint32_t)ESCAPE_SIZE;
        return at + PAIR_SIZE;
    }
    if (end - at > 1 && at[1] == 'U')
        add_escape(rewrite, NULL);
    buf_char(&rewrite->out, '\\');
    rewrite->index++;
    rewrite->column++;
    return at + 1;
}

static void rewrite_all(struct rewrite *rewrite, const char *text, size_t size)
{
    const char *end = text + size;

    for (const char *at = text; at < end;) {
        size_t line_break = break_size(at, end);
        if (line_break > 0) {
            buf_add(&rewrite->out, at, line_break);
            rewrite->index += *at == '\r' ? line_break : 1;
            rewrite->line++;
            rewrite->column = 0;
            rewrite->ours = 0;
            at += line_break;
        } else if (*at == '\\') {
            at = copy_backslashes(rewrite, at, end);
        } else {
            buf_char(&rewrite->out, *at);
            if (!is_continuation(*at)) {
                rewrite->index++;
                rewrite->column++;
            }
            at++;
        }
    }
}

static bool has_pair(const char *text, size_t size)
{
    const char *end = text + size;
    uint32_t character;

    for (const char *at = text; (at = memchr(at, '\\', (size_t)(end - at))) != NULL; at++)
        if (take_pair(at, end, &character))
            return true;
    return false;
}

int yaml_source_make(const char *file, const char *text, size_t size, struct arena *arena,
                     struct diag_list *diags, struct yaml_source *out)
{
    if (!text_is_utf8(text, size)) {
        diag_add(diags, DIAG_ERROR, find_bad_byte(file, text, size),
                 "a byte that is not UTF-8 text: manifests are UTF-8, without NUL");
        return -1;
    }
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        size -= 3;
    }
    *out = (struct yaml_source){ .text = text, .size = size };
    if (size == 0 || !has_pair(text, size))
        return 0;

    struct rewrite rewrite = { 0 };
    buf_init(&rewrite.out, size); /* it only shrinks */
    buf_init(&rewrite.escapes, size * sizeof(struct yaml_escape));
    rewrite_all(&rewrite, text, size);
    ASSERT(!rewrite.out.truncated && !rewrite.escapes.truncated);
    out->text = arena_copy(arena, rewrite.out.data, rewrite.out.size);
    out->size = rewrite.out.size;
    out->escapes = arena_copy(arena, rewrite.escapes.data, rewrite.escapes.size);
    out->escape_count = rewrite.escapes.size / sizeof(struct yaml_escape);
    buf_release(&rewrite.out);
    buf_release(&rewrite.escapes);
    return 0;
}

uint32_t yaml_source_column(const struct yaml_source *source, size_t line, size_t column)
{
    size_t low = 0;
    size_t high = source->escape_count; /* the first escape at or behind the place */

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct yaml_escape *escape = &source->escapes[middle];
        if (escape->line < line || (escape->line == line && escape->column < column))
            low = middle + 1;
        else
            high = middle;
    }
    uint32_t ours = 0;
    if (low > 0 && source->escapes[low - 1].line == line)
        ours = source->escapes[low - 1].ours_before +
               (source->escapes[low - 1].original != NULL ? 1 : 0);
    return (uint32_t)column + ours * PAIR_SHIFT;
}

static size_t first_escape_at(const struct yaml_source *source, size_t index)
{
    size_t low = 0;
    size_t high = source->escape_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (source->escapes[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const char *yaml_source_restore(const struct yaml_source *source, size_t start, size_t end,
                                const char *value, struct arena *arena)
{
    size_t next = first_escape_at(source, start);
    size_t last = first_escape_at(source, end);
    struct buf text;

    if (next == last)
        return value;
    /* Folding moves blanks and line breaks but no "\U": the n-th in the value is the n-th written.
     */
    buf_init(&text, strlen(value) / ESCAPE_SIZE * PAIR_SIZE + ESCAPE_SIZE);
    while (*value != '\0') {
        bool is_escape = next < last && value[0] == '\\' && value[1] == 'U';
        const char *original = is_escape ? source->escapes[next++].original : NULL;
        if (original != NULL) {
            buf_add(&text, original, PAIR_SIZE);
            value += ESCAPE_SIZE;
        } else {
            buf_char(&text, *value++);
        }
    }
    ASSERT(!text.truncated);
    const char *restored = arena_text_n(arena, text.data, text.size);
    buf_release(&text);
    return restored;
}
