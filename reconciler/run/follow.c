/*
 * Opened in a worker, while the engine is dialled: starting libgit2 takes as long as that.  Then
 * the commit that was in force when the program ended is read again: it stays in force when the
 * newest one turns out to be wrong or out of reach, and what is newer is told from what is not.
 *
 * Then three steps per commit, the outer two in a worker: look (what is the tip, what differs),
 * derive (the generation, on the loop), key (the content keys of images that are built, and
 * environment files).  Only one runs at a time; a tip that moves meanwhile is looked at afterwards,
 * so a newer commit is never kept waiting long.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/run/confirm.h"
#include "reconciler/run/follow_int.h"
#include "spec/base/text.h"

#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS (5 * 60 * 1000)

static void look(struct follower *follower);

struct source_options follow_options(const struct run_options *options)
{
    return (struct source_options){ .location = options->repo,
                                    .branch = options->branch,
                                    .path = options->path,
                                    .state_dir = options->state_dir,
                                    .timeout_ms = options->git_timeout_ms };
}

/* Trouble that lasts is told once; NULL: it is over. */
static void say_once(struct follower *follower, const char *text)
{
    if (text_equal(follower->said, text))
        return;
    free(follower->said);
    follower->said = text == NULL ? NULL : mem_text(text);
    if (text != NULL)
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

/* Nothing newer can take over: what was in force is again.  An `apply` is about the newest commit
 * and does not make do with an older one. */
static void fall_back(struct follower *follower)
{
    struct app *app = follower->app;
    const struct source_commit *commit = follower_commit(follower);
    bool newest = follower->work.status == 0 && follower->work.tip.state == SOURCE_FOUND &&
                  text_equal(follower->work.tip.commit, commit->id);
    AUTO(diag_list) diags = { 0 };
    struct desired *desired;

    if (app->options->once && !newest)
        return;
    desired = app_desire(app, follower->generation, &diags);
    if (desired == NULL) { /* it was good once: for a version with other limits */
        say_once(follower, diags.items[0].text);
        return;
    }
    app_tell(app, "commit", &(struct log_fields){ .commit = commit->id }, "%.8s %s (%s)%s",
             commit->id, commit->subject, commit->author, newest ? "" : " stays in force");
    app_adopt(app, desired, text_equal(app->progress.confirmed, commit->id));
}

static void finish(struct follower *follower, bool failed)
{
    follower->job = NULL;
    follower->looks++;
    if (follower->app->stopping)
        return;
    if (!failed && follower->work.tip.state == SOURCE_FOUND)
        say_once(follower, NULL);
    if (follower->app->desired == NULL && follower->generation != NULL)
        fall_back(follower);
    if (follower->again) {
        follower->again = false;
        look(follower);
        return;
    }
    plan_next_look(follower, failed);
}

/* ---- Keys and files -------------------------------------------------------------------------- */

static void key_work(void *context)
{
    struct follower *follower = context;

    commit_files_read(&follower->files, follower->source, follower->work.tip.commit);
}

static void key_done(void *context, bool cancelled)
{
    struct follower *follower = context;
    struct generation *generation = TAKE(follower->work.generation);
    AUTO(diag_list) diags = { 0 };
    struct err err;
    bool readable = true;

    if (!cancelled && !follower->app->stopping) {
        readable = commit_files_judge(&follower->files, &diags, &err);
        if (!readable) {
            say_once(follower, err.text);
            follower->seen[0] = '\0';
        } else {
            follower_judge(follower, generation, &diags, &err);
        }
    }
    generation_unref(generation);
    source_log_free(TAKE(follower->work.log));
    finish(follower, /* failed= */ !readable);
}

static void say_warnings(struct follower *follower, const struct diag_list *diags)
{
    AUTO(arena) scratch = { 0 };

    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];

        if (diag->level == DIAG_WARNING)
            app_say(follower->app, "warning", "%s%s", pos_prefix(&scratch, diag_pos(diag)),
                    diag->text);
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
        follower_reject(follower, &diags, &err);
        return false;
    }
    say_warnings(follower, &diags);
    commit_files_prepare(&follower->files, follower->work.generation);
    follower->job = worker_queue_submit(follower->queue, key_work, key_done, follower);
    return true;
}

