#include "drivers/docker/mandate.h"

struct mandate mandate_copy(const struct mandate *from, struct arena *arena)
{
    struct mandate out = *from;

    out.owner = arena_text(arena, from->owner);
    if (from->root_commit != NULL)
        out.root_commit = arena_text(arena, from->root_commit);
    return out;
}
