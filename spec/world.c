/*
 * The world's instances, and the efforts, networks and volumes there. What is only told as a whole
 * (an image, a network) is one immutable block that a different report replaces.
 */
#include "spec/world.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/text.h"
#include "spec/world_int.h"

/* ---- Texts ---- */

size_t pack_size(const char *text)
{
    return text == NULL ? 0 : strlen(text) + 1;
}

const char *pack_text(char **at, const char *text)
{
    if (text == NULL)
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);
    *at += size;
    return copy;
}

bool text_set(char **slot, const char *text)
{
    if (text != NULL && *text == '\0')
        text = NULL;
    if (text_equal(*slot, text))
        return false;
    char *copy = text == NULL ? NULL : mem_text(text); /* before free: text may be within *slot */
    free(*slot);
    *slot = copy;
    return true;
}

/* ---- Marks ---- */

void world_mark(const struct world *world, enum dirty_kind kind, const char *key)
{
    if (world->dirty != NULL)
        world->dirty(world->dirty_context, kind, key);
}

static void world_mark_instance(const struct world *world, const struct world_instance *instance)
{
    const struct world_service *last = NULL;

    world_mark(world, DIRTY_INSTANCE, instance->name);
    for (const struct world_task *task = instance->tasks; task != NULL; task = task->host_next) {
        if (task->service != NULL && task->service != last)
            world_mark(world, DIRTY_SERVICE, task->service->key);
        last = task->service;
    }
}

/* ---- Instances ---- */

static struct world_instance *instance_find(const struct world *world, const char *name)
{
    struct world_instance *instance;
    HASH_FIND(by_name, world->instances, name, strlen(name), instance);
    return instance;
}

static struct world_instance *instance_need(struct world *world, const char *name)
{
    ASSERT(name != NULL && *name != '\0');
    struct world_instance *instance = instance_find(world, name);
    if (instance != NULL)
        return instance;
    instance = mem_alloc(sizeof(*instance) + pack_size(name));
    char *at = (char *)(instance + 1);
    instance->name = pack_text(&at, name);
    instance->state = INSTANCE_CONNECTING;
    HASH_ADD_KEYPTR(by_name, world->instances, instance->name, strlen(instance->name), instance);
    world->fleets++;
    return instance;
}

/* A connection that was lost and is back proves nothing yet: `complete` and the state come with the
 * next whole listing. */
static bool instance_apply(struct world *world, const struct instance_report *report)
{
    struct world_instance *instance = instance_need(world, report->instance);
    bool changed = world_engine_set(world, instance, report->engine_id);

    changed = text_set(&instance->engine_version, report->engine_version) || changed;
    changed = text_set(&instance->architecture, report->architecture) || changed;
    changed = changed || instance->cpu_units != report->cpu_units ||
              instance->memory_mib != report->memory_mib ||
              instance->clock_skew_ms != report->clock_skew_ms;
    instance->cpu_units = report->cpu_units;
    instance->memory_mib = report->memory_mib;
    instance->clock_skew_ms = report->clock_skew_ms;
    instance->connected_ms = report->connected_ms;
    if (changed) {
        world->fleets++;
        world_mark_instance(world, instance);
    }
    return changed;
}

static bool instance_lost(struct world *world, const char *name, const char *failure, int64_t at_ms)
{
    struct world_instance *instance = instance_need(world, name);
    bool changed = text_set(&instance->failure, failure);

    instance->listing = false;
    if (instance->state == INSTANCE_LOST)
        return changed;
    instance->state = INSTANCE_LOST;
    instance->lost_ms = at_ms;
    instance->complete = false;
    world_containers_lost(instance);
    world_mark_instance(world, instance);
    return true;
}

/* ---- Efforts ---- */

static void effort_drop(struct world_instance *instance, struct world_effort *effort)
{
    HASH_DELETE(by_key, instance->efforts, effort);
    free(effort->key);
    free(effort->image_id);
    free(effort->digest);
    free(effort->image_name);
    free(effort->giver);
    free(effort->progress);
    free(effort->boot);
    free(effort);
}

