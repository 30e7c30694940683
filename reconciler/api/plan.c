/*
 * GET /v1/plan: the commit is read on a worker, compared on the loop with what is remembered and
 * what runs, by the same preview that `berth plan` prints.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/io/worker.h"
#include "reconciler/api/api_int.h"
#include "reconciler/plan/preview.h"
#include "reconciler/run/execute.h"
#include "reconciler/run/snapshot.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

/* The worker touches nothing that is not in here. */
struct plan_job {
    struct api *api;         /* NULL: the API is gone, nobody waits for the answer */
    struct request *request; /* NULL: likewise the client */
    struct worker_job *job;
    struct source_options options;
    char *ref;
    /* Of the commit in force, as it was when the client asked. */
    char since[COMMIT_SIZE];
    char confirmed[COMMIT_SIZE];
    char root[COMMIT_SIZE];
    enum output_format format;
    unsigned char key[STORE_KEY_BYTES];
    struct diag_list diags;
    struct snapshot snapshot;
    struct err err;
    bool failed;
    struct plan_job *next;
};

static void job_free(struct plan_job *job)
{
    if (job->api != NULL) {
        for (struct plan_job **at = &job->api->jobs; *at != NULL; at = &(*at)->next) {
            if (*at == job) {
                *at = job->next;
                break;
            }
        }
    }
    explicit_bzero(job->key, sizeof(job->key));
    snapshot_release(&job->snapshot);
    diag_release(&job->diags);
    free(job->ref);
    free(job);
}

void plan_jobs_orphan(struct api *api)
{
    for (struct plan_job *at = api->jobs; at != NULL; at = at->next) {
        worker_cancel(at->job);
        at->api = NULL;
    }
    api->jobs = NULL;
}

/* The job ends when both the worker and the client have. */
static void client_gone(void *context)
{
    struct plan_job *job = context;

    job->request = NULL;
    if (job->job == NULL)
        job_free(job);
}

static void work(void *context)
{
    struct plan_job *job = context;
    struct secrets *secrets = secrets_new(job->key, sizeof(job->key));
    const struct snapshot_request request = { .source = &job->options,
                                              .ref = job->ref,
                                              .since = job->since,
                                              .confirmed = job->confirmed,
                                              .root = job->root,
                                              .secrets = secrets };

    job->failed = snapshot_load(&request, &job->diags, &job->snapshot, &job->err) < 0;
    secrets_free(secrets);
}

static void answer(struct plan_job *job)
{
    const struct source_commit *commit = &job->snapshot.commit->items[0];
    struct app *app = job->api->app;
    struct plan_input input = app_plan_input(app);
    const struct preview_base base = {
        .in_force = input.desired == NULL ? NULL : input.desired->generation,
    };
    AUTO(arena) arena = { 0 };
    AUTO(buf) text = { 0 };
    struct plan_pending *pending;
    struct preview preview;
    struct json *object;

    desired_trust(job->snapshot.desired, app->desired, app->memory);
    input.desired = job->snapshot.desired;
    input.root = job->snapshot.root;
    input.prune_allowed = job->snapshot.confirmed || app->options->confirm_removals;
    input.pending_count = executor_pending(app->executor, &arena, &pending);
    input.pending = pending;
    preview_compute(&input, &base, &arena, &preview);
    if (job->format == OUTPUT_JSON) {
        object = preview_json(&preview);
        json_set_text(object, "commit", commit->id);
        json_set_text(object, "subject", commit->subject);
        json_set(object, "warnings", show_mistakes(&job->diags));
        request_answer(job->request, object);
        return;
    }
    buf_init(&text, LIMIT_OUTPUT);
    if (job->format == OUTPUT_MARKDOWN)
        preview_print_markdown(&preview, commit->id, commit->subject, &text);
    else
        preview_print_text(&preview, &text);
    request_answer_text(job->request,
                        job->format == OUTPUT_MARKDOWN ? "text/markdown" : "text/plain",
                        buf_text(&text), text.size);
}

static void done(void *context, bool cancelled)
{
    struct plan_job *job = context;

    job->job = NULL;
    if (job->request == NULL) {
        job_free(job);
        return;
    }
    ASSERT(!cancelled); /* only those whose client is gone are */
    if (job->failed)
        request_fail_list(job->request, &job->err, "errors", show_mistakes(&job->diags));
    else
        answer(job);
}

/* Absent: *out as it was. */
static int format_of(struct request *request, enum output_format *out, struct err *err)
{
    static const char *const texts[] = {
#define FORMAT_TEXT(name, text) text,
        OUTPUT_FORMATS(FORMAT_TEXT)
#undef FORMAT_TEXT
    };
    const char *text = request_query(request, "format");

    if (text == NULL)
        return 0;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        if (text_equal(texts[i], text)) {
            *out = (enum output_format)i;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "format: '%s' is none of json, text and markdown", text);
}

void get_plan(struct request *request)
{
    struct api *api = api_of(request);
    const char *ref = request_query(request, "ref");
    unsigned char key[STORE_KEY_BYTES];
    enum output_format format = OUTPUT_JSON;
    struct plan_job *job;
    struct err err = { 0 };

    if (format_of(request, &format, &err) < 0 || store_secret_key(api->app->store, key, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    job = mem_alloc(sizeof(*job));
    job->api = api;
    job->request = request;
    job->options = api->app->source_options;
    job->ref = ref == NULL ? NULL : mem_text(ref);
    job->format = format;
    text_copy(job->since, sizeof(job->since), api->app->progress.applied);
    text_copy(job->confirmed, sizeof(job->confirmed), api->app->progress.confirmed);
    text_copy(job->root, sizeof(job->root), api->app->progress.root);
    memcpy(job->key, key, sizeof(key));
    explicit_bzero(key, sizeof(key));
    job->next = api->jobs;
    api->jobs = job;
    request_keep(request, client_gone, job);
    job->job = worker_submit(api->app->loop, work, done, job);
}
