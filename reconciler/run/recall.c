/*
 * Only what runs and is not wanted as it is has to be known; each commit is read once.
 */
#include "reconciler/run/recall.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/io/worker.h"
#include "reconciler/run/cycle.h"
#include "reconciler/run/fleet.h"
#include "reconciler/run/snapshot.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

/* Reading one costs as much as a start.  Services whose commits are beyond are kept as they are. */
#define COMMITS_MAX 64

/* A revision that runs: what its commit has to say of it. */
struct wish {
    char key[2 * LIMIT_NAME + 2];
    char revision[SHA256_HEX_SIZE];
    char commit[COMMIT_SIZE];
    struct goal *goal; /* counted; NULL: the commit does not say */
};

/* While a job runs, the worker has everything but `app` and `job`. */
struct recall {
    struct app *app;
    struct worker_job *job;
    bool is_over;
    struct source_options source;
    unsigned char key[STORE_KEY_BYTES];
    struct wish *wishes; /* by commit */
    size_t wish_count;
    size_t wish_capacity;
    char failed_commit[COMMIT_SIZE]; /* the first one that could not be read; "": none */
    struct err failure;
    struct goal **goals; /* of the wishes that came true */
    size_t goal_count;
};

struct recall *recall_new(struct app *app)
{
    struct recall *recall = mem_alloc(sizeof(*recall));

    recall->app = app;
    return recall;
}

void recall_free(struct recall *recall)
{
    if (recall == NULL)
        return;
    ASSERT(recall->job == NULL);
    for (size_t i = 0; i < recall->wish_count; i++)
        goal_unref(recall->wishes[i].goal);
    free(recall->wishes);
    free(recall->goals);
    free(recall);
}

/* ---- What is to be read ---------------------------------------------------------------------- */

static int compare_wishes(const void *left, const void *right)
{
    return strcmp(((const struct wish *)left)->commit, ((const struct wish *)right)->commit);
}

static bool is_wished(const struct recall *recall, const char *key, const char *revision)
{
    for (size_t i = recall->wish_count; i-- > 0 && text_equal(recall->wishes[i].key, key);) {
        if (text_equal(recall->wishes[i].revision, revision))
            return true;
    }
    return false;
}

static void wish_for(struct recall *recall, const char *key, const struct world_task *task)
{
    struct wish wish = { .goal = NULL };

    if (strlen(key) >= sizeof(wish.key) || task->commit[0] == '\0')
        return; /* no name of ours is as long */
    text_copy(wish.key, sizeof(wish.key), key);
    text_copy(wish.revision, sizeof(wish.revision), task->revision);
    text_copy(wish.commit, sizeof(wish.commit), task->commit);
    if (recall->wish_count == recall->wish_capacity) {
        recall->wish_capacity = recall->wish_capacity == 0 ? 8 : 2 * recall->wish_capacity;
        recall->wishes =
            mem_resize(recall->wishes, recall->wish_capacity * sizeof(recall->wishes[0]));
    }
    recall->wishes[recall->wish_count++] = wish;
}

static void collect(struct recall *recall)
{
    const struct app *app = recall->app;

    for (const struct world_service *at = app->world->services; at != NULL; at = at->by_key.next) {
        const struct desired_service *wanted = desired_service(app->desired, at->key);

        for (size_t i = 0; wanted != NULL && i < at->task_count; i++) {
            const char *revision = at->tasks[i]->revision;

            if (!text_equal(revision, wanted->goal->target->revision) &&
                !is_wished(recall, at->key, revision))
                wish_for(recall, at->key, at->tasks[i]);
        }
    }
    if (recall->wish_count > 0)
        qsort(recall->wishes, recall->wish_count, sizeof(recall->wishes[0]), compare_wishes);
}

/* ---- Reading: on a worker -------------------------------------------------------------------- */

static void fulfil(struct wish *wish, const struct desired *desired)
{
    const struct desired_service *service = desired_service(desired, wish->key);

    if (service != NULL && text_equal(service->goal->target->revision, wish->revision))
        wish->goal = goal_ref(service->goal);
}

static void read_commit(struct recall *recall, struct secrets *secrets, struct wish *wishes,
                        size_t count)
{
    const struct snapshot_request request = { .source = &recall->source,
                                              .ref = wishes[0].commit,
                                              .secrets = secrets };
    AUTO(diag_list) diags = { 0 };
    AUTO(snapshot) snapshot = { 0 };
    struct err err = { 0 };

    if (snapshot_load(&request, &diags, &snapshot, &err) < 0) {
        if (recall->failed_commit[0] == '\0') {
            text_copy(recall->failed_commit, sizeof(recall->failed_commit), wishes[0].commit);
            recall->failure = err;
        }
        return;
    }
    for (size_t i = 0; i < count; i++)
        fulfil(&wishes[i], snapshot.desired);
}

static void work(void *context)
{
    struct recall *recall = context;
    struct secrets *secrets = secrets_new(recall->key, sizeof(recall->key));
    size_t commits = 0;
    size_t end;

    for (size_t at = 0; at < recall->wish_count && commits < COMMITS_MAX; at = end, commits++) {
        for (end = at + 1; end < recall->wish_count &&
                           text_equal(recall->wishes[end].commit, recall->wishes[at].commit);)
            end++;
        read_commit(recall, secrets, &recall->wishes[at], end - at);
    }
    secrets_free(secrets);
}

static void done(void *context, bool cancelled)
{
    struct recall *recall = context;
    struct app *app = recall->app;

    explicit_bzero(recall->key, sizeof(recall->key));
    recall->job = NULL;
    recall->is_over = true;
    if (cancelled || app->stopping)
        return;
    if (recall->failed_commit[0] != '\0')
        app_tell(app, "warning", &(struct log_fields){ .commit = recall->failed_commit },
                 "commit %.8s, which running tasks name, cannot be read again: %s",
                 recall->failed_commit, recall->failure.text);
    recall->goals = mem_alloc(recall->wish_count * sizeof(recall->goals[0]));
    for (size_t i = 0; i < recall->wish_count; i++) {
        if (recall->wishes[i].goal != NULL)
            recall->goals[recall->goal_count++] = recall->wishes[i].goal;
    }
    cycle_mark_all(app->cycle);
}

/* ---- The turn of it -------------------------------------------------------------------------- */

/* Until an engine is listed nothing is planned anyway, and what runs is not known. */
static bool is_known(const struct app *app)
{
    for (const struct world_instance *at = app->world->instances; at != NULL;
         at = at->by_name.next) {
        if (at->complete)
            return app->desired != NULL;
    }
    return false;
}

bool recall_allows(struct recall *recall)
{
    struct app *app = recall->app;
    struct err err;

    if (recall->is_over || (recall->job == NULL && !is_known(app)))
        return true;
    /* Tasks on those that are not listed yet have to be collected too. */
    if (recall->job != NULL || !fleet_is_known(app->driver, app->world))
        return false;
    collect(recall);
    recall->source = app->source_options; /* before the worker may look at it */
    if (recall->wish_count > 0 && store_secret_key(app->store, recall->key, &err) < 0)
        app_say(app, "warning", "state: %s", err.text);
    else if (recall->wish_count > 0)
        recall->job = worker_submit(app->loop, work, done, recall);
    recall->is_over = recall->job == NULL;
    return recall->is_over;
}

bool recall_is_busy(const struct recall *recall)
{
    return recall != NULL && recall->job != NULL;
}

size_t recall_goals(const struct recall *recall, struct goal *const **out)
{
    *out = recall == NULL ? NULL : recall->goals;
    return recall == NULL ? 0 : recall->goal_count;
}
