/*
 * The table of options, the words of a command line, and values by type.
 */
#include "reconciler/cli/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reconciler/cli/config.h"
#include "spec/base/text.h"

#define SAMPLING_MAX_MS 60000

#define OPTION(constant, name_, letter_, type_, member, ...)                                       \
    [OPT_##constant] = { .name = (name_),                                                          \
                         .letter = (letter_),                                                      \
                         .type = OPTION_##type_,                                                   \
                         .offset = offsetof(struct cli_options, member),                           \
                         __VA_ARGS__ },
const struct cli_option cli_options[OPTION_COUNT_ALL] = {
#include "reconciler/cli/options.def"
};
#undef OPTION

static const char *const format_texts[] = {
#define FORMAT_TEXT(name, text) text,
    OUTPUT_FORMATS(FORMAT_TEXT)
#undef FORMAT_TEXT
};
_Static_assert(ARRAY_COUNT(format_texts) == OUTPUT_FORMAT_COUNT, "each format has a text");

const char *option_environment(struct arena *arena, const struct cli_option *option)
{
    char *name = arena_printf(arena, "BERTH_%s", option->name);

    for (char *at = name; *at != '\0'; at++) {
        if (*at == '-')
            *at = '_';
        else if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
    }
    return name;
}

/* ---- Values --------------------------------------------------------------------------------- */

static const char *absolute(struct arena *arena, const char *text)
{
    if (text[0] == '/')
        return arena_text(arena, text);
    AUTO_TEXT char *here = getcwd(NULL, 0);
    return here == NULL ? NULL : arena_printf(arena, "%s/%s", here, text);
}

static int set_format(const char *text, enum output_format *out, struct err *err)
{
    for (size_t i = 0; i < ARRAY_COUNT(format_texts); i++) {
        if (text_equal(text, format_texts[i])) {
            *out = (enum output_format)i;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "'%s' is no format: text, json or markdown", text);
}

static int set_flag(const char *text, bool *out, struct err *err)
{
    if (!text_equal(text, "true") && !text_equal(text, "false"))
        return err_set(err, ERR_INVALID, "'%s' is neither true nor false", text);
    *out = text_equal(text, "true");
    return 0;
}

/* Of metrics: whole seconds. */
static int set_sampling(const char *text, int64_t *out, struct err *err)
{
    int64_t duration = 0;

    if (!text_parse_duration_ms(text, &duration) || duration < 0 || duration > SAMPLING_MAX_MS ||
        duration % 1000 != 0)
        return err_set(err, ERR_INVALID, "'%s' is neither 1s to 60s nor 0", text);
    *out = duration;
    return 0;
}

static bool is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    uint32_t port = 0;

    return colon != NULL && colon != text && text_parse_u32(colon + 1, &port) && port <= 65535;
}

static int add_names(struct arena *arena, const char *text, const char **out, struct err *err)
{
    for (const char *at = text;; at++) {
        size_t size = strcspn(at, ",");
        const char *name = arena_text_n(arena, at, size);

        if (!text_is_name(name))
            return err_set(err, ERR_INVALID, "'%s' is no name: letters, digits, '-' and '_'", name);
        at += size;
        if (*at == '\0')
            break;
    }
    *out = *out == NULL ? arena_text(arena, text) : arena_printf(arena, "%s,%s", *out, text);
    return 0;
}

int option_set(struct arena *arena, const struct cli_option *option, const char *text,
               struct cli_options *out, struct err *err)
{
    char *member = (char *)out + option->offset;
    const char *value = text;
    int64_t duration = 0;

