/*
 * Names of services, tasks and containers looked up in the list of tasks.
 */
#include "reconciler/cli/targets.h"

#include <string.h>

#include "spec/base/text.h"
#include "spec/world.h"

#define CONTAINER_DIGITS_MIN 8
#define CONTAINERS_MAX       64

enum name_kind { NAME_SERVICE, NAME_TASK, NAME_CONTAINER, NAME_KIND_COUNT };

static bool is_service(const struct json *task, const char *name)
{
    const char *cluster = json_text(task, "cluster");
    const char *service = json_text(task, "service");
    const char *slash = strchr(name, '/');

    if (service == NULL || cluster == NULL)
        return false;
    if (slash == NULL)
        return text_equal(service, name);
    return strlen(cluster) == (size_t)(slash - name) && text_starts(name, cluster) &&
           text_equal(service, slash + 1);
}

static const char *container_called(const struct json *task, const char *name)
{
    const struct json *containers = ask_list(task, "containers");

    for (size_t i = 0; i < json_count(containers); i++) {
        const struct json *at = json_at(containers, i);
        const char *id = json_as_text(json_get(at, "id"), "");

        if (text_equal(json_text(at, "containerName"), name) ||
            (strlen(name) >= CONTAINER_DIGITS_MIN && text_starts(id, name)))
            return json_text(at, "name");
    }
    return NULL;
}

size_t target_containers(const struct json *task, const char **out, size_t max)
{
    const struct json *containers = ask_list(task, "containers");
    size_t count = 0;

    for (size_t i = 0; i < json_count(containers) && count < max; i++) {
        const char *name = json_text(json_at(containers, i), "name");

        if (name != NULL && !text_equal(name, SANDBOX_NAME))
            out[count++] = name;
    }
    return count;
}

static bool has_container(const struct json *task, const char *name)
{
    const char *names[CONTAINERS_MAX];
    size_t count = target_containers(task, names, CONTAINERS_MAX);

    for (size_t i = 0; i < count; i++) {
        if (text_equal(names[i], name))
            return true;
    }
    return false;
}

/* Whether the name means this task, or in *out_container which of its containers. */
static bool fits(const struct json *task, const char *name, enum name_kind kind,
                 const char **out_container)
{
    *out_container = NULL;
    switch (kind) {
    case NAME_SERVICE: return is_service(task, name);
    case NAME_TASK:
        return strlen(name) >= TASK_DIGITS_MIN &&
               text_starts(json_as_text(json_get(task, "id"), ""), name);
    case NAME_CONTAINER: *out_container = container_called(task, name); break;
    case NAME_KIND_COUNT: break;
    }
    return *out_container != NULL;
}

void targets_find(struct arena *arena, const struct json *answer, const char *name,
                  const char *container, struct targets *out)
{
    const struct json *tasks = ask_list(answer, "tasks");

    *out = (struct targets){ .items = arena_array(arena, struct target, json_count(tasks) + 1) };
    for (enum name_kind kind = 0; kind < NAME_KIND_COUNT && out->count == 0; kind++) {
        out->is_service = kind == NAME_SERVICE;
        for (size_t i = 0; i < json_count(tasks); i++) {
            const struct json *task = json_at(tasks, i);
            const char *found;

            if (!fits(task, name, kind, &found) ||
                (container != NULL && !has_container(task, container)))
                continue;
            out->items[out->count++] = (struct target){
                .task = task,
                .id = json_as_text(json_get(task, "id"), ""),
                .container = container != NULL ? container : found,
            };
        }
    }
}

/* The containers of the first task that has any, without the sandbox; NULL: nothing is seen yet. */
static const char *containers_of(struct cli *cli, const struct targets *targets)
{
    const char *names[CONTAINERS_MAX];
    const char *text = NULL;

    for (size_t i = 0; i < targets->count && text == NULL; i++) {
        size_t count = target_containers(targets->items[i].task, names, CONTAINERS_MAX);

        for (size_t k = 0; k < count; k++)
            text = text == NULL ? names[k] : arena_printf(cli->arena, "%s, %s", text, names[k]);
    }
    return text;
}

int targets_none(struct cli *cli, struct client *client, const struct json *listing,
                 struct err *err)
{
    const char *name = cli->operands[0];
    const char *container = cli->options.container;
    AUTO(json) *answer = NULL;
    struct targets targets;

    if (container != NULL) {
        targets_find(cli->arena, listing, name, NULL, &targets);
        const char *has = containers_of(cli, &targets);
        bool found = false;

        for (size_t i = 0; i < targets.count; i++)
            found = found || has_container(targets.items[i].task, container);
        if (has != NULL && !found)
            return err_set(err, ERR_NOT_FOUND, "'%s' has no container '%s': it has %s", name,
                           container, has);
    }
    /* Which knows all that ever had a name; when nothing has this one, that is the answer. */
    if (client_call(client, "GET", ask_why_path(cli, name), NULL, &answer, err) < 0)
        return -1;
    return err_set(err, ERR_NOT_FOUND, "nothing of '%s' runs: `berth why %s` says why", name, name);
}
