/*
 * What an engine does: the truth about containers, networks and volumes, as Docker Engine 20.10
 * behaves.
 */
#include <stdio.h>
#include <string.h>

#include "drivers/sim/images.h"
#include "spec/base/text.h"

#define EXIT_SIGKILL 137
#define EXIT_SIGTERM 143
#define EXIT_NOT_RUN 127

/* What hosts give out. */
#define FIRST_PORT 32768
#define PORTS      10000

/* ---- Containers ---- */

struct sim_body *sim_body_find(const struct sim *sim, const char *id)
{
    struct sim_body *body;
    HASH_FIND(by_id, sim->bodies, id, strlen(id), body);
    return body;
}

static struct sim_body *sim_body_named(const struct sim *sim, const struct sim_instance *instance,
                                       const char *name)
{
    for (size_t i = 0; i < sim->living_count; i++) {
        struct sim_body *body = sim->living[i];
        if (body->host == instance && text_equal(body->seen.report.name, name))
            return body;
    }
    return NULL;
}

bool sim_is_up(const struct sim_body *body)
{
    return body->seen.exists && (body->seen.report.status == CONTAINER_RUNNING ||
                                 body->seen.report.status == CONTAINER_PAUSED);
}

static int64_t engine_clock(const struct sim *sim, const struct sim_body *body)
{
    return sim->now_ms + body->host->clock_skew_ms;
}

void sim_body_add(struct sim *sim, struct sim_body *body)
{
    struct container_report *report = &body->seen.report;

    ASSERT(sim_body_named(sim, body->host, report->name) == NULL);
    report->id = arena_printf(
        &sim->arena, "%016llx%016llx%016llx%016llx", (unsigned long long)rng_next(&sim->rng),
        (unsigned long long)rng_next(&sim->rng), (unsigned long long)rng_next(&sim->rng),
        (unsigned long long)rng_next(&sim->rng));
    report->status = CONTAINER_CREATED;
    report->inspected = true;
    report->created_ms = engine_clock(sim, body);
    body->seen.exists = true;
    HASH_ADD_KEYPTR(by_id, sim->bodies, report->id, strlen(report->id), body);
    if ((sim->living_count & (sim->living_count - 1)) == 0)
        sim->living = mem_resize(sim->living, (sim->living_count == 0 ? 1 : sim->living_count * 2) *
                                                  sizeof(struct sim_body *));
    sim->living[sim->living_count++] = body;
    sim_note(sim, "created", report->name);
    sim_happened(sim, body, SIM_EVENT_CHANGED);
}

static void health_set(struct sim *sim, struct sim_body *body, enum health_status health)
{
    if (body->seen.report.health == health)
        return;
    body->seen.report.health = health;
    sim_note(sim, health_status_text(health), body->seen.report.name);
    sim_happened(sim, body, SIM_EVENT_CHANGED);
}

static void check_run(struct sim *sim, const struct sim_job *job);

static void check_later(struct sim *sim, struct sim_body *body)
{
    const struct sim_program *program = &body->seen.program;
    bool steady =
        (body->seen.report.health == HEALTH_HEALTHY && program->sick_after_ms == 0 &&
         !body->sick) ||
        (body->seen.report.health == HEALTH_UNHEALTHY && (program->never_healthy || body->sick));
    body->checking = !steady;
    if (!steady)
        sim_later(sim, body->check_interval_ms, check_run, body, body->life);
}

void sim_body_sicken(struct sim *sim, struct sim_body *body)
{
    if (!sim_is_up(body) || !body->has_check || body->sick)
        return;
    body->sick = true;
    sim_note(sim, "sick", body->seen.report.name);
    if (!body->checking)
        sim_later(sim, body->check_interval_ms, check_run, body, body->life);
    body->checking = true;
}

