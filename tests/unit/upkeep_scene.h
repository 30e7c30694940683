/*
 * Three hosts of the cluster "e" that may be maintained, and its service "web".
 */
#ifndef TESTS_UNIT_UPKEEP_SCENE_H
#define TESTS_UNIT_UPKEEP_SCENE_H

#include "reconciler/plan/maintenance.h"
#include "tests/unit/fleet_scene.h"

#define THREE "{name: a, host: a}, {name: b, host: b}, {name: c, host: c}"
#define TASK  "memory: 100, containerDefinitions: [{name: main, image: 'example/web:1', cpu: 128}]"
#define VOLUME                                                                                     \
    "memory: 100, volumes: [{name: data}], containerDefinitions: [{name: main, image: "            \
    "'example/web:1', cpu: 128, mountPoints: [{sourceVolume: data, containerPath: /data}]}]"
#define UPGRADE "command: 'apt-get upgrade'"

/* A commit of these services and of the cluster: its instances and, unless that is NULL, what is
 * in its maintenance. */
void upkeep_commit(struct scene *scene, const char *name, const char *instances,
                   const char *maintenance, const char *services);
/* The service "web", in the arena. */
const char *upkeep_web(struct scene *scene, const char *spec);
/* With the service, and without maintenance, for a minute. */
void upkeep_open(struct scene *scene, const char *spec);

const struct maintenance *upkeep_known(const struct scene *scene, const char *instance);
enum maintenance_step upkeep_step(const struct scene *scene, const char *instance);
size_t upkeep_open_ones(const struct scene *scene); /* of a, b and c */
/* Second by second: never fewer tasks of "web" run, never more hosts are out, and nothing runs
 * where a command is begun. */
void upkeep_run(struct scene *scene, int seconds, size_t running_min, size_t open_max);

#endif
