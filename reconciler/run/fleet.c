/*
 * A call goes to the driver of its instance as it is: the fleet keeps nothing of it.
 */
#include "reconciler/run/fleet.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/ec2/ec2.h"
#include "drivers/fargate/fargate.h"
#include "drivers/haproxy/haproxy.h"
#include "reconciler/run/fleet_members.h"
#include "reconciler/run/runtime_dir.h"
#include "spec/base/arena.h"
#include "spec/base/hash.h"
#include "spec/base/json.h"
#include "spec/base/text.h"
#include "spec/names.h"

struct fleet {
    struct driver driver; /* first: the driver is the fleet */
    struct arena arena;   /* of the options' texts */
    struct fleet_options options;
    struct driver *local;     /* NULL: nothing needs it */
    struct driver *ec2;       /* NULL: there were no instances yet */
    struct driver *balancers; /* NULL: none was ever declared */
    char *local_engine;       /* its ID; NULL: not known */
    struct members members;
    struct transfers *transfers; /* between all engines */
    bool was_set;                /* a commit is in force */
    bool is_known;
    bool started;
};

static struct fleet *of(struct driver *driver)
{
    return (struct fleet *)driver;
}

static const struct fleet *of_const(const struct driver *driver)
{
    return (const struct fleet *)driver;
}

static bool is_local(const char *instance)
{
    return text_equal(instance, LOCAL_INSTANCE);
}

/* ---- The two drivers ------------------------------------------------------------------------- */

static void on_local_change(void *context, const struct world_change *change)
{
    struct fleet *fleet = context;
    const struct driver_sink *sink = &fleet->options.mandate.sink;

    if (change->kind == WORLD_INSTANCE) {
        free(fleet->local_engine);
        fleet->local_engine = mem_text(change->instance.engine_id);
        if (fleet->ec2 != NULL)
            ec2_taken(fleet->ec2, LOCAL_INSTANCE, fleet->local_engine);
    }
    sink->change(sink->context, change);
}

static void on_local_output(void *context, const char *object, const char *line)
{
    const struct driver_sink *sink = &((struct fleet *)context)->options.mandate.sink;

    sink->output(sink->context, object, line);
}

static void on_local_note(void *context, const char *instance, const char *text)
{
    const struct driver_sink *sink = &((struct fleet *)context)->options.mandate.sink;

    if (sink->note != NULL)
        sink->note(sink->context, instance, text);
}

static void on_local_sample(void *context, const struct sample_report *sample)
{
    const struct driver_sink *sink = &((struct fleet *)context)->options.mandate.sink;

    if (sink->sample != NULL)
        sink->sample(sink->context, sample);
}

static int need_local(struct fleet *fleet, struct err *err)
{
    struct fargate_options options = {
        .loop = fleet->options.loop,
        .docker_host = fleet->options.docker_host,
        .mandate = fleet->options.mandate,
    };

    if (fleet->local != NULL)
        return 0;
    options.mandate.sink = (struct driver_sink){ .change = on_local_change,
                                                 .output = on_local_output,
                                                 .note = on_local_note,
                                                 .sample = on_local_sample,
                                                 .context = fleet };
    if (fargate_new(&options, &fleet->local, err) < 0)
        return -1;
    if (fleet->started)
        driver_start(fleet->local);
    return 0;
}

static int need_ec2(struct fleet *fleet, struct err *err)
{
    const struct ec2_options options = {
        .loop = fleet->options.loop,
        .mandate = fleet->options.mandate,
    };

    if (fleet->ec2 != NULL)
        return 0;
    if (ec2_new(&options, &fleet->ec2, err) < 0)
        return -1;
    if (fleet->local_engine != NULL)
        ec2_taken(fleet->ec2, LOCAL_INSTANCE, fleet->local_engine);
    if (fleet->started)
        driver_start(fleet->ec2);
    return 0;
}

/* One that ran for a former process is known by its folder. */
static int need_balancers(struct fleet *fleet, bool declared, struct err *err)
{
    struct haproxy_options options = {
        .loop = fleet->options.loop,
        .owner = fleet->options.mandate.owner,
        .sink = fleet->options.mandate.sink,
    };
    AUTO_TEXT char *directory = NULL;

    if (fleet->balancers != NULL)
        return 0;
    directory = runtime_dir(options.owner, err);
    if (directory == NULL)
        return declared ? -1 : 0;
    if (!declared && access(directory, F_OK) < 0)
        return 0;
    options.directory = directory;
    if (haproxy_new(&options, &fleet->balancers, err) < 0)
        return -1;
    if (fleet->started)
        driver_start(fleet->balancers);
    return 0;
}

static int connect_members(struct fleet *fleet, struct err *err)
{
    AUTO(arena) scratch = { 0 };
    struct ec2_instance *instances;
    size_t count = members_list(&fleet->members, &scratch, &instances);

    if (count == 0 && fleet->ec2 == NULL)
        return 0;
    if (need_ec2(fleet, err) < 0)
        return -1;
    ec2_set(fleet->ec2, instances, count);
    return 0;
}

