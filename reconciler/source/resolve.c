/*
 * Which commit an expression of a person means: a branch, a tag, an id or the first digits of one,
 * and what git hangs on those: "HEAD~1", "main^2", "v1^{commit}".
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/source/git.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"

#define EXPRESSION_MAX 400
#define DIGITS_MIN     4

struct resolve_call {
    const char *expression;
    char *out;
};

/* A branch wins over a tag of the same name, as when it is followed. */
static int parse(struct source *source, const char *expression, git_object **out)
{
    AUTO(buf) branch = { 0 };

    buf_init(&branch, EXPRESSION_MAX + 32);
    buf_printf(&branch, "refs/heads/%s", expression);
    if (git_revparse_single(out, source->repository, buf_text(&branch)) == 0)
        return 0;
    return git_revparse_single(out, source->repository, expression);
}

/* A git_step_fn. */
static int resolve_here(struct source *source, void *argument, struct err *err)
{
    const struct resolve_call *call = argument;
    AUTO(git_object) *found = NULL;
    AUTO(git_object) *commit = NULL;
    int code = parse(source, call->expression, &found);

    if (code == GIT_EAMBIGUOUS)
        return err_set(err, ERR_INVALID,
                       "'%s' is ambiguous: several objects begin so; give more "
                       "digits",
                       call->expression);
    if (code == GIT_EINVALIDSPEC)
        return err_set(err, ERR_INVALID,
                       "'%s' names no commit: a branch, a tag, an id or an "
                       "expression like HEAD~1 does",
                       call->expression);
    if (code == GIT_ENOTFOUND)
        return err_set(err, ERR_NOT_FOUND, "there is no commit, branch or tag '%s' in '%s'",
                       call->expression, source->url.shown);
    if (code < 0)
        return git_fail(err, code, "'%s'", call->expression);
    code = git_object_peel(&commit, found, GIT_OBJECT_COMMIT);
    if (code == GIT_EPEEL || code == GIT_EINVALIDSPEC || code == GIT_EAMBIGUOUS)
        return err_set(err, ERR_INVALID, "'%s' is a %s, not a commit", call->expression,
                       git_object_type2string(git_object_type(found)));
    if (code < 0)
        return git_fail(err, code, "the commit of '%s'", call->expression);
    git_print_id(git_object_id(commit), call->out);
    return 0;
}

static int resolve(struct source *source, const char *expression, char out[SOURCE_ID_SIZE],
                   struct err *err)
{
    struct resolve_call call = { .expression = expression, .out = out };

    return git_attempt(source, resolve_here, &call, err);
}

static int find_tip(struct source *source, char out[SOURCE_ID_SIZE], struct err *err)
{
    struct source_tip tip;

    if (source_refresh(source, &tip, err) < 0)
        return -1;
    if (tip.state != SOURCE_FOUND)
        return err_set(err, ERR_NOT_FOUND, "%s", tip.text);
    memcpy(out, tip.commit, SOURCE_ID_SIZE);
    return 0;
}

static bool is_short_id(const char *text)
{
    size_t size = strspn(text, "0123456789abcdefABCDEF");

    return text[size] == '\0' && size >= DIGITS_MIN && size < SOURCE_ID_SIZE - 1;
}

/* What stands before "~1" is fetched as a branch, tag or id; the rest is found in what came. */
static int open_fetched(const struct source_options *options, const char *expression,
                        struct source **out, char commit[SOURCE_ID_SIZE], struct err *err)
{
    size_t size = strcspn(expression, "~^@:");
    AUTO(arena) scratch = { 0 };
    char *name = arena_text_n(&scratch, expression, size);
    struct source_options wanted = *options;
    AUTO(source) *source = NULL;
    struct err failure = { 0 };

    if (size > 0 && !text_equal(name, "HEAD"))
        wanted.branch = name;
    if (text_equal(name, "HEAD"))
        wanted.branch = NULL;
    if (source_open(&wanted, &source, err) < 0)
        return -1;
    if (find_tip(source, commit, &failure) == 0) {
        if (expression[size] != '\0' &&
            resolve(source, arena_printf(&scratch, "%s%s", commit, expression + size), commit,
                    err) < 0)
            return -1;
    } else if (failure.code == ERR_NOT_FOUND && is_short_id(name)) {
        char tip[SOURCE_ID_SIZE];

        source_close(TAKE(source));
        if (source_open(options, &source, err) < 0 || find_tip(source, tip, err) < 0 ||
            resolve(source, expression, commit, err) < 0)
            return -1;
    } else {
        if (err != NULL)
            *err = failure;
        return -1;
    }
    *out = TAKE(source);
    return 0;
}

int source_open_at(const struct source_options *options, const char *expression,
                   struct source **out, char out_commit[SOURCE_ID_SIZE], struct err *err)
{
    AUTO(source) *source = NULL;
    char commit[SOURCE_ID_SIZE];

    if (expression != NULL && (expression[0] == '\0' || strlen(expression) > EXPRESSION_MAX))
        return err_set(err, ERR_INVALID, "'%.64s' names no commit", expression);
    if (source_open(options, &source, err) < 0)
        return -1;
    if (expression == NULL) {
        if (find_tip(source, commit, err) < 0)
            return -1;
    } else if (source_is_local(source)) {
        if (resolve(source, expression, commit, err) < 0)
            return -1;
    } else {
        source_close(TAKE(source));
        if (open_fetched(options, expression, &source, commit, err) < 0)
            return -1;
    }
    memcpy(out_commit, commit, sizeof(commit));
    *out = TAKE(source);
    return 0;
}
