/*
 * See names.h.
 */
#include "spec/names.h"

#include <string.h>

#include "spec/base/digest.h"

/* An engine keeps a volume in a directory of its name, and no file system takes more. */
#define VOLUME_NAME_MAX 255
#define DIGITS          32

/* A name that is too long keeps its beginning, for people, and gets a digest of all of it. */
static char *fitting(struct arena *arena, char *name)
{
    size_t size = strlen(name);
    char hex[SHA256_HEX_SIZE];

    if (size <= VOLUME_NAME_MAX)
        return name;
    sha256_hex(name, size, hex);
    return arena_printf(arena, "%.*s-%.*s", VOLUME_NAME_MAX - 1 - DIGITS, name, DIGITS, hex);
}

char *claim_volume_name(struct arena *arena, const char *owner)
{
    return fitting(arena, arena_printf(arena, "berth-%s", owner));
}

char *cluster_network_name(struct arena *arena, const char *owner, const char *cluster)
{
    return arena_printf(arena, "berth-%s-%s", owner, cluster);
}

char *service_volume_name(struct arena *arena, const char *owner, const char *cluster,
                          const char *service, const char *volume)
{
    return fitting(arena,
                   arena_printf(arena, "berth-%s-%s.%s.%s", owner, cluster, service, volume));
}
