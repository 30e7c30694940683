/*
 * Opened in a worker, while the engine is dialled: starting libgit2 takes as long as that.
 *
 * Then three steps per commit, the outer two in a worker: look (what is the tip, what differs), derive
 * (the generation, on the loop), key (the content keys of images that are built). Only one runs at
 * a time; a tip that moves meanwhile is looked at afterwards, so a newer commit is never kept
 * waiting long.
 */
#include "reconciler/run/follow.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/io/worker.h"
#include "reconciler/run/builds.h"
#include "reconciler/run/secrets.h"
#include "reconciler/source/watch.h"
#include "spec/base/rng.h"
#include "spec/base/text.h"

#define RETRY_MIN_MS  1000
#define RETRY_MAX_MS  (5 * 60 * 1000)
#define LOG_MAX       200 /* commits looked at for a trailer */
#define CONFIRM_KEY   "Berth-Confirm"
#define CONFIRM_VALUE "prune"

/* The key of one build context, kept while the folder and what is written about it stay the same.
 * */
struct context_key {
    char *image;
    char digest[SHA256_HEX_SIZE]; /* of the resource */
    char tree[SOURCE_ID_SIZE];
    char key[SHA256_HEX_SIZE];
    const struct image_build *build; /* during the job */
    struct pos pos;                  /* likewise: of the resource */
    bool failed;                     /* likewise, and then: */
    struct err err;
};

struct follower {
    struct app *app;
    struct source *source;
    struct watch *watch;
    struct loop_watch *watching;
    struct worker_queue *queue;
    struct worker_job *job;
    struct timer timer;
    struct rng rng;
    uint32_t failures;
    bool started;                  /* libgit2 was, for this one */
    bool again;                    /* asked to look while a job ran */
    uint64_t looks;                /* that are over, failed ones too */
    struct generation *generation; /* the last good one */
    char seen[SOURCE_ID_SIZE];     /* the last tip that was judged */
    char *said;                    /* the last trouble that was told, to tell it once */
    struct source_log *commit;     /* of the generation */
    struct diag_list rejected;
    char rejected_commit[SOURCE_ID_SIZE];
    struct context_key *keys;
    size_t key_count;
    /* What the running job fills. */
    struct {
        char base[SOURCE_ID_SIZE];
        struct source_tip tip;
        struct source_changes *changes;
        struct source_log *log;
        struct generation *generation; /* to be keyed */
        char root[SOURCE_ID_SIZE];
        int status;
        struct err err;
    } work;
};

static void look(struct follower *follower);

struct source_options follow_options(const struct run_options *options)
{
    return (struct source_options){ .location = options->repo,
                                    .branch = options->branch,
                                    .path = options->path,
                                    .state_dir = options->state_dir,
                                    .timeout_ms = options->git_timeout_ms };
}

/* Trouble that lasts is told once. */
static void say_once(struct follower *follower, const char *text)
{
    if (text_equal(follower->said, text))
        return;
    free(follower->said);
    follower->said = mem_text(text);
    app_say(follower->app, "warning", "%s", text);
}

static void on_timer(void *context)
{
    (void)follower_check(context);
}

/* The next look: after a failure sooner, then later and later; a URL every interval, a little off
 * so that many installations do not ask at once. */
static void plan_next_look(struct follower *follower, bool failed)
{
    int64_t delay_ms = follower->app->options->interval_ms;

    follower->failures = failed ? follower->failures + 1 : 0;
    if (failed) {
        delay_ms = follower->failures > 10 ? RETRY_MAX_MS
                                           : (int64_t)RETRY_MIN_MS << (follower->failures - 1);
        if (delay_ms > RETRY_MAX_MS)
            delay_ms = RETRY_MAX_MS;
    } else if (source_is_local(follower->source) && follower->watching != NULL) {
        timer_stop(&follower->timer);
        return;
    }
    delay_ms += (int64_t)rng_below(&follower->rng, (uint64_t)delay_ms / 10 + 1);
    timer_start(follower->app->loop, &follower->timer, delay_ms, on_timer, follower);
}

static void finish(struct follower *follower, bool failed)
{
    follower->job = NULL;
    follower->looks++;
    if (follower->app->stopping)
        return;
    if (follower->again) {
        follower->again = false;
        look(follower);
        return;
    }
    plan_next_look(follower, failed);
}

/* ---- Key: on the worker ---------------------------------------------------------------------- */

