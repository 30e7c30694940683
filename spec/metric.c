#include "spec/metric.h"

#include <string.h>

#define METRIC_NAME(name, text, unit) text,
static const char *const names[] = { METRICS(METRIC_NAME) };
#undef METRIC_NAME

#define METRIC_UNIT(name, text, unit) unit,
static const char *const units[] = { METRICS(METRIC_UNIT) };
#undef METRIC_UNIT

const char *metric_name(enum metric metric)
{
    ASSERT(metric < METRIC_COUNT);
    return names[metric];
}

const char *metric_unit(enum metric metric)
{
    ASSERT(metric < METRIC_COUNT);
    return units[metric];
}

enum metric metric_find(const char *name)
{
    for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
        if (strcmp(names[metric], name) == 0)
            return metric;
    return METRIC_COUNT;
}