    switch (option->type) {
    case OPTION_FLAG: return set_flag(text, (bool *)(void *)member, err);
    case OPTION_FORMAT: return set_format(text, (enum output_format *)(void *)member, err);
    case OPTION_COUNT:
        if (!text_parse_u32(text, (uint32_t *)(void *)member))
            return err_set(err, ERR_INVALID, "'%s' is no number", text);
        return 0;
    case OPTION_DURATION:
        if (!text_parse_duration_ms(text, &duration) || duration <= 0)
            return err_set(err, ERR_INVALID, "'%s' is no duration, such as 30s or 5m", text);
        *(int64_t *)(void *)member = duration;
        return 0;
    case OPTION_SAMPLING: return set_sampling(text, (int64_t *)(void *)member, err);
    case OPTION_NAME:
        if (!text_is_name(text))
            return err_set(err, ERR_INVALID, "'%s' is no name: letters, digits, '-' and '_'", text);
        break;
    case OPTION_NAMES: return add_names(arena, text, (const char **)(void *)member, err);
    case OPTION_LISTEN:
        if (!is_address(text))
            return err_set(err, ERR_INVALID, "'%s' is no address, such as 127.0.0.1:7070", text);
        break;
    case OPTION_FOLDER:
        value = text_is_empty(text) ? NULL : absolute(arena, text);
        if (value == NULL)
            return err_set(err, ERR_INVALID, "'%s' is no folder", text);
        break;
    case OPTION_TEXT: break;
    }
    *(const char **)(void *)member = arena_text(arena, value);
    return 0;
}

/* ---- Words ---------------------------------------------------------------------------------- */

struct parser {
    struct arena *arena;
    const struct option_words *words;
    size_t at;
    uint64_t allowed;
    uint64_t seen;
    struct cli_options *out;
    const char **operands;
    size_t operand_count;
};

static const struct cli_option *find_name(uint64_t allowed, const char *name, size_t size)
{
    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        if ((allowed >> i & 1) != 0 && strlen(cli_options[i].name) == size &&
            memcmp(cli_options[i].name, name, size) == 0)
            return &cli_options[i];
    }
    return NULL;
}

static const struct cli_option *find_letter(uint64_t allowed, char letter)
{
    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        if ((allowed >> i & 1) != 0 && letter != '\0' && cli_options[i].letter == letter)
            return &cli_options[i];
    }
    return NULL;
}

static int unknown(uint64_t allowed, const char *name, struct err *err)
{
    const char *names[OPTION_COUNT_ALL];
    size_t count = 0;

    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        if ((allowed >> i & 1) != 0)
            names[count++] = cli_options[i].name;
    }
    const char *nearest = text_nearest(name, names, count);
    if (nearest != NULL)
        return err_set(err, ERR_INVALID, "there is no option '--%s': did you mean '--%s'?", name,
                       nearest);
    return err_set(err, ERR_INVALID, "there is no option '--%s'", name);
}

static int set_seen(struct parser *parser, const struct cli_option *option, const char *value,
                    struct err *err)
{
    parser->seen |= (uint64_t)1 << (option - cli_options);
    if (option_set(parser->arena, option, value, parser->out, err) < 0)
        return err_wrap(err, "--%s", option->name);
    return 0;
}

/* The value of an option that was named without one: the next word. */
static const char *next_value(struct parser *parser)
{
    return parser->at < parser->words->count ? parser->words->items[parser->at++] : NULL;
}

static int parse_name(struct parser *parser, const char *word, struct err *err)
{
    const char *equals = strchr(word, '=');
    size_t size = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const struct cli_option *option = find_name(parser->allowed, word, size);

    if (option == NULL)
        return unknown(parser->allowed, arena_text_n(parser->arena, word, size), err);
    if (option->type == OPTION_FLAG)
        return set_seen(parser, option, equals != NULL ? equals + 1 : "true", err);
    const char *value = equals != NULL ? equals + 1 : next_value(parser);
    if (value == NULL)
        return err_set(err, ERR_INVALID, "option '--%s' needs a value: %s", option->name,
                       option->argument);
    return set_seen(parser, option, value, err);
}

