/*
 * Inside of memory: what is remembered of instances.
 */
#ifndef RECONCILER_PLAN_MEMORY_HOSTS_H
#define RECONCILER_PLAN_MEMORY_HOSTS_H

#include "reconciler/plan/maintenance.h"
#include "reconciler/plan/memory.h"

struct memory_host {
    struct host_record record;
    struct maintenance maintenance; /* what the record points to, if to any */
    struct arena arena;
    UT_hash_handle by_name;
    UT_hash_handle by_engine; /* of those whose maintenance names one */
};

void hosts_apply(struct memory *memory, const struct host_record *record);
/* Nothing is remembered: as good as no record. */
bool host_record_is_empty(const struct host_record *record);
/* Those of which nothing is newer than that and that are not in the world: no commit lists them. */
void hosts_expire(struct memory *memory, const struct world *world, int64_t before_ms);
void hosts_free(struct memory *memory);
/* Was each listed once, but those that were given up?  A process that sees one for the first time
 * may find tasks there that were being created when the one before it died: of these nothing is
 * remembered but their deployment. */
bool hosts_were_seen(const struct memory *memory, const struct world *world);

#endif
