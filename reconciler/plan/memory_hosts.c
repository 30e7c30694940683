#include "reconciler/plan/memory_hosts.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/text.h"

#define MAINTENANCE_KEPT_MS (90LL * 24 * 60 * 60 * 1000)

static struct memory_host *host_find(const struct memory *memory, const char *instance)
{
    struct memory_host *host = NULL;

    HASH_FIND(by_name, memory->hosts, instance, strlen(instance), host);
    return host;
}

static struct memory_host *engine_find(const struct memory *memory, const char *engine)
{
    struct memory_host *host = NULL;

    if (engine != NULL)
        HASH_FIND(by_engine, memory->hosts_by_engine, engine, strlen(engine), host);
    return host;
}

static void engine_leave(struct memory *memory, struct memory_host *host)
{
    if (engine_find(memory, host->maintenance.engine) == host)
        HASH_DELETE(by_engine, memory->hosts_by_engine, host);
}

/* What was told of it under another name does not count any more. */
static void engine_enter(struct memory *memory, struct memory_host *host)
{
    const char *engine = host->maintenance.engine;
    struct memory_host *before = engine_find(memory, engine);

    if (before != NULL)
        HASH_DELETE(by_engine, memory->hosts_by_engine, before);
    if (engine != NULL)
        HASH_ADD_KEYPTR(by_engine, memory->hosts_by_engine, engine, strlen(engine), host);
}

static void host_free(struct memory *memory, struct memory_host *host)
{
    ASSERT(memory->hosts != NULL);
    memory->host_changes++;
    HASH_DELETE(by_name, memory->hosts, host);
    engine_leave(memory, host);
    arena_release(&host->arena);
    free(host);
}

bool host_record_is_empty(const struct host_record *record)
{
    return record->forgotten_ms == 0 && record->installed_ms == 0 && record->maintenance == NULL;
}

static void host_add(struct memory *memory, const struct host_record *record)
{
    struct memory_host *host = mem_alloc(sizeof(*host));

    host->record = *record;
    host->record.instance = arena_text(&host->arena, record->instance);
    if (record->maintenance != NULL) {
        host->maintenance = *maintenance_copy(record->maintenance, &host->arena);
        host->record.maintenance = &host->maintenance;
    }
    HASH_ADD_KEYPTR(by_name, memory->hosts, host->record.instance, strlen(host->record.instance),
                    host);
    engine_enter(memory, host);
    memory->host_changes++;
}

/* The record may be a copy of what is known, whose texts go with it: so the old one goes last. */
void hosts_apply(struct memory *memory, const struct host_record *record)
{
    struct memory_host *before = host_find(memory, record->instance);

    if (before != NULL) {
        HASH_DELETE(by_name, memory->hosts, before);
        engine_leave(memory, before);
    }
    if (!host_record_is_empty(record))
        host_add(memory, record);
    if (before == NULL)
        return;
    memory->host_changes++;
    arena_release(&before->arena);
    free(before);
}

/* The last time that anything of it was true. */
static int64_t newest_ms(const struct host_record *record)
{
    int64_t newest = record->forgotten_ms;

    if (record->installed_ms > newest)
        newest = record->installed_ms;
    if (record->maintenance != NULL && record->maintenance->since_ms > newest)
        newest = record->maintenance->since_ms;
    return newest;
}

/* A host that was taken out for a while is not maintained anew, nor is a failure forgotten. */
static int64_t kept_longer_ms(const struct host_record *record)
{
    return record->maintenance == NULL ? 0 : MAINTENANCE_KEPT_MS;
}

void hosts_expire(struct memory *memory, const struct world *world, int64_t before_ms)
{
    struct memory_host *host;
    struct memory_host *next;

    HASH_ITER(by_name, memory->hosts, host, next)
    {
        if (newest_ms(&host->record) < before_ms - kept_longer_ms(&host->record) &&
            world_instance(world, host->record.instance) == NULL)
            host_free(memory, host);
    }
}

void hosts_free(struct memory *memory)
{
    while (memory->hosts != NULL)
        host_free(memory, memory->hosts);
}

const struct host_record *memory_host(const struct memory *memory, const char *instance)
{
    const struct memory_host *host = host_find(memory, instance);

    return host == NULL ? NULL : &host->record;
}

const struct host_record *memory_host_of(const struct memory *memory, const char *engine)
{
    const struct memory_host *host = engine_find(memory, engine);

    return host == NULL ? NULL : &host->record;
}

bool hosts_were_seen(const struct memory *memory, const struct world *world)
{
    for (const struct world_instance *at = world->instances; at != NULL; at = at->by_name.next) {
        const struct host_record *host = memory_host(memory, at->name);

        if (!at->was_complete && at->same_as == NULL && (host == NULL || host->forgotten_ms == 0))
            return false;
    }
    return true;
}
