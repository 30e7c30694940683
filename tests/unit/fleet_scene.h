/*
 * A scene with an EC2 cluster "e" beside the local engine.
 */
#ifndef TESTS_UNIT_FLEET_SCENE_H
#define TESTS_UNIT_FLEET_SCENE_H

#include "tests/unit/plan_scene.h"

/* The instance is connected, with nothing on it. */
void fleet_instance(struct scene *scene, const char *name, uint32_t cpu_units, uint32_t memory_mib);
/* Likewise, with the engine of that ID: the one of fleet_instance() is "ENGINE-NAME". */
void fleet_engine(struct scene *scene, const char *name, const char *engine);
void fleet_lose(struct scene *scene, const char *name);
/* It is back, with all that was there. */
void fleet_return(struct scene *scene, const char *name);

/* Cluster "e" with these instances, as YAML. */
const char *fleet_cluster(struct scene *scene, const char *instances);
/* A Task and a Service of that name in "e". */
const char *fleet_service(struct scene *scene, const char *name, const char *task,
                          const char *service);

/* Running tasks of a service there; instance NULL: anywhere. */
size_t fleet_running(const struct scene *scene, const char *service, const char *instance);

#endif
