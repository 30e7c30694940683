/*
 * Folders for tests, with a short path: sockets have a limit of about 100 bytes.
 */
#include "tests/unit/scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "spec/base/arena.h"

char *scratch_make(void)
{
    AUTO(arena) arena = { 0 };
    const char *parent = getenv("TMPDIR");
    char *path = arena_printf(&arena, "%s/berth-unit.XXXXXX", parent == NULL ? "/tmp" : parent);

    ASSERT(mkdtemp(path) != NULL);
    return mem_text(path);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

void scratch_remove(char *path)
{
    if (path == NULL)
        return;
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    free(path);
}
