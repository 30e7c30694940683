/*
 * A task and its containers (ecs.md 1.2 and 1.3), except ports and order.
 */
#include <string.h>

#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/mount.h"
#include "spec/reference.h"
#include "spec/validate.h"

#define AT "containerDefinitions[%zu]"

#define SWAPPINESS_INITIAL 60 /* ecs.md 1.3 */

/* Of one task: some rules compare each with each. */
#define CONTAINERS_MAX 100

/* ---- Names ---------------------------------------------------------------------------------- */

static void validate_names(const struct validation *v, const struct task_spec *task)
{
    bool essential = false;

    for (size_t i = 0; i < task->container_definitions_count; i++) {
        const char *name = task->container_definitions[i].name;
        essential = essential || task->container_definitions[i].essential;
        for (size_t j = 0; j < i && name != NULL; j++)
            if (text_equal(name, task->container_definitions[j].name))
                decode_mistake(v->decoder, validation_node(v, AT ".name", i),
                               "name: two containers are named '%s'", name);
    }
    if (!essential && task->container_definitions_count > 0)
        decode_mistake(v->decoder, validation_node(v, "containerDefinitions"),
                       "no container is essential: at least one must be");
}

/* ---- Sizes ---------------------------------------------------------------------------------- */

static void validate_container_memory(const struct validation *v, const struct task_spec *task,
                                      size_t i)
{
    const struct container_definition *container = &task->container_definitions[i];

    if (container->memory > 0 && container->memory_reservation > 0 &&
        container->memory <= container->memory_reservation)
        decode_mistake(v->decoder, validation_node(v, AT ".memoryReservation", i),
                       "memoryReservation: %u must be less than memory, which is %u",
                       container->memory_reservation, container->memory);
    if (task->memory == 0 && container->memory == 0 && container->memory_reservation == 0)
        decode_mistake(v->decoder, validation_node(v, AT, i),
                       "memory: neither the task nor this container says how much: give the task "
                       "'memory', or the container 'memory' or 'memoryReservation'");
}

static void validate_sizes(const struct validation *v, const struct task_spec *task)
{
    uint64_t cpu = 0;
    uint64_t memory = 0;
    uint64_t reservation = 0;

    for (size_t i = 0; i < task->container_definitions_count; i++) {
        const struct container_definition *container = &task->container_definitions[i];
        cpu += container->cpu;
        memory += container->memory;
        reservation += container->memory_reservation;
        validate_container_memory(v, task, i);
    }
    if (task->cpu > 0 && cpu > task->cpu)
        decode_mistake(v->decoder, validation_node(v, "cpu"),
                       "cpu: the containers together have %llu units, the task only %u",
                       (unsigned long long)cpu, task->cpu);
    if (task->memory > 0 && memory > task->memory)
        decode_mistake(v->decoder, validation_node(v, "memory"),
                       "memory: the containers together have %llu MiB, the task only %u",
                       (unsigned long long)memory, task->memory);
    if (task->memory > 0 && reservation > task->memory)
        decode_mistake(v->decoder, validation_node(v, "memory"),
                       "memory: the containers together reserve %llu MiB, the task has only %u",
                       (unsigned long long)reservation, task->memory);
    if (task->cpu == 0)
        decode_refusal(v->decoder, v->spec, "cpu: FARGATE needs it for the whole task, as 256");
    if (task->memory == 0)
        decode_refusal(v->decoder, v->spec, "memory: FARGATE needs it for the whole task, as 512");
}

/* ---- Image, environment, commands ----------------------------------------------------------- */

static void validate_container_image(const struct validation *v, size_t i, const char *image)
{
    struct image_reference reference;
    struct err err = { 0 };

    /* A bare name is an Image; whether there is one, the generation knows. */
    if (image == NULL || reference_is_bare_name(image))
        return;
    if (reference_parse(image, v->decoder->arena, &reference, &err) < 0)
        decode_mistake(v->decoder, validation_node(v, AT ".image", i), "image: %s", err.text);
}

static bool is_variable(const char *name)
{
    return name[0] != '\0' && strchr(name, '=') == NULL;
}

static void validate_secret(const struct validation *v, size_t i, size_t s,
                            const struct secret *secret)
{
    const struct node *node = validation_node(v, AT ".secrets[%zu].valueFrom", i, s);
    const char *from = secret->value_from;

    if (secret->name != NULL && !is_variable(secret->name))
        decode_mistake(v->decoder, validation_node(v, AT ".secrets[%zu].name", i, s),
                       "name: '%s' is no name of an environment variable", secret->name);
    if (from == NULL)
        return;
    if (text_starts(from, "arn:"))
        decode_mistake(v->decoder, node,
                       "valueFrom: Amazon's secret stores cannot be read here: use file:PATH or "
                       "env:NAME");
    else if (!text_starts(from, "file:") && !text_starts(from, "env:"))
        decode_mistake(v->decoder, node, "valueFrom: it must be file:PATH or env:NAME");
    else if (strchr(from, ':')[1] == '\0')
        decode_mistake(v->decoder, node, "valueFrom: nothing stands behind '%s'", from);
}