/* What ended longest ago; looked for only when there are too many. */
static void efforts_limit(struct world_instance *instance)
{
    if (HASH_CNT(by_key, instance->efforts) <= WORLD_EFFORTS_MAX)
        return;
    struct world_effort *oldest = NULL;
    for (struct world_effort *effort = instance->efforts; effort != NULL;
         effort = effort->by_key.next) {
        if (effort->state != EFFORT_RUNNING && (oldest == NULL || effort->at_ms < oldest->at_ms))
            oldest = effort;
    }
    if (oldest != NULL)
        effort_drop(instance, oldest);
}

static bool failure_equal(const struct err *a, const struct err *b)
{
    return a->code == b->code && strcmp(a->text, b->text) == 0;
}

static void effort_failed(struct world_effort *effort, int64_t at_ms, enum err_code code,
                          const struct world_instance *instance)
{
    if (effort->failures++ == 0 || effort->failed_ms[0] < instance->connected_ms)
        effort->starts = instance->starts;
    effort->starts_elsewhere = instance->starts != effort->starts;
    memmove(&effort->failed_ms[1], &effort->failed_ms[0],
            (WORLD_FAILURES_KEPT - 1) * sizeof(effort->failed_ms[0]));
    effort->failed_ms[0] = at_ms;
    memmove(&effort->failed_codes[1], &effort->failed_codes[0],
            (WORLD_FAILURES_KEPT - 1) * sizeof(effort->failed_codes[0]));
    effort->failed_codes[0] = code;
}

static uint32_t failures_told(const struct world_effort *effort)
{
    return effort->failures < WORLD_FAILURES_KEPT ? effort->failures : WORLD_FAILURES_KEPT;
}

uint32_t world_effort_failures(const struct world_effort *effort, int64_t since_ms)
{
    uint32_t count = 0;

    while (count < failures_told(effort) && effort->failed_ms[count] >= since_ms)
        count++;
    return count == WORLD_FAILURES_KEPT ? effort->failures : count;
}

uint32_t world_effort_refusals(const struct world_effort *effort, int64_t since_ms)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < failures_told(effort) && effort->failed_ms[i] >= since_ms; i++)
        count += err_class(effort->failed_codes[i]) != ERR_CLASS_RETRY ||
                 effort->failed_codes[i] == ERR_FAILED;
    return count == WORLD_FAILURES_KEPT ? effort->failures : count;
}

int64_t world_effort_failing_since(const struct world_effort *effort, int64_t since_ms)
{
    int64_t first_ms = INT64_MAX;

    for (uint32_t i = 0; i < failures_told(effort) && effort->failed_ms[i] >= since_ms; i++)
        first_ms = effort->failed_ms[i];
    return first_ms;
}

/* Nobody wanted it any more: whoever wants it again begins anew. */
static bool effort_cancelled(struct world *world, struct world_instance *instance,
                             struct world_effort *effort)
{
    if (effort == NULL)
        return false;
    effort_drop(instance, effort);
    world_mark(world, DIRTY_INSTANCE, instance->name);
    return true;
}

/* A copy ends: who gave the image may not need it any more. */
static void giver_mark(struct world *world, const struct world_effort *effort)
{
    if (effort->giver != NULL && instance_find(world, effort->giver) != NULL)
        world_mark(world, DIRTY_INSTANCE, effort->giver);
}

