/*
 * The operations of the driver: what is asked of one host goes to its engine, or over its
 * connection.
 */
#include "drivers/ec2/ec2_int.h"

static void ec2_start(struct driver *driver)
{
    struct ec2 *ec2 = of(driver);

    if (ec2->started)
        return;
    ec2->started = true;
    for (struct host *at = ec2->hosts; at != NULL; at = at->by_name.next)
        host_connect(at);
}

static struct host *host_of(struct driver *driver, const char *instance, struct err *err)
{
    struct host *host = host_find(of(driver), instance);

    if (host == NULL)
        (void)err_set(err, ERR_NOT_FOUND, "there is no instance '%s'", instance);
    return host;
}

/* Its host may have been dropped: then only that is waited for. */
static void on_run_over(void *ctx, struct host_run *run)
{
    struct ec2 *ec2 = ctx;
    struct host *at = ec2->hosts;

    while (at != NULL && at->run != run)
        at = at->by_name.next;
    if (at != NULL)
        at->run = NULL;
    ec2->ending -= at == NULL;
    ec2_end(ec2);
}

static int run_on(struct host *host, struct driver_call *call, struct err *err)
{
    const struct host_run_options options = {
        .loop = host->ec2->loop,
        .sink = &host->ec2->options.mandate.sink,
        .target = &host->target,
        .local_socket = docker_where(engine_docker(host->engine))->unix_path,
        .over = on_run_over,
        .ctx = host->ec2
    };

    if (host->run != NULL)
        return err_set(err, ERR_CONFLICT, "another command runs there");
    if (host->connection == NULL || !connection_is_up(host->connection))
        return err_set(err, ERR_UNREACHABLE, "there is no connection to it");
    host->run = host_run_start(&options, call, err);
    return host->run == NULL ? -1 : 0;
}

static int ec2_apply(struct driver *driver, struct driver_call *call, struct err *err)
{
    struct host *host = host_of(driver, call->action->instance, err);

    if (host != NULL && call->action->kind == ACTION_HOST_RUN)
        return run_on(host, call, err);
    return host == NULL ? -1 : engine_apply(host->engine, call, err);
}

static int ec2_observe(struct driver *driver, const char *instance, struct driver_call *call,
                       struct err *err)
{
    const struct host *host = host_of(driver, instance, err);

    return host == NULL ? -1 : engine_observe(host->engine, call, err);
}

static void on_sample_over(void *ctx, struct host_sample *sample)
{
    struct host *host = ctx;

    ASSERT(host->sample == sample);
    host->sample = NULL;
}

static int ec2_sample(struct driver *driver, const char *instance, struct driver_call *call,
                      struct err *err)
{
    struct host *host = host_of(driver, instance, err);
    struct host_sample_options options;

    if (host == NULL)
        return -1;
    if (host->sample != NULL)
        return err_set(err, ERR_CONFLICT, "a sample of it is under way");
    if (host->connection == NULL || !connection_is_up(host->connection))
        return err_set(err, ERR_UNREACHABLE, "there is no connection to it");
    options =
        (struct host_sample_options){ .loop = host->ec2->loop,
                                      .engine = host->engine,
                                      .target = &host->target,
                                      .local_socket =
                                          docker_where(engine_docker(host->engine))->unix_path,
                                      .over = on_sample_over,
                                      .ctx = host };
    host->sample = host_sample_start(&options, call);
    return 0;
}

static void ec2_cancel(struct driver *driver, struct driver_call *call)
{
    struct host *host = host_find(of(driver), call->action == NULL ? "" : call->action->instance);

    if (host != NULL && host->run != NULL && call->state == host->run) {
        host_run_leave(host->run, /* is_told= */ true);
        return;
    }
    engine_cancel(call);
}

static void ec2_clock_moved(struct driver *driver)
{
    for (struct host *at = of(driver)->hosts; at != NULL; at = at->by_name.next)
        engine_clock_moved(at->engine);
}

static void ec2_free(struct driver *driver)
{
    struct ec2 *ec2 = of(driver);

    ec2->freeing = true;
    ec2->ending++; /* it may not go before all are dropped */
    while (ec2->hosts != NULL)
        host_drop(ec2->hosts);
    ec2->ending--;
    ec2_end(ec2);
}

static const struct driver_ops ops = {
    .name = "ec2",
    .start = ec2_start,
    .apply = ec2_apply,
    .observe = ec2_observe,
    .sample = ec2_sample,
    .cancel = ec2_cancel,
    .clock_moved = ec2_clock_moved,
    .free = ec2_free,
};

int ec2_new(const struct ec2_options *options, struct driver **out, struct err *err)
{
    struct http *http = http_new(options->loop, err);
    struct ec2 *ec2;

    if (http == NULL)
        return -1;
    ec2 = mem_alloc(sizeof(*ec2));
    ec2->driver.ops = &ops;
    ec2->loop = options->loop;
    ec2->http = http;
    ec2->options = *options;
    ec2->options.mandate = mandate_copy(&options->mandate, &ec2->arena);
    ec2->dials = dials_new(options->loop);
    *out = &ec2->driver;
    return 0;
}