/* ---- What is needed -------------------------------------------------------------------------- */

static bool is_ec2(const struct generation *generation, const char *cluster)
{
    const struct resource *resource = generation_find(generation, KIND_CLUSTER, cluster);

    return resource != NULL && resource_cluster(resource)->launch_type == LAUNCH_TYPE_EC2;
}

/* A cluster that is gone may have been one of FARGATE; a repository without any cluster too. */
static bool may_have_local(const struct fleet *fleet, const struct generation *generation,
                           const struct memory *memory)
{
    size_t clusters = generation_count(generation, KIND_CLUSTER);

    for (size_t i = 0; i < clusters; i++) {
        if (!is_ec2(generation, generation_at(generation, KIND_CLUSTER, i)->name))
            return true;
    }
    for (const struct memory_service *at = memory->services; at != NULL && !fleet->was_set;
         at = at->by_key.next) {
        if (!is_ec2(generation, at->cluster))
            return true;
    }
    return clusters == 0 && fleet->members.first == NULL;
}

int fleet_set(struct driver *driver, const struct generation *generation,
              const struct memory *memory, const struct world *world, struct err *err)
{
    struct fleet *fleet = of(driver);
    struct members next = { 0 };

    if (may_have_local(fleet, generation, memory) && need_local(fleet, err) < 0)
        return -1;
    if (need_balancers(fleet, generation_count(generation, KIND_LOAD_BALANCER) > 0, err) < 0)
        return -1;
    members_next(&fleet->members, &(struct members_known){ generation, world, memory }, &next);
    members_release(&fleet->members);
    fleet->members = next;
    fleet->was_set = true;
    return connect_members(fleet, err);
}

