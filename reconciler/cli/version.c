/*
 * The version, which the Makefile hands to this file alone.
 */
#include "reconciler/cli/version.h"

const char *berth_version(void)
{
    return BERTH_VERSION;
}
