#include "reconciler/run/runtime_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/haproxy/folder.h"
#include "spec/base/arena.h"
#include "spec/base/text.h"

/* systemd separates several by colons: the first is ours. */
static const char *base_dir(struct arena *arena)
{
    const char *given = getenv("RUNTIME_DIRECTORY");
    const char *session = getenv("XDG_RUNTIME_DIR");
    const char *temporary = getenv("TMPDIR");

    if (!text_is_empty(given))
        return arena_text_n(arena, given, strcspn(given, ":"));
    if (geteuid() == 0)
        return "/run/berth";
    if (!text_is_empty(session))
        return arena_printf(arena, "%s/berth", session);
    return arena_printf(arena, "%s/berth-%u", text_is_empty(temporary) ? "/tmp" : temporary,
                        (unsigned)geteuid());
}

/* Whoever else could write there could put a socket of his own in the place of ours. */
static int check_dir(const char *path, struct err *err)
{
    struct stat status;

    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return err_set_errno(err, ERR_DENIED, errno, "%s cannot be made", path);
    if (lstat(path, &status) < 0)
        return err_set_errno(err, ERR_DENIED, errno, "%s", path);
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 022) != 0)
        return err_set(err, ERR_DENIED,
                       "%s must be a folder that only its owner, you, can write to", path);
    return 0;
}

char *runtime_dir(const char *owner, struct err *err)
{
    AUTO(arena) arena = { 0 };
    const char *base = base_dir(&arena);
    char name[FOLDER_NAME_SIZE];

    if (check_dir(base, err) < 0)
        return NULL;
    folder_name(owner, name);
    return mem_text(arena_printf(&arena, "%s/lb-%s", base, name));
}
