/*
 * Below 2048 a code is its number; above, it is an exponent and the eleven highest bits, of which
 * the first is always set and is left out.
 */
#include "reconciler/metrics/pack.h"

#include <math.h>

#define STEPS        1024
#define EXPONENT_MAX 61

uint16_t pack(double value)
{
    int exponent = 0;
    double rounded;

    if (isnan(value))
        return PACK_NONE;
    if (value <= 0)
        return 0;
    if (value >= 2 * STEPS) {
        (void)frexp(value, &exponent);
        exponent -= 11;
    }
    if (exponent > EXPONENT_MAX)
        return STEPS * EXPONENT_MAX + 2 * STEPS - 1;
    rounded = nearbyint(ldexp(value, -exponent));
    ASSERT(rounded >= 0 && rounded <= 2 * STEPS);
    /* What is rounded up to 2048 is the first code of the next exponent. */
    if (exponent == EXPONENT_MAX && rounded > 2 * STEPS - 1)
        rounded = 2 * STEPS - 1;
    return (uint16_t)(STEPS * exponent + (int)rounded);
}

double unpack(uint16_t packed)
{
    int exponent = packed / STEPS - 1;

    if (packed == PACK_NONE)
        return NAN;
    if (exponent <= 0)
        return packed;
    return ldexp(STEPS + packed % STEPS, exponent);
}
