/*
 * berth __complete -- WORD...: what could stand in place of the last word.
 *
 * One candidate a line, its meaning after a tab; `:file` and `:folder` leave it to the shell.
 */
#include <string.h>

#include "reconciler/cli/client.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/text.h"
#include "spec/field.h"
#include "spec/kinds/kinds.h"
#include "spec/manual.h"

struct request {
    struct cli *cli;
    struct cli_options options; /* those that stand in front, for --state and --server */
    const char *prefix;         /* of the value */
    const char *before; /* what stands in front of the value in the same word: "--output=" or "" */
};

static void offer(const struct request *request, const char *value, const char *meaning)
{
    if (text_starts(value, request->prefix))
        cli_print(request->cli->out, "%s%s\t%s\n", request->before, value, meaning);
}

static void offer_verbs(const struct request *request)
{
    for (size_t i = 0; i < cli_verb_count; i++) {
        if (cli_verbs[i].group != VERBS_HIDDEN && strchr(cli_verbs[i].name, ' ') == NULL)
            offer(request, cli_verbs[i].name, cli_verbs[i].summary);
    }
}

/* Of verbs of two words that begin with this one. */
static void offer_second_words(const struct request *request, const char *first)
{
    for (size_t i = 0; i < cli_verb_count; i++) {
        const char *space = strchr(cli_verbs[i].name, ' ');

        if (space != NULL && text_starts(cli_verbs[i].name, first) &&
            cli_verbs[i].name + strlen(first) == space)
            offer(request, space + 1, cli_verbs[i].summary);
    }
}

static void offer_options(const struct request *request, uint64_t options)
{
    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        if ((options >> i & 1) != 0)
            offer(request, arena_printf(request->cli->arena, "--%s", cli_options[i].name),
                  cli_options[i].help);
    }
}

/* The record that "Service.deploymentConfiguration." names; NULL when it names none. */
static const struct record *record_at(struct arena *arena, const char *path)
{
    const struct record *record = NULL;
    enum kind kind;

    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        const char *name = arena_text_n(arena, path, (size_t)(dot - path));
        const struct record *next = NULL;

        if (record == NULL)
            next = kind_parse(name, &kind) ? kind_record(kind) : NULL;
        for (size_t i = 0; record != NULL && i < record->field_count; i++) {
            if (text_equal(record->fields[i].key, name))
                next = record->fields[i].record;
        }
        if (next == NULL)
            return NULL;
        record = next;
    }
    return record;
}

static void offer_kinds(const struct request *request)
{
    struct arena *arena = request->cli->arena;
    const char *dot = strrchr(request->prefix, '.');

    for (size_t kind = 0; dot == NULL && kind < KIND_COUNT; kind++)
        offer(request, kind_text((enum kind)kind), manual_summary((enum kind)kind));
    const struct record *record = dot == NULL ? NULL : record_at(arena, request->prefix);
    for (size_t i = 0; record != NULL && i < record->field_count; i++) {
        const struct field *field = &record->fields[i];

        if (field->type != FIELD_IGNORED && field->type != FIELD_REFUSED)
            offer(request,
                  arena_printf(arena, "%.*s%s", (int)(dot + 1 - request->prefix), request->prefix,
                               field->key),
                  field->help);
    }
}

/* Names that the running Berth knows.  Where none runs there is nothing to offer, and nothing to
 * say: a shell waits. */
static void offer_live(const struct request *request, enum completion complete)
{
    static const char *const lists[] = {
#define COMPLETION_LIST(name, list) [COMPLETE_##name] = (list),
        COMPLETIONS(COMPLETION_LIST)
#undef COMPLETION_LIST
    };
    AUTO(client) *client = NULL;
    AUTO(json) *answer = NULL;
    struct err err = { 0 };

    if (request->options.server == NULL && request->options.run.state_dir == NULL)
        return;
    if (client_new(&request->options, &client, &err) < 0 ||
        client_call(
            client, "GET",
            client_query(request->cli->arena, "/v1/complete", "what", lists[complete], NULL), NULL,
            &answer, &err) < 0)
        return;
    const struct json *names = json_get(answer, "names");
    for (size_t i = 0; i < json_count(names); i++) {
        const char *name = json_as_text(json_at(names, i), "");
        const char *slash = strchr(name, '/');

        offer(request, name, "");
        if (slash != NULL) /* a service may be named without its cluster */
            offer(request, slash + 1, name);
    }
}