static bool leads_out(const char *path)
{
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/' ? 1 : 0;
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return true;
    }
    return path[0] == '/';
}

static void validate_environment_file(const struct validation *v, const struct node *node,
                                      const char *path)
{
    if (text_starts(path, "arn:"))
        decode_mistake(v->decoder, node,
                       "environmentFiles: '%s' is in Amazon's S3, which is not read here: commit "
                       "the file, and give its path from the root of the repository",
                       path);
    else if (leads_out(path))
        decode_mistake(v->decoder, node,
                       "environmentFiles: '%s' is no path inside of the repository: it begins at "
                       "its root, without '/' and '..'",
                       path);
    else if (!text_ends(path, ".env"))
        decode_mistake(v->decoder, node, "environmentFiles: '%s' does not end in .env", path);
}

static void validate_environment_files(const struct validation *v, size_t i,
                                       const struct container_definition *container)
{
    if (container->environment_files_count > LIMIT_VARIABLE_FILES)
        decode_mistake(v->decoder, validation_node(v, AT ".environmentFiles", i),
                       "environmentFiles: at most %d", LIMIT_VARIABLE_FILES);
    for (size_t f = 0; f < container->environment_files_count; f++) {
        const char *path = container->environment_files[f].value;
        const struct node *node = validation_node(v, AT ".environmentFiles[%zu].value", i, f);
        if (path == NULL)
            continue;
        validate_environment_file(v, node, path);
        for (size_t j = 0; j < f; j++)
            if (text_equal(container->environment_files[j].value, path))
                decode_mistake(v->decoder, node, "environmentFiles: '%s' is given twice", path);
    }
}

static void validate_environment(const struct validation *v, size_t i,
                                 const struct container_definition *container)
{
    for (size_t e = 0; e < container->environment_count; e++)
        if (!is_variable(container->environment[e].key))
            decode_mistake(v->decoder, validation_node(v, AT ".environment", i),
                           "environment: '%s' is no name of an environment variable",
                           container->environment[e].key);
    for (size_t s = 0; s < container->secrets_count; s++) {
        const char *name = container->secrets[s].name;
        const struct node *node = validation_node(v, AT ".secrets[%zu].name", i, s);
        validate_secret(v, i, s, &container->secrets[s]);
        for (size_t e = 0; e < container->environment_count && name != NULL; e++)
            if (text_equal(container->environment[e].key, name))
                decode_mistake(v->decoder, node, "secrets: '%s' is in environment too", name);
        for (size_t e = 0; e < s && name != NULL; e++)
            if (text_equal(container->secrets[e].name, name))
                decode_mistake(v->decoder, node, "secrets: '%s' is given twice", name);
    }
}

static void validate_health_check(const struct validation *v, size_t i,
                                  const struct health_check *check)
{
    const struct node *node = validation_node(v, AT ".healthCheck.command", i);

    if (check == NULL || check->command_count == 0)
        return;
    if (text_equal(check->command[0], "CMD-SHELL")) {
        if (check->command_count != 2)
            decode_mistake(v->decoder, node,
                           "command: CMD-SHELL takes exactly one text, the line "
                           "for the shell");
    } else if (!text_equal(check->command[0], "CMD")) {
        decode_mistake(v->decoder, node, "command: it must begin with CMD or CMD-SHELL");
    } else if (check->command_count < 2) {
        decode_mistake(v->decoder, node, "command: nothing to run stands behind CMD");
    }
}

/* ---- Volumes -------------------------------------------------------------------------------- */

static void validate_volumes(const struct validation *v, const struct task_spec *task)
{
    for (size_t i = 0; i < task->volumes_count; i++) {
        const struct volume *volume = &task->volumes[i];
        if (volume->host != NULL && volume->host->source_path != NULL) {
            if (volume->docker_volume_configuration != NULL)
                decode_mistake(v->decoder, validation_node(v, "volumes[%zu]", i),
                               "a volume has at most one of host and dockerVolumeConfiguration");
            if (volume->host->source_path[0] != '/')
                decode_mistake(v->decoder, validation_node(v, "volumes[%zu].host.sourcePath", i),
                               "sourcePath: '%s' must begin with '/'", volume->host->source_path);
        }
        for (size_t j = 0; j < i && volume->name != NULL; j++)
            if (text_equal(volume->name, task->volumes[j].name))
                decode_mistake(v->decoder, validation_node(v, "volumes[%zu].name", i),
                               "name: two volumes are named '%s'", volume->name);
    }
}