/* All are looked at, so that all mistakes of a commit are told at once. */
static void key_work(void *context)
{
    struct follower *follower = context;
    const char *commit = follower->work.tip.commit;

    for (size_t i = 0; i < follower->key_count; i++) {
        struct context_key *key = &follower->keys[i];
        AUTO(arena) scratch = { 0 };
        const struct source_context_request request = builds_request(key->build, &scratch);
        char tree[SOURCE_ID_SIZE];

        key->failed =
            source_tree_id(follower->source, commit, request.context, tree, &key->err) < 0 ||
            (!text_equal(tree, key->tree) &&
             source_context_key(follower->source, commit, &request, key->key, &key->err) < 0);
        if (!key->failed)
            text_copy(key->tree, sizeof(key->tree), tree);
    }
}

static void keys_free(struct context_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(keys[i].image);
    free(keys);
}

/* One entry per built image of the generation, with what is known of it already. */
static void prepare_keys(struct follower *follower, const struct generation *generation)
{
    size_t count = generation_count(generation, KIND_IMAGE);
    struct context_key *keys = mem_alloc((count + 1) * sizeof(*keys));
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        const struct resource *image = generation_at(generation, KIND_IMAGE, i);
        struct context_key *key = &keys[used];

        if (resource_image(image)->build == NULL)
            continue;
        for (size_t k = 0; k < follower->key_count; k++) {
            if (text_equal(follower->keys[k].image, image->name) &&
                text_equal(follower->keys[k].digest, image->digest))
                *key = follower->keys[k];
        }
        key->image = mem_text(image->name);
        key->build = resource_image(image)->build;
        key->pos = image->pos;
        text_copy(key->digest, sizeof(key->digest), image->digest);
        used++;
    }
    keys_free(follower->keys, follower->key_count);
    follower->keys = keys;
    follower->key_count = used;
}

/* ---- Judge: on the loop ---------------------------------------------------------------------- */

static bool is_confirmed(const struct follower *follower)
{
    const struct source_log *log = follower->work.log;

    for (size_t i = 0; i < log->count; i++) {
        if (source_commit_has_trailer(&log->items[i], CONFIRM_KEY, CONFIRM_VALUE))
            return true;
    }
    return text_equal(follower->app->progress.confirmed, follower->work.tip.commit);
}

static void remember(struct follower *follower, enum commit_outcome outcome, const char *summary)
{
    struct app *app = follower->app;
    const struct source_commit *commit = &follower->work.log->items[0];
    struct history_commit row = { .author = commit->author,
                                  .email = commit->email,
                                  .subject = commit->subject,
                                  .committed_ms = commit->time_ms,
                                  .seen_ms = loop_wall_ms(),
                                  .outcome = outcome,
                                  .summary = summary };
    struct err err;

    text_copy(row.id, sizeof(row.id), commit->id);
    text_copy(app->progress.root, sizeof(app->progress.root), follower->work.root);
    if (outcome == COMMIT_APPLIED) {
        text_copy(app->progress.applied, sizeof(app->progress.applied), commit->id);
        app->progress.rejected[0] = '\0';
        app->progress.rejected_errors = NULL;
    } else {
        text_copy(app->progress.rejected, sizeof(app->progress.rejected), commit->id);
        app->progress.rejected_errors = summary;
    }
    if (history_add_commit(app->store, &row, &app->progress, &err) < 0)
        app_say(app, "error", "state: %s", err.text);
    app->progress.rejected_errors = NULL;
}

/* `err` tells what no position can be given for. */
static void reject(struct follower *follower, struct diag_list *diags, const struct err *err)
{
    struct app *app = follower->app;
    AUTO(buf) text = { 0 };

    buf_init(&text, 64 * 1024);
    diag_sort(diags);
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];

        if (diag->level == DIAG_ERROR)
            buf_printf(&text, "%s:%u:%u: %s\n", diag->file == NULL ? "?" : diag->file, diag->line,
                       diag->column, diag->text);
    }
    if (text.size == 0)
        buf_printf(&text, "%s\n", err->text);
    remember(follower, COMMIT_REJECTED, buf_text(&text));
    text_copy(follower->rejected_commit, sizeof(follower->rejected_commit),
              follower->work.tip.commit);
    diag_release(&follower->rejected);
    follower->rejected = *diags;
    *diags = (struct diag_list){ 0 };
    app_say(app, "error", "commit %.8s is rejected, nothing was changed:\n%s",
            follower->work.tip.commit, buf_text(&text));
    if (app->options->once)
        app_stop(app, APP_INVALID);
}

