/*
 * The table of verbs.
 */
#include "reconciler/cli/verbs.h"

#include <string.h>

#include "spec/base/text.h"

/* Sets of options that go together. */
#define OPTS_PRINT   (OPT(OUTPUT))
#define OPTS_SOURCE  (OPT(BRANCH) | OPT(PATH) | OPT(INTERVAL) | OPT(GIT_TIMEOUT))
#define OPTS_INSTALL (OPT(OWNER) | OPT(STATE) | OPT(DOCKER_HOST) | OPT(TAKE_OVER))
#define OPTS_RUN     (OPTS_SOURCE | OPTS_INSTALL | OPT(QUIET) | OPT(VERBOSE))
#define OPTS_ASK     (OPTS_PRINT | OPT(STATE) | OPT(SERVER))

#define VERB(id, text, ...) { .name = (text), .handler = cmd_##id, __VA_ARGS__ },
const struct cli_verb cli_verbs[] = {
#include "reconciler/cli/verbs.def"
};
#undef VERB

const size_t cli_verb_count = ARRAY_COUNT(cli_verbs);

static const char *const group_titles[] = {
#define GROUP_TITLE(name, title) title,
    VERB_GROUPS(GROUP_TITLE)
#undef GROUP_TITLE
};

const struct cli_verb *verb_find(const char *name)
{
    for (size_t i = 0; i < cli_verb_count; i++) {
        if (text_equal(cli_verbs[i].name, name))
            return &cli_verbs[i];
    }
    return NULL;
}

static bool is_two_words(const struct cli_verb *verb, const char *first, const char *second)
{
    size_t size = strlen(first);

    return text_starts(verb->name, first) && verb->name[size] == ' ' &&
           text_equal(verb->name + size + 1, second);
}

const struct cli_verb *verb_of_words(const char *const *words, size_t count, size_t *out_taken)
{
    const struct cli_verb *found = count == 0 ? NULL : verb_find(words[0]);

    *out_taken = found == NULL ? 0 : 1;
    for (size_t i = 0; i < cli_verb_count && found != NULL && count > 1; i++) {
        if (is_two_words(&cli_verbs[i], words[0], words[1])) {
            *out_taken = 2;
            return &cli_verbs[i];
        }
    }
    return found;
}

const char *verb_nearest(const char *name)
{
    const char *names[ARRAY_COUNT(cli_verbs)];
    size_t count = 0;

    for (size_t i = 0; i < cli_verb_count; i++) {
        if (cli_verbs[i].group != VERBS_HIDDEN)
            names[count++] = cli_verbs[i].name;
    }
    return text_nearest(name, names, count);
}

const char *verb_group_title(enum verb_group group)
{
    ASSERT(group < VERB_GROUP_COUNT);
    return group_titles[group];
}

const char *verb_instead(const char *name)
{
    static const struct {
        const char *name;
        const char *instead;
    } elsewhere[] = {
        { "up", "`berth run REPO` goes on reconciling, `berth apply REPO` does it once" },
        { "start", "`berth run REPO` goes on reconciling, `berth apply REPO` does it once" },
        { "deploy", "a commit is a deployment; `berth apply REPO` waits until it has converged" },
        { "down", "delete the manifests and commit, then `berth confirm`" },
        { "delete", "delete the manifest and commit" },
        { "rollback", "`git revert COMMIT`, then `berth apply REPO`" },
        { "scale", "change `desiredCount`, or its `autoScaling`, and commit" },
        { "restart", "change `redeploy` in the manifest of the Service and commit" },
        { "get", "`berth status` lists services, `berth ps` tasks, `berth images` images" },
        { "list", "`berth status` lists services, `berth ps` tasks, `berth images` images" },
        { "ls", "`berth status` lists services, `berth ps` tasks, `berth images` images" },
        { "describe", "`berth why NAME`" },
        { "diff", "`berth plan REPO`" },
    };

    for (size_t i = 0; i < ARRAY_COUNT(elsewhere); i++) {
        if (text_equal(elsewhere[i].name, name))
            return elsewhere[i].instead;
    }
    return NULL;
}
