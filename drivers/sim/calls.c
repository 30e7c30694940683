/*
 * The driver's calls: a request travels to the engine, the engine does it, the answer travels back,
 * what changed is reported, and done() ends it. Any leg may be slow or lost; then the call ends by
 * its timeout, and whatever still happens is found by events and listings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/sim/balancer.h"
#include "drivers/sim/images.h"
#include "spec/base/text.h"
#include "spec/kinds/kinds.h"
#include "spec/names.h"
#include "spec/target.h"

#define SLOW_MIN_MS    1000
#define SLOW_MAX_MS    60000
#define STOP_MARGIN_MS 10000

static struct sim_driver *driver_of(struct driver *driver)
{
    return (struct sim_driver *)driver; /* its first member */
}

static struct sim_call *call_find(const struct sim *sim, uint64_t serial)
{
    struct sim_call *call = NULL;
    if (sim->driver != NULL)
        HASH_FIND(by_serial, sim->driver->calls, &serial, sizeof(serial), call);
    return call;
}

static void sim_call_end(struct sim *sim, struct sim_call *call, const struct err *failure)
{
    struct driver_call *outer = call->outer;
    struct sim_request *request = call->request;
    struct err copy = { 0 };

    if (failure != NULL)
        copy = *failure;
    if (request != NULL && action_kind_is_long(request->kind)) {
        sim_work_ended(sim, request, failure);
        request->dropped = true;
    }
    HASH_DELETE(by_serial, sim->driver->calls, call);
    free(call);
    outer->state = NULL;
    sim_note(sim, failure == NULL ? "done" : failure->text, request == NULL ? "" : request->object);
    outer->done(outer, failure == NULL ? NULL : &copy);
}

static void call_fail(struct sim *sim, uint64_t serial, enum err_code code, const char *text)
{
    struct sim_call *call = call_find(sim, serial);
    struct err failure = { 0 };

    if (call == NULL)
        return;
    (void)err_set(&failure, code, "%s", text);
    sim_call_end(sim, call, &failure);
}

static void timed_out(struct sim *sim, const struct sim_job *job)
{
    call_fail(sim, job->number, ERR_TIMEOUT, "no answer in time");
}

static void cancelled(struct sim *sim, const struct sim_job *job)
{
    call_fail(sim, job->number, ERR_CANCELLED, "cancelled");
}

static void connection_reset(struct sim *sim, const struct sim_job *job)
{
    call_fail(sim, job->number, ERR_UNREACHABLE, "connection reset by peer");
}

/* ---- Answers ---- */

static void report_create(struct sim *sim, struct sim_request *request)
{
    const char *image_id = request->body->seen.report.image_id;

    if (!request->failed)
        sim_report_body(sim, request->body);
    else if (sim_image_find(request->instance, image_id) == NULL)
        sim_report_named(sim, WORLD_IMAGE_GONE, request->instance, image_id);
}

static void report_image_remove(struct sim *sim, struct sim_request *request)
{
    if (request->image == NULL) {
        if (request->image_id != NULL)
            sim_report_named(sim, WORLD_IMAGE_GONE, request->instance, request->image_id);
    } else if (sim_image_find(request->instance, request->image->report.id) == NULL) {
        sim_report_named(sim, WORLD_IMAGE_GONE, request->instance, request->image->report.id);
    } else {
        sim_report_image(sim, request->instance, request->image);
    }
}

/* A program that ends well writes nothing. */
static void report_lines(struct sim *sim, const struct sim_request *request)
{
    struct world_change change = { .kind = WORLD_CONTAINER_LINES,
                                   .lines = { .instance = request->instance->name,
                                              .id = request->container_id } };

    if (request->failed)
        return;
    if (request->body->seen.report.exit_code != 0)
        change.lines.text = "1970-01-01T00:00:00.000000000Z 2 this is the end\n";
    sim_report(sim, &change);
}

static void report_switched(struct sim *sim, struct sim_request *request)
{
    const char *network = request->body == NULL ? NULL : request->body->seen.network;

    if (request->kind == ACTION_CONTAINER_START && request->failed && network != NULL &&
        sim_named_find(request->instance->networks, network) == NULL)
        sim_report_named(sim, WORLD_NETWORK_GONE, request->instance, network);
    if (request->body != NULL)
        sim_report_body(sim, request->body);
    else
        sim_report_named(sim, WORLD_CONTAINER_GONE, request->instance, request->container_id);
}

