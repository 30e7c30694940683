/*
 * What is there in the end, by the engine's truth and people's intentions alone.
 */
#include "spec/base/text.h"
#include "spec/names.h"
#include "tests/sim/check_int.h"
#include "tests/sim/daemons.h"
#include "tests/sim/hosts.h"
#include "tests/sim/jobs.h"
#include "tests/sim/loads.h"
#include "tests/sim/traffic.h"
#include "tests/sim/upkeep.h"

static void check_container_end(struct check *check, const struct sim_container *container,
                                const struct wanted_service *service, size_t index)
{
    const struct container_report *report = &container->report;
    const char *name = people_service_name(index);
    AUTO(arena) arena = { 0 };

    if (report->status != CONTAINER_RUNNING || report->drift != NULL)
        check_failed(check, "in the end %s of %s is %s", report->name, name,
                     container_status_text(report->status));
    if (text_equal(report->container, SANDBOX_NAME)) {
        if (service->container_count < 2)
            check_failed(check, "in the end %s has a sandbox that it does not need", name);
        return;
    }
    size_t at = (size_t)(report->container[1] - '0');
    ASSERT(report->container[0] == 'c' && at < CONTAINERS_MAX);
    if (at >= service->container_count) {
        check_failed(check, "in the end %s has container %s", name, report->container);
        return;
    }
    const char *image_id =
        sim_image_id(check->process->sim, people_reference(check->people, index, at, &arena));
    if (!text_equal(report->image_id, image_id))
        check_failed(check, "in the end %s runs image %.19s, %.19s is declared", report->name,
                     report->image_id, image_id);
    if (service->containers[at].checked && report->health != HEALTH_HEALTHY)
        check_failed(check, "in the end %s is %s", report->name,
                     health_status_text(report->health));
    if (service->container_count > 1) {
        const struct sim_container *sandbox = sim_container(
            check->process->sim, container->sandbox_id == NULL ? "" : container->sandbox_id);
        if (sandbox == NULL || !sandbox->exists || !text_equal(sandbox->report.task, report->task))
            check_failed(check, "in the end %s is not in its task's sandbox", report->name);
    }
}

/* How many containers of the service there are, each checked; and that each slot has one task. */
static size_t check_service_end(struct check *check, size_t index)
{
    const struct wanted_service *service = &check->people->wanted.services[index];
    const struct sim *sim = check->process->sim;
    const char *slots[8] = { 0 };
    size_t containers = 0;
    uint32_t count = loads_count(check, index, service->count);

    for (size_t i = 0; i < sim_container_count(sim); i++) {
        const struct sim_container *container = sim_container_at(sim, i);
        const struct container_report *report = &container->report;
        if (container->foreign || !text_equal(report->service, people_service_name(index)))
            continue;
        containers++;
        if (hosts_is_left(check->people, report->instance))
            check_failed(check, "in the end %s is on %s, which is to be empty", report->name,
                         report->instance);
        if (!service->exists || (check->people->host_count == 0 && report->slot >= count)) {
            check_failed(check, "in the end %s is still there", report->name);
            continue;
        }
        if (slots[report->slot] == NULL || service->daemon)
            slots[report->slot] = report->task;
        if (!text_equal(slots[report->slot], report->task))
            check_failed(check, "in the end slot %u of %s has two tasks", report->slot,
                         people_service_name(index));
        check_container_end(check, container, service, index);
    }
    size_t each = service->container_count + (service->container_count > 1 ? 1 : 0);
    size_t tasks =
        service->daemon ? (size_t)__builtin_popcount(hosts_of_daemon(check->people, index)) : count;
    size_t wanted = service->exists ? tasks * each : 0;
    if (service->exists && service->daemon)
        daemons_check_end(check, index, each);
    else if (service->exists)
        hosts_check_even(check, index);
    if (containers != wanted)
        check_failed(check, "in the end %s has %zu containers, %zu are declared",
                     people_service_name(index), containers, wanted);
    return containers;
}

static void check_volume_end(struct check *check, size_t index)
{
    const struct wanted_service *service = &check->people->wanted.services[index];
    AUTO(arena) arena = { 0 };
    const char *name = service_volume_name(&arena, PEOPLE_OWNER, PEOPLE_CLUSTER,
                                           people_service_name(index), "data");
    /* A service of no tasks may have got none. */
    bool none = service->daemon ? hosts_of_daemon(check->people, index) == 0
                                : loads_count(check, index, service->count) == 0;
    if (service->exists && service->volume && !none && !hosts_have_volume(check, name))
        check_failed(check, "in the end %s has no volume", people_service_name(index));
}

void check_end(struct check *check)
{
    const struct sim *sim = check->process->sim;
    size_t known = 0;

    upkeep_check_end(check);
    traffic_check_end(check);
    jobs_check_end(check);
    for (size_t i = 0; i < SERVICES_MAX; i++) {
        known += check_service_end(check, i);
        check_volume_end(check, i);
    }
    for (size_t i = 0; i < sim_container_count(sim); i++) {
        const struct sim_container *container = sim_container_at(sim, i);
        known += container->foreign;
        if (container->foreign && container->report.status != CONTAINER_RUNNING)
            check_failed(check, "in the end %s, which is not ours, is %s", container->report.name,
                         container_status_text(container->report.status));
    }
    if (known != sim_container_count(sim))
        check_failed(check, "in the end there are containers of no service");
    if (sim_counts(sim)->foreign_images_removed > 0)
        check_failed(check, "images that somebody else brought were removed");
}
