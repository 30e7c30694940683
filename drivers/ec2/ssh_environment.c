#include "drivers/ec2/ssh_environment.h"

#include <unistd.h>

#include "spec/base/text.h"

#define ENVIRONMENT_MAX 4096

const char *const *ssh_environment(struct arena *arena)
{
    const char **out = arena_array(arena, const char *, ENVIRONMENT_MAX + 2);
    size_t count = 0;

    for (size_t i = 0; environ[i] != NULL && count < ENVIRONMENT_MAX; i++) {
        if (!text_starts(environ[i], "SHELL="))
            out[count++] = environ[i];
    }
    out[count] = "SHELL=/bin/sh";
    return out;
}