/* ---- Look ------------------------------------------------------------------------------------ */

/* Who made the commits that came, for the history and the trailers: those since the one in force;
 * without one, the newest alone. */
static int read_log(struct follower *follower, struct err *err)
{
    const char *tip = follower->work.tip.commit;
    const char *base = follower->work.base;

    if (source_log(follower->source, base, tip, base[0] == '\0' ? 1 : CONFIRM_LOG_MAX,
                   &follower->work.log, err) < 0)
        return -1;
    follower->work.forward = follower->work.log->count > 0;
    if (follower->work.forward)
        return 0;
    /* A branch that was moved back has nothing new, but its tip is what is wanted now. */
    source_log_free(TAKE(follower->work.log));
    return source_log(follower->source, NULL, tip, 1, &follower->work.log, err);
}

static void look_work(void *context)
{
    struct follower *follower = context;
    const char *tip = follower->work.tip.commit;
    struct err *err = &follower->work.err;

    follower->work.unfit = false;
    follower->work.status = source_refresh(follower->source, &follower->work.tip, err);
    if (follower->work.status < 0 || follower->work.tip.state != SOURCE_FOUND ||
        text_equal(tip, follower->seen))
        return;
    follower->work.status = read_log(follower, err);
    if (follower->work.status == 0 && follower->work.root[0] == '\0')
        follower->work.status = source_root_commit(follower->source, tip, follower->work.root, err);
    if (follower->work.status < 0)
        return;
    follower->work.status =
        source_changes(follower->source, follower->work.base, tip, &follower->work.changes, err);
    follower->work.unfit = follower->work.status < 0 && err_class(err->code) == ERR_CLASS_USER;
}

/* The newest commit cannot be read, now or ever: `run` waits for a better time or another commit,
 * `apply` only for a better time. */
static void look_failed(struct follower *follower)
{
    struct app *app = follower->app;
    bool found = follower->work.status == 0; /* that there is none */

    say_once(follower, found ? follower->work.tip.text : follower->work.err.text);
    if (app->options->once && (found || err_class(follower->work.err.code) == ERR_CLASS_USER))
        app_stop(app, APP_FAILED);
}

static void look_done(void *context, bool cancelled)
{
    struct follower *follower = context;
    AUTO(diag_list) diags = { 0 };
    bool unfit = follower->work.unfit;
    bool failed = follower->work.status < 0 && !unfit;
    bool more = false;

    if (!cancelled && follower->work.status == 0 && follower->work.tip.state == SOURCE_FOUND)
        text_copy(follower->ref, sizeof(follower->ref), follower->work.tip.ref);
    if (!cancelled && !follower->app->stopping) {
        if (unfit) {
            text_copy(follower->seen, sizeof(follower->seen), follower->work.tip.commit);
            follower_reject(follower, &diags, &follower->work.err);
        } else if (failed || follower->work.tip.state != SOURCE_FOUND) {
            look_failed(follower);
        } else if (follower->work.changes != NULL) {
            more = derive(follower);
        }
    }
    source_changes_free(TAKE(follower->work.changes));
    if (more)
        return;
    source_log_free(TAKE(follower->work.log));
    finish(follower, failed);
}

static void look(struct follower *follower)
{
    follower->looking = true;
    follower->work.base[0] = '\0';
    if (follower->generation != NULL)
        text_copy(follower->work.base, sizeof(follower->work.base),
                  generation_commit(follower->generation));
    follower->job = worker_queue_submit(follower->queue, look_work, look_done, follower);
}

