/*
 * Containers, and the tasks and services they make.  A task exists as long as it has a container, a
 * service as long as it has a task.
 *
 * What labels and creation fix forever is packed behind its struct in the same block; only what an
 * inspection may tell anew has allocations of its own, and is mostly absent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "spec/base/buf.h"
#include "spec/base/text.h"
#include "spec/world.h"
#include "spec/world_int.h"

/* ---- Arrays of pointers ---- */

/* Room for one more behind `count`: the capacity is the next power of two. */
static void *slots_grow(void *slots, size_t count)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return slots;
    return mem_resize(slots, (count == 0 ? 1 : count * 2) * sizeof(void *));
}

static int text_compare(const char *a, const char *b)
{
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b);
}

static int number_compare(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int container_compare(const struct world_container *a, const struct world_container *b)
{
    int order = text_compare(a->container, b->container);
    return order != 0 ? order : strcmp(a->id, b->id);
}

/* A total order: tasks that are the same in all of it differ in their address, which decides only
 * between two forgeries of one task on one instance. */
static int task_compare(const struct world_task *a, const struct world_task *b)
{
    int order = number_compare(a->slot, b->slot);
    if (order == 0)
        order = number_compare(a->attempt, b->attempt);
    if (order == 0)
        order = strcmp(a->id, b->id);
    if (order == 0)
        order = strcmp(a->instance, b->instance);
    if (order == 0)
        order = ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
    return order;
}

/* Where `task` is or belongs. */
static size_t task_position(const struct world_service *service, const struct world_task *task)
{
    size_t low = 0;
    size_t high = service->task_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (task_compare(service->tasks[middle], task) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- Services ---- */

/* "CLUSTER/SERVICE" in one allocation. */
static char *service_key(const char *cluster, const char *service)
{
    size_t size = pack_size(cluster) + pack_size(service);
    char *key = mem_alloc(size);
    int length = snprintf(key, size, "%s/%s", cluster, service);
    ASSERT(length >= 0 && (size_t)length < size);
    return key;
}

const struct world_service *world_service(const struct world *world, const char *cluster,
                                          const char *service)
{
    AUTO_TEXT char *key = service_key(cluster, service);
    struct world_service *found;
    HASH_FIND(by_key, world->services, key, strlen(key), found);
    return found;
}

static struct world_service *service_need(struct world *world, const char *cluster,
                                          const char *name)
{
    AUTO_TEXT char *key = service_key(cluster, name);
    struct world_service *service;

    HASH_FIND(by_key, world->services, key, strlen(key), service);
    if (service != NULL)
        return service;

    service = mem_alloc(sizeof(*service) + pack_size(key) + pack_size(cluster) + pack_size(name));
    char *at = (char *)(service + 1);
    service->key = pack_text(&at, key);
    service->cluster = pack_text(&at, cluster);
    service->service = pack_text(&at, name);
    HASH_ADD_KEYPTR(by_key, world->services, service->key, strlen(service->key), service);
    return service;
}

static void service_add(struct world_service *service, struct world_task *task)
{
    service->tasks = slots_grow(service->tasks, service->task_count);
    size_t position = task_position(service, task);
    memmove(&service->tasks[position + 1], &service->tasks[position],
            (service->task_count - position) * sizeof(struct world_task *));
    service->tasks[position] = task;
    service->task_count++;
}

/* Frees the service when that was its last task. */
static void service_drop(struct world *world, struct world_service *service,
                         const struct world_task *task)
{
    size_t position = task_position(service, task);
    ASSERT(position < service->task_count && service->tasks[position] == task);
    service->task_count--;
    memmove(&service->tasks[position], &service->tasks[position + 1],
            (service->task_count - position) * sizeof(struct world_task *));
    if (service->task_count > 0)
        return;
    HASH_DELETE(by_key, world->services, service);
    free(service->tasks);
    free(service);
}

/* ---- Tasks ---- */

static void fixed_copy(char *out, size_t size, const char *text)
{
    size_t length = text == NULL ? 0 : strnlen(text, size - 1);
    if (length > 0)
        memcpy(out, text, length);
    out[length] = '\0';
}

/* What the labels say, without texts of variable size. Labels are checked by the driver; one that
 * is too long all the same is cut, here and wherever it is compared. */
static void task_fill(struct world_task *task, const struct container_report *report)
{
    fixed_copy(task->id, sizeof(task->id), report->task);
    fixed_copy(task->revision, sizeof(task->revision), report->revision);
    fixed_copy(task->deployment, sizeof(task->deployment), report->deployment);
    fixed_copy(task->commit, sizeof(task->commit), report->commit);
    task->slot = report->slot;
    task->attempt = report->attempt;
    task->expected = report->containers;
    task->memory_mib = report->memory_mib;
    task->cpu_units = report->cpu_units;
}

static bool task_matches(const struct world_task *task, const struct world_instance *host,
                         const struct container_report *report)
{
    struct world_task other = { 0 };
    task_fill(&other, report);
    bool same_service = task->service == NULL
                            ? report->service == NULL
                            : text_equal(task->service->service, report->service) &&
                                  text_equal(task->service->cluster, report->cluster);
    return task->host == host && same_service && strcmp(task->id, other.id) == 0 &&
           strcmp(task->revision, other.revision) == 0 &&
           strcmp(task->deployment, other.deployment) == 0 &&
           strcmp(task->commit, other.commit) == 0 && task->slot == other.slot &&
           task->attempt == other.attempt && task->expected == other.expected &&
           text_equal(task->family, report->family) && text_equal(task->group, report->group) &&
           text_equal(task->host_ports, report->host_ports);
}

static struct world_task *task_first(const struct world *world, const char *id)
{
    struct world_task *task;
    HASH_FIND(by_id, world->tasks, id, strlen(id), task);
    return task;
}

static struct world_task *task_need(struct world *world, struct world_instance *host,
                                    const struct container_report *report)
{
    struct world_task probe = { 0 };
    task_fill(&probe, report);
    struct world_task *first = task_first(world, probe.id);
    for (struct world_task *task = first; task != NULL; task = task->twin) {
        if (task_matches(task, host, report))
            return task;
    }

    struct world_task *task = mem_alloc(sizeof(*task) + pack_size(report->family) +
                                        pack_size(report->group) + pack_size(report->host_ports));
    char *at = (char *)(task + 1);
    task_fill(task, report);
    task->family = pack_text(&at, report->family);
    task->group = pack_text(&at, report->group);
    task->host_ports = pack_text(&at, report->host_ports);
    task->instance = host->name;
    task->host = host;
    DL_APPEND2(host->tasks, task, host_previous, host_next);
    host->task_count++;
    host->used_memory_mib += task->memory_mib;
    host->used_cpu_units += task->cpu_units;
    world_touch(world, host);
    if (report->service != NULL) {
        task->service = service_need(world, report->cluster, report->service);
        service_add(task->service, task);
    }
    if (first != NULL) {
        task->twin = first->twin;
        first->twin = task;
    } else {
        HASH_ADD_KEYPTR(by_id, world->tasks, task->id, strlen(task->id), task);
    }
    return task;
}

/* Out of the index by id; a twin takes the place of the first. */
static void task_unlink(struct world *world, struct world_task *task)
{
    struct world_task *first = task_first(world, task->id);
    ASSERT(first != NULL);
    if (first != task) {
        while (first->twin != task) {
            first = first->twin;
            ASSERT(first != NULL);
        }
        first->twin = task->twin;
        return;
    }
    struct world_task *next = task->twin;
    HASH_DELETE(by_id, world->tasks, task);
    if (next != NULL)
        HASH_ADD_KEYPTR(by_id, world->tasks, next->id, strlen(next->id), next);
}

static void task_free(struct world *world, struct world_task *task)
{
    ASSERT(task->container_count == 0);
    task_unlink(world, task);
    if (task->service != NULL)
        service_drop(world, task->service, task);
    DL_DELETE2(task->host->tasks, task, host_previous, host_next);
    task->host->task_count--;
    task->host->used_memory_mib -= task->memory_mib;
    task->host->used_cpu_units -= task->cpu_units;
    world_touch(world, task->host);
    free(task->containers);
    free(task);
}

static void task_mark(const struct world *world, const struct world_task *task, bool room)
{
    if (task->service != NULL)
        world_mark(world, DIRTY_SERVICE, task->service->key);
    if (task->service == NULL || room)
        world_mark(world, DIRTY_INSTANCE, task->instance);
}

/* ---- Containers ---- */

static bool status_ended(enum container_status status)
{
    return status == CONTAINER_EXITED || status == CONTAINER_DEAD;
}

static struct world_container *container_find(const struct world *world, const char *id)
{
    struct world_container *container;
    HASH_FIND(by_id, world->containers, id, strlen(id), container);
    return container;
}

static struct world_container *container_add(struct world *world, struct world_instance *host,
                                             const struct container_report *report)
{
    struct world_task *task = task_need(world, host, report);
    struct world_container *container = mem_alloc(
        sizeof(*container) + pack_size(report->id) + pack_size(report->name) +
        pack_size(report->container) + pack_size(report->digest) + pack_size(report->image_id));
    char *at = (char *)(container + 1);
    container->id = pack_text(&at, report->id);
    container->name = pack_text(&at, report->name);
    container->container = pack_text(&at, report->container);
    container->digest = pack_text(&at, report->digest);
    container->image_id = pack_text(&at, report->image_id);
    container->status = report->status;
    container->task = task;

    task->containers = slots_grow(task->containers, task->container_count);
    size_t position = task->container_count++;
    for (; position > 0; position--) {
        if (container_compare(task->containers[position - 1], container) < 0)
            break;
        task->containers[position] = task->containers[position - 1];
    }
    task->containers[position] = container;
    HASH_ADD_KEYPTR(by_id, world->containers, container->id, strlen(container->id), container);
    return container;
}

/* Frees the task, and its service, when nothing is left of them. */
static void container_drop(struct world *world, struct world_container *container)
{
    struct world_task *task = container->task;
    size_t position = 0;
    while (task->containers[position] != container) {
        position++;
        ASSERT(position < task->container_count);
    }
    task->container_count--;
    memmove(&task->containers[position], &task->containers[position + 1],
            (task->container_count - position) * sizeof(struct world_container *));
    HASH_DELETE(by_id, world->containers, container);
    free(container->address);
    free(container->bindings);
    free(container->error);
    free(container->drift);
    free(container->check_output);
    free(container->last_lines);
    free(container);
    if (task->container_count == 0)
        task_free(world, task);
}

static bool container_matches(const struct world_container *container,
                              const struct world_instance *host,
                              const struct container_report *report)
{
    return text_equal(container->name, report->name) &&
           text_equal(container->container, report->container) &&
           text_equal(container->digest, report->digest) &&
           text_equal(container->image_id, report->image_id) &&
           task_matches(container->task, host, report);
}

/* What the report says that may change in the life of a container, `known` by an inspection. */
static bool container_set(struct world_container *container, const struct container_report *known)
{
    bool same =
        container->status == known->status && container->inspected == known->inspected &&
        container->health == known->health && container->exit_code == known->exit_code &&
        container->oom_killed == known->oom_killed && container->restarts == known->restarts &&
        container->created_ms == known->created_ms && container->started_ms == known->started_ms &&
        container->finished_ms == known->finished_ms;

    container->status = known->status;
    container->inspected = known->inspected;
    container->health = known->health;
    container->exit_code = known->exit_code;
    container->oom_killed = known->oom_killed;
    container->restarts = known->restarts;
    container->created_ms = known->created_ms;
    container->started_ms = known->started_ms;
    container->finished_ms = known->finished_ms;
    container->on_host = known->on_host;
    bool texts = text_set(&container->address, known->address);
    texts = text_set(&container->bindings, known->bindings) || texts;
    texts = text_set(&container->error, known->error) || texts;
    texts = text_set(&container->drift, known->drift) || texts;
    return !same || texts;
}

/* The end of it, where what went wrong stands: progress bars come before. */
static bool check_set(struct world_container *container, int exit_code, const char *output)
{
    AUTO(buf) kept = { 0 };
    size_t size = output == NULL ? 0 : strlen(output);
    size_t from = size > WORLD_CHECK_MAX ? size - WORLD_CHECK_MAX : 0;
    bool same = container->check_exit_code == exit_code;

    while (from < size && ((unsigned char)output[from] & 0xc0) == 0x80)
        from++; /* not within a character */
    buf_init(&kept, WORLD_CHECK_MAX + 1);
    while (from < size) {
        size_t length = strcspn(output + from, "\r\n");

        if (strspn(output + from, " \t") < length)
            buf_printf(&kept, "%s%.*s", kept.size > 0 ? "\n" : "", (int)length, output + from);
        from += length + 1;
    }
    container->check_exit_code = exit_code;
    return text_set(&container->check_output, buf_text(&kept)) || !same;
}

/* For people only: nothing is done because of it, but who waits for its health says so. */
static bool container_tell(struct world_container *container, const struct container_report *report)
{
    if (!container->inspected)
        return check_set(container, 0, NULL);
    if (!report->inspected)
        return false;
    return check_set(container, report->check_exit_code,
                     report->check_exit_code == 0 ? NULL : report->check_output);
}

static bool container_update(struct world_container *container,
                             const struct container_report *report)
{
    if (!report->inspected && container->inspected && container->status == report->status)
        return false;

    struct container_report known = { .status = report->status };
    if (report->inspected)
        known = *report;

    bool restarted = container->inspected && known.inspected &&
                     container->started_ms != known.started_ms && container->started_ms != 0;
    bool changed = container_set(container, &known);
    if (restarted)
        container->signalled = false;
    if (container->stopping && (restarted || status_ended(known.status))) {
        container->stopping = false;
        changed = true;
    }
    return changed;
}

bool world_container_apply(struct world *world, struct world_instance *host,
                           const struct container_report *report)
{
    ASSERT(report->id != NULL && report->name != NULL && report->container != NULL);
    ASSERT(report->task != NULL && report->cluster != NULL);
    ASSERT((unsigned)report->status < CONTAINER_STATUS_COUNT);
    ASSERT((unsigned)report->health < HEALTH_STATUS_COUNT);

    struct world_container *container = container_find(world, report->id);
    bool changed = false;
    bool ended_before = container != NULL && status_ended(container->status);

    if (container != NULL && !container_matches(container, host, report)) {
        task_mark(world, container->task, true);
        container_drop(world, container);
        container = NULL;
    }
    if (container == NULL) {
        container = container_add(world, host, report);
        changed = true;
    }
    container->sweep = host->sweep;
    int64_t started_ms = container->started_ms;
    changed = container_update(container, report) || changed;
    int check_exit_code = container->check_exit_code;
    bool told = container_tell(container, report);
    changed = changed || container->check_exit_code != check_exit_code;
    if (container->started_ms != 0 && container->started_ms != started_ms)
        host->starts++;
    if (container->started_ms != 0 && container->started_ms != container->skewed_start_ms) {
        container->skewed_start_ms = container->started_ms;
        container->clock_skew_ms = host->clock_skew_ms;
    }
    if (changed)
        task_mark(world, container->task, status_ended(container->status) && !ended_before);
    return changed || told;
}

bool world_container_gone(struct world *world, const char *id)
{
    struct world_container *container = container_find(world, id);
    if (container == NULL)
        return false;
    task_mark(world, container->task, true);
    container_drop(world, container);
    return true;
}

bool world_container_stopping(struct world *world, const char *id)
{
    struct world_container *container = container_find(world, id);
    if (container == NULL || container->stopping || status_ended(container->status))
        return false;
    container->stopping = true;
    task_mark(world, container->task, false);
    return true;
}

void world_containers_lost(struct world_instance *host)
{
    for (struct world_task *task = host->tasks; task != NULL; task = task->host_next) {
        for (size_t i = 0; i < task->container_count; i++)
            task->containers[i]->stopping = false;
    }
}

bool world_container_ended(struct world *world, const char *id)
{
    struct world_container *container = container_find(world, id);
    if (container == NULL || status_ended(container->status))
        return false;
    container->status = CONTAINER_EXITED;
    container->inspected = false;
    container->stopping = false;
    task_mark(world, container->task, true);
    return true;
}

bool world_container_signalled(struct world *world, const char *id)
{
    struct world_container *container = container_find(world, id);
    if (container == NULL || container->signalled || status_ended(container->status))
        return false;
    container->signalled = true;
    return true; /* what it does to the container is told apart: nothing is planned for it */
}

bool world_container_lines(struct world *world, const char *id, const char *text)
{
    struct world_container *container = container_find(world, id);
    if (container == NULL || container->lines_asked)
        return false;
    container->lines_asked = true;
    (void)text_set(&container->last_lines, text);
    task_mark(world, container->task, false);
    return true;
}

void world_containers_forget(struct world *world, struct world_instance *host)
{
    while (host->tasks != NULL) {
        task_mark(world, host->tasks, false);
        container_drop(world, host->tasks->containers[0]);
    }
}

bool world_container_sweep(struct world *world, struct world_instance *host)
{
    bool changed = false;
    struct world_task *next;

    for (struct world_task *task = host->tasks; task != NULL; task = next) {
        next = task->host_next;
        /* From the end, and not looking at the task again: it goes with its last container. */
        for (size_t i = task->container_count; i > 0; i--) {
            struct world_container *container = task->containers[i - 1];
            if (container->sweep == host->sweep)
                continue;
            task_mark(world, task, true);
            container_drop(world, container);
            changed = true;
        }
    }
    return changed;
}

void world_containers_free(struct world *world)
{
    while (world->containers != NULL)
        container_drop(world, world->containers);
    ASSERT(world->tasks == NULL && world->services == NULL);
}

const struct world_task *world_task(const struct world *world, const char *id)
{
    return task_first(world, id);
}

const struct world_container *world_container(const struct world *world, const char *id)
{
    return container_find(world, id);
}

const struct world_container *world_task_container(const struct world_task *task,
                                                   const char *container)
{
    for (size_t i = 0; i < task->container_count; i++) {
        if (strcmp(task->containers[i]->container, container) == 0)
            return task->containers[i];
    }
    return NULL;
}
