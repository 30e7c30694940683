/*
 * What the client verbs make of the API's answers: the first line chooses the command, the rest is
 * a script of answers (fake_http.h).  Nothing that a terminal obeys is printed, and JSON is JSON.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reconciler/cli/cli.h"
#include "spec/base/text.h"
#include "tests/fuzz/fake_http.h"

static const char *const commands[] = {
    "status",
    "status -o json",
    "ps --all",
    "ps web -o json",
    "why web",
    "why web -o json",
    "events",
    "events web --limit 5 -o json",
    "history",
    "history --commits",
    "history web -o json",
    "logs web",
    "logs web --timestamps -o json",
    "images",
    "images -o json",
    "confirm",
    "suspend web --reason because",
    "resume web --retry",
    "plan /nonexistent",
    "plan /nonexistent -o json",
    "plan /nonexistent -o markdown",
    "version",
    "exec web true",
    "__complete ps w",
};

static char state[] = "/tmp/fuzz-cli-XXXXXX";
static char socket_path[sizeof(state) + 16];

static void remove_state(void)
{
    (void)unlink(socket_path);
    (void)rmdir(state);
}

/* A state directory in which something seems to run. */
static void make_state(void)
{
    FILE *file;

    if (socket_path[0] != '\0')
        return;
    char *made = mkdtemp(state);
    ASSERT(made != NULL);
    (void)snprintf(socket_path, sizeof(socket_path), "%s/berth.sock", state);
    file = fopen(socket_path, "we");
    ASSERT(file != NULL);
    (void)fclose(file);
    (void)atexit(remove_state);
}

static const char *environment(const char *name)
{
    return text_equal(name, "BERTH_STATE") ? state : NULL;
}

static void check_plain(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        ASSERT((c >= ' ' && c != 0x7f) || c == '\n' || c == '\t');
    }
}

/* One value, or one a line. */
static void check_json(const char *text, size_t size)
{
    struct fuzz_input input = { (const uint8_t *)text, size };
    AUTO(json) *whole = json_parse(text, size, NULL);

    while (whole == NULL && input.size > 0) {
        size_t line_size;
        AUTO_TEXT char *line = fuzz_take(&input, "\n", &line_size);
        AUTO(json) *value = json_parse(line, line_size, NULL);

        ASSERT(value != NULL || line_size == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    const char *command = commands[fuzz_choice(&input, ARRAY_COUNT(commands))];
    AUTO_TEXT char *words = mem_text(command);
    const char *items[8];
    struct cli_start start = { .words = items, .sources.environment = environment };
    char *out = NULL;
    char *errors = NULL;
    size_t out_size = 0;
    size_t errors_size = 0;

    make_state();
    for (char *word = words; *word != '\0';) {
        items[start.word_count++] = word;
        word += strcspn(word, " ");
        if (*word != '\0')
            *word++ = '\0';
    }
    start.out = open_memstream(&out, &out_size);
    start.errors = open_memstream(&errors, &errors_size);
    fake_http_script(input.data, input.size, /* may_stay_open= */ false);
    int code = cli_run(&start);
    (void)fclose(start.out);
    (void)fclose(start.errors);
    ASSERT(code >= 0 && code <= 255 && fake_http_open() == 0);
    check_plain(errors, errors_size);
    if (text_ends(command, "json"))
        check_json(out, out_size);
    else if (!text_starts(command, "logs")) /* what a container writes is its own matter */
        check_plain(out, out_size);
    free(out);
    free(errors);
    return 0;
}
