/*
 * The world's load balancers.  Each report of one is whole and replaces the former; which services
 * it concerns is found by comparing the two.
 */
#include <stdlib.h>
#include <string.h>

#include "spec/base/text.h"
#include "spec/world_int.h"

static struct world_balancer *balancer_find(const struct world *world, const char *name)
{
    struct world_balancer *balancer;

    HASH_FIND(by_name, world->balancers, name, strlen(name), balancer);
    return balancer;
}

static struct world_balancer *balancer_need(struct world *world, const char *name)
{
    struct world_balancer *balancer = balancer_find(world, name);
    size_t prefix = sizeof(BALANCER_KEY) - 1;

    if (balancer != NULL)
        return balancer;
    balancer = mem_alloc(sizeof(*balancer));
    balancer->key = mem_alloc(prefix + strlen(name) + 1);
    memcpy(balancer->key, BALANCER_KEY, prefix);
    memcpy(balancer->key + prefix, name, strlen(name) + 1);
    balancer->name = balancer->key + prefix;
    HASH_ADD_KEYPTR(by_name, world->balancers, balancer->name, strlen(balancer->name), balancer);
    return balancer;
}

/* ---- Targets -------------------------------------------------------------------------------- */

static void target_fill(struct world_target *target, const struct target_report *report)
{
    char *at =
        mem_alloc(pack_size(report->group) + pack_size(report->task) + pack_size(report->address));

    target->group = at;
    (void)pack_text(&at, report->group);
    target->task = pack_text(&at, report->task);
    target->address = pack_text(&at, report->address);
    target->reason = report->reason == NULL ? NULL : mem_text(report->reason);
    target->port = report->port;
    target->check_port = report->check_port;
    target->connections = report->connections;
    target->state = report->state;
}

static void targets_free(struct world_target *targets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(targets[i].group);
        free(targets[i].reason);
    }
    free(targets);
}

static int compare_targets(const void *a, const void *b)
{
    const struct world_target *left = a;
    const struct world_target *right = b;
    int order = strcmp(left->group, right->group);

    return order != 0 ? order : strcmp(left->task, right->task);
}

static bool targets_equal(const struct world_target *a, const struct world_target *b)
{
    return text_equal(a->address, b->address) && text_equal(a->reason, b->reason) &&
           a->port == b->port && a->check_port == b->check_port &&
           a->connections == b->connections && a->state == b->state;
}

/* "CLUSTER:SERVICE:CONTAINER:PORT" is of CLUSTER/SERVICE. */
static void mark_service(const struct world *world, const char *group)
{
    size_t cluster = strcspn(group, ":");
    size_t size = cluster;
    char *key;

    if (group[cluster] == '\0')
        return;
    size += 1 + strcspn(group + cluster + 1, ":");
    key = mem_alloc(size + 1);
    memcpy(key, group, size);
    key[cluster] = '/';
    key[size] = '\0';
    world_mark(world, DIRTY_SERVICE, key);
    free(key);
}

/* Marks the services of what differs; both are sorted.  True when anything does. */
static bool mark_difference(const struct world *world, const struct world_target *before,
                            size_t before_count, const struct world_target *after,
                            size_t after_count)
{
    const char *marked = "";
    bool changed = false;
    size_t a = 0;
    size_t b = 0;

    while (a < before_count || b < after_count) {
        int order = a == before_count  ? 1
                    : b == after_count ? -1
                                       : compare_targets(&before[a], &after[b]);
        const char *group = order > 0 ? after[b].group : before[a].group;
        bool same = order == 0 && targets_equal(&before[a], &after[b]);

        a += order <= 0;
        b += order >= 0;
        if (same)
            continue;
        changed = true;
        if (!text_equal(marked, group))
            mark_service(world, group);
        marked = group;
    }
    return changed;
}