static void unknown_volume(const struct validation *v, const struct task_spec *task,
                           const struct node *node, const char *name)
{
    const char **names = arena_array(v->decoder->arena, const char *, task->volumes_count);

    for (size_t i = 0; i < task->volumes_count; i++) {
        names[i] = task->volumes[i].name;
        if (text_equal(names[i], name))
            return;
    }
    const char *near = text_nearest(name, names, task->volumes_count);
    if (near != NULL)
        decode_mistake(v->decoder, node,
                       "sourceVolume: the task has no volume '%s': did you mean '%s'?", name, near);
    else
        decode_mistake(v->decoder, node, "sourceVolume: the task has no volume '%s'", name);
}

/* Two things cannot be mounted at one place. */
static void validate_mount_path(const struct validation *v, const struct node *node,
                                const struct container_definition *container, const char *path,
                                size_t position)
{
    const struct linux_parameters *parameters = container->linux_parameters;
    size_t tmpfs_count = parameters != NULL ? parameters->tmpfs_count : 0;
    size_t seen = 0;

    if (path == NULL)
        return;
    if (path[0] != '/') {
        decode_mistake(v->decoder, node, "containerPath: '%s' must begin with '/'", path);
        return;
    }
    for (size_t i = 0; i < container->mount_points_count + tmpfs_count && i < position; i++)
        seen += mount_path_equal(
                    path, i < container->mount_points_count
                              ? container->mount_points[i].container_path
                              : parameters->tmpfs[i - container->mount_points_count].container_path)
                    ? 1
                    : 0;
    if (seen > 0)
        decode_mistake(v->decoder, node, "containerPath: something is mounted at '%s' already",
                       path);
}

static const struct container_definition *container_named(const struct task_spec *task,
                                                          const char *name)
{
    for (size_t i = 0; i < task->container_definitions_count; i++) {
        if (name != NULL && text_equal(task->container_definitions[i].name, name))
            return &task->container_definitions[i];
    }
    return NULL;
}

/* A mount point of its own hides one that comes through volumesFrom; a tmpfs does not, and the
 * engine refuses both. */
static void validate_tmpfs(const struct validation *v, const struct task_spec *task,
                           const struct container_definition *container, const struct node *node,
                           const char *path)
{
    for (size_t f = 0; f < container->volumes_from_count; f++) {
        const char *name = container->volumes_from[f].source_container;
        const struct container_definition *source = container_named(task, name);

        for (size_t m = 0; source != NULL && m < source->mount_points_count; m++) {
            if (mount_path_equal(source->mount_points[m].container_path, path))
                decode_mistake(v->decoder, node,
                               "containerPath: through volumesFrom '%s' a volume is mounted at "
                               "'%s' already",
                               name, path);
        }
    }
}

static void validate_mounts(const struct validation *v, const struct task_spec *task, size_t i)
{
    const struct container_definition *container = &task->container_definitions[i];
    const struct linux_parameters *parameters = container->linux_parameters;

    for (size_t m = 0; m < container->mount_points_count; m++) {
        const struct mount_point *mount = &container->mount_points[m];
        if (mount->source_volume != NULL)
            unknown_volume(v, task, validation_node(v, AT ".mountPoints[%zu].sourceVolume", i, m),
                           mount->source_volume);
        validate_mount_path(v, validation_node(v, AT ".mountPoints[%zu].containerPath", i, m),
                            container, mount->container_path, m);
    }
    for (size_t t = 0; parameters != NULL && t < parameters->tmpfs_count; t++) {
        const struct node *node =
            validation_node(v, AT ".linuxParameters.tmpfs[%zu].containerPath", i, t);
        const char *path = parameters->tmpfs[t].container_path;

        validate_mount_path(v, node, container, path, container->mount_points_count + t);
        validate_tmpfs(v, task, container, node, path);
    }
}

/* ---- Settings of Linux ---------------------------------------------------------------------- */

static void validate_ulimits(const struct validation *v, size_t i,
                             const struct container_definition *container)
{
    for (size_t u = 0; u < container->ulimits_count; u++) {
        const struct ulimit *limit = &container->ulimits[u];
        const struct node *node = validation_node(v, AT ".ulimits[%zu]", i, u);
        if (limit->hard_limit != -1 &&
            (limit->soft_limit == -1 || limit->soft_limit > limit->hard_limit))
            decode_mistake(v->decoder, node, "ulimits: softLimit is above hardLimit");
        for (size_t j = 0; j < u; j++)
            if (limit->name == container->ulimits[j].name && limit->name != ULIMIT_NAME_UNSET)
                decode_mistake(v->decoder, node, "ulimits: '%s' is given twice",
                               enumeration_text(&ulimit_name_values, limit->name));
    }
}