static bool effort_apply(struct world *world, const struct effort_report *report)
{
    ASSERT(report->key != NULL && (unsigned)report->state < EFFORT_STATE_COUNT);
    struct world_instance *instance = instance_need(world, report->instance);
    struct world_effort *effort;

    HASH_FIND(by_key, instance->efforts, report->key, strlen(report->key), effort);
    if (effort != NULL && effort->state == EFFORT_RUNNING && report->state != EFFORT_RUNNING)
        giver_mark(world, effort);
    if (report->state == EFFORT_FAILED && report->failure != NULL &&
        report->failure->code == ERR_CANCELLED)
        return effort_cancelled(world, instance, effort);
    bool is_new = effort == NULL;
    if (is_new) {
        effort = mem_alloc(sizeof(*effort));
        effort->key = mem_text(report->key);
        HASH_ADD_KEYPTR(by_key, instance->efforts, effort->key, strlen(effort->key), effort);
    }
    const struct err none = { 0 };
    const struct err *failure =
        report->state == EFFORT_RUNNING ? &effort->failure /* the last one */
        : report->state == EFFORT_FAILED && report->failure != NULL ? report->failure
                                                                    : &none;
    bool moved = is_new || effort->state != report->state || effort->at_ms != report->at_ms;
    if (report->state == EFFORT_FAILED && moved)
        effort_failed(effort, report->at_ms, failure->code, instance);
    if (report->state == EFFORT_DONE)
        effort->failures = 0;
    (void)text_set(&effort->boot, report->boot); /* with the state, which marks it */
    effort->needs_reboot = report->needs_reboot;
    if (!failure_equal(&effort->failure, failure)) {
        effort->failure = *failure;
        moved = true;
    }
    effort->state = report->state;
    effort->at_ms = report->at_ms;
    effort->failure.pos = (struct pos){ 0 }; /* its file would not live as long */
    moved = text_set(&effort->image_id, report->image_id) || moved;
    moved = text_set(&effort->digest, report->digest) || moved;
    moved = text_set(&effort->image_name, report->image_name) || moved;
    moved = text_set(&effort->giver, report->giver) || moved;
    moved = moved || effort->is_named != report->is_named || effort->is_new != report->is_new;
    effort->is_named = report->is_named;
    effort->is_new = report->is_new;
    bool progressed = text_set(&effort->progress, report->progress);

    if (moved)
        world_mark(world, DIRTY_INSTANCE, instance->name);
    if (is_new)
        efforts_limit(instance);
    return moved || progressed;
}

const struct world_effort *world_effort(const struct world_instance *instance, const char *key)
{
    struct world_effort *effort;
    HASH_FIND(by_key, instance->efforts, key, strlen(key), effort);
    return effort;
}

/* ---- Networks and volumes ---- */

static struct world_named *named_find(struct world_named *all, const char *name)
{
    struct world_named *named;
    HASH_FIND(by_name, all, name, strlen(name), named);
    return named;
}

static struct world_named *named_new(const struct named_report *report)
{
    struct world_named *named = mem_alloc(sizeof(*named) + pack_size(report->name) +
                                          pack_size(report->owner) + pack_size(report->cluster) +
                                          pack_size(report->service) + pack_size(report->root));
    char *at = (char *)(named + 1);
    named->name = pack_text(&at, report->name);
    named->owner = pack_text(&at, report->owner);
    named->cluster = pack_text(&at, report->cluster);
    named->service = pack_text(&at, report->service);
    named->root = pack_text(&at, report->root);
    return named;
}

static bool named_matches(const struct world_named *named, const struct named_report *report)
{
    return text_equal(named->owner, report->owner) && text_equal(named->cluster, report->cluster) &&
           text_equal(named->service, report->service) && text_equal(named->root, report->root);
}

static bool named_apply(struct world *world, struct world_instance *instance,
                        struct world_named **all, const struct named_report *report)
{
    ASSERT(report->name != NULL);
    struct world_named *named = named_find(*all, report->name);
    if (named != NULL && named_matches(named, report)) {
        named->sweep = instance->sweep;
        return false;
    }
    world_mark(world, named == NULL ? DIRTY_INSTANCE : DIRTY_RELIERS, instance->name);
    if (named != NULL) {
        HASH_DELETE(by_name, *all, named);
        free(named);
    }
    named = named_new(report);
    named->sweep = instance->sweep;
    HASH_ADD_KEYPTR(by_name, *all, named->name, strlen(named->name), named);
    return true;
}

