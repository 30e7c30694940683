/*
 * Hosts: every instance with what it is, what it has left, and why it cannot be used.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/api/api_int.h"
#include "reconciler/plan/maintenance.h"
#include "reconciler/run/fleet.h"
#include "reconciler/run/installer.h"
#include "reconciler/run/upkeep.h"
#include "spec/base/text.h"
#include "spec/names.h"

struct hosts {
    const struct app *app;
    struct json *list;
};

/* What the manifests say of one name, of all clusters together. */
struct declared {
    const struct container_instance *instance; /* the first; NULL: none */
    struct json *clusters;
    uint32_t reserved_mib;
    bool is_draining;
};

static void declared_add(struct declared *declared, const struct resource *cluster,
                         const struct container_instance *instance)
{
    json_append_text(declared->clusters, cluster->name);
    if (instance == NULL)
        return;
    if (declared->instance == NULL)
        declared->instance = instance;
    if (instance->reserved_memory > declared->reserved_mib)
        declared->reserved_mib = instance->reserved_memory;
    declared->is_draining |= instance->state == CONTAINER_INSTANCE_DRAINING;
}

static struct declared declared_find(const struct app *app, const char *name)
{
    const struct generation *generation = app->desired == NULL ? NULL : app->desired->generation;
    struct declared declared = { .clusters = json_array() };
    size_t count = generation == NULL ? 0 : generation_count(generation, KIND_CLUSTER);

    for (size_t c = 0; c < count; c++) {
        const struct resource *cluster = generation_at(generation, KIND_CLUSTER, c);
        const struct cluster_spec *spec = resource_cluster(cluster);

        if (spec->launch_type != LAUNCH_TYPE_EC2 && text_equal(name, LOCAL_INSTANCE))
            declared_add(&declared, cluster, NULL);
        for (size_t i = 0; i < spec->instances_count; i++) {
            if (text_equal(spec->instances[i].name, name))
                declared_add(&declared, cluster, &spec->instances[i]);
        }
    }
    return declared;
}

static int64_t running_tasks(const struct world_instance *instance)
{
    int64_t count = 0;

    for (const struct world_task *at = instance->tasks; at != NULL; at = at->host_next) {
        for (size_t i = 0; i < at->container_count; i++) {
            if (at->containers[i]->status == CONTAINER_RUNNING) {
                count++;
                break;
            }
        }
    }
    return count;
}

static void show_resource(struct json *object, const char *name, uint64_t registered, uint64_t used)
{
    struct json *resource = json_object();

    json_set_int(resource, "registered", (int64_t)registered);
    json_set_int(resource, "remaining", registered > used ? (int64_t)(registered - used) : 0);
    json_set(object, name, resource);
}

static void show_facts(struct json *object, const struct world_instance *instance,
                       uint32_t reserved_mib)
{
    uint32_t memory_mib =
        instance->memory_mib > reserved_mib ? instance->memory_mib - reserved_mib : 0;

    json_set_text(object, "engineId", instance->engine_id);
    json_set_text(object, "engineVersion", instance->engine_version);
    json_set_text(object, "architecture", instance->architecture);
    json_set_int(object, "clockSkewMs", instance->clock_skew_ms);
    show_resource(object, "cpu", instance->cpu_units, instance->used_cpu_units);
    show_resource(object, "memory", memory_mib, instance->used_memory_mib);
    json_set_int(object, "tasks", (int64_t)instance->task_count);
    json_set_int(object, "runningTasks", running_tasks(instance));
    json_set_text(object, "failure", instance->failure);
    if (instance->lost_ms != 0)
        show_time(object, "lostSince", instance->lost_ms);
}

/* That it cannot be reached says more than that it is left. */
static const char *state_of(const struct world_instance *instance, bool is_draining)
{
    if (instance == NULL || instance->state == INSTANCE_CONNECTING)
        return "CONNECTING";
    if (instance->state == INSTANCE_LOST)
        return "LOST";
    return is_draining ? "DRAINING" : "ACTIVE";
}

/* Nothing where there is nothing to say. */
static void show_maintenance(const struct app *app, struct json *host, const char *name,
                             const struct maintenance *known)
{
    AUTO(arena) arena = { 0 };
    const char *text = upkeep_text(app, name, &arena);
    struct json *object;

    if (known == NULL && text == NULL)
        return;
    object = json_object();
    json_set_text(object, "text", text);
    if (known != NULL) {
        json_set_text(object, "step", maintenance_step_text(known->step));
        json_set_text(object, "round", known->round);
        json_set_int(object, "attempt", known->attempt);
        json_set_text(object, "reason", known->reason);
        show_time(object, "since", known->since_ms);
    }
    json_set(host, "maintenance", object);
}

