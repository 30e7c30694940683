/*
 * What people may ask of the running Berth.  Git decides what runs: none of this changes what is
 * wanted, only when it is done.
 */
#include "reconciler/api/api_int.h"
#include "reconciler/run/cycle.h"
#include "reconciler/run/follow.h"
#include "spec/base/text.h"

void post_confirm(struct request *request)
{
    struct app *app = app_of(request);
    struct json *answer;
    struct json *held;
    struct err err = { 0 };

    if (app_confirm(app, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    answer = json_object();
    held = json_array();
    json_set_text(answer, "commit", app->progress.confirmed);
    for (const struct memory_service *at = app->memory->services; at != NULL;
         at = at->by_key.next) {
        if (at->hold != NULL)
            json_append_text(held, at->key);
    }
    json_set(answer, "held", held);
    request_accept(request, answer);
}

/* The body, and the key of the service it names. */
static int service_of(struct request *request, const char *const *members, size_t count,
                      const struct json **out_body, const char **out_key, struct err *err)
{
    const struct json *body;
    const char *name;

    *out_key = NULL;
    if (request_json(request, &body, err) < 0 || check_members(body, members, count, err) < 0)
        return -1;
    name = json_text(body, "service");
    if (name == NULL)
        return err_set(err, ERR_INVALID, "'service' is missing");
    *out_body = body;
    if (find_service(app_of(request), name, request_arena(request), out_key, err) < 0)
        return -1;
    return 0;
}

/* Of that name there is no service, but a schedule.  True: it was answered. */
static bool answer_schedule(struct request *request, const struct json *body, bool suspends)
{
    const char *reason = json_text(body, "reason");

    if (body == NULL || json_text(body, "service") == NULL)
        return false;
    if (suspends && text_is_empty(reason))
        reason = "on request";
    return suspend_schedule(request, json_text(body, "service"), suspends ? reason : "");
}

static struct json *service_now(struct request *request, const char *key)
{
    const struct app *app = app_of(request);
    struct plan_input input = input_of(request);

    return show_service(app, &input, key, request_arena(request));
}

static bool is_suspended(struct request *request, const char *key)
{
    const struct memory_service *memory = memory_service(app_of(request)->memory, key);

    return memory != NULL && memory->suspended != NULL;
}

void post_suspend(struct request *request)
{
    static const char *const members[] = { "service", "reason" };
    const struct json *body = NULL;
    const char *reason;
    const char *key = NULL;
    struct err err = { 0 };

    if (service_of(request, members, ARRAY_COUNT(members), &body, &key, &err) == 0) {
        reason = json_text(body, "reason");
        if (text_is_empty(reason))
            reason = "on request";
        if (app_suspend(app_of(request), key, reason, &err) == 0) {
            request_answer(request, service_now(request, key));
            return;
        }
    } else if (err.code == ERR_NOT_FOUND && answer_schedule(request, body, /* suspends= */ true)) {
        return;
    }
    request_fail(request, &err);
}

void post_resume(struct request *request)
{
    static const char *const members[] = { "service", "retry" };
    const struct json *body = NULL;
    const char *key = NULL;
    struct json *answer;
    bool resumed;
    struct err err = { 0 };

    if (service_of(request, members, ARRAY_COUNT(members), &body, &key, &err) < 0) {
        if (err.code != ERR_NOT_FOUND || !answer_schedule(request, body, /* suspends= */ false))
            request_fail(request, &err);
        return;
    }
    resumed = is_suspended(request, key);
    if (app_suspend(app_of(request), key, "", &err) < 0 ||
        (json_bool(body, "retry", false) && app_retry(app_of(request), key, &err) < 0)) {
        request_fail(request, &err);
        return;
    }
    answer = service_now(request, key);
    json_set_bool(answer, "resumed", resumed);
    request_answer(request, answer);
}

void post_reconcile(struct request *request)
{
    struct app *app = app_of(request);
    struct json *answer = json_object();

    json_set_int(answer, "looks", (int64_t)follower_check(app->follower));
    app_build_again(app);
    cycle_mark_all(app->cycle);
    request_accept(request, answer);
}
