/*
 * Inside of the API: the handlers of routes.def and what they share.
 */
#ifndef RECONCILER_API_API_INT_H
#define RECONCILER_API_API_INT_H

#include "reconciler/api/api.h"
#include "reconciler/api/server.h"

/* Someone who follows the events. */
struct follower_stream {
    struct api *api;
    struct request *request;
    struct history_filter filter; /* texts live with the request */
    struct follower_stream *next;
};

struct plan_job;

struct api {
    struct app *app;
    const char *version;
    struct server *server;
    struct app_listener listener;
    struct follower_stream *followers;
    struct plan_job *jobs; /* plans that a worker makes */
    bool is_telling;       /* followers are told from the next iteration */
};

struct api *api_of(const struct request *request);
struct app *app_of(const struct request *request);

#define ROUTE(handler, ...) handler_fn handler;
#include "reconciler/api/routes.def"
#undef ROUTE

/* ---- Finding what people name (find.c) ------------------------------------------------------- */

/* "CLUSTER/SERVICE", or SERVICE where only one cluster has it.  The key lives in the arena. */
int find_service(const struct app *app, const char *name, struct arena *arena, const char **out,
                 struct err *err);
/* By its id or the first digits of it, at least 4. */
int find_task(const struct app *app, const char *name, const struct world_task **out,
              struct err *err);
/* One that stopped, the last of that name; NULL: none is remembered. */
const struct task_record *find_stopped(const struct app *app, const char *name,
                                       struct arena *arena);
/* What to add for people when nothing has this name, which may be too little of a task's id; else
 * "". */
const char *task_hint(const char *name);
/* By the engine's name or id, or its first digits, at least 8; NULL: none. */
const struct world_container *find_container(const struct app *app, const char *name);
/* Of a task; name NULL: its only one, sandbox apart. */
int find_task_container(const struct world_task *task, const char *name,
                        const struct world_container **out, struct err *err);

/* ---- Schedules (schedules.c) ----------------------------------------------------------------- */

/* That the commit in force declares; NULL: none of this name. */
const struct resource *find_schedule(const struct app *app, const char *name);
/* Suspends it, or resumes it with reason "".  False, and nothing is answered: there is none. */
bool suspend_schedule(struct request *request, const char *name, const char *reason);
/* What a run of it now is. */
int schedule_request(struct request *request, const char *name, struct job_request *out,
                     const char **started_by, struct err *err);

/* A member of a body that nobody reads would be silently ignored: ERR_INVALID. */
int check_members(const struct json *body, const char *const *names, size_t count, struct err *err);

/* ---- As JSON (show.c) ------------------------------------------------------------------------ */

/* What the planner would look at now, calls in flight included; lives as long as the request. */
struct plan_input input_of(struct request *request);

/* Where a task is reached: `address` and `networkBindings` (network.c). */
void show_network(const struct app *app, const struct world_task *task, struct json *object);

/* Left out when 0. */
void show_time(struct json *object, const char *key, int64_t ms);
struct json *show_service(const struct app *app, const struct plan_input *input, const char *key,
                          struct arena *arena);
/* Of a service with autoScaling, else NULL (scaling.c); for people, line by line. */
struct json *show_scaling(const struct app *app, const struct plan_input *input, const char *key,
                          struct arena *arena);
typedef void scaling_line_fn(void *context, const char *text);
void tell_scaling(const struct app *app, const char *key, struct arena *arena,
                  scaling_line_fn *line, void *context);
struct json *show_task(const struct app *app, const struct plan_input *input,
                       const struct world_task *task, struct arena *arena);
struct json *show_wanted_task(const struct wanted_task *task, struct arena *arena);
struct json *show_stopped_task(const struct task_record *task, struct arena *arena);
/* `cluster`, and `service`, or of a job its `group` and `run`. */
void show_unit(struct json *object, const char *cluster, const char *service, struct arena *arena);
struct json *show_deployment(const struct deployment *deployment);
struct json *show_event(const struct history_event *event);
const char *effort_state_text(enum effort_state state);
/* Every load balancer that is declared, or runs (balancers.c). */
struct json *list_balancers(const struct app *app, struct arena *arena);
struct json *show_mistakes(const struct diag_list *diags);

/* cluster, service and limit from the query; false: the request has failed. */

/* events.c, plan.c: ends what they hold. */
void followers_tell(struct api *api);
void plan_jobs_orphan(struct api *api);

#endif