static void accept(struct follower *follower, struct generation *generation)
{
    struct app *app = follower->app;
    const struct source_commit *commit = &follower->work.log->items[0];
    bool confirmed = is_confirmed(follower);

    for (size_t i = 0; i < follower->key_count; i++)
        generation_set_build_key(generation, follower->keys[i].image, follower->keys[i].key);
    app_say(app, "commit", "%.8s %s (%s)", commit->id, commit->subject, commit->author);
    remember(follower, COMMIT_APPLIED, NULL);
    generation_unref(follower->generation);
    follower->generation = generation_ref(generation);
    diag_release(&follower->rejected);
    follower->rejected_commit[0] = '\0';
    source_log_free(follower->commit);
    follower->commit = TAKE(follower->work.log);
    app_adopt(app, generation, confirmed);
}

/* A context that is not as it must be is a mistake of the commit; a repository that cannot be read
 * now is not, and is looked at again. */
static bool judge_keys(struct follower *follower, struct diag_list *diags, struct err *out_err)
{
    bool readable = true;

    for (size_t i = 0; i < follower->key_count; i++) {
        struct context_key *key = &follower->keys[i];

        if (!key->failed)
            continue;
        diag_add(diags, DIAG_ERROR, key->pos, "image '%s': %s", key->image, key->err.text);
        *out_err = key->err;
        if (key->err.code != ERR_NOT_FOUND && key->err.code != ERR_INVALID)
            readable = false;
    }
    return readable;
}

static void key_done(void *context, bool cancelled)
{
    struct follower *follower = context;
    struct generation *generation = TAKE(follower->work.generation);
    AUTO(diag_list) diags = { 0 };
    struct err err;
    bool readable = true;

    if (!cancelled && !follower->app->stopping) {
        readable = judge_keys(follower, &diags, &err);
        if (!readable) {
            say_once(follower, err.text);
            follower->seen[0] = '\0';
        } else if (diags.count > 0) {
            reject(follower, &diags, &err);
        } else {
            accept(follower, generation);
        }
    }
    generation_unref(generation);
    source_log_free(TAKE(follower->work.log));
    finish(follower, /* failed= */ !readable);
}

static void say_warnings(struct follower *follower, const struct diag_list *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        if (diags->items[i].level == DIAG_WARNING)
            app_say(follower->app, "warning", "%s:%u:%u: %s", diags->items[i].file,
                    diags->items[i].line, diags->items[i].column, diags->items[i].text);
    }
}

/* True when the key step follows. */
static bool derive(struct follower *follower)
{
    const struct source_changes *changes = follower->work.changes;
    AUTO(diag_list) diags = { 0 };
    struct err err;

    text_copy(follower->seen, sizeof(follower->seen), follower->work.tip.commit);
    if (generation_derive(changes->whole ? NULL : follower->generation, follower->work.tip.commit,
                          changes->items, changes->count, &diags, &follower->work.generation,
                          &err) < 0) {
        reject(follower, &diags, &err);
        return false;
    }
    say_warnings(follower, &diags);
    prepare_keys(follower, follower->work.generation);
    follower->job = worker_queue_submit(follower->queue, key_work, key_done, follower);
    return true;
}

/* ---- Look ------------------------------------------------------------------------------------ */

static void look_work(void *context)
{
    struct follower *follower = context;
    struct err *err = &follower->work.err;

    follower->work.status = source_refresh(follower->source, &follower->work.tip, err);
    if (follower->work.status < 0 || follower->work.tip.state != SOURCE_FOUND ||
        text_equal(follower->work.tip.commit, follower->seen))
        return;
    follower->work.status = source_changes(follower->source, follower->work.base,
                                           follower->work.tip.commit, &follower->work.changes, err);
    if (follower->work.status == 0)
        follower->work.status =
            source_log(follower->source, follower->work.base, follower->work.tip.commit, LOG_MAX,
                       &follower->work.log, err);
    /* A branch that was moved back has nothing new, but its tip is what is wanted now. */
    if (follower->work.status == 0 && follower->work.log->count == 0) {
        source_log_free(TAKE(follower->work.log));
        follower->work.status = source_log(follower->source, NULL, follower->work.tip.commit, 1,
                                           &follower->work.log, err);
    }
    if (follower->work.status == 0 && follower->work.root[0] == '\0')
        follower->work.status = source_root_commit(follower->source, follower->work.tip.commit,
                                                   follower->work.root, err);
}

