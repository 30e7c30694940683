/*
 * How large a life is. Most mistakes need little: one service, a task or two, a few minutes. So
 * most lives are small, which makes many of them, and some are as large as it gets.
 */
#ifndef TESTS_SIM_SCALE_H
#define TESTS_SIM_SCALE_H

#include "tests/sim/people.h"

/* As large as it gets: what lives were before they had a size. */
struct scale scale_large(void);
/* From numbers of its own: a life of that seed that is large draws what it always drew. */
struct scale scale_draw(uint64_t seed);

#endif
