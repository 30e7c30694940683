/*
 * Libraries take their memory from the heap of base.h where they can be told to, so that its end is
 * the same everywhere: they have paths for it that nobody has ever gone, and some of those crash.
 */
#ifndef SPEC_BASE_LIBRARIES_H
#define SPEC_BASE_LIBRARIES_H

#include <stddef.h>

/* Of jansson and libcrypto.  Before anything else uses them: the first thing in main(). */
void libraries_take_memory(void);

/* What they, and others that ask for the like of malloc(3), are given. */
void *library_alloc(size_t size); /* not zeroed; of no bytes: one */
void *library_zeroed(size_t count, size_t size);
void *library_resize(void *memory, size_t size);
char *library_text(const char *text);

#endif