uint64_t follower_check(struct follower *follower)
{
    if (!follower->looking)
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
    if (watch_new(options->repo, follower->app->source_options.branch, &follower->watch, &err) == 0)
        follower->watching = loop_watch_fd(follower->app->loop, watch_fd(follower->watch),
                                           LOOP_READABLE, on_watch, follower, &err);
    if (follower->watching == NULL)
        app_say(follower->app, "warning", "%s: the repository is polled", err.text);
}

/* ---- Restore: what was in force before ------------------------------------------------------- */

static void restore_work(void *context)
{
    struct follower *follower = context;
    const char *commit = follower->work.tip.commit;
    struct err *err = &follower->work.err;

    follower->work.status =
        source_changes(follower->source, NULL, commit, &follower->work.changes, err);
    if (follower->work.status == 0)
        follower->work.status =
            source_log(follower->source, NULL, commit, 1, &follower->work.log, err);
}

static void restore_end(struct follower *follower)
{
    follower->job = NULL;
    source_changes_free(TAKE(follower->work.changes));
    source_log_free(TAKE(follower->work.log));
    generation_unref(TAKE(follower->work.generation));
    follower->work.tip = (struct source_tip){ 0 };
    if (!follower->app->stopping)
        look(follower);
}

static void restore_keyed(void *context, bool cancelled)
{
    struct follower *follower = context;
    AUTO(diag_list) diags = { 0 };
    struct err err;

    if (!cancelled && commit_files_judge(&follower->files, &diags, &err) && diags.count == 0) {
        commit_files_give(&follower->files, follower->work.generation);
        text_copy(follower->seen, sizeof(follower->seen), follower->work.tip.commit);
        follower->generation = TAKE(follower->work.generation);
        follower->commit = TAKE(follower->work.log);
    }
    restore_end(follower);
}

/* A commit that is gone, or that this version of Berth finds mistakes in, is not restored. */
static void restore_read(void *context, bool cancelled)
{
    struct follower *follower = context;
    const struct source_changes *changes = follower->work.changes;
    AUTO(diag_list) diags = { 0 };
    struct err err;

    if (cancelled || follower->app->stopping || follower->work.status < 0 ||
        generation_derive(NULL, follower->work.tip.commit, changes->items, changes->count, &diags,
                          &follower->work.generation, &err) < 0) {
        restore_end(follower);
        return;
    }
    commit_files_prepare(&follower->files, follower->work.generation);
    follower->job = worker_queue_submit(follower->queue, key_work, restore_keyed, follower);
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
    if (follower->work.status == 0)
        follower->pinned = source_pin(follower->source);
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
    if (follower->pinned != NULL) {
        follower->app->branch = mem_text(follower->pinned);
        follower->app->source_options.branch = follower->app->branch;
    }
    text_copy(follower->work.root, sizeof(follower->work.root), follower->app->progress.root);
    watch_source(follower);
    if (follower->app->progress.applied[0] == '\0') {
        look(follower);
        return;
    }
    text_copy(follower->work.tip.commit, sizeof(follower->work.tip.commit),
              follower->app->progress.applied);
    follower->job = worker_queue_submit(follower->queue, restore_work, restore_read, follower);
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
    commit_files_release(&follower->files);
    free(follower->said);
    free(follower);
}

const char *follower_branch(const struct follower *follower)
{
    const char *heads = "refs/heads/";
    const char *ref = follower->ref;

    if (ref[0] == '\0')
        return follower->app->options->branch;
    return text_starts(ref, heads) ? ref + strlen(heads) : ref;
}

const struct source_commit *follower_commit(const struct follower *follower)
{
    return follower->commit == NULL ? NULL : &follower->commit->items[0];
}

const char *follower_trouble(const struct follower *follower)
{
    return follower->said;
}

const struct diag_list *follower_rejected(const struct follower *follower, const char **out_commit)
{
    if (follower->rejected_commit[0] == '\0')
        return NULL;
    *out_commit = follower->rejected_commit;
    return &follower->rejected;
}
