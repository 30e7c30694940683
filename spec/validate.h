/*
 * Rules across the fields of one resource, beyond what the tables say of each field alone.  Rules
 * across resources are the generation's (spec/generation_check.c).
 */
#ifndef SPEC_VALIDATE_H
#define SPEC_VALIDATE_H

#include "spec/decode.h"
#include "spec/kinds/kinds.h"

/* The resource at hand. */
struct validation {
    struct decoder *decoder;
    const struct node *spec; /* the node it was decoded from; NULL when there was none */
    const char *name;
};

/* Mistakes and refusals go to the decoder. */
void validate_image(const struct validation *v, const struct image_spec *image);
void validate_cluster(const struct validation *v, const struct cluster_spec *cluster);
void validate_service(const struct validation *v, const struct service_spec *service);
void validate_task(const struct validation *v, const struct task_spec *task);
void validate_load_balancer(const struct validation *v, const struct load_balancer_spec *balancer);
void validate_schedule(const struct validation *v, const struct schedule_spec *schedule);

/* Before that: what a DAEMON does not say has other defaults than the table's. */
void complete_daemon(const struct validation *v, struct service_spec *service);

/* The node at a path of keys and indexes, "containerDefinitions[2].image", or the nearest above it.
 */
const struct node *validation_node(const struct validation *v, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* Of a Service and its Task together, ecs.md 1.6. */
#define PLACEMENT_CONSTRAINTS_MAX 10

/* Rules that are files of their own. */
void validate_daemon(const struct validation *v, const struct service_spec *service);
void validate_scaling(const struct validation *v, const struct service_spec *service);
void validate_targets(const struct validation *v, const struct service_spec *service);
void validate_service_placement(const struct validation *v, const struct service_spec *service);
void validate_ec2(const struct validation *v, const struct task_spec *task);
void validate_task_placement(const struct validation *v, const struct task_spec *task);
void validate_ports(const struct validation *v, const struct task_spec *task);
void validate_container_order(const struct validation *v, const struct task_spec *task);

#endif