static void look_done(void *context, bool cancelled)
{
    struct follower *follower = context;
    bool failed = follower->work.status < 0;
    bool more = false;

    if (!cancelled && !follower->app->stopping) {
        if (failed)
            say_once(follower, follower->work.err.text);
        else if (follower->work.tip.state != SOURCE_FOUND)
            say_once(follower, follower->work.tip.text);
        else if (follower->work.changes != NULL)
            more = derive(follower);
    }
    source_changes_free(TAKE(follower->work.changes));
    if (more)
        return;
    source_log_free(TAKE(follower->work.log));
    finish(follower, failed);
}

static void look(struct follower *follower)
{
    follower->work.base[0] = '\0';
    if (follower->generation != NULL)
        text_copy(follower->work.base, sizeof(follower->work.base),
                  generation_commit(follower->generation));
    follower->job = worker_queue_submit(follower->queue, look_work, look_done, follower);
}

uint64_t follower_check(struct follower *follower)
{
    if (follower->source == NULL)
        return follower->looks + 1; /* it is being opened, and then looked at */
    if (follower->job != NULL) {
        follower->again = true;
        return follower->looks + 2; /* the one under way may have begun too soon */
    }
    look(follower);
    return follower->looks + 1;
}

uint64_t follower_looks(const struct follower *follower)
{
    return follower->looks;
}

bool follower_is_busy(const struct follower *follower)
{
    return follower->job != NULL;
}

static void on_watch(void *context, int fd, unsigned events)
{
    struct follower *follower = context;
    bool changed = false;
    struct err err;

    (void)fd;
    (void)events;
    if (watch_drain(follower->watch, &changed, &err) < 0) {
        say_once(follower, err.text);
        (void)follower_check(follower);
        return;
    }
    if (changed)
        (void)follower_check(follower);
}

/* A local repository is watched; where that cannot be, it is polled like a URL. */
static void watch_source(struct follower *follower)
{
    const struct run_options *options = follower->app->options;
    struct err err;

    if (!source_is_local(follower->source))
        return;
    if (watch_new(options->repo, options->branch, &follower->watch, &err) == 0)
        follower->watching = loop_watch_fd(follower->app->loop, watch_fd(follower->watch),
                                           LOOP_READABLE, on_watch, follower, &err);
    if (follower->watching == NULL)
        app_say(follower->app, "warning", "%s: the repository is polled", err.text);
}

/* ---- Open ------------------------------------------------------------------------------------ */

static void open_work(void *context)
{
    struct follower *follower = context;
    struct err *err = &follower->work.err;

    follower->started = source_global_init(err) == 0;
    follower->work.status =
        follower->started ? source_open(&follower->app->source_options, &follower->source, err)
                          : -1;
}

static void open_done(void *context, bool cancelled)
{
    struct follower *follower = context;

    follower->job = NULL;
    if (cancelled || follower->app->stopping)
        return;
    if (follower->work.status < 0) {
        app_fail(follower->app, &follower->work.err);
        return;
    }
    text_copy(follower->work.root, sizeof(follower->work.root), follower->app->progress.root);
    watch_source(follower);
    look(follower);
}

struct follower *follower_new(struct app *app)
{
    struct follower *follower = mem_alloc(sizeof(*follower));

    follower->app = app;
    random_bytes(&follower->rng.state, sizeof(follower->rng.state));
    follower->queue = worker_queue_new(app->loop);
    follower->job = worker_queue_submit(follower->queue, open_work, open_done, follower);
    return follower;
}

void follower_free(struct follower *follower)
{
    if (follower == NULL)
        return;
    ASSERT(follower->job == NULL);
    timer_stop(&follower->timer);
    loop_unwatch(follower->watching);
    watch_free(follower->watch);
    worker_queue_free(follower->queue);
    source_close(follower->source);
    if (follower->started)
        source_global_exit();
    generation_unref(follower->generation);
    source_log_free(follower->commit);
    diag_release(&follower->rejected);
    keys_free(follower->keys, follower->key_count);
    free(follower->said);
    free(follower);
}

const struct source_commit *follower_commit(const struct follower *follower)
{
    return follower->commit == NULL ? NULL : &follower->commit->items[0];
}

const struct diag_list *follower_rejected(const struct follower *follower, const char **out_commit)
{
    if (follower->rejected_commit[0] == '\0')
        return NULL;
    *out_commit = follower->rejected_commit;
    return &follower->rejected;
}