static void report_result(struct sim *sim, struct sim_request *request)
{
    struct world_change change = { .kind = WORLD_NETWORK, .named = request->named };

    switch (request->kind) {
    case ACTION_CONTAINER_CREATE: report_create(sim, request); break;
    case ACTION_CONTAINER_START:
    case ACTION_CONTAINER_STOP:
    case ACTION_CONTAINER_REMOVE: report_switched(sim, request); break;
    case ACTION_CONTAINER_LAST_LINES: report_lines(sim, request); break;
    case ACTION_NETWORK_CREATE:
        if (!request->failed)
            sim_report(sim, &change);
        break;
    case ACTION_CLAIM:
    case ACTION_VOLUME_CREATE:
        change.kind = WORLD_VOLUME; /* whoever made it */
        if (!request->failed || request->failure.code == ERR_CONFLICT)
            sim_report(sim, &change);
        break;
    case ACTION_NETWORK_REMOVE:
        if (!request->failed)
            sim_report_named(sim, WORLD_NETWORK_GONE, request->instance, request->named.name);
        break;
    case ACTION_VOLUME_REMOVE:
        if (!request->failed)
            sim_report_named(sim, WORLD_VOLUME_GONE, request->instance, request->named.name);
        break;
    case ACTION_IMAGE_REMOVE: report_image_remove(sim, request); break;
    case ACTION_IMAGE_BUILD:
    case ACTION_IMAGE_PULL:
    case ACTION_IMAGE_PUSH:
    case ACTION_IMAGE_COPY:
    case ACTION_SANDBOX_LOAD:
    case ACTION_HOST_RUN: break; /* sim_work_ended() */
    case ACTION_BALANCER_APPLY:
    case ACTION_BALANCER_STOP: sim_balancer_answered(sim, request); break;
    case ACTION_KIND_COUNT: ASSERT(request->kind < ACTION_KIND_COUNT);
    }
}

static void answered(struct sim *sim, const struct sim_job *job)
{
    struct sim_request *request = job->subject;
    struct sim_call *call = call_find(sim, request->call);

    if (call == NULL)
        return;
    report_result(sim, request);
    sim_call_end(sim, call, request->failed ? &request->failure : NULL);
}

void sim_answer(struct sim *sim, struct sim_request *request)
{
    sim->counts.done[request->kind]++;
    if (!request->lose_answer)
        sim_later(sim, sim_latency(sim), answered, request, 0);
}

void sim_calls_ended(struct sim *sim, const struct sim_body *body)
{
    if (sim->driver == NULL)
        return;
    for (struct sim_call *call = sim->driver->calls; call != NULL; call = call->by_serial.next) {
        struct sim_request *request = call->request;
        if (request != NULL && request->kind == ACTION_CONTAINER_STOP && request->body == body &&
            request->life != 0 && !request->dropped) {
            request->dropped = true; /* answered once only */
            sim_answer(sim, request);
        }
    }
}

void sim_calls_listed(struct sim *sim, const struct sim_instance *instance)
{
    struct sim_call *call = sim->driver->calls;
    uint64_t number = instance->listings;

    /* done() may make further calls, which wait for a later listing. */
    while (call != NULL) {
        if (call->request == NULL && call->instance == instance && call->listing == number &&
            !call->cancelled) {
            sim_call_end(sim, call, NULL);
            call = sim->driver == NULL ? NULL : sim->driver->calls;
            continue;
        }
        call = call->by_serial.next;
    }
}

void sim_calls_lost(struct sim *sim, const struct sim_instance *instance)
{
    for (struct sim_call *call = sim->driver->calls; call != NULL; call = call->by_serial.next) {
        if (call->instance == instance)
            sim_later(sim, sim_latency(sim), connection_reset, NULL, call->serial);
    }
}

bool sim_has_stop(const struct sim *sim, const struct sim_body *body)
{
    if (sim->driver == NULL)
        return false;
    for (struct sim_call *call = sim->driver->calls; call != NULL; call = call->by_serial.next) {
        if (call->request != NULL && call->request->kind == ACTION_CONTAINER_STOP &&
            call->request->body == body)
            return true;
    }
    return false;
}

/* ---- Requests ---- */

/* Load balancers are on no engine. */
static void balancer_arrived(struct sim *sim, const struct sim_job *job)
{
    sim_balancer_arrived(sim, job->subject);
}

