/*
 * What people ask of the running program: to confirm removals, to leave a service alone, to try
 * again.
 */
#include "reconciler/run/app.h"
#include "reconciler/run/cycle.h"
#include "reconciler/run/follow.h"
#include "spec/base/text.h"

int app_confirm(struct app *app, struct err *err)
{
    if (app->desired == NULL)
        return err_set(err, ERR_CONFLICT, "no commit is in force yet");
    text_copy(app->progress.confirmed, sizeof(app->progress.confirmed),
              generation_commit(app->desired->generation));
    if (store_progress_write(app->store, &app->progress, err) < 0)
        return -1;
    app->prune_allowed = true;
    cycle_mark_all(app->cycle);
    return 0;
}

static const struct memory_service *known_service(const struct app *app, const char *key,
                                                  struct err *err)
{
    const struct memory_service *service = memory_service(app->memory, key);

    if (service == NULL)
        (void)err_set(err, ERR_NOT_FOUND, "there is no service '%s'", key);
    return service;
}

int app_suspend(struct app *app, const char *key, const char *reason, struct err *err)
{
    const struct memory_service *service = known_service(app, key, err);
    struct fact facts[2] = { { .kind = FACT_SUSPEND, .durable = true, .text = reason },
                             { .kind = FACT_FREEZE, .durable = true, .text = "" } };
    /* To resume is also to try again what was left alone because it came back. */
    size_t count = service != NULL && text_is_empty(reason) && service->frozen != NULL ? 2 : 1;

    if (service == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        facts[i].cluster = service->cluster;
        facts[i].service = service->service;
        facts[i].at_ms = loop_wall_ms();
    }
    return cycle_state(app->cycle, facts, count, err);
}

static const struct world_effort *failed_build(const struct world_instance *instance)
{
    for (const struct world_effort *at = instance->efforts; at != NULL; at = at->by_key.next) {
        if (at->state == EFFORT_FAILED && text_starts(at->key, "build "))
            return at;
    }
    return NULL;
}

void app_build_again(struct app *app)
{
    struct err none = { 0 };
    const struct world_effort *effort;

    (void)err_set(&none, ERR_CANCELLED, "begins anew");
    for (const struct world_instance *at = app->world->instances; at != NULL;
         at = at->by_name.next) {
        while ((effort = failed_build(at)) != NULL) {
            AUTO_TEXT char *key = mem_text(effort->key);

            (void)world_apply(app->world,
                              &(struct world_change){ .kind = WORLD_EFFORT,
                                                      .effort = { .instance = at->name,
                                                                  .key = key,
                                                                  .state = EFFORT_FAILED,
                                                                  .failure = &none } });
        }
    }
}

int app_retry(struct app *app, const char *key, struct err *err)
{
    const struct memory_service *service = known_service(app, key, err);
    const struct deployment *primary = memory_primary(service);
    struct deployment again;
    struct fact facts[3] = { { .kind = FACT_QUARANTINE, .durable = true, .text = "" },
                             { .kind = FACT_DEPLOYMENT, .durable = true },
                             { .kind = FACT_THROTTLE, .durable = true } }; /* at once */
    size_t count = 1;

    if (service == NULL)
        return -1;
    app_build_again(app);
    if (primary != NULL && primary->state == ROLLOUT_FAILED) {
        again = *primary;
        again.state = ROLLOUT_IN_PROGRESS;
        again.failed_tasks = 0;
        again.created_ms = loop_wall_ms();
        again.updated_ms = again.created_ms;
        again.reason = "tried again on request";
        facts[1].deployment = &again;
        facts[2].text = again.id;
        count = 3;
    }
    for (size_t i = 0; i < count; i++) {
        facts[i].cluster = service->cluster;
        facts[i].service = service->service;
        facts[i].at_ms = loop_wall_ms();
    }
    return cycle_state(app->cycle, facts, count, err);
}
