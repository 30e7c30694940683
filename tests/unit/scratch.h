/*
 * A folder of its own for a test.
 */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include "spec/base/base.h"

/* A fresh folder below $TMPDIR or /tmp; heap text. */
char *scratch_make(void);
/* The folder with all that is in it; frees the text.  NULL is allowed. */
void scratch_remove(char *path);

#endif
