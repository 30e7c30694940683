/*
 * See names.h.
 */
#include "spec/names.h"

char *claim_volume_name(struct arena *arena, const char *owner)
{
    return arena_printf(arena, "berth-%s", owner);
}

char *cluster_network_name(struct arena *arena, const char *owner, const char *cluster)
{
    return arena_printf(arena, "berth-%s-%s", owner, cluster);
}

char *service_volume_name(struct arena *arena, const char *owner, const char *cluster,
                          const char *service, const char *volume)
{
    return arena_printf(arena, "berth-%s-%s.%s.%s", owner, cluster, service, volume);
}
