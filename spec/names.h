/*
 * Names of the objects that we make on an engine.  All begin with "berth-OWNER", so that several
 * installations on one engine never meet.  Names of manifests have no '.', which keeps the parts of
 * a volume's name apart.  Names of volumes are shortened to what an engine takes: 255 bytes, with a
 * digest at the end; their labels say in full what they are of.
 */
#ifndef SPEC_NAMES_H
#define SPEC_NAMES_H

#include "spec/base/arena.h"
#include "spec/base/base.h"

/* The engine of FARGATE clusters: no instance of an EC2 cluster is called so. */
#define LOCAL_INSTANCE "local"

/* "berth-OWNER": the empty volume that says who holds the engine. */
char *claim_volume_name(struct arena *arena, const char *owner);
/* "berth-OWNER-CLUSTER" */
char *cluster_network_name(struct arena *arena, const char *owner, const char *cluster);
/* "berth-OWNER-CLUSTER.SERVICE.VOLUME": one volume for all tasks of the service. */
char *service_volume_name(struct arena *arena, const char *owner, const char *cluster,
                          const char *service, const char *volume);

/*
 * Jobs: tasks that no Service asked for.  Their group is "family:FAMILY" (ecs.md 1.4), and one run
 * of them is planned by itself, as the service "family:FAMILY/RUN": no Service is called so.
 */
#define JOB_GROUP "family:"

bool service_is_job(const char *service);
/* Of "CLUSTER/SERVICE". */
bool unit_is_job(const char *key);
char *job_service(struct arena *arena, const char *family, const char *run);
/* "family:FAMILY" of "family:FAMILY/RUN". */
char *job_group(struct arena *arena, const char *service);
/* The key of the unit of a Schedule: this and its name.  Whoever runs a task for it is called
 * "schedule/NAME". */
#define SCHEDULE_KEY     "schedule:"
#define SCHEDULE_STARTER "schedule/"
/* "berth-OWNER-CLUSTER.family.FAMILY.RUN.VOLUME": for the tasks of that run; with `stays`
 * "berth-OWNER-CLUSTER.family.FAMILY.VOLUME": for all of the family. */
char *job_volume_name(struct arena *arena, const char *owner, const char *cluster,
                      const char *service, const char *volume, bool stays);

#endif