int fleet_forget(struct driver *driver, const char *instance, struct err *err)
{
    struct fleet *fleet = of(driver);
    struct members next = { 0 };

    if (is_local(instance))
        return err_set(err, ERR_INVALID, "it is the local engine");
    if (members_find(&fleet->members, instance) == NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no instance '%s'", instance);
    members_without(&fleet->members, instance, &next);
    members_release(&fleet->members);
    fleet->members = next;
    return connect_members(fleet, err);
}

bool fleet_has_leaving(const struct driver *driver)
{
    const struct members *members = &of_const(driver)->members;

    for (const struct member *at = members->first; at != NULL; at = at->by_name.next) {
        if (at->instance.is_leaving)
            return true;
    }
    return false;
}

static bool is_heard_of(const struct world *world, const char *name)
{
    const struct world_instance *instance = world_instance(world, name);

    return instance != NULL && (instance->complete || instance->state == INSTANCE_LOST);
}

bool fleet_is_known(struct driver *driver, const struct world *world)
{
    struct fleet *fleet = of(driver);

    if (fleet->is_known || !fleet->was_set)
        return fleet->is_known;
    if (fleet->local != NULL && !is_heard_of(world, LOCAL_INSTANCE))
        return false;
    for (const struct member *at = fleet->members.first; at != NULL; at = at->by_name.next) {
        if (!is_heard_of(world, at->instance.name))
            return false;
    }
    fleet->is_known = true;
    return true;
}

void fleet_each(const struct driver *driver, fleet_each_fn *fn, void *context)
{
    const struct fleet *fleet = of_const(driver);

    if (fleet->local != NULL)
        fn(context, LOCAL_INSTANCE, false);
    for (const struct member *at = fleet->members.first; at != NULL; at = at->by_name.next)
        fn(context, at->instance.name, at->instance.is_leaving);
}

/* ---- For the next process -------------------------------------------------------------------- */

char *fleet_state(const struct driver *driver)
{
    const struct fleet *fleet = of_const(driver);
    AUTO(json) *state = json_new_object();

    json_set_bool(state, "local", fleet->local != NULL);
    json_set(state, "instances", members_json(&fleet->members));
    return json_print_text(state, JSON_STYLE_COMPACT);
}

void fleet_restore(struct driver *driver, const char *text)
{
    struct fleet *fleet = of(driver);
    AUTO(json) *state = json_parse(text, strlen(text), NULL);

    if (state == NULL)
        return; /* the next commit says it all again, but for what left one */
    if (json_bool(state, "local", false))
        (void)need_local(fleet, NULL); /* what fails here fails again, and is told then */
    members_read(json_get(state, "instances"), &fleet->members);
    (void)connect_members(fleet, NULL);
}

/* ---- The driver ------------------------------------------------------------------------------ */

static struct driver *driver_of(struct fleet *fleet, const char *instance, struct err *err)
{
    struct driver *driver = is_local(instance)                    ? fleet->local
                            : text_equal(instance, BALANCER_HOST) ? fleet->balancers
                                                                  : fleet->ec2;

    if (driver == NULL)
        (void)err_set(err, ERR_NOT_FOUND, "there is no instance '%s'", instance);
    return driver;
}

static void fleet_start(struct driver *driver)
{
    struct fleet *fleet = of(driver);

    fleet->started = true;
    if (fleet->local != NULL)
        driver_start(fleet->local);
    if (fleet->ec2 != NULL)
        driver_start(fleet->ec2);
    if (fleet->balancers != NULL)
        driver_start(fleet->balancers);
}

static int fleet_apply(struct driver *driver, struct driver_call *call, struct err *err)
{
    struct driver *own = driver_of(of(driver), call->action->instance, err);

    return own == NULL ? -1 : driver_apply(own, call, err);
}

static int fleet_observe(struct driver *driver, const char *instance, struct driver_call *call,
                         struct err *err)
{
    struct driver *own = driver_of(of(driver), instance, err);

    return own == NULL ? -1 : driver_observe(own, instance, call, err);
}

static int fleet_sample(struct driver *driver, const char *instance, struct driver_call *call,
                        struct err *err)
{
    struct driver *own = driver_of(of(driver), instance, err);

    return own == NULL ? -1 : driver_sample(own, instance, call, err);
}

static void fleet_cancel(struct driver *driver, struct driver_call *call)
{
    struct driver *own = driver_of(of(driver), call->action->instance, NULL);

    ASSERT(own != NULL);
    driver_cancel(own, call);
}

static void fleet_clock_moved(struct driver *driver)
{
    const struct fleet *fleet = of_const(driver);

    if (fleet->local != NULL)
        driver_clock_moved(fleet->local);
    if (fleet->ec2 != NULL)
        driver_clock_moved(fleet->ec2);
}

/* What the two still wait for is theirs; no image is given from now on. */
static void fleet_free(struct driver *driver)
{
    struct fleet *fleet = of(driver);

    driver_free(fleet->local);
    driver_free(fleet->ec2);
    driver_free(fleet->balancers);
    members_release(&fleet->members);
    transfers_free(fleet->transfers);
    arena_release(&fleet->arena);
    free(fleet->local_engine);
    free(fleet);
}

static const struct driver_ops ops = {
    .name = "fleet",
    .start = fleet_start,
    .apply = fleet_apply,
    .observe = fleet_observe,
    .sample = fleet_sample,
    .cancel = fleet_cancel,
    .clock_moved = fleet_clock_moved,
    .free = fleet_free,
};

static struct docker *find_docker(void *context, const char *instance)
{
    return fleet_docker(context, instance);
}

struct driver *fleet_new(const struct fleet_options *options)
{
    struct fleet *fleet = mem_alloc(sizeof(*fleet));
    const struct transfers_options transfers = { .loop = options->loop,
                                                 .docker = find_docker,
                                                 .context = &fleet->driver };

    fleet->driver.ops = &ops;
    fleet->options = *options;
    if (options->docker_host != NULL)
        fleet->options.docker_host = arena_text(&fleet->arena, options->docker_host);
    fleet->options.mandate = mandate_copy(&options->mandate, &fleet->arena);
    fleet->transfers = transfers_new(&transfers);
    fleet->options.mandate.transfers = fleet->transfers;
    return &fleet->driver;
}

const char *fleet_host(const struct driver *driver, const char *instance)
{
    const struct member *member = members_find(&of_const(driver)->members, instance);

    return member == NULL ? NULL : member->instance.target.host;
}

const char *fleet_note(const struct driver *driver, const char *instance)
{
    const struct fleet *fleet = of_const(driver);

    return fleet->ec2 == NULL || is_local(instance) ? NULL : ec2_note(fleet->ec2, instance);
}

struct docker *fleet_docker(const struct driver *driver, const char *instance)
{
    const struct fleet *fleet = of_const(driver);

    if (is_local(instance))
        return fleet->local == NULL ? NULL : fargate_docker(fleet->local);
    return fleet->ec2 == NULL ? NULL : ec2_docker(fleet->ec2, instance);
}

void fleet_redial(const struct driver *driver, const char *instance)
{
    const struct fleet *fleet = of_const(driver);

    if (fleet->ec2 != NULL && !is_local(instance))
        ec2_redial(fleet->ec2, instance);
}

struct remote *fleet_run(const struct driver *driver, const char *instance,
                         const struct remote_options *options, struct err *err)
{
    const struct fleet *fleet = of_const(driver);

    if (is_local(instance))
        (void)err_set(err, ERR_INVALID, "it is the local engine, which is reached without ssh");
    else if (fleet->ec2 == NULL)
        (void)err_set(err, ERR_NOT_FOUND, "there is no instance '%s'", instance);
    else
        return ec2_run(fleet->ec2, instance, options, err);
    return NULL;
}
