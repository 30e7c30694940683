/*
 * See names.h.
 */
#include "spec/names.h"

#include <string.h>

#include "spec/base/digest.h"
#include "spec/base/text.h"

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

bool service_is_job(const char *service)
{
    return service != NULL && text_starts(service, JOB_GROUP);
}

bool unit_is_job(const char *key)
{
    const char *slash = strchr(key, '/');

    return slash != NULL && service_is_job(slash + 1);
}

char *job_service(struct arena *arena, const char *family, const char *run)
{
    return arena_printf(arena, JOB_GROUP "%s/%s", family, run);
}

char *job_group(struct arena *arena, const char *service)
{
    return arena_text_n(arena, service, strcspn(service, "/"));
}

char *job_volume_name(struct arena *arena, const char *owner, const char *cluster,
                      const char *service, const char *volume, bool stays)
{
    const char *family = service + strlen(JOB_GROUP);
    size_t size = strcspn(family, "/");

    ASSERT(service_is_job(service) && family[size] == '/');
    if (stays)
        return fitting(arena, arena_printf(arena, "berth-%s-%s.family.%.*s.%s", owner, cluster,
                                           (int)size, family, volume));
    return fitting(arena, arena_printf(arena, "berth-%s-%s.family.%.*s.%s.%s", owner, cluster,
                                       (int)size, family, family + size + 1, volume));
}
