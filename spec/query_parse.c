/*
 * The cluster query language: reading.  A descent along the grammar, each step at a position that
 * an error can name:
 *
 *     or          = and { ("||" | "or") and }
 *     and         = not { ("&&" | "and") not }
 *     not         = ("!" | "not") not | "(" or ")" | test
 *     test        = subject operator [ value | "[" value { "," value } "]" ]
 */
#include <string.h>

#include "spec/base/text.h"
#include "spec/query_int.h"

#define DEPTH_MAX          32
#define PATTERN_SIZE_MAX   255
#define PATTERN_COPIES_MAX 1000 /* what its {N,M} together make of it */
#define LIST_MAX           1000

#define BLANKS " \t\r\n"

struct parser {
    const char *text;
    const char *at;
    unsigned depth;
    struct arena *arena;
    struct err *err;
};

enum query_value query_subject_value(enum query_subject subject)
{
#define SUBJECT_VALUE(name, text, value) VALUE_##value,
    static const enum query_value values[] = { QUERY_SUBJECTS(SUBJECT_VALUE) };

    ASSERT(subject < SUBJECT_COUNT);
    return values[subject];
}

static void *fail(struct parser *parser, const char *at, const char *what)
{
    (void)err_set(parser->err, ERR_INVALID, "at character %zu: %s", (size_t)(at - parser->text) + 1,
                  what);
    return NULL;
}

static void skip_blanks(struct parser *parser)
{
    parser->at += strspn(parser->at, BLANKS);
}

/* Does a word end here? */
static bool ends_word(char byte)
{
    return byte == '\0' || strchr(BLANKS "()[],'\"&|!=<>~", byte) != NULL;
}

/* A sign, or a word that is followed by something else. */
static bool takes(struct parser *parser, const char *sign, const char *word)
{
    size_t size = strlen(word);

    skip_blanks(parser);
    if (sign != NULL && text_starts(parser->at, sign)) {
        parser->at += strlen(sign);
        return true;
    }
    if (!text_starts(parser->at, word) || !ends_word(parser->at[size]))
        return false;
    parser->at += size;
    return true;
}

/* ---- Values --------------------------------------------------------------------------------- */

static const char *parse_quoted(struct parser *parser)
{
    const char *start = parser->at + 1;
    const char *end = strchr(start, *parser->at);

    if (end == NULL)
        return fail(parser, parser->at, "the quote is not closed");
    parser->at = end + 1;
    return arena_text_n(parser->arena, start, (size_t)(end - start));
}

/* Up to a blank, or what can only belong to the expression around it. */
static const char *parse_value(struct parser *parser, bool in_list)
{
    const char *stops = in_list ? BLANKS ")],'\"" : BLANKS ")'\"";
    const char *start;

    skip_blanks(parser);
    start = parser->at;
    if (*start == '\'' || *start == '"')
        return parse_quoted(parser);
    while (*parser->at != '\0' && strchr(stops, *parser->at) == NULL &&
           !text_starts(parser->at, "&&") && !text_starts(parser->at, "||")) {
        if (*parser->at == '(' || (*parser->at == '[' && parser->at == start))
            return fail(parser, parser->at, "a value with this character stands in quotes");
        parser->at++;
    }
    if (parser->at == start)
        return fail(parser, start, "a value is missing");
    return arena_text_n(parser->arena, start, (size_t)(parser->at - start));
}

static bool parse_list(struct parser *parser, struct query *test)
{
    const char *values[LIST_MAX];

    skip_blanks(parser);
    if (*parser->at != '[')
        return fail(parser, parser->at, "a list is missing, as [a, b]") != NULL;
    do {
        parser->at++;
        if (test->value_count == LIST_MAX)
            return fail(parser, parser->at, "the list is too long") != NULL;
        values[test->value_count] = parse_value(parser, /* in_list= */ true);
        if (values[test->value_count++] == NULL)
            return false;
        skip_blanks(parser);
    } while (*parser->at == ',');
    if (*parser->at != ']')
        return fail(parser, parser->at, "']' or ',' is missing") != NULL;
    parser->at++;
    test->values = arena_copy(parser->arena, values, test->value_count * sizeof(*values));
    return true;
}

/* ---- Regular expressions -------------------------------------------------------------------- */

/* What keeps the engine of regular expressions from taking any time or memory it likes: references
 * back, and copies of copies. */
static const char *unbounded(const char *pattern)
{
    uint64_t copies = 1;

    if (strlen(pattern) > PATTERN_SIZE_MAX)
        return "the regular expression is longer than 255 characters";
    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
            if (*at >= '1' && *at <= '9')
                return "a regular expression cannot refer back to a group";
        } else if (*at == '{') {
            uint64_t most = 1;
            for (const char *digit = at + 1; *digit != '\0' && *digit != '}'; digit++) {
                uint64_t number = 0;
                size_t size = strspn(digit, "0123456789");
                for (size_t i = 0; i < size && i < 6; i++)
                    number = number * 10 + (uint64_t)(digit[i] - '0');
                most = number > most ? number : most;
                digit += size > 1 ? size - 1 : 0;
            }
            copies *= most;
            if (copies > PATTERN_COPIES_MAX)
                return "the regular expression repeats too much of itself";
        }
    }
    return NULL;
}

