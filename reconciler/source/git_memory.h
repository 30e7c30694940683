/*
 * libgit2's memory comes from the heap of base.h, as that of other libraries (libraries.h).
 */
#ifndef RECONCILER_SOURCE_GIT_MEMORY_H
#define RECONCILER_SOURCE_GIT_MEMORY_H

/* Before git_libgit2_init(). */
void git_take_memory(void);

#endif