static void show_host(void *context, const char *name, bool leaving)
{
    const struct hosts *hosts = context;
    const struct world_instance *instance = world_instance(hosts->app->world, name);
    const struct declared declared = declared_find(hosts->app, name);
    const struct host_record *record = memory_host(hosts->app->memory, name);
    const struct maintenance *maintenance = record == NULL ? NULL : record->maintenance;
    bool is_rebooting =
        maintenance != NULL && maintenance->step == MAINTENANCE_REBOOTING; /* it is to be away */
    bool is_draining = leaving || declared.is_draining || maintenance_drains(maintenance);
    struct json *object = json_object();

    json_set_text(object, "name", name);
    if (declared.instance != NULL)
        json_set_text(object, "host", declared.instance->host);
    json_set(object, "clusters", declared.clusters);
    json_set_text(object, "state", is_rebooting ? "DRAINING" : state_of(instance, is_draining));
    json_set_bool(object, "draining", is_draining);
    json_set_bool(object, "leaving", leaving);
    if (instance != NULL)
        show_facts(object, instance, declared.reserved_mib);
    if (record != NULL) {
        show_time(object, "forgottenSince", record->forgotten_ms);
        show_time(object, "dockerInstalledAt", record->installed_ms);
    }
    show_maintenance(hosts->app, object, name, maintenance);
    json_set_text(object, "bootstrap", installer_text(hosts->app->installer, name));
    json_set_text(object, "note", fleet_note(hosts->app->driver, name));
    json_append(hosts->list, object);
}

void get_hosts(struct request *request)
{
    const struct app *app = app_of(request);
    struct json *answer = json_object();
    struct hosts hosts = { app, json_array() };

    if (app->driver != NULL)
        fleet_each(app->driver, show_host, &hosts);
    json_set(answer, "hosts", hosts.list);
    request_answer(request, answer);
}

/* ---- One that will not come back ------------------------------------------------------------- */

static int64_t remembered_tasks(const struct memory *memory, const char *instance)
{
    int64_t count = 0;

    for (const struct memory_task *at = memory->tasks; at != NULL; at = at->by_id.next)
        count += at->record.stopped_ms == 0 && text_equal(at->record.instance, instance);
    return count;
}

static int forget(struct request *request, struct json **out, struct err *err)
{
    static const char *const members[] = { "instance" };
    struct app *app = app_of(request);
    const struct json *body;
    struct declared declared;
    const char *name;
    int64_t tasks;

    if (request_json(request, &body, err) < 0 ||
        check_members(body, members, ARRAY_COUNT(members), err) < 0)
        return -1;
    name = json_text(body, "instance");
    if (name == NULL)
        return err_set(err, ERR_INVALID, "'instance' is missing");
    tasks = remembered_tasks(app->memory, name);
    if (app_forget_host(app, name, err) < 0)
        return -1;
    declared = declared_find(app, name);
    *out = json_object();
    json_set_text(*out, "instance", name);
    json_set_int(*out, "tasks", tasks);
    json_set_bool(*out, "listed", declared.instance != NULL);
    json_free(declared.clusters);
    return 0;
}

void post_hosts_forget(struct request *request)
{
    struct json *answer = NULL;
    struct err err = { 0 };

    if (forget(request, &answer, &err) < 0)
        request_fail(request, &err);
    else
        request_answer(request, answer);
}

/* ---- One whose maintenance failed ------------------------------------------------------------ */

static int resume(struct request *request, struct json **out, struct err *err)
{
    static const char *const members[] = { "instance", "done" };
    struct app *app = app_of(request);
    const struct json *body;
    const char *name;
    bool is_done;

    if (request_json(request, &body, err) < 0 ||
        check_members(body, members, ARRAY_COUNT(members), err) < 0)
        return -1;
    name = json_text(body, "instance");
    is_done = json_bool(body, "done", false);
    if (name == NULL)
        return err_set(err, ERR_INVALID, "'instance' is missing");
    if (upkeep_resume(app, name, is_done, err) < 0)
        return -1;
    *out = json_object();
    json_set_text(*out, "instance", name);
    json_set_bool(*out, "done", is_done);
    return 0;
}

void post_hosts_resume(struct request *request)
{
    struct json *answer = NULL;
    struct err err = { 0 };

    if (resume(request, &answer, &err) < 0)
        request_fail(request, &err);
    else
        request_answer(request, answer);
}
