/*
 * What goes to ssh and what comes from it.  The first line is a host, the second a user; the rest
 * is what ssh or a command printed, and a word of a command.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/ec2/remote_script.h"
#include "drivers/ec2/ssh_command.h"
#include "spec/base/text.h"
#include "tests/fuzz/fuzz.h"

#define MARK "0123456789abcdef0123456789abcdef"

/* Whoever is named stands where only a name can: behind "--", or behind its option. */
static void check_arguments(const char *const *arguments, const struct ssh_target *target)
{
    size_t at = 0;

    while (!text_equal(arguments[at], "--")) {
        ASSERT(arguments[at] != NULL);
        at++;
    }
    ASSERT(text_equal(arguments[at + 1], target->host));
    ASSERT(target->host[0] != '-' && target->host[0] != '\0');
    for (const char *c = target->host; *c != '\0'; c++)
        ASSERT(strchr(" \t\n;&|$`'\"\\<>()*?", *c) == NULL);
}

static bool check_target(const struct ssh_target *target)
{
    AUTO(arena) arena = { 0 };
    struct err err = { 0 };

    if (ssh_target_check(target, &err) < 0) {
        ASSERT(err.code == ERR_INVALID);
        return false;
    }
    check_arguments(ssh_arguments(target, "/run/b/0", true, &arena), target);
    check_arguments(ssh_run_arguments(target, "/run/b/0", &arena), target);
    return true;
}

static void check_said(const struct ssh_target *target, const char *said)
{
    struct err err = { 0 };

    ssh_failure(target, said, &err);
    ASSERT(err.code == ERR_DENIED || err.code == ERR_UNREACHABLE || err.code == ERR_FAILED);
    for (const char *c = err.text; *c != '\0'; c++)
        ASSERT(((unsigned char)*c >= ' ' || *c == '\t') && *c != 0x7f);
    ASSERT(ssh_channel_failure(said) != NULL);
    (void)ssh_is_about_channel(said);
}

/* A line that a command prints is taken for its end only if it begins with what it cannot know. */
static void check_end(const char *line)
{
    AUTO(buf) marked = { 0 };
    int code = -1;

    if (remote_is_end(line, MARK, &code))
        ASSERT(text_starts(line, MARK " ") && code >= 0 && code <= 255);
    else
        ASSERT(code == -1);
    buf_init(&marked, FUZZ_PRINTED_MAX);
    buf_printf(&marked, MARK " %s", line);
    if (remote_is_end(buf_text(&marked), MARK, &code))
        ASSERT(code >= 0 && code <= 255);
}

/* As a shell reads one word in single quotes: what comes behind it is ours again. */
static void check_script(const char *word)
{
    static const char head[] = "{\nset -- 'a' '";
    const char *const words[] = { "a", word, NULL };
    AUTO(buf) script = { 0 };
    struct err err = { 0 };
    const char *at;

    buf_init(&script, REMOTE_SCRIPT_MAX + 1);
    if (remote_script(words, MARK, &script, &err) < 0) {
        ASSERT(err.code == ERR_CAPACITY);
        return;
    }
    ASSERT(text_starts(buf_text(&script), head));
    at = buf_text(&script) + sizeof(head) - 1;
    for (const char *c = word; *c != '\0'; c++) {
        if (*c == '\'') {
            ASSERT(text_starts(at, "'\\''"));
            at += strlen("'\\''");
        } else {
            ASSERT(*at == *c);
            at++;
        }
    }
    ASSERT(text_starts(at, "'\ntrap : TERM\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    AUTO_TEXT char *host = fuzz_take(&input, "\n", NULL);
    AUTO_TEXT char *user = fuzz_take(&input, "\n", NULL);
    AUTO_TEXT char *rest = fuzz_rest(&input, NULL);
    const struct ssh_target target = { .host = host,
                                       .user = user[0] == '\0' ? NULL : user,
                                       .engine_socket = "/var/run/docker.sock",
                                       .timeout_s = 15 };

    if (check_target(&target)) /* no other is dialled */
        check_said(&target, rest);
    check_end(rest);
    check_script(rest);
    return 0;
}