static void arrived(struct sim *sim, const struct sim_job *job)
{
    struct sim_request *request = job->subject;
    struct sim_instance *instance = request->instance;

    if (instance->down_until_ms > sim->now_ms || instance->epoch != job->number)
        return; /* the connection it was sent on is gone */
    if (request->container_id != NULL)
        request->body = sim_body_find(sim, request->container_id);
    if (rng_chance(&sim->rng, sim->faults.fail_call)) {
        request->failed = true;
        (void)err_set(&request->failure, ERR_FAILED, "internal error");
        sim_answer(sim, request);
        return;
    }
    if (sim->options.before != NULL)
        sim->options.before(sim->options.context, request->kind, request->object,
                            request->body == NULL ? NULL : &request->body->seen);
    if (sim_engine_do(sim, request))
        sim_answer(sim, request);
}

/* The volumes of the task that the container mounts. */
static void volumes_collect(struct sim *sim, const struct action *action, const char *owner,
                            struct sim_container *seen)
{
    const struct target *target = action->target;
    const struct container_definition *definition =
        &target->task->container_definitions[action->container];

    seen->volumes = arena_array(&sim->arena, const char *, definition->mount_points_count + 1);
    for (size_t i = 0; i < definition->mount_points_count; i++) {
        const char *source = definition->mount_points[i].source_volume;
        for (size_t v = 0; v < target->task->volumes_count; v++) {
            const struct volume *volume = &target->task->volumes[v];
            if (volume->host == NULL && text_equal(volume->name, source))
                seen->volumes[seen->volume_count++] =
                    target_volume_name(&sim->arena, owner, target, volume);
        }
    }
}

static void needs_collect(struct sim *sim, const struct container_definition *definition,
                          struct sim_container *seen)
{
    seen->stop_timeout_s = definition->stop_timeout;
    seen->needs = arena_array(&sim->arena, struct sim_need, definition->depends_on_count + 1);
    for (size_t i = 0; i < definition->depends_on_count; i++)
        seen->needs[seen->need_count++] =
            (struct sim_need){ .container = sim_text(sim, definition->depends_on[i].container_name),
                               .healthy = definition->depends_on[i].condition ==
                                          CONTAINER_CONDITION_HEALTHY };
}

static void check_collect(const struct health_check *check, struct sim_body *body)
{
    if (check == NULL || check->command_count == 0 || text_equal(check->command[0], "NONE"))
        return;
    body->has_check = true;
    body->check_interval_ms = (int64_t)check->interval * 1000;
    body->check_grace_ms = (int64_t)check->start_period * 1000;
    body->check_retries = check->retries;
}

/* What would be created, with nothing left that points into the action. */
static struct sim_body *body_make(struct sim *sim, const struct action *action, const char *owner)
{
    struct sim_body *body = arena_new(&sim->arena, struct sim_body);
    const struct target *target = action->target;
    const struct task_spec *task = target->task;
    const struct task_identity *identity = &action->identity;
    bool is_job = service_is_job(target->service);
    char name[CONTAINER_NAME_SIZE];
    const char *container = SANDBOX_NAME;

    if (action->container != SANDBOX_INDEX) {
        ASSERT(action->container < task->container_definitions_count);
        container = task->container_definitions[action->container].name;
        check_collect(task->container_definitions[action->container].health_check, body);
        needs_collect(sim, &task->container_definitions[action->container], &body->seen);
        volumes_collect(sim, action, owner, &body->seen);
    }
    container_name(identity->task, container, name);
    size_t count = task->container_definitions_count;
    body->host = sim_instance_find(sim, action->instance);
    body->seen.owner = owner;
    body->seen.network = action->sandbox_id == NULL ? sim_text(sim, action->network) : NULL;
    body->seen.sandbox_id = sim_text(sim, action->sandbox_id);
    body->seen.report = (struct container_report){
        .instance = body->host->name,
        .name = sim_text(sim, name),
        .cluster = sim_text(sim, target->cluster),
        .service = is_job ? NULL : sim_text(sim, target->service),
        .group = is_job ? job_group(&sim->arena, target->service) : NULL,
        .task = sim_text(sim, identity->task),
        .container = sim_text(sim, container),
        .family = sim_text(sim, task->family != NULL ? task->family : target->task_name),
        .revision = sim_text(sim, target->revision),
        .deployment = sim_text(sim, identity->deployment),
        .digest = sim_text(sim, action->digest),
        .commit = sim_text(sim, identity->commit),
        .containers = (uint32_t)(count + (count > 1 ? 1 : 0)),
        .slot = identity->slot,
        .attempt = identity->attempt,
        .memory_mib = target_memory_mib(target),
        .cpu_units = target_cpu_units(target),
        .image_id = sim_text(sim, action->image_id),
        .host_ports = target_host_ports(target, &sim->arena),
    };
    return body;
}