const char *query_regex_compile(regex_t *regex, const char *pattern, struct arena *arena)
{
    const char *wrong = unbounded(pattern);
    char why[128];
    int status;

    if (wrong != NULL)
        return wrong;
    status = regcomp(regex, arena_printf(arena, "^(%s)$", pattern), REG_EXTENDED | REG_NOSUB);
    if (status == 0)
        return NULL;
    (void)regerror(status, regex, why, sizeof(why));
    return arena_printf(arena, "no regular expression: %s", why);
}

static bool check_pattern(struct parser *parser, const char *at, const char *pattern)
{
    regex_t regex;
    const char *wrong = query_regex_compile(&regex, pattern, parser->arena);

    if (wrong != NULL)
        return fail(parser, at, wrong) != NULL;
    regfree(&regex);
    return true;
}

/* ---- Tests ---------------------------------------------------------------------------------- */

/* `2018-06-18T22:28:28+00:00`, `...Z`, without zone, or a date only (ecs.md 1.6). */
static bool parse_time(const char *text, struct arena *arena, int64_t *out)
{
    size_t size = strlen(text);

    if (size == strlen("2018-06-18"))
        text = arena_printf(arena, "%sT00:00:00Z", text);
    else if (size == strlen("2018-06-18T22:28:28"))
        text = arena_printf(arena, "%sZ", text);
    return text_parse_time_ms(text, out);
}

static bool read_number(struct parser *parser, const char *at, struct query *test)
{
    const char *value = test->values[0];

    switch (query_subject_value(test->subject)) {
    case VALUE_BOOL:
        test->number = text_equal(value, "true");
        if (test->number == 0 && !text_equal(value, "false"))
            return fail(parser, at, "the value is true or false") != NULL;
        break;
    case VALUE_NUMBER:
        if (!text_parse_i64(value, &test->number))
            return fail(parser, at, "the value is a number") != NULL;
        break;
    case VALUE_TIME:
        if (!parse_time(value, parser->arena, &test->number))
            return fail(parser, at, "the value is a date, as 2018-06-18T22:28:28+00:00") != NULL;
        break;
    case VALUE_TEXT:
    case VALUE_VERSION:
    case VALUE_ATTRIBUTE: break;
    }
    return true;
}

static bool is_order(enum query_operator operator)
{
    return operator== OPERATOR_GREATER || operator== OPERATOR_GREATER_EQUAL || operator==
        OPERATOR_LESS ||
        operator== OPERATOR_LESS_EQUAL;
}

/* Which operators a subject knows (ecs.md 1.6). */
static bool knows(enum query_subject subject, enum query_operator operator)
{
    bool equality = operator== OPERATOR_EQUALS || operator== OPERATOR_NOT_EQUALS;

    switch (query_subject_value(subject)) {
    case VALUE_BOOL: return equality;
    case VALUE_NUMBER:
    case VALUE_TIME:
    case VALUE_VERSION: return equality || is_order(operator);
    case VALUE_TEXT:
        return !is_order(operator) && operator!= OPERATOR_EXISTS && operator!= OPERATOR_NOT_EXISTS;
    case VALUE_ATTRIBUTE: return true;
    }
    return false;
}

static bool parse_subject(struct parser *parser, struct query *test)
{
#define SUBJECT_TEXT(name, text, value) text,
    static const char *const texts[] = { QUERY_SUBJECTS(SUBJECT_TEXT) };
    const char *start = parser->at;
    size_t size = 0;

    while (!ends_word(start[size]))
        size++;
    for (test->subject = 0; test->subject < SUBJECT_ATTRIBUTE; test->subject++) {
        const char *text = texts[test->subject];
        if (strlen(text) == size && strncmp(start, text, size) == 0)
            break;
    }
    if (test->subject == SUBJECT_ATTRIBUTE) {
        size_t prefix = strlen(texts[SUBJECT_ATTRIBUTE]);
        if (!text_starts(start, texts[SUBJECT_ATTRIBUTE]) || size <= prefix)
            return fail(parser, start,
                        "a subject is missing: attribute:NAME, task:group, ec2InstanceId, "
                        "agentConnected, agentVersion, registeredAt or runningTasksCount") != NULL;
        test->attribute = arena_text_n(parser->arena, start + prefix, size - prefix);
    }
    parser->at += size;
    return true;
}

