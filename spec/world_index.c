/*
 * Containers, and the tasks they make.  A task exists as long as it has a container, a service as
 * long as it has a task.
 *
 * What labels and creation fix forever is packed behind its struct in the same block, or, where
 * many say the same, kept once (world->texts); only what an inspection may tell anew has
 * allocations of its own, and is mostly absent.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "spec/base/arena.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"
#include "spec/names.h"
#include "spec/world.h"
#include "spec/world_int.h"

static int text_compare(const char *a, const char *b)
{
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b);
}

static int container_compare(const struct world_container *a, const struct world_container *b)
{
    int order = text_compare(a->container, b->container);
    return order != 0 ? order : strcmp(a->id, b->id);
}

/* ---- Tasks ---- */

/* Labels are checked by the driver; one that is too long all the same is cut, here and wherever it
 * is compared. */
static const char *cut(const char *text, size_t size, char out[SHA256_HEX_SIZE])
{
    size_t length = text == NULL ? 0 : strnlen(text, size - 1);

    ASSERT(size <= SHA256_HEX_SIZE);
    if (length > 0)
        memcpy(out, text, length);
    out[length] = '\0';
    return out;
}

static bool is_cut(const char *kept, const char *text, size_t size)
{
    char copy[SHA256_HEX_SIZE];

    return strcmp(kept, cut(text, size, copy)) == 0;
}

/* The unit that it is planned in: its service, or of a job the run it belongs to; NULL: none. */
static const char *unit_service(const struct container_report *report, struct arena *scratch)
{
    char run[SHA256_HEX_SIZE];

    if (report->service != NULL || !service_is_job(report->group))
        return report->service;
    return arena_printf(scratch, "%s/%s", report->group,
                        cut(report->deployment, DEPLOYMENT_ID_SIZE, run));
}

static bool task_matches(const struct world_task *task, const struct world_instance *host,
                         const struct container_report *report)
{
    AUTO(arena) scratch = { 0 };
    const char *service = unit_service(report, &scratch);
    bool same_service = task->service == NULL
                            ? service == NULL
                            : text_equal(task->service->service, service) &&
                                  text_equal(task->service->cluster, report->cluster);
    return task->host == host && same_service && is_cut(task->id, report->task, TASK_ID_SIZE) &&
           is_cut(task->revision, report->revision, SHA256_HEX_SIZE) &&
           is_cut(task->deployment, report->deployment, DEPLOYMENT_ID_SIZE) &&
           is_cut(task->commit, report->commit, COMMIT_SIZE) && task->slot == report->slot &&
           task->attempt == report->attempt && task->expected == report->containers &&
           text_equal(task->family, report->family) && text_equal(task->group, report->group) &&
           text_equal(task->host_ports, report->host_ports);
}

static struct world_task *task_first(const struct world *world, const char *id)
{
    struct world_task *task;
    HASH_FIND(by_id, world->tasks, id, strlen(id), task);
    return task;
}

/* What the labels say. */
static void task_fill(struct world *world, struct world_task *task,
                      const struct container_report *report)
{
    struct interned *texts = &world->texts;
    char copy[SHA256_HEX_SIZE];

    task->revision = intern(texts, cut(report->revision, SHA256_HEX_SIZE, copy));
    task->deployment = intern(texts, cut(report->deployment, DEPLOYMENT_ID_SIZE, copy));
    task->commit = intern(texts, cut(report->commit, COMMIT_SIZE, copy));
    task->family = intern(texts, report->family);
    task->group = intern(texts, report->group);
    task->host_ports = intern(texts, report->host_ports);
    task->slot = report->slot;
    task->attempt = report->attempt;
    task->expected = report->containers;
    task->memory_mib = report->memory_mib;
    task->cpu_units = report->cpu_units;
}

static struct world_task *task_need(struct world *world, struct world_instance *host,
                                    const struct container_report *report)
{
    AUTO(arena) scratch = { 0 };
    const char *service = unit_service(report, &scratch);
    char copy[SHA256_HEX_SIZE];
    struct world_task *first = task_first(world, cut(report->task, TASK_ID_SIZE, copy));
    for (struct world_task *task = first; task != NULL; task = task->twin) {
        if (task_matches(task, host, report))
            return task;
    }

    struct world_task *task = mem_alloc(sizeof(*task));
    memcpy(task->id, copy, sizeof(task->id));
    task_fill(world, task, report);
    task->instance = host->name;
    task->host = host;
    DL_APPEND2(host->tasks, task, host_previous, host_next);
    host->task_count++;
    host->used_memory_mib += task->memory_mib;
    host->used_cpu_units += task->cpu_units;
    world_touch(world, host);
    if (service != NULL) {
        task->service = world_service_need(world, report->cluster, service);
        world_service_add(task->service, task);
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
        world_service_drop(world, task->service, task);
    DL_DELETE2(task->host->tasks, task, host_previous, host_next);
    task->host->task_count--;
    task->host->used_memory_mib -= task->memory_mib;
    task->host->used_cpu_units -= task->cpu_units;
    world_touch(world, task->host);
    intern_drop(&world->texts, task->revision);
    intern_drop(&world->texts, task->deployment);
    intern_drop(&world->texts, task->commit);
    intern_drop(&world->texts, task->family);
    intern_drop(&world->texts, task->group);
    intern_drop(&world->texts, task->host_ports);
    if (task->containers != &task->only)
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

/* Room for one more: most tasks have one. */
static void containers_grow(struct world_task *task)
{
    if (task->container_count == 0) {
        task->containers = &task->only;
        return;
    }
    if (task->containers == &task->only) {
        task->containers = mem_resize(NULL, 2 * sizeof(*task->containers));
        task->containers[0] = task->only;
        return;
    }
    task->containers = world_slots_grow(task->containers, task->container_count);
}

static struct world_container *container_add(struct world *world, struct world_instance *host,
                                             const struct container_report *report)
{
    struct world_task *task = task_need(world, host, report);
    struct world_container *container =
        mem_alloc(sizeof(*container) + pack_size(report->id) + pack_size(report->name));
    char *at = (char *)(container + 1);
    container->id = pack_text(&at, report->id);
    container->name = pack_text(&at, report->name);
    container->container = intern(&world->texts, report->container);
    container->digest = intern(&world->texts, report->digest);
    container->image_id = intern(&world->texts, report->image_id);
    container->status = report->status;
    container->task = task;

    containers_grow(task);
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
    intern_drop(&world->texts, container->container);
    intern_drop(&world->texts, container->digest);
    intern_drop(&world->texts, container->image_id);
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
