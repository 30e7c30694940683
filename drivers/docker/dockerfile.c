/*
 * Only as much of the format as finding flags takes: lines, their continuation, comments between
 * them, and the directive that names the character of continuation.
 * Source: https://docs.docker.com/reference/dockerfile/
 */
#include "drivers/docker/dockerfile.h"

#include <string.h>
#include <strings.h>

#include "spec/base/base.h"
#include "spec/base/text.h"

#define WORD_MAX 64

struct scanner {
    const char *begin;
    const char *at;
    const char *end;
    char escape;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_line(struct scanner *scanner)
{
    while (scanner->at < scanner->end && *scanner->at != '\n')
        scanner->at++;
    if (scanner->at < scanner->end)
        scanner->at++;
}

/* Blanks, and the ends of lines that go on. */
static void skip_blanks(struct scanner *scanner)
{
    while (scanner->at < scanner->end) {
        const char *next = scanner->at + 1;

        if (is_blank(*scanner->at)) {
            scanner->at++;
            continue;
        }
        if (*scanner->at != scanner->escape)
            return;
        while (next < scanner->end && is_blank(*next))
            next++;
        if (next >= scanner->end || *next != '\n')
            return;
        scanner->at = next + 1;
        while (scanner->at < scanner->end && *scanner->at == '#')
            skip_line(scanner);
    }
}

/* The next word of the instruction; "" at its end.  What does not fit is no word of interest. */
static void next_word(struct scanner *scanner, char out[WORD_MAX])
{
    size_t size = 0;

    skip_blanks(scanner);
    while (scanner->at < scanner->end && !is_blank(*scanner->at) && *scanner->at != '\n') {
        if (size + 1 < WORD_MAX)
            out[size++] = *scanner->at;
        scanner->at++;
    }
    out[size] = '\0';
}

/* To the beginning of the next instruction. */
static void skip_instruction(struct scanner *scanner)
{
    bool goes_on = true;

    while (scanner->at < scanner->end && goes_on) {
        const char *line = scanner->at;
        const char *last;

        skip_line(scanner);
        last = scanner->at;
        while (last > line && (last[-1] == '\n' || is_blank(last[-1])))
            last--;
        /* A comment does not end what goes on. */
        goes_on = *line == '#' || (last > scanner->begin && last[-1] == scanner->escape);
    }
}

static const char *flag_of(struct scanner *scanner)
{
    static const char *const flags[] = { "--mount",  "--network",  "--security",    "--device",
                                         "--chmod",  "--link",     "--parents",     "--exclude",
                                         "--unpack", "--checksum", "--keep-git-dir" };
    char word[WORD_MAX];

    for (next_word(scanner, word); strncmp(word, "--", 2) == 0; next_word(scanner, word)) {
        size_t length = strcspn(word, "=");

        for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
            if (strlen(flags[i]) == length && strncmp(word, flags[i], length) == 0)
                return flags[i];
        }
    }
    return NULL;
}

const char *dockerfile_buildkit_flag(const char *text, size_t size)
{
    if (size == 0)
        return NULL;

    struct scanner scanner = { .begin = text, .at = text, .end = text + size, .escape = '\\' };
    const char *flag = NULL;
    char word[WORD_MAX];

    while (scanner.at < scanner.end && flag == NULL) {
        next_word(&scanner, word);
        if (word[0] == '#') {
            /* Only at the very top it is a directive; further down nobody writes it. */
            if (word[1] == '\0')
                next_word(&scanner, word);
            if (text_ends(word, "escape=`"))
                scanner.escape = '`';
            skip_line(&scanner);
            continue;
        }
        if (strcasecmp(word, "ONBUILD") == 0)
            next_word(&scanner, word);
        if (strcasecmp(word, "RUN") == 0 || strcasecmp(word, "COPY") == 0 ||
            strcasecmp(word, "ADD") == 0)
            flag = flag_of(&scanner);
        skip_instruction(&scanner);
    }
    return flag;
}
