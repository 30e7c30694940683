/*
 * A driver of exactly one engine.  All that happens with it is common to both launch types and
 * lives in drivers/docker/engine.h.
 */
#include "drivers/fargate/fargate.h"

#include <stdlib.h>

#include "drivers/docker/engine.h"
#include "drivers/docker/stats.h"
#include "drivers/fargate/cgroups.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define READ_AT_ONCE 64 /* containers, before others get their turn */

/* A sample that is under way. */
struct reading {
    struct driver_call *call;
    struct arena arena;
    const char *const *ids;
    size_t count;
    size_t next;
    struct container_sample *samples;
    size_t found;
    int64_t taken_ms;
};

struct fargate {
    struct driver driver; /* first: the driver is the fargate */
    struct loop *loop;
    struct cgroups *cgroups;
    struct reading *reading; /* NULL: none */
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

/* ---- Samples --------------------------------------------------------------------------------- */

static void end_reading(struct fargate *fargate, const struct err *failure)
{
    struct reading *reading = TAKE(fargate->reading);
    struct driver_call *call = reading->call;

    call->state = NULL;
    if (failure == NULL && reading->found == 0 && reading->count > 0) {
        engine_stats(fargate->engine, reading->ids, reading->count, call);
    } else {
        engine_report_sample(fargate->engine, reading->taken_ms, reading->samples, reading->found);
        call->done(call, failure);
    }
    arena_release(&reading->arena);
    free(reading);
}

static void read_some(void *context)
{
    struct fargate *fargate = context;
    struct reading *reading = fargate->reading;
    size_t end = reading->next + READ_AT_ONCE;

    for (; reading->next < end && reading->next < reading->count; reading->next++) {
        struct container_sample *sample = &reading->samples[reading->found];

        sample->id = reading->ids[reading->next];
        reading->found += cgroups_read(fargate->cgroups, sample->id, sample);
    }
    if (reading->next < reading->count)
        loop_defer(fargate->loop, read_some, fargate);
    else
        end_reading(fargate, NULL);
}

static int fargate_sample(struct driver *driver, const char *instance, struct driver_call *call,
                          struct err *err)
{
    struct fargate *fargate = of(driver);
    struct reading *reading;

    if (check_instance(driver, instance, err) < 0)
        return -1;
    if (fargate->reading != NULL)
        return err_set(err, ERR_CONFLICT, "a sample of it is under way");
    reading = mem_alloc(sizeof(*reading));
    reading->call = call;
    reading->taken_ms = loop_steady_ms();
    reading->count = engine_running(fargate->engine, &reading->arena, &reading->ids);
    reading->samples = arena_array(&reading->arena, struct container_sample, reading->count + 1);
    call->state = reading;
    fargate->reading = reading;
    cgroups_begin(fargate->cgroups, reading->taken_ms);
    loop_defer(fargate->loop, read_some, fargate);
    return 0;
}

/* ---- Life ------------------------------------------------------------------------------------ */

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
    cgroups_free(fargate->cgroups);
    free(fargate->instance);
    free(fargate);
}

static void fargate_free(struct driver *driver)
{
    struct fargate *fargate = of(driver);
    struct err failure = { 0 };

    if (fargate->reading != NULL) {
        loop_defer_cancel(fargate->loop, read_some, fargate);
        (void)err_set(&failure, ERR_CANCELLED, "the driver is shut down");
        end_reading(fargate, &failure);
    }
    engine_free(fargate->engine, on_engine_freed, fargate);
}

static const struct driver_ops ops = {
    .name = "fargate",
    .start = fargate_start,
    .apply = fargate_apply,
    .observe = fargate_observe,
    .sample = fargate_sample,
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
    fargate->loop = options->loop;
    fargate->cgroups = cgroups_new("/proc/self/mounts");
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
