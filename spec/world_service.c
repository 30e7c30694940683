/*
 * Services: all tasks that are seen of each, in their order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/world_int.h"

void *world_slots_grow(void *slots, size_t count)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return slots;
    return mem_resize(slots, (count == 0 ? 1 : count * 2) * sizeof(void *));
}

static int number_compare(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
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

struct world_service *world_service_need(struct world *world, const char *cluster, const char *name)
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

void world_service_add(struct world_service *service, struct world_task *task)
{
    service->tasks = world_slots_grow(service->tasks, service->task_count);
    size_t position = task_position(service, task);
    memmove(&service->tasks[position + 1], &service->tasks[position],
            (service->task_count - position) * sizeof(struct world_task *));
    service->tasks[position] = task;
    service->task_count++;
}

void world_service_drop(struct world *world, struct world_service *service,
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
