/*
 * What facts, and reports of drivers, tell people.
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
    if (fact->cluster != NULL)
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
    case FACT_SCALE: /* its event tells */
    case FACT_IMAGE:
    case FACT_SCHEDULE:
    case FACT_LINES:
    case FACT_KIND_COUNT: break;
    }
}

static const char *target_name(const struct world_target *target, struct arena *arena)
{
    return arena_printf(arena, "task %.12s (target-group %s)", target->task, target->group);
}

static void say_engine(struct app *app, const struct world_change *change)
{
    const struct world_instance *instance =
        world_instance(app->world, change->named.instance); /* the first member of all */
    const struct log_fields fields = { .instance = change->named.instance };

    /* Why it is still lost may say more: a connection's end comes after those of its calls. */
    if (change->kind == WORLD_INSTANCE_LOST &&
        (instance == NULL || !text_equal(instance->failure, change->lost.failure)))
        app_tell(app, "engine", &fields, "%s: %s", change->lost.instance,
                 change->lost.failure == NULL ? "connection lost" : change->lost.failure);
    if (change->kind == WORLD_INSTANCE && (instance == NULL || instance->state != INSTANCE_ACTIVE))
        app_tell(app, "engine", &fields, "%s: Docker Engine %s, %u CPU units, %u MiB",
                 change->instance.instance, change->instance.engine_version,
                 change->instance.cpu_units, change->instance.memory_mib);
}

static void say_end(struct app *app, const char *balancer)
{
    bool declared = app->desired != NULL &&
                    generation_find(app->desired->generation, KIND_LOAD_BALANCER, balancer) != NULL;

    app_tell(app, declared ? "warning" : "event", NULL, "load balancer %s %s", balancer,
             declared ? "has ended" : "was stopped");
}

static void say_balancer(struct app *app, const struct world_change *change)
{
    const struct world_balancer *known;
    AUTO(arena) scratch = { 0 };

    if (change->kind == WORLD_BALANCER_GONE) {
        known = world_balancer(app->world, change->named.name);
        if (known != NULL && known->runs)
            say_end(app, known->name);
    }
    if (change->kind != WORLD_BALANCER)
        return;
    known = world_balancer(app->world, change->balancer.name);
    if (known == NULL || !known->runs)
        app_tell(app, "event", NULL, "load balancer %s runs", change->balancer.name);
    for (size_t i = 0; known != NULL && known->runs && i < change->balancer.target_count; i++) {
        const struct target_report *now = &change->balancer.targets[i];
        const struct world_target *before = world_target(known, now->group, now->task);

        if (before != NULL && before->state != now->state && now->state == TARGET_UNHEALTHY)
            app_tell(app, "warning", NULL, "load balancer %s: %s is unhealthy%s%s", known->name,
                     target_name(before, &scratch), now->reason == NULL ? "" : ": ",
                     now->reason == NULL ? "" : now->reason);
    }
}

void say_report(struct app *app, const struct world_change *change)
{
    if (change->kind == WORLD_INSTANCE || change->kind == WORLD_INSTANCE_LOST)
        say_engine(app, change);
    else if (change->kind >= WORLD_BALANCERS_KNOWN)
        say_balancer(app, change);
}