static void offer_values(const struct request *request, enum completion complete)
{
    switch (complete) {
    case COMPLETE_NOTHING:
    case COMPLETION_COUNT: break;
    case COMPLETE_FILE: fputs(":file\n", request->cli->out); break;
    case COMPLETE_FOLDER: fputs(":folder\n", request->cli->out); break;
    case COMPLETE_FORMAT:
        offer(request, "text", "for people");
        offer(request, "json", "for programs");
        offer(request, "markdown", "for a comment of a pull request");
        break;
    case COMPLETE_SHELL:
        offer(request, "bash", "completion for bash");
        offer(request, "zsh", "completion for zsh");
        offer(request, "fish", "completion for fish");
        break;
    case COMPLETE_VERB: offer_verbs(request); break;
    case COMPLETE_KIND: offer_kinds(request); break;
    case COMPLETE_CLUSTER:
    case COMPLETE_SERVICE:
    case COMPLETE_SCHEDULE:
    case COMPLETE_TASK:
    case COMPLETE_INSTANCE:
    case COMPLETE_TARGET: offer_live(request, complete); break;
    }
}

/* The option of `--name`, or of the last letter of `-abc`, that still needs its value. */
static const struct cli_option *open_option(uint64_t options, const char *word)
{
    size_t size = strlen(word);

    if (size < 2 || word[0] != '-' || strchr(word, '=') != NULL)
        return NULL;
    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        const struct cli_option *option = &cli_options[i];

        if ((options >> i & 1) == 0 || option->type == OPTION_FLAG)
            continue;
        if (word[1] == '-' ? text_equal(option->name, word + 2) : option->letter == word[size - 1])
            return option;
    }
    return NULL;
}

/* Words that are not whole yet are no reason to offer nothing. */
static void read_options(struct request *request, const struct cli_verb *verb, size_t taken)
{
    struct cli *cli = request->cli;
    struct option_words words = { .items = cli->operands + taken,
                                  .count = cli->operand_count - 1 - taken,
                                  .operands_end = verb->operands_end };
    struct cli_options options = { 0 };
    struct err err;

    /* The last of them may be an option that waits for the word that is completed. */
    while (options_parse(cli->arena, &words, OPTS_EVERY | verb->options, cli->sources, &options,
                         &err) < 0) {
        if (words.count == 0)
            return;
        words.count--;
    }
    request->options = options;
}

/* `taken`: the words that are its name. */
static void complete_verb(struct request *request, const struct cli_verb *verb, size_t taken,
                          const char *before)
{
    uint64_t options = verb->options | OPTS_EVERY;
    const struct cli_option *option = before != NULL ? open_option(options, before) : NULL;
    const char *equals = strchr(request->prefix, '=');

    read_options(request, verb, taken);
    if (option != NULL) {
        offer_values(request, option->complete);
    } else if (text_starts(request->prefix, "--") && equals != NULL) {
        request->before = arena_text_n(request->cli->arena, request->prefix,
                                       (size_t)(equals + 1 - request->prefix));
        const char *name =
            arena_text_n(request->cli->arena, request->prefix, (size_t)(equals - request->prefix));
        request->prefix = equals + 1;
        option = open_option(options, name);
        if (option != NULL)
            offer_values(request, option->complete);
    } else if (request->prefix[0] == '-') {
        offer_options(request, options);
    } else {
        offer_values(request, verb->complete);
    }
}

int cmd_complete(struct cli *cli)
{
    struct request request = { .cli = cli, .prefix = "", .before = "" };
    size_t count = cli->operand_count;

    if (count > 0)
        request.prefix = cli->operands[count - 1];
    if (count < 2) {
        offer_verbs(&request);
        return CLI_DONE;
    }
    size_t taken;
    const struct cli_verb *verb = verb_of_words(cli->operands, count - 1, &taken);
    if (taken == 1 && count == 2)
        offer_second_words(&request, cli->operands[0]);
    if (verb != NULL)
        complete_verb(&request, verb, taken, count > 2 ? cli->operands[count - 2] : NULL);
    return CLI_DONE;
}