static bool named_gone(struct world *world, const struct world_instance *instance,
                       struct world_named **all, const char *name)
{
    struct world_named *named = named_find(*all, name);
    if (named == NULL)
        return false;
    HASH_DELETE(by_name, *all, named);
    free(named);
    world_mark(world, DIRTY_RELIERS, instance->name);
    return true;
}

/* Drops what the sweep of number `sweep` did not see; UINT64_MAX: everything. */
static bool named_sweep(struct world_named **all, uint64_t sweep)
{
    bool changed = false;
    struct world_named *named;
    struct world_named *next;

    HASH_ITER(by_name, *all, named, next)
    {
        if (named->sweep == sweep)
            continue;
        HASH_DELETE(by_name, *all, named);
        free(named);
        changed = true;
    }
    return changed;
}

const struct world_named *world_network(const struct world_instance *instance, const char *name)
{
    return named_find(instance->networks, name);
}

const struct world_named *world_volume(const struct world_instance *instance, const char *name)
{
    return named_find(instance->volumes, name);
}

/* ---- Listings ---- */

static bool listing_begin(struct world *world, const char *name)
{
    struct world_instance *instance = instance_need(world, name);
    instance->sweep++;
    instance->listing = true;
    return false;
}

static bool listing_end(struct world *world, const char *name)
{
    struct world_instance *instance = instance_need(world, name);
    if (!instance->listing)
        return false; /* the connection was lost in between: what was seen is not all */
    instance->listing = false;

    bool named = named_sweep(&instance->networks, instance->sweep);
    named = named_sweep(&instance->volumes, instance->sweep) || named;
    named = world_image_sweep(instance) || named;
    if (named)
        world_mark(world, DIRTY_RELIERS, instance->name);
    bool changed = world_container_sweep(world, instance) || named;

    if (!instance->complete || instance->state != INSTANCE_ACTIVE) {
        instance->complete = true;
        instance->was_complete = true;
        instance->state = INSTANCE_ACTIVE;
        instance->lost_ms = 0;
        (void)text_set(&instance->failure, NULL);
        world_mark_instance(world, instance);
        changed = true;
    }
    return changed;
}

/* ---- The world ---- */

static void instance_free(struct world *world, struct world_instance *instance)
{
    while (instance->images != NULL)
        world_image_drop(instance, instance->images);
    while (instance->efforts != NULL)
        effort_drop(instance, instance->efforts);
    (void)named_sweep(&instance->networks, UINT64_MAX);
    (void)named_sweep(&instance->volumes, UINT64_MAX);
    ASSERT(instance->references == NULL);
    (void)world_engine_set(world, instance, NULL);
    world_untouch(world, instance);
    HASH_DELETE(by_name, world->instances, instance);
    world->fleets++;
    free(instance->engine_version);
    free(instance->architecture);
    free(instance->failure);
    free(instance);
}

static bool instance_gone(struct world *world, const char *name)
{
    struct world_instance *instance = instance_find(world, name);

    if (instance == NULL)
        return false;
    world_mark(world, DIRTY_RELIERS, instance->name);
    world_containers_forget(world, instance);
    instance_free(world, instance);
    return true;
}

