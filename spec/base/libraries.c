#include "spec/base/libraries.h"

#include <stdint.h>

#include "spec/base/base.h"
#include "spec/base/digest.h"
#include "spec/base/json.h"

void *library_alloc(size_t size)
{
    return mem_resize(NULL, size);
}

void *library_zeroed(size_t count, size_t size)
{
    ASSERT(size == 0 || count <= SIZE_MAX / size);
    return mem_alloc(count * size);
}

void *library_resize(void *memory, size_t size)
{
    return mem_resize(memory, size);
}

char *library_text(const char *text)
{
    return mem_text(text);
}

void libraries_take_memory(void)
{
    digest_take_memory();
    json_take_memory();
}