const struct world_target *world_target(const struct world_balancer *balancer, const char *group,
                                        const char *task)
{
    size_t low = 0;
    size_t high = balancer->target_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct world_target *at = &balancer->targets[middle];
        int order = strcmp(at->group, group);

        order = order != 0 ? order : strcmp(at->task, task);
        if (order == 0)
            return at;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool world_balancer_serves(const struct world_balancer *balancer, const char *prefix)
{
    size_t low = 0;
    size_t high = balancer->target_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(balancer->targets[middle].group, prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < balancer->target_count && text_starts(balancer->targets[low].group, prefix);
}

/* ---- Reports -------------------------------------------------------------------------------- */

/* True when they differ. */
static bool set_targets(const struct world *world, struct world_balancer *balancer,
                        struct world_target *targets, size_t count)
{
    bool changed =
        mark_difference(world, balancer->targets, balancer->target_count, targets, count);

    targets_free(balancer->targets, balancer->target_count);
    balancer->targets = targets;
    balancer->target_count = count;
    return changed;
}

static void mark_all(const struct world *world, const struct world_balancer *balancer)
{
    for (size_t i = 0; i < balancer->target_count; i++)
        if (i == 0 || !text_equal(balancer->targets[i].group, balancer->targets[i - 1].group))
            mark_service(world, balancer->targets[i].group);
}

static void forget_failure(struct world_balancer *balancer)
{
    free(balancer->failure);
    balancer->failure = NULL;
    balancer->failures = 0;
}

bool world_balancer_apply(struct world *world, const struct balancer_report *report)
{
    struct world_balancer *balancer = balancer_need(world, report->name);
    struct world_target *targets =
        mem_alloc((report->target_count + 1) * sizeof(struct world_target));
    bool turned = !balancer->runs || balancer->stopping != report->stopping;
    bool changed = turned;

    for (size_t i = 0; i < report->target_count; i++)
        target_fill(&targets[i], &report->targets[i]);
    qsort(targets, report->target_count, sizeof(*targets), compare_targets);
    balancer->runs = true;
    balancer->stopping = report->stopping;
    if (report->applied && balancer->failures > 0) {
        forget_failure(balancer);
        turned = true;
    }
    changed = text_set(&balancer->shape, report->shape) || changed;
    changed = text_set(&balancer->warning, report->warning) || changed;
    changed = set_targets(world, balancer, targets, report->target_count) || changed || turned;
    if (turned)
        mark_all(world, balancer);
    if (changed)
        world_mark(world, DIRTY_BALANCER, balancer->key);
    return changed;
}

static void balancer_free(struct world *world, struct world_balancer *balancer)
{
    HASH_DELETE(by_name, world->balancers, balancer);
    targets_free(balancer->targets, balancer->target_count);
    free(balancer->shape);
    free(balancer->warning);
    free(balancer->failure);
    free(balancer->key);
    free(balancer);
}

bool world_balancer_gone(struct world *world, const char *name)
{
    struct world_balancer *balancer = balancer_find(world, name);

    if (balancer == NULL || !balancer->runs)
        return false;
    world_mark(world, DIRTY_BALANCER, balancer->key);
    (void)set_targets(world, balancer, NULL, 0);
    balancer->runs = false;
    balancer->stopping = false;
    (void)text_set(&balancer->shape, NULL);
    (void)text_set(&balancer->warning, NULL);
    if (balancer->failures == 0)
        balancer_free(world, balancer);
    return true;
}

bool world_balancer_failed(struct world *world, const char *name, const char *failure,
                           int64_t at_ms)
{
    struct world_balancer *balancer = balancer_need(world, name);

    (void)text_set(&balancer->failure, failure);
    balancer->failed_ms = at_ms;
    balancer->failures++;
    mark_all(world, balancer);
    world_mark(world, DIRTY_BALANCER, balancer->key);
    return true;
}

void world_balancers_clock_moved(struct world *world, int64_t moved_ms)
{
    for (struct world_balancer *at = world->balancers; at != NULL; at = at->by_name.next)
        at->failed_ms += at->failures > 0 ? moved_ms : 0;
}

void world_balancers_free(struct world *world)
{
    while (world->balancers != NULL)
        balancer_free(world, world->balancers);
}

const struct world_balancer *world_balancer(const struct world *world, const char *name)
{
    return balancer_find(world, name);
}