/* What is asked of a host beside commands is the same on all. */
static const char *host_program(const struct action *action)
{
    return action->command != NULL ? action->command : action->reboots ? "reboot" : "look";
}

static struct sim_request *request_make(struct sim *sim, const struct action *action,
                                        struct sim_instance *instance, uint64_t serial)
{
    const struct sim_driver *driver = sim->driver;
    struct sim_request *request = arena_new(&sim->arena, struct sim_request);
    struct named_report named = { .instance = action->instance,
                                  .name = action->name,
                                  .owner = driver->owner,
                                  .cluster = action->cluster,
                                  .service = action->service };

    if (action->kind == ACTION_CLAIM)
        named.root = driver->root;
    request->kind = action->kind;
    request->instance = instance;
    request->object = sim_text(sim, action->object);
    request->owner = driver->owner;
    request->call = serial;
    request->container_id = sim_text(sim, action->container_id);
    request->stop_timeout_s = action->stop_timeout_s;
    request->reboots = action->reboots;
    request->reference =
        sim_text(sim, action->kind == ACTION_HOST_RUN ? host_program(action) : action->reference);
    request->image_id = sim_text(sim, action->image_id);
    request->image_name = sim_text(sim, action->image_name);
    request->build_key = sim_text(sim, action->build_key);
    request->repository = sim_text(sim, action->repository);
    if (action->giver != NULL)
        request->giver = sim_instance_find(sim, action->giver);
    request->named = sim_named_copy(sim, &named);
    if (action->kind == ACTION_BALANCER_APPLY)
        request->wanted = sim_balancer_wanted(sim, action->balancer);
    if (action->kind == ACTION_CONTAINER_CREATE)
        request->body = body_make(sim, action, driver->owner);
    return request;
}

static struct sim_call *call_make(struct sim *sim, struct driver_call *outer,
                                  struct sim_instance *instance)
{
    struct sim_call *call = mem_alloc(sizeof(*call));

    call->serial = ++sim->sequence;
    call->outer = outer;
    call->instance = instance;
    outer->state = call;
    HASH_ADD(by_serial, sim->driver->calls, serial, sizeof(call->serial), call);
    return call;
}

static void request_send(struct sim *sim, struct sim_request *request, int64_t timeout_ms)
{
    const struct sim_faults *faults = &sim->faults;
    int64_t delay_ms = sim_latency(sim);
    int64_t stop_ms = (int64_t)request->stop_timeout_s * 1000 + STOP_MARGIN_MS;

    if (request->kind == ACTION_CONTAINER_STOP && timeout_ms < stop_ms)
        timeout_ms = stop_ms;
    if (rng_chance(&sim->rng, faults->slow_call))
        delay_ms = rng_between(&sim->rng, SLOW_MIN_MS, SLOW_MAX_MS);
    bool lost = rng_chance(&sim->rng, faults->lose_request);
    request->lose_answer = rng_chance(&sim->rng, faults->lose_answer);
    sim_later(sim, timeout_ms, timed_out, NULL, request->call);
    if (lost)
        return;
    if (request->instance != NULL)
        sim_later(sim, delay_ms, arrived, request, request->instance->epoch);
    else
        sim_later(sim, delay_ms, balancer_arrived, request, 0);
}

/* ---- The driver ---- */

static int connected_instance(struct sim *sim, const char *name, struct sim_instance **out,
                              struct err *err)
{
    struct sim_instance *instance = sim_instance_find(sim, name);

    if (instance == NULL)
        return err_set(err, ERR_NOT_FOUND, "no instance is called %s", name);
    if (!instance->connected)
        return err_set(err, ERR_UNREACHABLE, "%s is not connected", name);
    *out = instance;
    return 0;
}

/* The same work on the same object, twice at a time. */
static bool is_in_flight(const struct sim_driver *driver, const struct sim_instance *instance,
                         const struct action *action)
{
    for (struct sim_call *call = driver->calls; call != NULL; call = call->by_serial.next) {
        if (call->request != NULL && call->instance == instance &&
            call->request->kind == action->kind &&
            text_equal(call->request->object, action->object))
            return true;
    }
    return false;
}

