/*
 * Manifests as people write them: one file for the cluster, one for each service with its task and
 * the images that are built for it.
 */
#include "tests/sim/people.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "tests/sim/hosts.h"
#include "tests/sim/jobs.h"
#include "tests/sim/loads.h"
#include "tests/sim/schedules.h"
#include "tests/sim/traffic.h"
#include "tests/sim/upkeep.h"

#define FILE_MAX 65536

static const struct behaviour_row {
    const char *text;
    bool fine;
    struct sim_program program;
} behaviours[] = {
    [BEHAVIOUR_GOOD] = { "good",
                         true,
                         { .healthy_after_ms = 500, .term_ms = 200, .work_ms = 900 } },
    [BEHAVIOUR_SLOW] = { "slow",
                         true,
                         { .healthy_after_ms = 25000, .term_ms = 4000, .work_ms = 20000 } },
    [BEHAVIOUR_STUBBORN] = { "stubborn", true, { .ignores_term = true, .work_ms = 100 } },
    [BEHAVIOUR_LATE] = { "late",
                         true,
                         { .healthy_after_ms = 50000, .term_ms = 100, .work_ms = 200 } },
    [BEHAVIOUR_CRASHING] = { "crashing", false, { .runs_ms = 3000, .exit_code = 1 } },
    [BEHAVIOUR_HUNGRY] = { "hungry", false, { .runs_ms = 30000, .exit_code = 137, .oom = true } },
    [BEHAVIOUR_SICK] = { "sick", false, { .never_healthy = true, .term_ms = 100 } },
    [BEHAVIOUR_BROKEN] = { "broken", false, { .start_error = "exec: no such file" } },
    [BEHAVIOUR_MISSING] = { "missing", false, { .work_error = "not found", .work_ms = 300 } },
};
_Static_assert(ARRAY_COUNT(behaviours) == BEHAVIOUR_COUNT, "a program for each behaviour");

const char *people_service_name(size_t index)
{
    static const char *const names[SERVICES_MAX] = { "alpha", "bravo", "charlie", "delta", "echo" };
    ASSERT(index < SERVICES_MAX);
    return names[index];
}

/* ---- Images ---- */

static const char *image_name(const struct wanted_container *container, size_t service,
                              size_t index, struct arena *arena)
{
    return arena_printf(arena, "%s-%zu-%s-%u", people_service_name(service), index,
                        behaviours[container->behaviour].text, container->version);
}

static void build_key(const char *name, char out[SHA256_HEX_SIZE])
{
    sha256_hex(name, strlen(name), out);
}

const char *people_reference(const struct people *people, size_t service, size_t container,
                             struct arena *arena)
{
    const struct wanted_container *wanted = &people->wanted.services[service].containers[container];
    const char *name = image_name(wanted, service, container, arena);
    char key[SHA256_HEX_SIZE];

    if (!wanted->built)
        return arena_printf(arena, "registry.internal/%s:%u", behaviours[wanted->behaviour].text,
                            wanted->version);
    build_key(name, key);
    return arena_printf(arena, "berth/%s:%.12s", name, key);
}

/* ---- Manifests ---- */

static void print_image(struct buf *out, const char *name)
{
    buf_printf(out,
               "apiVersion: berth/v1\nkind: Image\nmetadata: {name: %s}\n"
               "spec: {build: {context: apps/%s}, retain: 1}\n---\n",
               name, name);
}

static void print_container(struct buf *out, const struct wanted_service *service, size_t index,
                            const char *image)
{
    const struct wanted_container *container = &service->containers[index];

    buf_printf(out, "    - name: c%zu\n      image: %s\n      environment: {COLOR: %u}\n", index,
               image, service->color);
    buf_printf(out, "      stopTimeout: %u\n", container->stop_timeout_s);
    if (container->checked)
        buf_printf(out, "      healthCheck: {command: [CMD, check], interval: 5, retries: 2, "
                        "startPeriod: 30}\n");
    traffic_print_ports(service, index, out);
    if (service->chained && index == 1)
        buf_printf(out, "      dependsOn: [{containerName: c0, condition: %s}]\n",
                   service->containers[0].checked ? "HEALTHY" : "START");
    if (service->volume && index == 0)
        buf_printf(out, "      mountPoints: [{sourceVolume: data, containerPath: /data}]\n");
}

