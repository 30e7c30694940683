#include "reconciler/run/runtime_dir.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"

#define DIGITS 12 /* that tell one state directory from another */

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

char *runtime_dir(const char *state_dir, const char *owner, struct err *err)
{
    AUTO(arena) arena = { 0 };
    const char *base = base_dir(&arena);
    char path[PATH_MAX];
    char hex[SHA256_HEX_SIZE];
    struct sha256 *hash;

    if (check_dir(base, err) < 0)
        return NULL;
    hash = sha256_new();
    sha256_add_text(hash, realpath(state_dir, path) == NULL ? state_dir : path);
    sha256_add_text(hash, owner);
    sha256_finish(hash, hex);
    return mem_text(arena_printf(&arena, "%s/lb-%.*s", base, DIGITS, hex));
}