static int sim_apply(struct driver *driver, struct driver_call *outer, struct err *err)
{
    struct sim_driver *self = driver_of(driver);
    struct sim *sim = self->sim;
    const struct action *action = outer->action;
    struct sim_instance *instance = NULL;

    ASSERT(sim->driver == self && !self->freeing);
    if (!text_equal(action->instance, BALANCER_HOST) &&
        connected_instance(sim, action->instance, &instance, err) < 0)
        return -1;
    if (action_kind_is_long(action->kind) && is_in_flight(self, instance, action))
        return err_set(err, ERR_CONFLICT, "%s is being done", action->object);
    struct sim_call *call = call_make(sim, outer, instance);
    call->request = request_make(sim, action, instance, call->serial);
    sim->counts.accepted[action->kind]++;
    sim_note(sim, action_kind_text(action->kind), action->object);
    if (action_kind_is_long(action->kind)) {
        call->request->began_ms = sim->now_ms;
        sim_work_began(sim, call->request);
    }
    request_send(sim, call->request, outer->timeout_ms);
    return 0;
}

static int sim_observe(struct driver *driver, const char *name, struct driver_call *outer,
                       struct err *err)
{
    struct sim_driver *self = driver_of(driver);
    struct sim *sim = self->sim;
    struct sim_instance *instance = NULL;

    ASSERT(sim->driver == self && !self->freeing);
    if (connected_instance(sim, name, &instance, err) < 0)
        return -1;
    struct sim_call *call = call_make(sim, outer, instance);
    sim->counts.observes++;
    sim_later(sim, outer->timeout_ms, timed_out, NULL, call->serial);
    call->listing = sim_list(sim, instance);
    return 0;
}

static void sim_cancel(struct driver *driver, struct driver_call *outer)
{
    struct sim *sim = driver_of(driver)->sim;
    struct sim_call *call = outer->state;

    ASSERT(call != NULL);
    if (call->cancelled)
        return;
    call->cancelled = true;
    /* The engine gives up work that nobody waits for; anything else it still does. */
    if (call->request != NULL && action_kind_is_long(call->request->kind))
        call->request->dropped = true;
    sim_later(sim, /* delay_ms= */ 0, cancelled, NULL, call->serial);
}

static void sim_driver_free(struct driver *driver)
{
    struct sim_driver *self = driver_of(driver);
    struct sim *sim = self->sim;

    ASSERT(sim->driver == self);
    self->freeing = true;
    while (self->calls != NULL)
        call_fail(sim, self->calls->serial, ERR_CANCELLED, "the driver is shut down");
    sim_driver_kill(driver);
}

static void sim_start(struct driver *driver)
{
    struct sim_driver *self = driver_of(driver);

    if (self->started)
        return;
    self->started = true;
    for (struct sim_instance *at = self->sim->instances; at != NULL; at = at->next)
        sim_dial(self->sim, at, /* delay_ms= */ 0);
    sim_balancers_look(self->sim);
}

static const struct driver_ops sim_ops = { .name = "sim",
                                           .start = sim_start,
                                           .apply = sim_apply,
                                           .observe = sim_observe,
                                           .cancel = sim_cancel,
                                           .free = sim_driver_free };

struct driver *sim_driver(struct sim *sim, const struct sim_driver_options *options)
{
    struct sim_driver *driver = mem_alloc(sizeof(*driver));

    ASSERT(sim->driver == NULL && options->sink.change != NULL && options->owner != NULL);
    driver->base.ops = &sim_ops;
    driver->sim = sim;
    driver->serial = ++sim->sequence;
    driver->sink = options->sink;
    driver->owner = sim_text(sim, options->owner);
    driver->root = sim_text(sim, options->root);
    sim->driver = driver;
    return &driver->base;
}

void sim_driver_kill(struct driver *driver)
{
    struct sim_driver *self = driver_of(driver);
    struct sim *sim = self->sim;

    ASSERT(sim->driver == self);
    while (self->calls != NULL) {
        struct sim_call *call = self->calls;
        if (call->request != NULL && action_kind_is_long(call->request->kind))
            call->request->dropped = true;
        HASH_DELETE(by_serial, self->calls, call);
        free(call);
    }
    for (struct sim_instance *at = sim->instances; at != NULL; at = at->next) {
        at->connected = false;
        at->listing = false;
        at->list_again = false;
        at->epoch++;
    }
    sim->driver = NULL;
    sim_note(sim, "driver gone", NULL);
    free(self);
}