bool sim_body_is_well(const struct sim *sim, const struct sim_body *body)
{
    const struct sim_program *program = &body->seen.program;
    int64_t age_ms = engine_clock(sim, body) - body->seen.report.started_ms;

    return !body->sick && !program->never_healthy && age_ms >= program->healthy_after_ms &&
           (program->sick_after_ms == 0 || age_ms < program->sick_after_ms);
}

/* One run of the health check, as the engine counts them. */
static void check_run(struct sim *sim, const struct sim_job *job)
{
    struct sim_body *body = job->subject;

    if (job->number != body->life || !sim_is_up(body))
        return;
    if (body->seen.report.status == CONTAINER_PAUSED) {
        sim_later(sim, body->check_interval_ms, check_run, body, body->life);
        return;
    }
    int64_t age_ms = engine_clock(sim, body) - body->seen.report.started_ms;
    bool passes = sim_body_is_well(sim, body);
    body->seen.report.check_exit_code = passes ? 0 : 1;
    body->seen.report.check_output = passes ? NULL : "the program is not ready";
    if (passes) {
        body->check_failures = 0;
        body->check_passed = true;
        health_set(sim, body, HEALTH_HEALTHY);
    } else if (body->check_passed || age_ms > body->check_grace_ms) {
        body->check_failures++;
        if (body->check_failures >= body->check_retries)
            health_set(sim, body, HEALTH_UNHEALTHY);
    }
    check_later(sim, body);
}

static void run_over(struct sim *sim, const struct sim_job *job)
{
    struct sim_body *body = job->subject;
    if (job->number == body->life && sim_is_up(body))
        sim_body_end(sim, body, body->seen.program.exit_code, body->seen.program.oom);
}

static void term_over(struct sim *sim, const struct sim_job *job)
{
    struct sim_body *body = job->subject;
    if (job->number == body->life && body->seen.report.status == CONTAINER_RUNNING)
        sim_body_end(sim, body, EXIT_SIGTERM, /* oom= */ false);
}

static void grace_over(struct sim *sim, const struct sim_job *job)
{
    struct sim_body *body = job->subject;
    if (job->number == body->life && sim_is_up(body))
        sim_body_end(sim, body, EXIT_SIGKILL, /* oom= */ false);
}

static int start_refused(struct sim *sim, struct sim_body *body, struct err *err)
{
    const struct sim_container *seen = &body->seen;

    if (body->host->stopping_for_ms > 0)
        return err_set(err, ERR_FAILED, "the engine is shutting down");
    if (seen->program.start_error != NULL) {
        body->seen.report.error = seen->program.start_error;
        body->seen.report.exit_code = EXIT_NOT_RUN;
        sim_happened(sim, body, SIM_EVENT_CHANGED);
        return err_set(err, ERR_INVALID, "%s", seen->program.start_error);
    }
    if (seen->sandbox_id != NULL) {
        const struct sim_body *sandbox = sim_body_find(sim, seen->sandbox_id);
        if (sandbox == NULL || !sandbox->seen.exists)
            return err_set(err, ERR_NOT_FOUND, "No such container: %s", seen->sandbox_id);
        if (!sim_is_up(sandbox))
            return err_set(err, ERR_CONFLICT, "cannot join network of a non running container: %s",
                           seen->sandbox_id);
    } else if (seen->network != NULL &&
               sim_named_find(body->host->networks, seen->network) == NULL) {
        return err_set(err, ERR_NOT_FOUND, "network %s not found", seen->network);
    }
    return 0;
}

/* Each port that is tried in lives gets one of the host. */
static void publish(struct sim *sim, struct sim_body *body)
{
    uint32_t port = FIRST_PORT + 2 * (++body->host->published % PORTS);

    body->seen.report.bindings = arena_printf(&sim->arena, "%u:80/tcp %u:81/tcp", port, port + 1);
}

