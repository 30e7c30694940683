/*
 * The part of a container's HostConfig that says what it may use: CPU, memory, kernel, volumes,
 * logs.
 */
#include "drivers/docker/write_int.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/mount.h"
#include "spec/names.h"

/* The sizes that `local` has by itself; json-file would grow for ever. */
#define JSON_FILE_SIZE  "20m"
#define JSON_FILE_COUNT "5"

#define MIB         ((int64_t)1024 * 1024)
#define CPU_NANO    ((int64_t)1000 * 1000 * 1000)
#define CPU_UNITS   1024                        /* of one CPU, ecs.md 1.2 */
#define SHARES_MIN  2                           /* the kernel's, ecs.md 1.3 */
#define NANOCPU_MIN ((int64_t)10 * 1000 * 1000) /* the kernel takes no quota below 1 ms in 100 ms */

struct json *write_text_array(const char *const *texts, size_t count)
{
    struct json *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_append_text(array, texts[i]);
    return array;
}

void write_texts(struct json *object, const char *key, const char *const *texts, size_t count)
{
    if (count > 0)
        json_set(object, key, write_text_array(texts, count));
}

void write_pairs(struct json *object, const char *key, const struct pair *pairs, size_t count)
{
    struct json *map = json_object();

    for (size_t i = 0; i < count; i++)
        json_set_text(map, pairs[i].key, pairs[i].value);
    json_set(object, key, map);
}

/* ---- Resources ------------------------------------------------------------------------------ */

/* CPU is split by shares: what the definitions say, and equal parts of the rest for those that do
 * not. */
static uint32_t cpu_shares(const struct write_scope *scope)
{
    const struct task_spec *task = scope->task;
    uint32_t rest = task->cpu;
    uint32_t silent = 0;

    if (scope->definition->cpu != 0)
        return scope->definition->cpu > SHARES_MIN ? scope->definition->cpu : SHARES_MIN;
    for (size_t i = 0; i < task->container_definitions_count; i++) {
        uint32_t cpu = task->container_definitions[i].cpu;
        rest -= cpu < rest ? cpu : rest;
        silent += cpu == 0 ? 1 : 0;
    }
    uint32_t shares = silent > 0 ? rest / silent : rest;
    return shares > SHARES_MIN ? shares : SHARES_MIN;
}

static void set_limit(struct json *host, struct buf *limits, const char *key, int64_t value)
{
    json_set_int(host, key, value);
    buf_printf(limits, "%s%s=%lld", limits->size > 0 ? " " : "", key, (long long)value);
}

/* Each container gets its own limits, else the task's. */
void write_limits(const struct write_scope *scope, struct json *host, struct buf *limits)
{
    const struct container_definition *definition = scope->definition;
    const struct linux_parameters *linux_parameters = definition->linux_parameters;
    uint32_t max_swap = linux_parameters != NULL ? linux_parameters->max_swap : 0;
    int64_t memory = (definition->memory != 0 ? definition->memory : scope->task->memory) * MIB;

    if (scope->task->cpu != 0) {
        int64_t nano = scope->task->cpu * CPU_NANO / CPU_UNITS;
        set_limit(host, limits, "NanoCpus", nano > NANOCPU_MIN ? nano : NANOCPU_MIN);
    }
    set_limit(host, limits, "CpuShares", cpu_shares(scope));
    if (memory != 0) {
        set_limit(host, limits, "Memory", memory);
        set_limit(host, limits, "MemorySwap", memory + max_swap * MIB);
    }
    if (definition->memory_reservation != 0)
        set_limit(host, limits, "MemoryReservation", definition->memory_reservation * MIB);
    if (max_swap != 0)
        json_set_int(host, "MemorySwappiness", linux_parameters->swappiness);
}

void write_ulimits(const struct container_definition *definition, struct json *host)
{
    struct json *array = json_array();

    for (size_t i = 0; i < definition->ulimits_count; i++) {
        const struct ulimit *ulimit = &definition->ulimits[i];
        struct json *item = json_object();
        json_set_text(item, "Name", enumeration_text(&ulimit_name_values, ulimit->name));
        json_set_int(item, "Soft", ulimit->soft_limit);
        json_set_int(item, "Hard", ulimit->hard_limit);
        json_append(array, item);
    }
    json_set(host, "Ulimits", array);
}