static bool change_apply(struct world *world, const struct world_change *change)
{
    const struct named_report *named = &change->named;
    struct world_instance *instance;

    switch (change->kind) {
    case WORLD_INSTANCE: return instance_apply(world, &change->instance);
    case WORLD_INSTANCE_LOST:
        return instance_lost(world, change->lost.instance, change->lost.failure,
                             change->lost.at_ms);
    case WORLD_INSTANCE_GONE: return instance_gone(world, named->instance);
    case WORLD_LISTING_BEGIN: return listing_begin(world, named->instance);
    case WORLD_LISTING_END: return listing_end(world, named->instance);
    case WORLD_CONTAINER:
        instance = instance_need(world, change->container.instance);
        return instance->same_as == NULL &&
               world_container_apply(world, instance, &change->container);
    case WORLD_CONTAINER_GONE: return world_container_gone(world, named->name);
    case WORLD_CONTAINER_ENDED: return world_container_ended(world, named->name);
    case WORLD_CONTAINER_STOPPING: return world_container_stopping(world, named->name);
    case WORLD_CONTAINER_SIGNALLED: return world_container_signalled(world, named->name);
    case WORLD_CONTAINER_LINES:
        return world_container_lines(world, change->lines.id, change->lines.text);
    case WORLD_IMAGE:
        instance = instance_need(world, change->image.instance);
        return world_image_apply(world, instance, &change->image);
    case WORLD_IMAGE_GONE:
        instance = instance_need(world, named->instance);
        return world_image_gone(world, instance, named->name);
    case WORLD_EFFORT: return effort_apply(world, &change->effort);
    case WORLD_NETWORK:
        instance = instance_need(world, named->instance);
        return named_apply(world, instance, &instance->networks, named);
    case WORLD_NETWORK_GONE:
        instance = instance_need(world, named->instance);
        return named_gone(world, instance, &instance->networks, named->name);
    case WORLD_VOLUME:
        instance = instance_need(world, named->instance);
        return named_apply(world, instance, &instance->volumes, named);
    case WORLD_VOLUME_GONE:
        instance = instance_need(world, named->instance);
        return named_gone(world, instance, &instance->volumes, named->name);
    case WORLD_BALANCERS_KNOWN:
        if (world->balancers_known)
            return false;
        world->balancers_known = true;
        return true;
    case WORLD_BALANCER: return world_balancer_apply(world, &change->balancer);
    case WORLD_BALANCER_GONE: return world_balancer_gone(world, named->name);
    case WORLD_BALANCER_FAILED:
        return world_balancer_failed(world, change->lost.instance, change->lost.failure,
                                     change->lost.at_ms);
    case WORLD_CHANGE_COUNT: break;
    }
    ASSERT(change->kind < WORLD_CHANGE_COUNT);
    return false;
}

bool world_apply(struct world *world, const struct world_change *change)
{
    ASSERT(world != NULL && change != NULL);
    bool changed = change_apply(world, change);
    if (!changed)
        return false;
    world->version++;
    if (change->kind >= WORLD_BALANCERS_KNOWN)
        return true; /* no instance has them */
    /* Every kind names it first, and those of containers need not. */
    const char *name = change->kind == WORLD_INSTANCE_GONE ? NULL : change->named.instance;
    struct world_instance *instance = name == NULL ? NULL : instance_find(world, name);
    if (instance != NULL)
        world_touch(world, instance);
    return true;
}

struct world *world_new(dirty_fn *dirty, void *context)
{
    struct world *world = mem_alloc(sizeof(*world));
    world->dirty = dirty;
    world->dirty_context = context;
    return world;
}

void world_free(struct world *world)
{
    if (world == NULL)
        return;
    world->dirty = NULL;
    world_containers_free(world);
    while (world->instances != NULL)
        instance_free(world, world->instances);
    world_balancers_free(world);
    free(world);
}

const struct world_instance *world_instance(const struct world *world, const char *name)
{
    return instance_find(world, name);
}

static void instance_clock_moved(struct world_instance *instance, int64_t moved_ms)
{
    instance->connected_ms += moved_ms;
    if (instance->lost_ms != 0)
        instance->lost_ms += moved_ms;
    for (struct world_effort *at = instance->efforts; at != NULL; at = at->by_key.next) {
        at->at_ms += moved_ms;
        for (size_t i = 0; i < WORLD_FAILURES_KEPT; i++)
            at->failed_ms[i] += moved_ms;
    }
    /* The engine's own clock is asked again for what starts from now on. */
    for (struct world_task *task = instance->tasks; task != NULL; task = task->host_next) {
        for (size_t i = 0; i < task->container_count; i++)
            task->containers[i]->clock_skew_ms -= moved_ms;
    }
}

void world_clock_moved(struct world *world, int64_t moved_ms)
{
    for (struct world_instance *at = world->instances; at != NULL; at = at->by_name.next)
        instance_clock_moved(at, moved_ms);
    world_balancers_clock_moved(world, moved_ms);
}