static void print_service(struct buf *out, const struct people *people, size_t index,
                          struct arena *arena)
{
    const struct wanted_service *service = &people->wanted.services[index];
    const char *name = people_service_name(index);

    for (size_t i = 0; i < service->container_count; i++) {
        if (service->containers[i].built)
            print_image(out, image_name(&service->containers[i], index, i, arena));
    }
    buf_printf(out,
               "apiVersion: berth/v1\nkind: Task\nmetadata: {name: %s}\n"
               "spec:\n  cpu: 256\n  memory: 512\n  containerDefinitions:\n",
               name);
    for (size_t i = 0; i < service->container_count; i++)
        print_container(out, service, i,
                        service->containers[i].built
                            ? image_name(&service->containers[i], index, i, arena)
                            : people_reference(people, index, i, arena));
    if (service->volume)
        buf_printf(out, "  volumes: [{name: data, deleteWithService: %s}]\n",
                   service->delete_volume ? "true" : "false");
    buf_printf(out,
               "---\napiVersion: berth/v1\nkind: Service\nmetadata: {name: %s}\n"
               "spec:\n  cluster: " PEOPLE_CLUSTER "\n  taskDefinition: %s\n"
               "  minReadySeconds: 20\n",
               name, name);
    if (service->daemon)
        buf_text_add(out, "  schedulingStrategy: DAEMON\n");
    else
        buf_printf(out, "  desiredCount: %u\n", service->count);
    loads_print(people, index, out);
    if (service->stays)
        buf_text_add(out, "  availabilityZoneRebalancing: DISABLED\n");
    if (service->grace_s > 0)
        buf_printf(out, "  healthCheckGracePeriodSeconds: %u\n", service->grace_s);
    buf_printf(out,
               "  deploymentConfiguration: {minimumHealthyPercent: %u, maximumPercent: %u, "
               "deploymentCircuitBreaker: {enable: %s, rollback: %s}}\n",
               loads_has(people, index)                     ? 50
               : service->daemon && service->minimum >= 100 ? 0
                                                            : service->minimum,
               loads_has(people, index) ? 200
               : service->daemon        ? 100
                                        : service->maximum,
               service->breaker ? "true" : "false", service->rollback ? "true" : "false");
    hosts_print_placement(people, index, out);
    traffic_print_targets(service, index, out);
    if (service->depends_on >= 0 && people->wanted.services[service->depends_on].exists)
        buf_printf(out, "  dependsOn: [%s]\n", people_service_name((size_t)service->depends_on));
}

/* ---- Committing ---- */

/* The registry has what the manifests name, and the builds make it. */
static void publish(const struct people *people, struct generation *generation, struct arena *arena)
{
    for (size_t s = 0; s < SERVICES_MAX; s++) {
        const struct wanted_service *service = &people->wanted.services[s];
        for (size_t c = 0; service->exists && c < service->container_count; c++) {
            const struct wanted_container *container = &service->containers[c];
            const char *reference = people_reference(people, s, c, arena);
            char key[SHA256_HEX_SIZE];
            if (!sim_has_program(people->sim, reference))
                sim_set_program(people->sim, reference, &behaviours[container->behaviour].program);
            if (!container->built)
                continue;
            const char *name = image_name(container, s, c, arena);
            build_key(name, key);
            generation_set_build_key(generation, name, key);
        }
    }
}

static void print_common(const struct people *people, struct buf *out)
{
    hosts_print_cluster(people, out);
    traffic_print_balancer(people, out);
}

/* All files as they are wanted; `broken` is one more that cannot be accepted. */
static struct generation *derive(struct people *people, bool broken)
{
    AUTO(arena) arena = { 0 };
    AUTO(diag_list) diags = { 0 };
    struct file_change changes[SERVICES_MAX + 4] = { 0 };
    struct generation *generation = NULL;
    struct err err = { 0 };
    size_t count = 0;