static void write_tmpfs(const struct linux_parameters *parameters, struct json *host)
{
    struct json *map = json_object();

    for (size_t i = 0; i < parameters->tmpfs_count; i++) {
        const struct tmpfs *tmpfs = &parameters->tmpfs[i];
        struct buf options;
        buf_init(&options, LIMIT_MANIFEST_BYTES);
        buf_printf(&options, "size=%um", tmpfs->size);
        for (size_t j = 0; j < tmpfs->mount_options_count; j++)
            buf_printf(&options, ",%s", tmpfs->mount_options[j]);
        json_set_text(map, tmpfs->container_path, buf_text(&options));
        buf_release(&options);
    }
    json_set(host, "Tmpfs", map);
}

static void write_devices(const struct linux_parameters *parameters, struct json *host)
{
    static const char letters[] = { [DEVICE_CGROUP_PERMISSION_READ] = 'r',
                                    [DEVICE_CGROUP_PERMISSION_WRITE] = 'w',
                                    [DEVICE_CGROUP_PERMISSION_MKNOD] = 'm' };
    struct json *array = json_array();

    for (size_t i = 0; i < parameters->devices_count; i++) {
        const struct device *device = &parameters->devices[i];
        struct json *item = json_object();
        char permissions[4] = "rwm";
        size_t count = device->permissions_count < 3 ? device->permissions_count : 3;
        for (size_t j = 0; j < count; j++)
            permissions[j] = letters[device->permissions[j]];
        if (count > 0)
            permissions[count] = '\0';
        json_set_text(item, "PathOnHost", device->host_path);
        json_set_text(item, "PathInContainer",
                      device->container_path != NULL ? device->container_path : device->host_path);
        json_set_text(item, "CgroupPermissions", permissions);
        json_append(array, item);
    }
    json_set(host, "Devices", array);
}

void write_linux_parameters(const struct linux_parameters *parameters, struct json *host)
{
    if (parameters == NULL)
        return;
    if (parameters->capabilities != NULL) {
        write_texts(host, "CapAdd", parameters->capabilities->add,
                    parameters->capabilities->add_count);
        write_texts(host, "CapDrop", parameters->capabilities->drop,
                    parameters->capabilities->drop_count);
    }
    if (parameters->init_process_enabled)
        json_set_bool(host, "Init", true);
    if (parameters->shared_memory_size != 0)
        json_set_int(host, "ShmSize", parameters->shared_memory_size * MIB);
    write_tmpfs(parameters, host);
    write_devices(parameters, host);
}

/* ---- Volumes, logs -------------------------------------------------------------------------- */

static const struct volume *find_volume(const struct task_spec *task, const char *name)
{
    for (size_t i = 0; i < task->volumes_count; i++) {
        if (text_equal(task->volumes[i].name, name))
            return &task->volumes[i];
    }
    return NULL;
}

/* A volume that is gone by now is made anew by the engine: as ours, or it would be nobody's for
 * ever. */
static struct json *volume_options(const struct write_scope *scope, const struct volume *volume)
{
    const struct docker_volume_configuration *configuration = volume->docker_volume_configuration;
    struct json *options = json_object();

    json_set(
        options, "Labels",
        write_volume_labels(scope->writer, volume, scope->target->cluster, scope->target->service));
    if (configuration != NULL) {
        struct json *driver = json_object();
        json_set_text(driver, "Name", configuration->driver);
        write_pairs(driver, "Options", configuration->driver_opts,
                    configuration->driver_opts_count);
        json_set(options, "DriverConfig", driver);
    }
    return options;
}

static int append_mount(struct write_scope *scope, const struct mount_point *mount, bool read_only,
                        struct json *mounts, struct err *err)
{
    const struct volume *volume = find_volume(scope->task, mount->source_volume);
    struct json *item;

    if (volume == NULL)
        return err_set(err, ERR_INVALID, "volume '%s' is not one of the task",
                       mount->source_volume);
    item = json_object();
    if (volume->host != NULL && volume->host->source_path != NULL) {
        json_set_text(item, "Type", "bind");
        json_set_text(item, "Source", volume->host->source_path);
    } else {
        json_set_text(item, "Type", "volume");
        json_set_text(
            item, "Source",
            target_volume_name(&scope->arena, scope->writer->owner, scope->target, volume));
        json_set(item, "VolumeOptions", volume_options(scope, volume));
    }
    json_set_text(item, "Target", mount->container_path);
    json_set_bool(item, "ReadOnly", read_only || mount->read_only);
    json_append(mounts, item);
    return 0;
}

