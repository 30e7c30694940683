/*
 * A Dockerfile of any bytes.
 */
#include <string.h>

#include "drivers/docker/dockerfile.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Of exactly its bytes, without a NUL. */
    char *text = mem_alloc(size);
    const char *flag;

    if (size > 0)
        memcpy(text, data, size);
    flag = dockerfile_buildkit_flag(text, size);
    ASSERT(flag == NULL || strncmp(flag, "--", 2) == 0);
    /* It is in the text, if perhaps on several lines. */
    ASSERT(flag == NULL || memmem(text, size, "--", 2) != NULL || memchr(text, '\n', size) != NULL);
    text_auto(&text);
    return 0;
}