    for (size_t i = 0; i < SERVICES_MAX + 4; i++) {
        AUTO(buf) text = { 0 };
        buf_init(&text, FILE_MAX);
        if (i < SERVICES_MAX && people->wanted.services[i].exists)
            print_service(&text, people, i, &arena);
        else if (i == SERVICES_MAX)
            print_common(people, &text);
        else if (i == SERVICES_MAX + 1 && broken)
            buf_text_add(&text, "apiVersion: berth/v1\nkind: Service\nmetadata: {name: wrong}\n"
                                "spec: {taskDefinition: nothing}\n");
        else if (i == SERVICES_MAX + 2)
            jobs_print(people, &text);
        else if (i == SERVICES_MAX + 3)
            schedules_print(people, &text);
        struct file_change *change = &changes[count++];
        change->path = arena_printf(&arena, "file-%zu.yaml", i);
        if (text.size > 0)
            change->bytes = arena_text(&arena, buf_text(&text));
        change->size = text.size;
        sha256_hex(buf_text(&text), text.size, change->blob);
    }
    if (generation_derive(people->tip, people->wanted.commit, changes, count, &diags, &generation,
                          &err) < 0) {
        if (!broken)
            (void)fprintf(stderr, "%s\n", diags.items[0].text);
        ASSERT(broken);
        return NULL;
    }
    ASSERT(!broken);
    publish(people, generation, &arena);
    return generation;
}

static void note_volumes(struct people *people)
{
    for (size_t i = 0; i < SERVICES_MAX; i++) {
        const struct wanted_service *service = &people->wanted.services[i];
        if (service->exists && service->volume && service->delete_volume)
            people->removed_ever |= 1U << i;
    }
}

static bool commit(struct people *people, bool broken)
{
    for (size_t i = 0; i < 40; i++)
        people->wanted.commit[i] = "0123456789abcdef"[rng_below(people->rng, 16)];
    people->wanted.commit[40] = '\0';
    struct generation *generation = derive(people, broken);
    if (generation == NULL)
        return false;
    generation_unref(people->tip);
    people->tip = generation;
    people->history[people->commits++ % ARRAY_COUNT(people->history)] = people->wanted;
    if (people->history_count < ARRAY_COUNT(people->history))
        people->history_count++;
    note_volumes(people);
    return true;
}

/* ---- What people want ---- */

static enum behaviour draw_fine(struct rng *rng)
{
    return (enum behaviour)rng_below(rng, BEHAVIOUR_LATE);
}

/* All but those that are late. */
static enum behaviour draw_any(struct rng *rng)
{
    uint64_t drawn = rng_below(rng, BEHAVIOUR_COUNT - 1);
    return (enum behaviour)(drawn < BEHAVIOUR_LATE ? drawn : drawn + 1);
}

/* Programs that are late need a grace period; others may have one. */
static void draw_late(struct people *people, struct wanted_service *service)
{
    struct rng *rng = &people->more;
    size_t late = 0;

    if (people->each > 0)
        service->volume = false; /* all its tasks would be on one small host */
    if (!people->late)
        return;
    for (size_t i = 0; i < service->container_count; i++) {
        struct wanted_container *container = &service->containers[i];
        if (behaviours[container->behaviour].fine && rng_chance(rng, 20))
            container->behaviour = BEHAVIOUR_LATE;
        late += container->behaviour == BEHAVIOUR_LATE;
    }
    service->grace_s = late > 0 || rng_chance(rng, 20) ? 90 : 0;
}

static struct wanted_container draw_container(struct people *people)
{
    struct rng *rng = people->rng;
    struct wanted_container container = { 0 };

    container.behaviour = rng_chance(rng, 75) ? draw_fine(rng) : draw_any(rng);
    container.version = (uint32_t)rng_below(rng, people->scale.versions);
    container.built = rng_chance(rng, 30);
    container.checked = rng_chance(rng, 70);
    container.stop_timeout_s = (uint32_t)rng_below(rng, 15);
    return container;
}

