/*
 * Memory as text, so that two can be compared.
 */
#ifndef TESTS_UNIT_MEMORY_TEXT_H
#define TESTS_UNIT_MEMORY_TEXT_H

#include "reconciler/plan/memory.h"

/* All that is remembered, in an order that does not depend on how it came to be; heap text. */
char *memory_text(struct memory *memory);

#endif
