/*
 * What people name: services without their cluster, tasks by their first digits.
 */
#include <string.h>

#include "reconciler/api/api_int.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define CONTAINER_NAMES_MAX 1024

int find_service(const struct app *app, const char *name, struct arena *arena, const char **out,
                 struct err *err)
{
    struct plan_input input = app_plan_input(app);
    bool has_cluster = strchr(name, '/') != NULL;
    struct plan_unit *units;
    const char *found = NULL;
    size_t count = plan_units(&input, arena, &units);

    for (size_t i = 0; i < count; i++) {
        const char *key = units[i].key;
        const char *slash = strchr(key, '/');

        if (units[i].kind != DIRTY_SERVICE || slash == NULL || unit_is_job(key) ||
            !text_equal(has_cluster ? key : slash + 1, name))
            continue;
        if (found != NULL)
            return err_set(err, ERR_INVALID, "'%s' is in several clusters: say '%s' or '%s'", name,
                           found, key);
        found = arena_text(arena, key);
    }
    if (found == NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no service '%s'", name);
    *out = found;
    return 0;
}

const char *task_hint(const char *name)
{
    size_t size = strlen(name);

    return size < TASK_DIGITS_MIN && strspn(name, "0123456789abcdef") == size
               ? ": a task is named by at least 4 digits of its id"
               : "";
}

int find_task(const struct app *app, const char *name, const struct world_task **out,
              struct err *err)
{
    const struct world_task *found = NULL;
    size_t size = strlen(name);

    if (size < TASK_DIGITS_MIN || size >= TASK_ID_SIZE)
        return err_set(err, ERR_NOT_FOUND, "there is no task '%s'%s", name, task_hint(name));
    for (const struct world_task *at = app->world->tasks; at != NULL; at = at->by_id.next) {
        if (!text_starts(at->id, name))
            continue;
        if (found != NULL)
            return err_set(err, ERR_INVALID, "'%s' is the beginning of several tasks", name);
        found = at;
    }
    if (found == NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no task '%s'", name);
    *out = found;
    return 0;
}

const struct task_record *find_stopped(const struct app *app, const char *name, struct arena *arena)
{
    const struct history_filter filter = { .limit = HISTORY_TASKS };
    struct task_record *stopped;
    size_t count;

    if (strlen(name) < TASK_DIGITS_MIN)
        return NULL;
    for (int jobs = 0; jobs < 2; jobs++) {
        if ((jobs == 0 ? history_tasks : history_jobs)(app->store, &filter, arena, &stopped, &count,
                                                       NULL) < 0)
            return NULL;
        for (size_t i = 0; i < count; i++) {
            if (text_starts(stopped[i].id, name))
                return &stopped[i];
        }
    }
    return NULL;
}

const struct world_container *find_container(const struct app *app, const char *name)
{
    const struct world_container *at;

    for (at = app->world->containers; at != NULL; at = at->by_id.next) {
        if (text_equal(at->name, name) || (strlen(name) >= 8 && text_starts(at->id, name)))
            return at;
    }
    return NULL;
}

/* "task 4711 has several containers: say which with --container: proxy, report" */
static int several_containers(const struct world_task *task, struct err *err)
{
    AUTO(buf) names = { 0 };

    buf_init(&names, CONTAINER_NAMES_MAX);
    for (size_t i = 0; i < task->container_count; i++) {
        const char *name = task->containers[i]->container;

        if (!text_equal(name, SANDBOX_NAME))
            buf_printf(&names, "%s%s", names.size > 0 ? ", " : "", name);
    }
    return err_set(err, ERR_INVALID,
                   "task %.12s has several containers: say which with --container: %s", task->id,
                   buf_text(&names));
}

int find_task_container(const struct world_task *task, const char *name,
                        const struct world_container **out, struct err *err)
{
    const struct world_container *found = NULL;

    for (size_t i = 0; i < task->container_count; i++) {
        const struct world_container *at = task->containers[i];

        if (text_equal(at->container, SANDBOX_NAME) ||
            (name != NULL && !text_equal(at->container, name)))
            continue;
        if (found != NULL)
            return several_containers(task, err);
        found = at;
    }
    if (found == NULL)
        return err_set(err, ERR_NOT_FOUND, "task %.12s has no container '%s'", task->id,
                       name == NULL ? "" : name);
    *out = found;
    return 0;
}

int check_members(const struct json *body, const char *const *names, size_t count, struct err *err)
{
    const struct json *value;
    const char *key;

    for (void *at = NULL; (at = json_next(body, at, &key, &value)) != NULL;) {
        bool known = false;

        for (size_t i = 0; i < count; i++)
            known = known || text_equal(names[i], key);
        if (!known)
            return err_set(err, ERR_INVALID, "unknown member '%s'", key);
    }
    return 0;
}
