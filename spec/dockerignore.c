/*
 * A pattern is a list of steps, matched by walking all possibilities at once (a bit for each step
 * that may come next), so that no pattern takes more than steps x characters.  A match of a parent
 * directory is a match that is complete before a '/': one walk over the path finds both.
 */
#include "spec/dockerignore.h"

#include <string.h>

#include "spec/base/buf.h"

#define STEPS_MAX 1024 /* of a pattern; longer ones are malformed */

enum step_kind {
    STEP_CHARACTER,
    STEP_ANY,       /* '?': one character but '/' */
    STEP_RUN,       /* '*': any run without '/' */
    STEP_DIRECTORY, /* '**' inside: nothing, or anything that ends with '/' */
    STEP_ALL,       /* '**' at the end: anything */
    STEP_CLASS      /* '[...]' */
};

struct step {
    enum step_kind kind;
    uint32_t character;
    const char *class; /* behind '[', up to and with ']' */
};

struct pattern {
    bool takes_back; /* '!' */
    struct step *steps;
    size_t step_count;
};

struct dockerignore {
    struct pattern *patterns;
    size_t count;
};

/* Takes one UTF-8 character; a stray byte is a character of its own. */
static uint32_t take_character(const char **cursor)
{
    const unsigned char *at = (const unsigned char *)*cursor;
    size_t size = at[0] < 0xC0 ? 1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    uint32_t character = size == 1 ? at[0] : at[0] & (0x7FU >> size);

    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xC0U) != 0x80U) {
            (*cursor)++;
            return at[0];
        }
        character = character << 6 | (at[i] & 0x3FU);
    }
    *cursor += size;
    return character;
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* `out` without its last name, but not before `floor`. */
static char *without_last(char *out, const char *floor)
{
    while (out > floor && out[-1] != '/')
        out--;
    return out > floor ? out - 1 : out;
}

/* filepath.Clean() in place: no "//", ".", or inner "..", no '/' at the end. */
static void clean_path(char *path)
{
    bool rooted = path[0] == '/';
    char *out = path + (rooted ? 1 : 0);
    char *floor = out; /* ".." cannot go back behind this */
    const char *at = out;

    while (*at != '\0') {
        size_t size = strcspn(at, "/");
        bool is_up = size == 2 && at[0] == '.' && at[1] == '.';
        if (size == 0 || (size == 1 && at[0] == '.')) {
            /* says nothing */
        } else if (is_up && out > floor) {
            out = without_last(out, floor);
        } else if (!is_up || !rooted) {
            if (out > path && out[-1] != '/')
                *out++ = '/';
            memmove(out, at, size);
            out += size;
            if (is_up)
                floor = out;
        }
        at += size;
        at += *at == '/' ? 1 : 0;
    }
    if (out == path)
        *out++ = '.';
    *out = '\0';
}

/* Behind the ']' that ends a class; NULL when there is none.  `at` is behind the '['. */
static const char *class_end(const char *at)
{
    const char *start = at + (*at == '^' ? 1 : 0);

    for (at = start; *at != '\0'; at++) {
        if (*at == ']' && at > start)
            return at + 1;
        if (*at == '\\') {
            at++;
            if (*at == '\0')
                return NULL;
        }
    }
    return NULL;
}

static bool take_step(const char **cursor, struct step *out)
{
    const char *at = *cursor;

    *out = (struct step){ .kind = STEP_CHARACTER };
    if (at[0] == '*' && at[1] == '*') {
        at += at[2] == '/' ? 3 : 2;
        out->kind = *at == '\0' ? STEP_ALL : STEP_DIRECTORY;
    } else if (*at == '*') {
        out->kind = STEP_RUN;
        at++;
    } else if (*at == '?') {
        out->kind = STEP_ANY;
        at++;
    } else if (*at == '[') {
        out->kind = STEP_CLASS;
        out->class = at + 1;
        at = class_end(at + 1);
        if (at == NULL)
            return false;
    } else {
        if (*at == '\\' && *++at == '\0')
            return false;
        out->character = take_character(&at);
    }
    *cursor = at;
    return true;
}

static bool parse_steps(struct arena *arena, const char *text, struct pattern *out)
{
    struct step steps[STEPS_MAX];
    size_t count = 0;

    while (*text != '\0') {
        if (count == STEPS_MAX || !take_step(&text, &steps[count]))
            return false;
        count++;
    }
    out->steps = arena_copy(arena, steps, count * sizeof(*steps));
    out->step_count = count;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char *trim(char *text)
{
    size_t size;

    while (is_blank(*text))
        text++;
    size = strlen(text);
    while (size > 0 && is_blank(text[size - 1]))
        text[--size] = '\0';
    return text;
}

static bool parse_line(struct arena *arena, char *line, struct pattern *out)
{
    if (line[0] == '#') /* before blanks are cut, as Docker does */
        return false;
    line = trim(line);
    if (line[0] == '!') {
        out->takes_back = true;
        line = trim(line + 1);
    }
    if (line[0] == '\0')
        return false;
    clean_path(line);
    if (line[0] == '/' && line[1] != '\0')
        line++;
    /* The steps point into the line, which is in the arena. */
    return parse_steps(arena, line, out);
}

struct dockerignore *dockerignore_parse(const char *text, size_t size, struct arena *arena)
{
    struct dockerignore *ignore = arena_new(arena, struct dockerignore);
    size_t lines = 1;

    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        size -= 3;
    }
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n' ? 1 : 0;
    ignore->patterns = arena_array(arena, struct pattern, lines);
    for (const char *end = text + size; text < end;) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        if (line_end == NULL)
            line_end = end;
        char *line = arena_text_n(arena, text, (size_t)(line_end - text));
        struct pattern pattern = { 0 };
        if (parse_line(arena, line, &pattern))
            ignore->patterns[ignore->count++] = pattern;
        text = line_end < end ? line_end + 1 : end;
    }
    return ignore;
}