int sim_body_start(struct sim *sim, struct sim_body *body, struct err *err)
{
    struct container_report *report = &body->seen.report;
    const struct sim_program *program = &body->seen.program;

    if (report->status == CONTAINER_RUNNING)
        return 0;
    if (report->status == CONTAINER_PAUSED)
        return err_set(err, ERR_CONFLICT, "cannot start a paused container, try unpause instead");
    if (start_refused(sim, body, err) < 0)
        return -1;
    body->life++;
    body->check_failures = 0;
    body->check_passed = false;
    body->sick = false;
    report->status = CONTAINER_RUNNING;
    report->started_ms = engine_clock(sim, body);
    report->finished_ms = 0;
    report->exit_code = 0;
    report->oom_killed = false;
    report->error = NULL;
    if (body->seen.sandbox_id == NULL && body->seen.network != NULL) {
        uint32_t index = ++body->host->addresses;
        report->address =
            arena_printf(&sim->arena, "172.20.%u.%u", index / 250 % 256, index % 250 + 2);
    }
    if (body->seen.sandbox_id == NULL && !text_equal(body->host->name, "local"))
        publish(sim, body);
    report->health = body->has_check ? HEALTH_STARTING : HEALTH_NONE;
    report->check_exit_code = 0;
    report->check_output = NULL;
    sim_note(sim, "started", report->name);
    sim_happened(sim, body, SIM_EVENT_CHANGED);
    body->checking = body->has_check;
    if (body->has_check)
        sim_later(sim, body->check_interval_ms, check_run, body, body->life);
    if (program->runs_ms > 0)
        sim_later(sim, program->runs_ms, run_over, body, body->life);
    return 0;
}

void sim_body_stop(struct sim *sim, struct sim_body *body, int64_t grace_ms)
{
    const struct sim_program *program = &body->seen.program;

    ASSERT(sim_is_up(body));
    sim_note(sim, "signalled", body->seen.report.name);
    sim_happened(sim, body, SIM_EVENT_KILLED);
    if (!program->ignores_term)
        sim_later(sim, program->term_ms, term_over, body, body->life);
    sim_later(sim, grace_ms, grace_over, body, body->life);
}

void sim_body_end(struct sim *sim, struct sim_body *body, int exit_code, bool oom)
{
    struct container_report *report = &body->seen.report;

    ASSERT(sim_is_up(body));
    body->life++;
    report->status = CONTAINER_EXITED;
    report->exit_code = exit_code;
    report->oom_killed = oom;
    report->finished_ms = engine_clock(sim, body);
    report->address = NULL;
    report->bindings = NULL;
    if (report->health == HEALTH_STARTING || report->health == HEALTH_HEALTHY)
        report->health = body->has_check ? HEALTH_UNHEALTHY : HEALTH_NONE;
    sim_note(sim, "ended", report->name);
    sim_happened(sim, body, SIM_EVENT_CHANGED);
    sim_calls_ended(sim, body);
}

void sim_body_remove(struct sim *sim, struct sim_body *body)
{
    size_t at = 0;

    ASSERT(body->seen.exists && !sim_is_up(body));
    body->seen.exists = false;
    while (sim->living[at] != body)
        at++;
    sim->living_count--;
    memmove(&sim->living[at], &sim->living[at + 1],
            (sim->living_count - at) * sizeof(struct sim_body *));
    sim_note(sim, "removed", body->seen.report.name);
    sim_happened(sim, body, SIM_EVENT_GONE);
    sim_calls_ended(sim, body);
}

/* ---- Networks and volumes ---- */

struct sim_named *sim_named_find(struct sim_named *all, const char *name)
{
    while (all != NULL && !text_equal(all->report.name, name))
        all = all->next;
    return all;
}

static struct sim_named *named_add(struct sim *sim, struct sim_named **all,
                                   const struct named_report *report)
{
    struct sim_named *named = arena_new(&sim->arena, struct sim_named);
    named->report = *report;
    while (*all != NULL)
        all = &(*all)->next;
    *all = named;
    return named;
}

static void named_remove(struct sim_named **all, const char *name)
{
    while (*all != NULL && !text_equal((*all)->report.name, name))
        all = &(*all)->next;
    if (*all != NULL)
        *all = (*all)->next;
}