static void draw_bounds(struct rng *rng, struct wanted_service *service)
{
    static const uint32_t bounds[][2] = { { 100, 200 }, { 100, 200 }, { 50, 100 }, { 50, 200 },
                                          { 0, 100 },   { 100, 150 }, { 0, 200 },  { 75, 125 } };
    size_t index = (size_t)rng_below(rng, ARRAY_COUNT(bounds));

    service->minimum = bounds[index][0];
    service->maximum = bounds[index][1];
    service->breaker = rng_chance(rng, 60);
    service->rollback = rng_chance(rng, 60);
}

/* Few have no task. */
static uint32_t draw_count(struct people *people, uint32_t most)
{
    if (people->scale.is_large)
        return (uint32_t)rng_between(people->rng, 0, most);
    return rng_chance(people->rng, 10) ? 0 : (uint32_t)rng_between(people->rng, 1, most);
}

static struct wanted_service draw_service(struct people *people, size_t index)
{
    struct rng *rng = people->rng;
    struct wanted_service service = { .exists = true, .depends_on = -1 };

    service.count = draw_count(people, people->scale.tasks);
    draw_bounds(rng, &service);
    service.container_count = rng_chance(rng, 60) ? 1 : (uint32_t)rng_between(rng, 2, 3);
    for (size_t i = 0; i < service.container_count; i++)
        service.containers[i] = draw_container(people);
    service.chained = service.container_count > 1 && rng_chance(rng, 50);
    service.volume = rng_chance(rng, 30);
    service.delete_volume = rng_chance(rng, 50);
    if (index > 0 && rng_chance(rng, 30))
        service.depends_on = (int)rng_below(rng, index);
    return service;
}

/* What kind of service it is, on several hosts. */
static void draw_kind(struct people *people, struct wanted_service *service)
{
    struct rng *rng = &people->newest;

    traffic_draw(people, service);
    if (people->host_count == 0)
        return;
    service->daemon = rng_chance(rng, 40) && people->daemons;
    service->where = (uint32_t)rng_below(rng, 3);
    service->stays = rng_chance(rng, 20);
}

static void change_something(struct people *people)
{
    struct rng *rng = people->rng;
    size_t index = (size_t)rng_below(rng, people->scale.services);
    struct wanted_service *service = &people->wanted.services[index];

    if (!service->exists) {
        *service = draw_service(people, index);
        service->exists = index < people->services;
        draw_late(people, service);
        draw_kind(people, service);
        return;
    }
    switch (rng_below(rng, 8)) {
    case 0: service->count = draw_count(people, people->scale.tasks + 1); break;
    case 1: service->color++; break;
    case 2: draw_bounds(rng, service); break;
    case 3: service->exists = false; break;
    case 4: *service = draw_service(people, index); break;
    case 5: service->delete_volume = !service->delete_volume; break;
    default: service->containers[rng_below(rng, service->container_count)] = draw_container(people);
    }
    draw_late(people, service);
    if (people->balances && (service->grace_s == 0 || rng_chance(&people->traffic, 20)))
        traffic_draw(people, service);
    if (people->host_count > 0 && rng_chance(&people->newest, 20))
        draw_kind(people, service);
}

bool people_commit(struct people *people)
{
    const struct wanted before = people->wanted;
    struct rng *rng = people->rng;

    if (people->history_count > 0 && rng_chance(rng, 15)) {
        people->wanted = people->history[rng_below(rng, people->history_count)]; /* git revert */
    } else {
        for (int64_t changes = rng_between(rng, 1, 3); changes > 0; changes--)
            change_something(people);
        hosts_change(people);
        upkeep_change(people);
        schedules_change(people);
    }
    people->tries++;
    if (commit(people, rng_chance(rng, 10) && people->may_break))
        return true;
    people->wanted = before;
    return false;
}

static void mend(struct people *people, size_t index)
{
    struct wanted_service *service = &people->wanted.services[index];

    for (size_t i = 0; i < service->container_count; i++) {
        struct wanted_container *container = &service->containers[i];
        if (behaviours[container->behaviour].fine)
            continue;
        container->behaviour = draw_fine(people->rng);
        container->version += 1000;
    }
}

