/*
 * One engine under several names: what it runs is counted once, and the names that come later tell
 * nothing.
 */
#include <string.h>

#include "spec/base/text.h"
#include "spec/names.h"
#include "spec/world_int.h"

/* Of two names for one engine the local one comes first, then they go by the alphabet. */
static bool comes_first(const struct world_instance *a, const struct world_instance *b)
{
    bool local = text_equal(a->name, LOCAL_INSTANCE);

    if (local || text_equal(b->name, LOCAL_INSTANCE))
        return local;
    return strcmp(a->name, b->name) < 0;
}

void world_find_twins(struct world *world)
{
    for (struct world_instance *at = world->instances; at != NULL; at = at->by_name.next) {
        const struct world_instance *first = at;

        for (const struct world_instance *other = world->instances;
             at->engine_id != NULL && other != NULL; other = other->by_name.next) {
            if (text_equal(other->engine_id, at->engine_id) && comes_first(other, first))
                first = other;
        }
        if ((first == at ? NULL : first->name) == at->same_as)
            continue;
        at->same_as = first == at ? NULL : first->name;
        at->complete = false; /* what was told, or not, has to be told again */
        world_containers_forget(world, at);
        world_mark(world, DIRTY_RELIERS, at->name);
    }
}