static bool parse_operator(struct parser *parser, struct query *test)
{
#define OPERATOR_SIGN(name, sign, word, arity) sign,
#define OPERATOR_WORD(name, sign, word, arity) word,
    static const char *const signs[] = { QUERY_OPERATORS(OPERATOR_SIGN) };
    static const char *const words[] = { QUERY_OPERATORS(OPERATOR_WORD) };

    skip_blanks(parser);
    const char *at = parser->at;
    for (test->operator= 0; test->operator<OPERATOR_COUNT; test->operator++) {
        /* A sign of letters ends as a word does. */
        const char *sign = signs[test->operator];
        size_t size = strlen(sign);
        bool spelled = sign[size - 1] >= 'a' && sign[size - 1] <= 'z';
        if (takes(parser, spelled ? NULL : sign, spelled ? sign : words[test->operator]) ||
            takes(parser, NULL, words[test->operator]))
            break;
    }
    if (test->operator== OPERATOR_COUNT)
        return fail(parser, at, "an operator is missing, as ==, !=, in, =~ or exists") != NULL;
    if (!knows(test->subject, test->operator))
        return fail(parser, at, "the subject has no such operator") != NULL;
    return true;
}

static const struct query *parse_test(struct parser *parser)
{
#define OPERATOR_ARITY(name, sign, word, arity) ARITY_##arity,
    static const enum query_arity arities[] = { QUERY_OPERATORS(OPERATOR_ARITY) };
    struct query *test = arena_new(parser->arena, struct query);
    const char *at;

    if (!parse_subject(parser, test) || !parse_operator(parser, test))
        return NULL;
    if (arities[test->operator] == ARITY_NONE)
        return test;
    if (arities[test->operator] == ARITY_LIST)
        return parse_list(parser, test) ? test : NULL;
    skip_blanks(parser);
    at = parser->at;
    test->values = arena_array(parser->arena, const char *, 1);
    test->values[0] = parse_value(parser, /* in_list= */ false);
    test->value_count = 1;
    if (test->values[0] == NULL || !read_number(parser, at, test))
        return NULL;
    if ((test->operator== OPERATOR_MATCHES || test->operator== OPERATOR_NOT_MATCHES) &&
        !check_pattern(parser, at, test->values[0]))
        return NULL;
    return test;
}

/* ---- The whole ------------------------------------------------------------------------------ */

static const struct query *parse_or(struct parser *parser);

static const struct query *join(struct parser *parser, enum query_kind kind,
                                const struct query *left, const struct query *right)
{
    struct query *query = arena_new(parser->arena, struct query);

    query->kind = kind;
    query->left = left;
    query->right = right;
    return query;
}

/* One more step down, for parentheses and `not`. */
static const struct query *parse_inside(struct parser *parser, const char *at,
                                        const struct query *(*parse)(struct parser *))
{
    const struct query *inner;

    if (parser->depth == DEPTH_MAX)
        return fail(parser, at, "the expression is nested too deeply");
    parser->depth++;
    inner = parse(parser);
    parser->depth--;
    return inner;
}

static const struct query *parse_not(struct parser *parser)
{
    const struct query *inner;
    const char *at;

    skip_blanks(parser);
    at = parser->at;
    if (takes(parser, "!", "not")) {
        inner = parse_inside(parser, at, parse_not);
        return inner == NULL ? NULL : join(parser, QUERY_NOT, inner, NULL);
    }
    if (*at != '(')
        return parse_test(parser);
    parser->at++;
    inner = parse_inside(parser, at, parse_or);
    if (inner == NULL)
        return NULL;
    skip_blanks(parser);
    if (*parser->at != ')')
        return fail(parser, parser->at, "')' is missing");
    parser->at++;
    return inner;
}

static const struct query *parse_and(struct parser *parser)
{
    const struct query *left = parse_not(parser);

    while (left != NULL && takes(parser, "&&", "and")) {
        const struct query *right = parse_not(parser);
        left = right == NULL ? NULL : join(parser, QUERY_AND, left, right);
    }
    return left;
}

static const struct query *parse_or(struct parser *parser)
{
    const struct query *left = parse_and(parser);

    while (left != NULL && takes(parser, "||", "or")) {
        const struct query *right = parse_and(parser);
        left = right == NULL ? NULL : join(parser, QUERY_OR, left, right);
    }
    return left;
}

const struct query *query_parse(const char *text, struct arena *arena, struct err *err)
{
    struct parser parser = { .text = text, .at = text, .arena = arena, .err = err };
    const struct query *query;

    if (strlen(text) > QUERY_SIZE_MAX)
        return fail(&parser, text + QUERY_SIZE_MAX, "an expression has at most 2000 characters");
    query = parse_or(&parser);
    skip_blanks(&parser);
    if (query != NULL && *parser.at != '\0')
        return fail(&parser, parser.at, "'and' or 'or' is missing");
    return query;
}
