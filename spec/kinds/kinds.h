/*
 * The kinds of resources: the C structs and enumerations that the .def tables beside this file
 * declare, and the tables themselves.  Member types are explained in spec/field.h.
 *
 * All structs of manifests are immutable once decoded and lie in the arena of their manifest.
 */
#ifndef SPEC_KINDS_KINDS_H
#define SPEC_KINDS_KINDS_H

#include "spec/field.h"
#include "spec/kinds/cluster.def"
#include "spec/kinds/image.def"
#include "spec/kinds/loadbalancer.def"
#include "spec/kinds/metadata.def"
#include "spec/kinds/override.def"
#include "spec/kinds/schedule.def"
#include "spec/kinds/service.def"
#include "spec/kinds/task.def"

/* X(constant, start of the names of its struct and functions, text) */
#define KINDS(X)                                                                                   \
    X(IMAGE, image, "Image")                                                                       \
    X(TASK, task, "Task")                                                                          \
    X(CLUSTER, cluster, "Cluster")                                                                 \
    X(SERVICE, service, "Service")                                                                 \
    X(LOAD_BALANCER, load_balancer, "LoadBalancer")                                                \
    X(SCHEDULE, schedule, "Schedule")

#define KIND_ENUM(constant, name, text) KIND_##constant,
enum kind { KINDS(KIND_ENUM) KIND_COUNT };
#undef KIND_ENUM

/* Every enumeration and record of the tables, leaf first. */
#define ALL_ENUMS(E)                                                                               \
    IMAGE_ENUMS(E)                                                                                 \
    TASK_ENUMS(E)                                                                                  \
    CLUSTER_ENUMS(E) SERVICE_ENUMS(E) LOAD_BALANCER_ENUMS(E) SCHEDULE_ENUMS(E)
#define ALL_RECORDS(R)                                                                             \
    METADATA_RECORDS(R)                                                                            \
    IMAGE_RECORDS(R)                                                                               \
    TASK_RECORDS(R)                                                                                \
    CLUSTER_RECORDS(R)                                                                             \
    SERVICE_RECORDS(R) LOAD_BALANCER_RECORDS(R) OVERRIDE_RECORDS(R) SCHEDULE_RECORDS(R)

ALL_ENUMS(ENUM_DECLARE)
ALL_RECORDS(RECORD_STRUCT)

#define KINDS_DECLARE_ENUM(name, VALUES)   extern const struct enumeration name##_values;
#define KINDS_DECLARE_RECORD(name, FIELDS) extern const struct record name##_record;
ALL_ENUMS(KINDS_DECLARE_ENUM)     /* transport_protocol_values, ... */
ALL_RECORDS(KINDS_DECLARE_RECORD) /* task_spec_record, ... */
#undef KINDS_DECLARE_ENUM
#undef KINDS_DECLARE_RECORD

/* The record of the kind's spec. */
const struct record *kind_record(enum kind kind);
/* "Service" */
const char *kind_text(enum kind kind);
/* Exactly as written ("Service"); false when there is no such kind. */
MUST_USE bool kind_parse(const char *text, enum kind *out);

/* The text of an enumeration's value, as in the manifest; NULL for one that cannot be written. */
const char *enumeration_text(const struct enumeration *values, unsigned value);

#endif
