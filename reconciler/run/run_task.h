/*
 * What people ask for besides what git declares: that a Task is run once, that a task stops.
 */
#ifndef RECONCILER_RUN_RUN_TASK_H
#define RECONCILER_RUN_RUN_TASK_H

#include "reconciler/run/app.h"
#include "spec/target.h"

#define RUN_TASKS_MAX 10 /* ecs.md 1.4: of one call */

struct run_started {
    char run[DEPLOYMENT_ID_SIZE];
    const char *group; /* "family:FAMILY" */
    char tasks[RUN_TASKS_MAX][TASK_ID_SIZE];
    size_t count;
};

/* Begins a run of a Task of the commit in force; it is durable, and will run at most once.  `run`
 * of the request is made here; started_by may be NULL.  ERR_NOT_FOUND, ERR_INVALID, ERR_CONFLICT:
 * no commit is in force. */
int app_run_task(struct app *app, const struct job_request *request, const char *started_by,
                 struct arena *arena, struct run_started *out, struct err *err);

/* Stops a task, by its whole id; that of a service is replaced (ecs.md 1.4).  ERR_NOT_FOUND;
 * ERR_CONFLICT: it has stopped, or its service is suspended. */
int app_stop_task(struct app *app, const char *task, const char *reason, struct err *err);

#endif
