/*
 * .dockerignore, as Docker's client reads it.  The cases follow the documented rules and the
 * behaviour of moby's patternmatcher.
 */
#include <string.h>

#include "spec/base/rng.h"
#include "spec/dockerignore.h"
#include "tests/unit/unit.h"

static bool excludes(const char *patterns, const char *path)
{
    AUTO(arena) arena = { 0 };

    return dockerignore_excludes(dockerignore_parse(patterns, strlen(patterns), &arena), path);
}

struct row {
    const char *patterns;
    const char *path;
    bool excluded;
};

static const struct row rows[] = {
    { "", "a", false },
    { "a", "a", true },
    { "a", "b/a", false },  /* relative to the root */
    { "a", "a/b/c", true }, /* all below a directory */
    { "a", "ab", false },
    { "/a", "a", true },
    { "a/", "a/b", true },
    { "./a//b/../c", "a/c", true },
    { "  a  ", "a", true },
    { "# a", "# a", false },
    { " # a", "# a", true }, /* only the first column makes a comment */
    { "\xEF\xBB\xBF"
      "a",
      "a", true },
    { "a\r\nb\r\n", "b", true },
    { "*", "a/b", true },
    { "*.md", "README.md", true },
    { "*.md", "docs/x.md", false },
    { "*/x.md", "docs/x.md", true },
    { "*/*.md", "docs/x.md", true },
    { "a?c", "abc", true },
    { "a?c", "a/c", false },
    { "a?c",
      "a\xC3\xBC"
      "c",
      true }, /* a character, not a byte */
    { "**/x", "x", true },
    { "**/x", "a/b/x", true },
    { "**/x", "a/b/xx", false },
    { "**/x", "a/x/b", true },
    { "a/**", "a/b", true },
    { "a/**", "a", false },
    { "a/**/b", "a/b", true },
    { "a/**/b", "a/x/y/b", true },
    { "a/**/b", "a/xb", false },
    { "**", "a/b", true },
    { "**/*.go", "a/b/c.go", true },
    { "**/*.go", "c.go", true },
    { "a**", "ab/c", true },
    { "[a-c]x", "bx", true },
    { "[a-c]x", "dx", false },
    { "[^a-c]x", "dx", true },
    { "[^a-c]x", "ax", false },
    { "\\*", "*", true },
    { "\\*", "a", false },
    { "\\!a", "!a", true },
    { "[", "[", false }, /* malformed: nothing */
    { "a\\", "a\\", false },
    { "a.b", "axb", false },
    { "a+(b)|$^{}", "a+(b)|$^{}", true },
    { "*\n!a", "a", false },
    { "*\n!a", "b", true },
    { "*\n! a", "a", false },
    { "!a\n*", "a", true }, /* the last match decides */
    { "*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true },
    { "*.md\n!README*.md\nREADME-secret.md", "README-x.md", false },
    { "a\n!a/b", "a/b", false },
    { "a\n!a/b", "a/b/c", false },
    { "a\n!a/b", "a/c", true },
    { "*\n!**/*.c", "a/b.c", false },
    { "..", "a", false },
    { ".", "a", false },
    { "!", "a", false },
};

static void patterns_mean_what_they_mean_to_docker(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (excludes(rows[i].patterns, rows[i].path) != rows[i].excluded)
            fail_msg("'%s' %s '%s'", rows[i].patterns,
                     rows[i].excluded ? "does not exclude" : "excludes", rows[i].path);
}

/* The same by trying everything, for patterns of literals, '?', '*' and '**'. */
static bool slow_match(const char *pattern, const char *path);

static bool slow_match_folders(const char *rest, const char *path)
{
    if (rest[0] == '\0' || slow_match(rest, path))
        return true;
    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '/' && slow_match(rest, at + 1))
            return true;
    }
    return false;
}

static bool slow_match_name(const char *rest, const char *path)
{
    while (!slow_match(rest, path)) {
        if (*path == '\0' || *path == '/')
            return false;
        path++;
    }
    return true;
}

static bool slow_match(const char *pattern, const char *path)
{
    if (pattern[0] == '\0')
        return path[0] == '\0' || path[0] == '/'; /* it, or all below */
    if (pattern[0] == '*' && pattern[1] == '*')
        return slow_match_folders(pattern + (pattern[2] == '/' ? 3 : 2), path);
    if (pattern[0] == '*')
        return slow_match_name(pattern + 1, path);
    if (path[0] == '\0' || (pattern[0] == '?' ? path[0] == '/' : pattern[0] != path[0]))
        return false;
    return slow_match(pattern + 1, path + 1);
}

static void draw_pattern(struct rng *rng, char pattern[64])
{
    static const char *const parts[] = { "a", "b", "?", "*", "**", "**/", "/", "a/" };
    size_t length = 1;

    memcpy(pattern, "a", 2);
    for (uint64_t count = rng_below(rng, 6); count > 0; count--) {
        const char *part = parts[rng_below(rng, ARRAY_COUNT(parts))];
        /* No "//", no "***", nothing that cleaning would change. */
        if ((pattern[length - 1] == '/' && part[0] == '/') ||
            (pattern[length - 1] == '*' && part[0] == '*'))
            continue;
        memcpy(pattern + length, part, strlen(part) + 1);
        length += strlen(part);
    }
    if (pattern[length - 1] == '/')
        pattern[length - 1] = '\0';
}

static void draw_path(struct rng *rng, char path[32])
{
    size_t size = 0;

    path[size++] = 'a';
    for (uint64_t count = rng_below(rng, 8); count > 0; count--) {
        char next = "ab/"[rng_below(rng, 3)];
        if (next != '/' || path[size - 1] != '/')
            path[size++] = next;
    }
    path[path[size - 1] == '/' ? size - 1 : size] = '\0';
}

static void a_slow_matcher_agrees(void **state)
{
    (void)state;
    struct rng rng = { 11 };

    for (int round = 0; round < 60000; round++) {
        char pattern[64];
        char path[32];

        draw_pattern(&rng, pattern);
        draw_path(&rng, path);
        if (excludes(pattern, path) != slow_match(pattern, path))
            fail_msg("pattern '%s', path '%s'", pattern, path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_mean_what_they_mean_to_docker),
        cmocka_unit_test(a_slow_matcher_agrees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
