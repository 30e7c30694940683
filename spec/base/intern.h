/*
 * Texts that many share: each is kept once, and counted.
 */
#ifndef SPEC_BASE_INTERN_H
#define SPEC_BASE_INTERN_H

#include "spec/base/base.h"

struct intern_text;

/* All zero: none. */
struct interned {
    struct intern_text *texts;
};

/* The one that is kept; it lives until it was dropped as often as it was asked for. NULL stays
 * NULL. */
const char *intern(struct interned *interned, const char *text);
void intern_drop(struct interned *interned, const char *text);

#endif
