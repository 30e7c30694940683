/*
 * A commit takes over whole or not at all, and either is remembered.
 */
#include <string.h>

#include "reconciler/run/confirm.h"
#include "reconciler/run/follow_int.h"
#include "spec/base/text.h"

static bool is_confirmed(const struct follower *follower)
{
    if (follower->work.forward && confirm_is_given(follower->work.log))
        return true;
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

void follower_reject(struct follower *follower, struct diag_list *diags, const struct err *err)
{
    struct app *app = follower->app;
    AUTO(arena) scratch = { 0 };
    AUTO(buf) text = { 0 };
    size_t told = 0;

    if (diags->errors == 0)
        diag_add(diags, DIAG_ERROR, (struct pos){ 0 }, "%s", err->text);
    buf_init(&text, 64 * 1024);
    diag_sort(diags);
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];

        if (diag->level != DIAG_ERROR)
            continue;
        buf_printf(&text, "%s%s\n", pos_prefix(&scratch, diag_pos(diag)), diag->text);
        told++;
    }
    if (diags->errors > told)
        buf_printf(&text, "and %zu more\n", diags->errors - told);
    remember(follower, COMMIT_REJECTED, buf_text(&text));
    text_copy(follower->rejected_commit, sizeof(follower->rejected_commit),
              follower->work.tip.commit);
    diag_release(&follower->rejected);
    follower->rejected = *diags;
    *diags = (struct diag_list){ 0 };
    app_tell(app, "error", &(struct log_fields){ .commit = follower->work.tip.commit },
             "commit %.8s is rejected, nothing was changed:\n%s", follower->work.tip.commit,
             buf_text(&text));
    if (app->options->once)
        app_stop(app, APP_INVALID);
}

static void accept(struct follower *follower, struct generation *generation,
                   struct desired *desired)
{
    struct app *app = follower->app;
    const struct source_commit *commit = &follower->work.log->items[0];
    bool confirmed = is_confirmed(follower);

    if (confirmed)
        text_copy(app->progress.confirmed, sizeof(app->progress.confirmed), commit->id);
    app_tell(app, "commit", &(struct log_fields){ .commit = commit->id }, "%.8s %s (%s)",
             commit->id, commit->subject, commit->author);
    remember(follower, COMMIT_APPLIED, NULL);
    generation_unref(follower->generation);
    follower->generation = generation_ref(generation);
    diag_release(&follower->rejected);
    follower->rejected_commit[0] = '\0';
    source_log_free(follower->commit);
    follower->commit = TAKE(follower->work.log);
    app_adopt(app, desired, confirmed);
}

void follower_judge(struct follower *follower, struct generation *generation,
                    struct diag_list *diags, const struct err *err)
{
    struct desired *desired = NULL;

    if (diags->count == 0) {
        commit_files_give(&follower->files, generation);
        desired = app_desire(follower->app, generation, diags);
    }
    if (desired == NULL)
        follower_reject(follower, diags, err);
    else
        accept(follower, generation, desired);
}