/* ---- Matching ------------------------------------------------------------------------------- */

static bool class_matches(const char *class, uint32_t character)
{
    bool negated = *class == '^';
    bool found = false;
    const char *start = class + (negated ? 1 : 0);

    for (const char *at = start; *at != ']' || at == start;) {
        at += *at == '\\' ? 1 : 0;
        uint32_t low = take_character(&at);
        uint32_t high = low;
        if (at[0] == '-' && at[1] != ']' && at[1] != '\0') {
            at++;
            at += *at == '\\' ? 1 : 0;
            high = take_character(&at);
        }
        found = found || (character >= low && character <= high);
    }
    return found != negated;
}

/* The steps that may come next.  A run may be left at any time, so what follows it may come too. */
struct walk {
    bool next[STEPS_MAX + 1]; /* the last one: the pattern is complete */
    size_t first;             /* nothing before this one */
    size_t last;              /* nor behind this one */
    bool any;
};

static void clear(struct walk *walk, const struct pattern *pattern)
{
    memset(walk->next, 0, pattern->step_count + 1);
    walk->first = walk->last = 0;
    walk->any = false;
}

static void add(struct walk *walk, const struct pattern *pattern, size_t step)
{
    for (;; step++) {
        if (!walk->any || step < walk->first)
            walk->first = step;
        if (!walk->any || step > walk->last)
            walk->last = step;
        walk->any = true;
        walk->next[step] = true;
        if (step == pattern->step_count ||
            (pattern->steps[step].kind != STEP_RUN && pattern->steps[step].kind != STEP_DIRECTORY &&
             pattern->steps[step].kind != STEP_ALL))
            return;
    }
}

/* Adds what may come after the step has taken the character. */
static void take(const struct pattern *pattern, size_t at, uint32_t character, struct walk *to)
{
    const struct step *step = &pattern->steps[at];

    switch (step->kind) {
    case STEP_CHARACTER:
        if (step->character == character)
            add(to, pattern, at + 1);
        break;
    case STEP_ANY:
        if (character != '/')
            add(to, pattern, at + 1);
        break;
    case STEP_CLASS:
        if (class_matches(step->class, character))
            add(to, pattern, at + 1);
        break;
    case STEP_RUN:
        if (character != '/')
            add(to, pattern, at);
        break;
    case STEP_ALL: add(to, pattern, at); break;
    case STEP_DIRECTORY: break;
    }
}

/* `inside` tells, for each '**' in the middle, that it has begun and is waiting for its '/'. */
static void advance(const struct walk *from, struct walk *to, const struct pattern *pattern,
                    bool *inside, uint32_t character)
{
    for (size_t i = from->first; i <= from->last && i < pattern->step_count; i++) {
        if (pattern->steps[i].kind == STEP_DIRECTORY)
            inside[i] = inside[i] || from->next[i];
        else if (from->next[i])
            take(pattern, i, character, to);
    }
    /* Having begun, a '**' goes on for ever; each '/' may be its last. */
    for (size_t i = 0; i < pattern->step_count && character == '/'; i++)
        if (inside[i])
            add(to, pattern, i + 1);
}

/* Does the pattern match the path, or a directory above it? */
static bool matches(const struct pattern *pattern, const char *path)
{
    struct walk walks[2];
    struct walk *now = &walks[0];
    struct walk *then = &walks[1];
    bool inside[STEPS_MAX];
    bool any_inside = false;

    for (size_t i = 0; i < pattern->step_count; i++) {
        inside[i] = false;
        any_inside = any_inside || pattern->steps[i].kind == STEP_DIRECTORY;
    }
    clear(now, pattern);
    add(now, pattern, 0);
    for (const char *at = path; *at != '\0';) {
        uint32_t character = take_character(&at);
        clear(then, pattern);
        advance(now, then, pattern, inside, character);
        if (!then->any && !any_inside)
            return false;
        if (then->next[pattern->step_count] && (*at == '/' || *at == '\0'))
            return true;
        struct walk *swap = now;
        now = then;
        then = swap;
    }
    return false;
}

bool dockerignore_excludes(const struct dockerignore *ignore, const char *path)
{
    bool excluded = false;

    for (size_t i = 0; i < ignore->count; i++) {
        const struct pattern *pattern = &ignore->patterns[i];
        if (pattern->takes_back == excluded && matches(pattern, path))
            excluded = !pattern->takes_back;
    }
    return excluded;
}