/* Of a DAEMON: as many hosts must have a task as are to have one. */
static bool bounds_are_tight(const struct people *people, size_t service)
{
    uint32_t hosts = (uint32_t)__builtin_popcount(hosts_of_daemon(people, service));

    return (hosts * people->wanted.services[service].minimum + 99) / 100 >= hosts;
}

/* What is declared in the end has room, and so has what replaces it. */
static void make_room(struct people *people)
{
    uint32_t room = people->room;

    for (size_t i = 0; i < SERVICES_MAX; i++) {
        struct wanted_service *service = &people->wanted.services[i];
        uint32_t fits = service->count;
        if (service->daemon && bounds_are_tight(people, i))
            service->minimum = 0; /* else neither side could move */
        for (; service->exists && !service->daemon; service->count = --fits) {
            if (service->count * service->maximum / 100 <=
                (service->count * service->minimum + 99) / 100)
                service->maximum = 200; /* else neither side could move */
            if (service->count * service->maximum / 100 <= room)
                break;
        }
        room -= service->exists && !service->daemon ? service->count * service->maximum / 100 : 0;
    }
}

void people_commit_fine(struct people *people, uint32_t renewed)
{
    bool any = false;

    for (size_t i = 0; i < SERVICES_MAX; i++) {
        if (people->wanted.services[i].exists)
            mend(people, i);
        /* Where each host has little room, nobody keeps enough of it on every one. */
        people->wanted.services[i].daemon &= people->each == 0;
        people->wanted.services[i].color += renewed >> i & 1;
        any |= people->wanted.services[i].exists;
    }
    if (!any) {
        people->wanted.services[0] = draw_service(people, 0);
        people->wanted.services[0].volume &= people->each == 0;
        mend(people, 0);
    }
    hosts_settle(people);
    upkeep_settle(people);
    if (people->each > 0)
        people->room = people->each * (uint32_t)hosts_active(people);
    make_room(people);
    bool accepted = commit(people, /* broken= */ false);
    ASSERT(accepted);
}

bool people_service_is_fine(const struct people *people, size_t service)
{
    const struct wanted_service *wanted = &people->wanted.services[service];

    for (size_t i = 0; i < wanted->container_count; i++) {
        if (!behaviours[wanted->containers[i].behaviour].fine)
            return false;
    }
    return true;
}

void people_bring_images(struct people *people, const char *instance)
{
    struct sim *sim = people->sim;

    for (size_t i = 0; i < ARRAY_COUNT(behaviours); i++) {
        for (size_t version = 0; version < people->scale.versions / 10 && i != BEHAVIOUR_MISSING;
             version++) {
            AUTO(arena) arena = { 0 };
            const char *reference =
                arena_printf(&arena, "registry.internal/%s:%zu", behaviours[i].text, version);
            if (!sim_has_program(sim, reference)) /* another host has it already */
                sim_set_program(sim, reference, &behaviours[i].program);
            if (version % 2 == 0)
                (void)sim_add_image(sim, instance, reference);
            else
                sim_call_image(
                    sim, instance, reference,
                    arena_printf(&arena, "somebody/%s:%zu", behaviours[i].text, version));
        }
    }
}

void people_init(struct people *people)
{
    struct rng *rng = people->rng;
    size_t services = people->services;

    ASSERT(services > 0 && services <= SERVICES_MAX);
    for (size_t i = 0; i < people->scale.services; i++) {
        if ((i == 0 && !people->scale.is_large) || rng_chance(rng, 60))
            people->wanted.services[i] = draw_service(people, i);
        people->wanted.services[i].exists &= i < services;
        draw_late(people, &people->wanted.services[i]);
        draw_kind(people, &people->wanted.services[i]);
    }
    schedules_change(people);
    bool accepted = commit(people, /* broken= */ false);
    ASSERT(accepted);
}

void people_release(struct people *people)
{
    generation_unref(people->tip);
    people->tip = NULL;
}
