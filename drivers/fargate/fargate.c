/*
 * A driver of exactly one engine.  All that happens with it is common to both launch types and
 * lives in drivers/docker/engine.h.
 */
#include "drivers/fargate/fargate.h"

#include <stdlib.h>

#include "drivers/docker/engine.h"
#include "spec/base/text.h"
#include "spec/names.h"

struct fargate {
    struct driver driver; /* first: the driver is the fargate */
    struct http *http;
    struct engine *engine;
    char *instance;
};

static struct fargate *of(struct driver *driver)
{
    return (struct fargate *)driver;
}

static void fargate_start(struct driver *driver)
{
    engine_start(of(driver)->engine);
}

static int check_instance(struct driver *driver, const char *instance, struct err *err)
{
    if (text_equal(instance, of(driver)->instance))
        return 0;
    return err_set(err, ERR_NOT_FOUND, "there is no instance '%s'",
                   instance != NULL ? instance : "");
}

static int fargate_apply(struct driver *driver, struct driver_call *call, struct err *err)
{
    if (check_instance(driver, call->action->instance, err) < 0)
        return -1;
    return engine_apply(of(driver)->engine, call, err);
}

static int fargate_observe(struct driver *driver, const char *instance, struct driver_call *call,
                           struct err *err)
{
    if (check_instance(driver, instance, err) < 0)
        return -1;
    return engine_observe(of(driver)->engine, call, err);
}

static void fargate_cancel(struct driver *driver, struct driver_call *call)
{
    (void)driver;
    engine_cancel(call);
}

static void fargate_clock_moved(struct driver *driver)
{
    engine_clock_moved(of(driver)->engine);
}

static void on_engine_freed(void *context)
{
    struct fargate *fargate = context;

    http_free(fargate->http);
    free(fargate->instance);
    free(fargate);
}

static void fargate_free(struct driver *driver)
{
    struct fargate *fargate = of(driver);

    engine_free(fargate->engine, on_engine_freed, fargate);
}

static const struct driver_ops ops = {
    .name = "fargate",
    .start = fargate_start,
    .apply = fargate_apply,
    .observe = fargate_observe,
    .cancel = fargate_cancel,
    .clock_moved = fargate_clock_moved,
    .free = fargate_free,
};

int fargate_new(const struct fargate_options *options, struct driver **out, struct err *err)
{
    const char *instance = options->instance != NULL ? options->instance : LOCAL_INSTANCE;
    struct http *http = http_new(options->loop, err);
    struct engine_options engine_options = { .http = http,
                                             .docker_host = options->docker_host,
                                             .instance = instance,
                                             .mandate = options->mandate };
    struct engine *engine = NULL;
    struct fargate *fargate;

    if (http == NULL)
        return -1;
    if (engine_new(&engine_options, &engine, err) < 0) {
        http_free(http);
        return -1;
    }
    fargate = mem_alloc(sizeof(*fargate));
    fargate->driver.ops = &ops;
    fargate->http = http;
    fargate->engine = engine;
    fargate->instance = mem_text(instance);
    *out = &fargate->driver;
    return 0;
}

struct docker *fargate_docker(struct driver *driver)
{
    return engine_docker(of(driver)->engine);
}
