/*
 * Images that are built: by one engine, given by one that has them, and left there meanwhile; and
 * what a rollback may lead to stays.
 */
#include "spec/base/text.h"
#include "spec/names.h"
#include "tests/sim/check_int.h"

#define REFUSED_ENOUGH 3 /* then what was built elsewhere is built here, too */

/* What it has may be relied on. */
static bool is_known(const struct world_instance *instance)
{
    AUTO(arena) arena = { 0 };

    return instance->state == INSTANCE_ACTIVE && instance->complete &&
           (text_equal(instance->name, LOCAL_INSTANCE) ||
            world_volume(instance, claim_volume_name(&arena, PEOPLE_OWNER)) != NULL);
}

static bool copying_failed(const struct world *world, const struct action *action)
{
    AUTO(arena) arena = { 0 };
    const struct world_effort *copy =
        world_effort(world_instance(world, action->instance),
                     arena_printf(&arena, "copy %s", action->reference));

    return copy != NULL && copy->failures >= REFUSED_ENOUGH;
}

static void check_build(struct check *check, const struct action *action)
{
    const struct world *world = check->process->app.world;

    if (copying_failed(world, action))
        return;
    for (const struct world_instance *at = world->instances; at != NULL; at = at->by_name.next) {
        const struct process_call *call = process_call(check->process, at->name, action->reference);

        if (!is_known(at) || text_equal(at->name, action->instance))
            continue;
        if (world_image(at, action->reference) != NULL)
            check_failed(check, "image %s is built on %s, and %s has it", action->reference,
                         action->instance, at->name);
        if (call != NULL && call->inner.action->kind == ACTION_IMAGE_BUILD && !call->cancelled)
            check_failed(check, "image %s is built on %s and on %s", action->reference,
                         action->instance, at->name);
    }
}

static void check_copy(struct check *check, const struct action *action)
{
    const struct world *world = check->process->app.world;
    const struct world_instance *giver = world_instance(world, action->giver);

    if (giver == NULL || !is_known(giver) || world_image(giver, action->reference) == NULL)
        check_failed(check, "image %s is copied to %s from %s, which has it not, or is not there",
                     action->reference, action->instance, action->giver);
    if (world_image(world_instance(world, action->instance), action->reference) != NULL)
        check_failed(check, "image %s is copied to %s, which has it", action->reference,
                     action->instance);
}

static void check_given(struct check *check, const struct action *action)
{
    const struct world_instance *instance =
        world_instance(check->process->app.world, action->instance);

    for (const struct process_call *at = check->process->calls; at != NULL; at = at->next) {
        const struct action *copy = at->inner.action;
        const struct world_image *given;

        if (copy == NULL || copy->kind != ACTION_IMAGE_COPY ||
            !text_equal(copy->giver, action->instance))
            continue;
        given = world_image(instance, copy->reference);
        if (given != NULL && text_equal(given->id, action->image_id))
            check_failed(check, "image %s is removed from %s, which gives it to %s",
                         copy->reference, action->instance, copy->instance);
    }
}

/* ---- Rollback targets ---- */

/* The last proven revision that a service has which is about to get another one. */
static const struct proof *target_of(const struct check *check, const struct memory_service *memory)
{
    const struct deployment *primary = memory_primary(memory);

    if (primary == NULL || check_is_proved(check, memory->service, primary->goal->target->revision))
        return NULL;
    for (size_t i = check->proof_count; i-- > 0;) {
        if (check->proofs[i].remembered &&
            check->proofs[i].service == check_service(memory->service))
            return &check->proofs[i];
    }
    return NULL;
}

static void check_target(struct check *check, const struct action *action)
{
    const struct app *app = &check->process->app;

    for (const struct memory_service *at = app->memory->services; at != NULL;
         at = at->by_key.next) {
        const struct proof *target = target_of(check, at);

        for (size_t i = 0; target != NULL && i < CONTAINERS_MAX; i++) {
            if (text_equal(target->images[i], action->image_id))
                check_failed(check, "image %s is removed, and %s may be rolled back to it",
                             action->reference, at->key);
        }
    }
}

/* ---- Every call ---- */

void check_images(struct check *check, const struct action *action)
{
    if (action->kind == ACTION_IMAGE_BUILD)
        check_build(check, action);
    else if (action->kind == ACTION_IMAGE_COPY)
        check_copy(check, action);
    if (action->kind != ACTION_IMAGE_REMOVE)
        return;
    check_given(check, action);
    check_target(check, action);
}
