/*
 * What HAProxy answers and writes, and texts of a manifest in its configuration.  The first line is
 * such a text; the rest is an answer.
 */
#include <string.h>

#include "drivers/haproxy/answers.h"
#include "drivers/haproxy/drift.h"
#include "drivers/haproxy/quote.h"
#include "spec/base/text.h"
#include "tests/fuzz/fuzz.h"

/* One word in double quotes, as HAProxy reads it: what it obeys stands behind a backslash. */
static void check_word(const char *word)
{
    size_t size = strlen(word);

    ASSERT(size >= 2 && word[0] == '"' && word[size - 1] == '"');
    for (size_t i = 1; i < size - 1; i++) {
        unsigned char c = (unsigned char)word[i];

        ASSERT(c >= ' ' && c < 0x7f && c != '"' && c != '$' && c != '#' && c != '\'' && c != '%');
        if (c == '\\') {
            i++;
            ASSERT(i < size - 1 && strchr("\\\"$x", word[i]) != NULL);
        }
    }
}

static void check_text(const char *text)
{
    AUTO(buf) word = { 0 };
    AUTO(buf) pattern = { 0 };

    buf_init(&word, FUZZ_PRINTED_MAX);
    quote_word(&word, text);
    check_word(buf_text(&word));
    buf_reset(&word);
    quote_format(&word, text);
    check_word(buf_text(&word));
    buf_init(&pattern, FUZZ_PRINTED_MAX);
    quote_pattern(&pattern, text, false);
    check_word(strstr(buf_text(&pattern), "-- ") + strlen("-- "));
    buf_reset(&pattern);
    quote_parameter(&pattern, text, text);
    check_word(strstr(buf_text(&pattern), "-- ") + strlen("-- "));
}

static void check_answer(const char *text)
{
    AUTO(arena) arena = { 0 };
    struct answers answers;
    struct drift drift = { .arena = &arena, .current = &answers };
    const char *name;
    const char *shape;

    answers_parse(text, &arena, &answers);
    ASSERT(answers.server_count <= ANSWER_SERVERS_MAX);
    ASSERT(answers.old_worker_count <= ANSWER_WORKERS_MAX);
    for (size_t i = 0; i < answers.server_count; i++) {
        const struct answer_server *server = &answers.servers[i];

        ASSERT(answers_find(&answers, server->group, server->name, server->is_probe) != NULL);
        ASSERT(strlen(server->check_status) < sizeof(server->check_status));
        (void)answer_reason(server, &arena);
    }
    if (answer_description(answers.description, "me", &arena, &name, &shape))
        ASSERT(name[0] != '\0' && strlen(shape) == SHA256_HEX_SIZE - 1);
    drift_current(&drift);
    drift_old(&drift, &answers, true);
    /* One line each: what is answered cannot begin another command. */
    for (size_t i = 0; i < drift.count; i++)
        ASSERT(strchr(drift.commands[i], '\n') == NULL);
    for (const char *c = answer_alert(text, &arena); *c != '\0'; c++)
        ASSERT((unsigned char)*c >= ' ' || *c == '\t' || *c == '\r');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    AUTO_TEXT char *line = fuzz_take(&input, "\n", NULL);
    AUTO_TEXT char *rest = fuzz_rest(&input, NULL);

    check_text(line);
    check_answer(rest);
    return 0;
}
