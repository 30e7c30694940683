/*
 * The one place that checks the contract between the reconciler and its drivers.
 *
 * While a driver's function runs, the call's done is one that aborts: a driver that answers from
 * inside apply() is found by whatever calls it first.
 */
#include "drivers/driver.h"

/* What an action must say, so that no driver has to wonder. */
static void action_check(const struct action *action)
{
    ASSERT(action->instance != NULL && action->object != NULL);

    switch (action->kind) {
    case ACTION_CONTAINER_CREATE:
        ASSERT(action->target != NULL && action->image_id != NULL);
        ASSERT(action->identity.task[0] != '\0' && action->identity.deployment[0] != '\0');
        ASSERT(action->sandbox_id == NULL || action->container != SANDBOX_INDEX);
        break;
    case ACTION_CONTAINER_START:
    case ACTION_CONTAINER_STOP:
    case ACTION_CONTAINER_LAST_LINES:
    case ACTION_CONTAINER_REMOVE: ASSERT(action->container_id != NULL); break;
    case ACTION_IMAGE_BUILD:
        ASSERT(action->reference != NULL && action->image_name != NULL);
        ASSERT(action->build_key != NULL && action->commit != NULL);
        break;
    case ACTION_IMAGE_PULL:
    case ACTION_IMAGE_REMOVE: ASSERT(action->reference != NULL); break;
    case ACTION_IMAGE_PUSH: ASSERT(action->reference != NULL && action->repository != NULL); break;
    case ACTION_IMAGE_COPY: ASSERT(action->reference != NULL && action->giver != NULL); break;
    case ACTION_CLAIM:
    case ACTION_NETWORK_CREATE:
    case ACTION_NETWORK_REMOVE:
    case ACTION_VOLUME_CREATE:
    case ACTION_VOLUME_REMOVE: ASSERT(action->name != NULL); break;
    case ACTION_SANDBOX_LOAD: break;
    case ACTION_HOST_RUN: ASSERT(action->timeout_s > 0); break;
    case ACTION_BALANCER_APPLY: ASSERT(action->balancer != NULL); break;
    case ACTION_BALANCER_STOP: break;
    case ACTION_KIND_COUNT: ASSERT(action->kind < ACTION_KIND_COUNT);
    }
}

NO_RETURN static void done_too_early(struct driver_call *call, const struct err *failure)
{
    (void)call;
    (void)failure;
    assert_failed("done() comes later, from the event loop", __FILE__, __LINE__);
}

static void call_check(const struct driver *driver, const struct driver_call *call)
{
    ASSERT(driver != NULL && driver->ops != NULL && call != NULL);
    ASSERT(call->done != NULL);
    ASSERT(call->timeout_ms > 0);
}

int driver_apply(struct driver *driver, struct driver_call *call, struct err *err)
{
    call_check(driver, call);
    ASSERT(call->action != NULL);
    action_check(call->action);

    driver_done_fn *done = call->done;
    call->done = done_too_early;
    int result = driver->ops->apply(driver, call, err);
    call->done = done;
    ASSERT(result == 0 || (result == -1 && (err == NULL || err->code != ERR_OK)));
    return result;
}

int driver_observe(struct driver *driver, const char *instance, struct driver_call *call,
                   struct err *err)
{
    call_check(driver, call);
    ASSERT(call->action == NULL && instance != NULL);

    driver_done_fn *done = call->done;
    call->done = done_too_early;
    int result = driver->ops->observe(driver, instance, call, err);
    call->done = done;
    ASSERT(result == 0 || (result == -1 && (err == NULL || err->code != ERR_OK)));
    return result;
}

int driver_sample(struct driver *driver, const char *instance, struct driver_call *call,
                  struct err *err)
{
    call_check(driver, call);
    ASSERT(call->action == NULL && instance != NULL);
    if (driver->ops->sample == NULL)
        return err_set(err, ERR_INVALID, "driver '%s' takes no samples", driver->ops->name);

    driver_done_fn *done = call->done;
    call->done = done_too_early;
    int result = driver->ops->sample(driver, instance, call, err);
    call->done = done;
    ASSERT(result == 0 || (result == -1 && (err == NULL || err->code != ERR_OK)));
    return result;
}

void driver_start(struct driver *driver)
{
    ASSERT(driver != NULL && driver->ops != NULL);
    driver->ops->start(driver);
}

void driver_cancel(struct driver *driver, struct driver_call *call)
{
    call_check(driver, call);

    driver_done_fn *done = call->done;
    call->done = done_too_early;
    driver->ops->cancel(driver, call);
    call->done = done;
}

void driver_clock_moved(struct driver *driver)
{
    if (driver->ops->clock_moved != NULL)
        driver->ops->clock_moved(driver);
}

void driver_free(struct driver *driver)
{
    if (driver == NULL)
        return;
    ASSERT(driver->ops != NULL);
    driver->ops->free(driver);
}
