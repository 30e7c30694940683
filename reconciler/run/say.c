/*
 * Say: what is told of the facts that were stated.
 */
#include "reconciler/run/say.h"

#include "spec/base/text.h"
#include "spec/names.h"

static void say_run(struct app *app, const struct log_fields *fields, const struct fact *fact)
{
    const struct deployment *run = fact->deployment;

    if (run->created_ms == fact->at_ms)
        app_tell(app, "deployment", fields, "%s: run %.12s of Task %s begins", fact->cluster,
                 run->id, run->goal->target->task_name);
}

void say_fact(struct app *app, const struct fact *fact)
{
    const struct deployment *deployment = fact->deployment;
    AUTO(arena) scratch = { 0 };
    struct log_fields fields = { .commit = fact->commit };

    if (fact->kind == FACT_EVENT && fact->service == NULL)
        return; /* of a cluster: the fact that it comes with is told */
    if (fact->kind != FACT_IMAGE && fact->kind != FACT_HOST)
        fields.service = unit_key(&scratch, fact->cluster, fact->service);
    switch (fact->kind) {
    case FACT_EVENT: app_tell(app, "event", &fields, "%s", fact->text); break;
    case FACT_DEPLOYMENT:
        fields.deployment = deployment->id;
        if (service_is_job(fact->service))
            say_run(app, &fields, fact);
        else if (deployment->created_ms == fact->at_ms && !deployment->rollback)
            app_tell(app, "deployment", &fields, "%s/%s: deployment %.12s of commit %.8s begins",
                     fact->cluster, fact->service, deployment->id, deployment->commit);
        break;
    case FACT_HOLD:
        if (!text_is_empty(fact->text))
            app_tell(app, "warning", &fields, "%s/%s: its removal is held: %s", fact->cluster,
                     fact->service, fact->text);
        break;
    case FACT_REMOVAL:
        if (!text_is_empty(fact->text))
            app_tell(app, "event", &fields,
                     "(service %s) is being removed: commit %.8s declares it no more.",
                     fact->service, fact->text);
        break;
    case FACT_FORGET:
        if (!service_is_job(fact->service))
            app_tell(app, "event", &fields, "(service %s) was removed.", fact->service);
        break;
    case FACT_HOST:
        fields.instance = fact->host->instance;
        app_tell(app, "engine", &fields, "%s: %s", fact->host->instance, fact->text);
        break;
    case FACT_TASK:
    case FACT_QUARANTINE:
    case FACT_SUSPEND:
    case FACT_FREEZE:
    case FACT_THROTTLE:
    case FACT_IMAGE:
    case FACT_LINES:
    case FACT_KIND_COUNT: break;
    }
}
