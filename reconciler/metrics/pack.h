/*
 * Numbers in 16 bits: whole ones up to 2047 as they are, larger ones to 0.05 %.  Pure.
 */
#ifndef RECONCILER_METRICS_PACK_H
#define RECONCILER_METRICS_PACK_H

#include "spec/base/base.h"

#define PACK_NONE UINT16_MAX /* NAN */

/* Negative numbers count as 0, those beyond 2^72 as that. */
uint16_t pack(double value);
double unpack(uint16_t packed);

#endif
