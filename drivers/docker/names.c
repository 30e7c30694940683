/*
 * See names.h.
 */
#include "drivers/docker/names.h"

char *docker_claim_name(struct arena *arena, const char *owner)
{
    return arena_printf(arena, "berth-%s", owner);
}

char *docker_network_name(struct arena *arena, const char *owner, const char *cluster)
{
    return arena_printf(arena, "berth-%s-%s", owner, cluster);
}

char *docker_volume_name(struct arena *arena, const char *owner, const char *cluster,
                         const char *service, const char *volume)
{
    return arena_printf(arena, "berth-%s-%s.%s.%s", owner, cluster, service, volume);
}