void sim_named_replace(struct sim *sim, struct sim_named **all, const struct named_report *report)
{
    named_remove(all, report->name);
    if (report->root != NULL)
        (void)named_add(sim, all, report);
}

static bool network_in_use(const struct sim *sim, const struct sim_instance *instance,
                           const char *name)
{
    for (size_t i = 0; i < sim->living_count; i++) {
        const struct sim_body *body = sim->living[i];
        if (body->host == instance && sim_is_up(body) && text_equal(body->seen.network, name))
            return true;
    }
    return false;
}

static bool volume_in_use(const struct sim *sim, const struct sim_instance *instance,
                          const char *name)
{
    for (size_t i = 0; i < sim->living_count; i++) {
        const struct sim_body *body = sim->living[i];
        for (size_t v = 0; body->host == instance && v < body->seen.volume_count; v++) {
            if (text_equal(body->seen.volumes[v], name))
                return true;
        }
    }
    return false;
}

/* ---- What is asked of it ---- */

static int do_create(struct sim *sim, struct sim_request *request, struct err *err)
{
    struct sim_body *body = request->body;
    const struct container_report *wanted = &body->seen.report;
    struct sim_body *other = sim_body_named(sim, request->instance, wanted->name);

    if (other != NULL) {
        const struct container_report *seen = &other->seen.report;
        if (!text_equal(other->seen.owner, request->owner) ||
            !text_equal(seen->task, wanted->task) ||
            !text_equal(seen->container, wanted->container) ||
            !text_equal(seen->digest, wanted->digest) ||
            !text_equal(seen->revision, wanted->revision))
            return err_set(err, ERR_CONFLICT, "a container of another kind has the name %s",
                           wanted->name);
        request->body = other;
        return 0;
    }
    if (request->instance->stopping_for_ms > 0)
        return err_set(err, ERR_FAILED, "the engine is shutting down");
    const struct sim_image *image = sim_image_find(request->instance, wanted->image_id);
    if (image == NULL)
        return err_set(err, ERR_NOT_FOUND, "No such image: %s", wanted->image_id);
    if (body->seen.sandbox_id != NULL) {
        const struct sim_body *sandbox = sim_body_find(sim, body->seen.sandbox_id);
        if (sandbox == NULL || !sandbox->seen.exists)
            return err_set(err, ERR_NOT_FOUND, "No such container: %s", body->seen.sandbox_id);
    }
    body->seen.program = *image->program;
    if (sim->faults.rewrite > 0 && rng_chance(&sim->rng, sim->faults.rewrite))
        body->seen.report.drift = "Memory";
    for (size_t i = 0; i < body->seen.volume_count; i++) {
        /* The engine makes what is missing, with the labels that the mount names. */
        const struct named_report volume = { .instance = request->instance->name,
                                             .name = body->seen.volumes[i],
                                             .owner = request->owner,
                                             .cluster = wanted->cluster,
                                             .service = wanted->service };
        if (sim_named_find(request->instance->volumes, volume.name) == NULL)
            (void)named_add(sim, &request->instance->volumes, &volume);
    }
    sim_body_add(sim, body);
    return 0;
}

static int do_remove(struct sim *sim, struct sim_request *request, struct err *err)
{
    struct sim_body *body = request->body;

    if (body == NULL || !body->seen.exists)
        return 0;
    if (sim_is_up(body))
        return err_set(err, ERR_CONFLICT,
                       "You cannot remove a running container %s. Stop the container before "
                       "attempting removal",
                       body->seen.report.id);
    sim_body_remove(sim, body);
    return 0;
}

