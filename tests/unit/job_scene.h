/*
 * Runs of a Task in a scene: what `berth run-task` asks for.
 */
#ifndef TESTS_UNIT_JOB_SCENE_H
#define TESTS_UNIT_JOB_SCENE_H

#include "tests/unit/plan_scene.h"

/* A Task of one container, on 512 MiB; `more` goes behind what its container says. */
const char *job_task(struct scene *scene, const char *name, const char *more);

/* So many tasks of it in the cluster; the id of the run, which lives with the scene.  NULL when it
 * is refused: *err. */
const char *job_run(struct scene *scene, const char *cluster, const char *task, uint32_t count,
                    const struct task_override *overrides, struct err *err);
/* "CLUSTER/family:TASK/RUN", the unit. */
const char *job_key(struct scene *scene, const char *cluster, const char *task, const char *run);
/* Of that slot; NULL: it is not remembered. */
const struct task_record *job_record(const struct scene *scene, const char *run, uint32_t slot);
/* As `berth stop-task` does. */
void job_stop(struct scene *scene, const struct task_record *record);
/* As scene_run(), and no create is planned without a claim, and no start before it was allowed. */
void job_watch(struct scene *scene, int64_t for_ms);

#endif
