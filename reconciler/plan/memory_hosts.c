#include "reconciler/plan/memory_hosts.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/text.h"

static struct memory_host *host_find(const struct memory *memory, const char *instance)
{
    struct memory_host *host = NULL;

    HASH_FIND(by_name, memory->hosts, instance, strlen(instance), host);
    return host;
}

static void host_free(struct memory *memory, struct memory_host *host)
{
    ASSERT(memory->hosts != NULL);
    HASH_DELETE(by_name, memory->hosts, host);
    arena_release(&host->arena);
    free(host);
}

void hosts_apply(struct memory *memory, const struct host_record *record)
{
    struct memory_host *host = host_find(memory, record->instance);

    if (record->forgotten_ms == 0 && record->installed_ms == 0) {
        if (host != NULL)
            host_free(memory, host);
        return;
    }
    if (host == NULL) {
        host = mem_alloc(sizeof(*host));
        host->record.instance = arena_text(&host->arena, record->instance);
        HASH_ADD_KEYPTR(by_name, memory->hosts, host->record.instance,
                        strlen(host->record.instance), host);
    }
    host->record.forgotten_ms = record->forgotten_ms;
    host->record.installed_ms = record->installed_ms;
}

void hosts_expire(struct memory *memory, const struct world *world, int64_t before_ms)
{
    struct memory_host *host;
    struct memory_host *next;

    HASH_ITER(by_name, memory->hosts, host, next)
    {
        if (host->record.forgotten_ms < before_ms && host->record.installed_ms < before_ms &&
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