static const struct container_definition *find_container(const struct task_spec *task,
                                                         const char *name)
{
    for (size_t i = 0; i < task->container_definitions_count; i++) {
        if (text_equal(task->container_definitions[i].name, name))
            return &task->container_definitions[i];
    }
    return NULL;
}

/* Is that place of the volumesFrom entry taken by a mount point of its own, or by an entry behind
 * it?  Those win, as the engine has it. */
static bool is_hidden(const struct write_scope *scope, size_t from, const char *path)
{
    const struct container_definition *definition = scope->definition;

    for (size_t i = 0; i < definition->mount_points_count; i++) {
        if (mount_path_equal(definition->mount_points[i].container_path, path))
            return true;
    }
    for (size_t i = from + 1; i < definition->volumes_from_count; i++) {
        const struct container_definition *source =
            find_container(scope->task, definition->volumes_from[i].source_container);

        for (size_t j = 0; source != NULL && j < source->mount_points_count; j++) {
            if (mount_path_equal(source->mount_points[j].container_path, path))
                return true;
        }
    }
    return false;
}

/* volumesFrom is resolved here and not by the engine, so that it sets no order of creation. */
int write_mounts(struct write_scope *scope, struct json *host, struct err *err)
{
    const struct container_definition *definition = scope->definition;
    struct json *mounts = json_array();

    json_set(host, "Mounts", mounts);
    for (size_t i = 0; i < definition->mount_points_count; i++) {
        if (append_mount(scope, &definition->mount_points[i], /* read_only= */ false, mounts, err) <
            0)
            return -1;
    }
    for (size_t i = 0; i < definition->volumes_from_count; i++) {
        const struct volume_from *from = &definition->volumes_from[i];
        const struct container_definition *source =
            find_container(scope->task, from->source_container);
        if (source == NULL)
            return err_set(err, ERR_INVALID, "volumesFrom: there is no container '%s' in the task",
                           from->source_container);
        for (size_t j = 0; j < source->mount_points_count; j++) {
            if (!is_hidden(scope, i, source->mount_points[j].container_path) &&
                append_mount(scope, &source->mount_points[j], from->read_only, mounts, err) < 0)
                return -1;
        }
    }
    return 0;
}

static void set_default(struct json *options, const char *key, const char *value)
{
    if (json_get(options, key) == NULL)
        json_set_text(options, key, value);
}

/* ECS's defaults (ecs.md 1.3): a driver that is slow shall not hold the container up. */
static void set_log_defaults(struct json *options, enum log_driver driver)
{
    if (driver == LOG_DRIVER_JSON_FILE && json_get(options, "max-size") == NULL) {
        json_set_text(options, "max-size", JSON_FILE_SIZE);
        set_default(options, "max-file", JSON_FILE_COUNT);
    }
    set_default(options, "mode", "non-blocking");
    if (text_equal(json_text(options, "mode"), "non-blocking"))
        set_default(options, "max-buffer-size",
                    "10m"); /* the engine refuses it with another mode */
}

/* Without a word about logs no disk fills.  Amazon's own drivers become `local`. */
struct json *write_log(const struct log_configuration *log)
{
    struct json *config = json_object();
    struct json *options = json_object();
    enum log_driver driver = log != NULL ? log->log_driver : LOG_DRIVER_UNSET;
    bool is_engines = driver != LOG_DRIVER_UNSET && driver != LOG_DRIVER_AWSLOGS &&
                      driver != LOG_DRIVER_SPLUNK && driver != LOG_DRIVER_AWSFIRELENS;

    if (!is_engines)
        driver = LOG_DRIVER_LOCAL;
    json_set_text(config, "Type", enumeration_text(&log_driver_values, driver));
    json_set(config, "Config", options);
    for (size_t i = 0; log != NULL && i < log->options_count; i++) {
        const struct pair *option = &log->options[i];
        if (is_engines)
            json_set_text(options, option->key, option->value);
    }
    if (driver != LOG_DRIVER_NONE)
        set_log_defaults(options, driver);
    return config;
}
