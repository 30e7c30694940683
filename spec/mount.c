#include "spec/mount.h"

#include <string.h>

/* The next component that says something, and its size; 0: there is none. */
static size_t next_component(const char **path)
{
    size_t size;

    for (;;) {
        *path += strspn(*path, "/");
        size = strcspn(*path, "/");
        if (size != 1 || **path != '.')
            return size;
        *path += size;
    }
}

bool mount_path_equal(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return false;
    for (;;) {
        size_t a_size = next_component(&a);
        size_t b_size = next_component(&b);

        if (a_size != b_size || memcmp(a, b, a_size) != 0)
            return false;
        if (a_size == 0)
            return true;
        a += a_size;
        b += b_size;
    }
}