static void validate_linux(const struct validation *v, size_t i,
                           const struct container_definition *container)
{
    const struct linux_parameters *parameters = container->linux_parameters;

    validate_ulimits(v, i, container);
    for (size_t s = 0; s < container->system_controls_count; s++)
        for (size_t j = 0; j < s; j++)
            if (container->system_controls[s].namespace != NULL &&
                text_equal(container->system_controls[s].namespace,
                           container->system_controls[j].namespace))
                decode_mistake(v->decoder, validation_node(v, AT ".systemControls[%zu]", i, s),
                               "systemControls: '%s' is given twice",
                               container->system_controls[s].namespace);
    if (parameters == NULL)
        return;
    if (parameters->max_swap == 0 && parameters->swappiness != SWAPPINESS_INITIAL)
        decode_warning(v->decoder, validation_node(v, AT ".linuxParameters.swappiness", i),
                       "swappiness is ignored: without maxSwap nothing is swapped out");
    if (parameters->capabilities == NULL)
        return;
    for (size_t c = 0; c < parameters->capabilities->add_count; c++)
        if (!text_equal(parameters->capabilities->add[c], "SYS_PTRACE"))
            decode_refusal(v->decoder,
                           validation_node(v, AT ".linuxParameters.capabilities.add[%zu]", i, c),
                           "capabilities: FARGATE can add SYS_PTRACE only");
}

/* ---- The rest of a container ---------------------------------------------------------------- */

static void validate_labels(const struct validation *v, size_t i,
                            const struct container_definition *container)
{
    for (size_t l = 0; l < container->docker_labels_count; l++)
        if (text_starts(container->docker_labels[l].key, "berth."))
            decode_mistake(v->decoder, validation_node(v, AT ".dockerLabels", i),
                           "dockerLabels: '%s': labels beginning with 'berth.' are Berth's own",
                           container->docker_labels[l].key);
}

static void validate_container(const struct validation *v, const struct task_spec *task, size_t i)
{
    const struct container_definition *container = &task->container_definitions[i];

    validate_container_image(v, i, container->image);
    validate_environment(v, i, container);
    validate_environment_files(v, i, container);
    validate_health_check(v, i, container->health_check);
    validate_mounts(v, task, i);
    validate_linux(v, i, container);
    validate_labels(v, i, container);
    if (container->restart_policy != NULL &&
        container->restart_policy->ignored_exit_codes_count > 50)
        decode_mistake(v->decoder, validation_node(v, AT ".restartPolicy.ignoredExitCodes", i),
                       "ignoredExitCodes: at most 50");
    if (!text_is_empty(container->working_directory) && container->working_directory[0] != '/')
        decode_mistake(v->decoder, validation_node(v, AT ".workingDirectory", i),
                       "workingDirectory: '%s' must begin with '/'", container->working_directory);
}

/* ---- The whole task ------------------------------------------------------------------------- */

static void validate_modes(const struct validation *v, const struct task_spec *task)
{
    bool fargate = task->requires_compatibilities_count == 0;
    bool ec2 = fargate;

    for (size_t i = 0; i < task->requires_compatibilities_count; i++) {
        fargate = fargate || task->requires_compatibilities[i] == COMPATIBILITY_FARGATE;
        ec2 = ec2 || task->requires_compatibilities[i] == COMPATIBILITY_EC2;
    }
    if (!ec2)
        decode_refusal_on(v->decoder, LAUNCH_TYPE_EC2,
                          validation_node(v, "requiresCompatibilities"),
                          "requiresCompatibilities: the task is not meant for EC2");
    if (!fargate)
        decode_refusal(v->decoder, validation_node(v, "requiresCompatibilities"),
                       "requiresCompatibilities: the task is not meant for FARGATE");
    if (task->network_mode != NETWORK_MODE_UNSET && task->network_mode != NETWORK_MODE_AWSVPC)
        decode_refusal(v->decoder, validation_node(v, "networkMode"),
                       "networkMode: FARGATE has awsvpc only");
    if (task->pid_mode == PID_MODE_HOST)
        decode_refusal(v->decoder, validation_node(v, "pidMode"),
                       "pidMode: host is not possible on FARGATE");
}

void validate_task(const struct validation *v, const struct task_spec *task)
{
    if (task->container_definitions_count > CONTAINERS_MAX) {
        decode_mistake(v->decoder, validation_node(v, "containerDefinitions"),
                       "containerDefinitions: %zu containers in one task, at most %d",
                       task->container_definitions_count, CONTAINERS_MAX);
        return;
    }
    validate_names(v, task);
    validate_sizes(v, task);
    validate_modes(v, task);
    validate_volumes(v, task);
    validate_task_placement(v, task);
    validate_ec2(v, task);
    for (size_t i = 0; i < task->container_definitions_count; i++)
        validate_container(v, task, i);
    validate_ports(v, task);
    validate_container_order(v, task);
}
