#include "reconciler/run/zones.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "spec/base/text.h"

#define FOLDER    "/usr/share/zoneinfo"
#define BYTES_MAX (64 * 1024) /* of a zone; the largest have 4 KiB */

static int open_zone(const char *name, int *out_fd, struct err *err)
{
    const char *given = getenv("TZDIR");
    const char *folder = text_is_empty(given) ? FOLDER : given;
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return err_set(err, ERR_INVALID, "its name is too long");
    *out_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (*out_fd >= 0)
        return 0;
    if (access(folder, R_OK) < 0)
        return err_set_errno(err, ERR_NOT_FOUND, errno,
                             "no time zone but UTC is known on this machine (package tzdata): '%s'",
                             folder);
    if (errno == ENOENT || errno == ENOTDIR)
        return err_set(err, ERR_NOT_FOUND, "no time zone has this name: write it as Europe/Berlin");
    return err_set_errno(err, ERR_NOT_FOUND, errno, "'%s'", path);
}

int zone_read(void *context, const char *name, struct arena *arena, struct zone *out,
              struct err *err)
{
    char *bytes = arena_alloc(arena, BYTES_MAX);
    size_t size = 0;
    AUTO_FD int fd = -1;

    (void)context;
    if (open_zone(name, &fd, err) < 0)
        return -1;
    for (;;) {
        ssize_t count = read(fd, bytes + size, BYTES_MAX - size);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return err_set_errno(err, ERR_INVALID, errno, "it cannot be read");
        if (count == 0)
            break;
        size += (size_t)count;
    }
    return zone_parse(name, bytes, size, arena, out, err);
}