static int parse_letters(struct parser *parser, const char *letters, struct err *err)
{
    for (; *letters != '\0'; letters++) {
        const struct cli_option *option = find_letter(parser->allowed, *letters);

        if (option == NULL)
            return err_set(err, ERR_INVALID, "there is no option '-%c'", *letters);
        if (option->type != OPTION_FLAG) {
            const char *value = letters[1] != '\0' ? letters + 1 : next_value(parser);
            if (value == NULL)
                return err_set(err, ERR_INVALID, "option '-%c' needs a value: %s", *letters,
                               option->argument);
            return set_seen(parser, option, value, err);
        }
        if (set_seen(parser, option, "true", err) < 0)
            return -1;
    }
    return 0;
}

static int parse_words(struct parser *parser, struct err *err)
{
    const struct option_words *words = parser->words;
    bool ended = false;

    while (parser->at < words->count) {
        const char *word = words->items[parser->at++];

        ended = ended || (words->operands_end > 0 && parser->operand_count >= words->operands_end);
        if (ended || word[0] != '-' || word[1] == '\0') {
            parser->operands[parser->operand_count++] = word;
        } else if (text_equal(word, "--")) {
            ended = true;
        } else {
            int result = word[1] == '-' ? parse_name(parser, word + 2, err)
                                        : parse_letters(parser, word + 1, err);
            if (result < 0)
                return -1;
        }
    }
    return 0;
}

/* ---- The other sources ---------------------------------------------------------------------- */

static int set_from_environment(struct parser *parser, const struct option_sources *sources,
                                struct err *err)
{
    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        const struct cli_option *option = &cli_options[i];
        uint64_t bit = (uint64_t)1 << i;

        if (!option->is_setting || (parser->allowed & bit) == 0 || (parser->seen & bit) != 0)
            continue;
        const char *name = option_environment(parser->arena, option);
        const char *value = sources->environment(name);
        if (text_is_empty(value))
            continue;
        if (option_set(parser->arena, option, value, parser->out, err) < 0)
            return err_wrap(err, "%s", name);
        parser->seen |= bit;
    }
    return 0;
}

static const char *default_state(struct arena *arena, const struct option_sources *sources)
{
    const char *state = sources->environment("XDG_STATE_HOME");
    const char *home = sources->environment("HOME");

    if (geteuid() == 0)
        return "/var/lib/berth";
    if (state != NULL && state[0] == '/')
        return arena_printf(arena, "%s/berth", state);
    return arena_printf(arena, "%s/.local/state/berth", home != NULL ? home : "");
}

/* What depends on the machine and so cannot stand in the table. */
static void set_defaults(struct parser *parser, const struct option_sources *sources)
{
    struct run_options *run = &parser->out->run;

    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        const struct cli_option *option = &cli_options[i];

        if ((parser->seen >> i & 1) != 0 || option->initial == NULL)
            continue;
        int result = option_set(parser->arena, option, option->initial, parser->out, NULL);
        ASSERT(result == 0); /* else the table is wrong */
    }
    if (run->state_dir == NULL)
        run->state_dir = default_state(parser->arena, sources);
    if (run->docker_host == NULL)
        run->docker_host = sources->environment("DOCKER_HOST");
    if (text_is_empty(run->docker_host))
        run->docker_host = "unix:///var/run/docker.sock";
    if (!text_is_empty(sources->environment("DOCKER_TLS_VERIFY")))
        run->docker_cert_path = sources->environment("DOCKER_CERT_PATH");
}

int options_parse(struct arena *arena, const struct option_words *words, uint64_t allowed,
                  const struct option_sources *sources, struct cli_options *out, struct err *err)
{
    struct cli_options options = { 0 };
    struct parser parser = { .arena = arena, .words = words, .allowed = allowed, .out = &options };

    parser.operands = arena_array(arena, const char *, words->count + 1);
    if (parse_words(&parser, err) < 0)
        return -1;
    options.given = parser.seen;
    options.config = options.config != NULL ? options.config : sources->environment("BERTH_CONFIG");
    if (set_from_environment(&parser, sources, err) < 0 ||
        config_read(arena, sources, allowed, &parser.seen, &options, err) < 0)
        return -1;
    set_defaults(&parser, sources);
    options.operands = parser.operands;
    *out = options;
    return 0;
}