static int do_network(struct sim *sim, struct sim_request *request, struct err *err)
{
    struct sim_named **all = &request->instance->networks;
    const struct sim_named *found = sim_named_find(*all, request->named.name);

    if (request->kind == ACTION_NETWORK_CREATE) {
        if (found == NULL)
            (void)named_add(sim, all, &request->named);
        else if (!text_equal(found->report.owner, request->owner))
            return err_set(err, ERR_CONFLICT, "a network of others has the name %s",
                           request->named.name);
        return 0;
    }
    if (network_in_use(sim, request->instance, request->named.name))
        return err_set(err, ERR_DENIED, "network %s has active endpoints", request->named.name);
    named_remove(all, request->named.name);
    sim_named_gone(sim, request->instance, /* network= */ true, request->named.name);
    return 0;
}

static int do_volume(struct sim *sim, struct sim_request *request, struct err *err)
{
    struct sim_named **all = &request->instance->volumes;
    const struct sim_named *found = sim_named_find(*all, request->named.name);

    if (request->kind == ACTION_VOLUME_REMOVE) {
        if (volume_in_use(sim, request->instance, request->named.name))
            return err_set(err, ERR_CONFLICT, "volume %s is in use", request->named.name);
        named_remove(all, request->named.name);
        sim_named_gone(sim, request->instance, /* network= */ false, request->named.name);
        return 0;
    }
    if (found == NULL)
        found = named_add(sim, all, &request->named);
    request->named = found->report;
    if (!text_equal(found->report.owner, request->owner))
        return err_set(err, ERR_CONFLICT, "a volume of others has the name %s",
                       request->named.name);
    return 0;
}

/* True when it is over at once. */
static bool do_stop(struct sim *sim, struct sim_request *request)
{
    struct sim_body *body = request->body;

    if (body == NULL || !sim_is_up(body))
        return true;
    request->life = body->life;
    sim_body_stop(sim, body, (int64_t)request->stop_timeout_s * 1000);
    return false;
}

static int do_start(struct sim *sim, struct sim_request *request, struct err *err)
{
    if (request->body == NULL || !request->body->seen.exists)
        return err_set(err, ERR_NOT_FOUND, "No such container: %s", request->container_id);
    return sim_body_start(sim, request->body, err);
}

static int do_read_lines(const struct sim_request *request, struct err *err)
{
    if (request->body != NULL && request->body->seen.exists)
        return 0;
    return err_set(err, ERR_NOT_FOUND, "No such container: %s", request->container_id);
}

bool sim_engine_do(struct sim *sim, struct sim_request *request)
{
    struct err *err = &request->failure;
    int result = 0;

    switch (request->kind) {
    case ACTION_CONTAINER_CREATE: result = do_create(sim, request, err); break;
    case ACTION_CONTAINER_START: result = do_start(sim, request, err); break;
    case ACTION_CONTAINER_LAST_LINES: result = do_read_lines(request, err); break;
    case ACTION_CONTAINER_REMOVE: result = do_remove(sim, request, err); break;
    case ACTION_CONTAINER_STOP:
        if (!do_stop(sim, request))
            return false;
        break;
    case ACTION_NETWORK_CREATE:
    case ACTION_NETWORK_REMOVE: result = do_network(sim, request, err); break;
    case ACTION_CLAIM:
    case ACTION_VOLUME_CREATE:
    case ACTION_VOLUME_REMOVE: result = do_volume(sim, request, err); break;
    case ACTION_IMAGE_REMOVE:
        request->image = sim_image_find(request->instance, request->reference);
        if (request->image == NULL || request->image_id == NULL ||
            text_equal(request->image->report.id, request->image_id))
            result = sim_image_remove(sim, request->instance, request->reference, err);
        break;
    case ACTION_IMAGE_BUILD:
    case ACTION_IMAGE_PULL:
    case ACTION_IMAGE_PUSH:
    case ACTION_IMAGE_COPY:
    case ACTION_SANDBOX_LOAD:
    case ACTION_HOST_RUN: sim_image_work(sim, request); return false;
    case ACTION_BALANCER_APPLY:
    case ACTION_BALANCER_STOP: /* on no engine */
    case ACTION_KIND_COUNT: ASSERT(request->kind < ACTION_KIND_COUNT);
    }
    request->failed = result < 0;
    return true;
}
