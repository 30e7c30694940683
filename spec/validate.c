/*
 * Images, clusters and services; tasks have files of their own.
 */
#include "spec/validate.h"

#include <stdarg.h>
#include <string.h>

#include "spec/balancer.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/cron.h"
#include "spec/names.h"
#include "spec/reference.h"
#include "spec/tree.h"
#include "spec/zone.h"

/* ecs.md 1.6. */
#define ATTRIBUTES_MAX 10
#define ATTRIBUTE_SIZE 128

/* ---- Positions ------------------------------------------------------------------------------ */

static const struct node *step_into(const struct node *node, const char *part, size_t size)
{
    uint32_t index = 0;

    if (part[0] != '[') {
        for (size_t i = 0; node->type == NODE_MAP && i < node->count; i++)
            if (strlen(node->members[i].key) == size &&
                memcmp(node->members[i].key, part, size) == 0)
                return node->members[i].value;
        return NULL;
    }
    for (size_t i = 1; i + 1 < size; i++)
        index = index * 10 + (uint32_t)(part[i] - '0');
    return node->type == NODE_LIST && index < node->count ? node->items[index] : NULL;
}

const struct node *validation_node(const struct validation *v, const char *format, ...)
{
    static const struct node nowhere = { .type = NODE_MAP };
    const struct node *node = v->spec != NULL ? v->spec : &nowhere;
    AUTO(buf) path = { 0 };
    va_list arguments;

    buf_init(&path, 512);
    va_start(arguments, format);
    buf_vprintf(&path, format, arguments);
    va_end(arguments);
    for (const char *at = buf_text(&path); *at != '\0';) {
        at += *at == '.' ? 1 : 0;
        size_t size = at[0] == '[' ? strcspn(at, "]") + 1 : strcspn(at, ".[");
        const struct node *next = step_into(node, at, size);
        if (next == NULL)
            break;
        node = next;
        at += size;
    }
    return node;
}

/* ---- Image ---------------------------------------------------------------------------------- */

/* A relative path that stays inside: no "..", no leading '/'. */
static bool stays_inside(const char *path)
{
    if (path[0] == '/' || path[0] == '\0')
        return false;
    for (const char *at = path; *at != '\0';) {
        size_t size = strcspn(at, "/");
        if (size == 2 && at[0] == '.' && at[1] == '.')
            return false;
        at += size;
        at += *at == '/' ? 1 : 0;
    }
    return true;
}

/* OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT */
static bool is_platform(const char *text)
{
    size_t slashes = 0;
    bool empty = true;

    for (; *text != '\0'; text++) {
        if (*text == '/') {
            if (empty)
                return false;
            slashes++;
            empty = true;
        } else if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_.", *text) != NULL) {
            empty = false;
        } else {
            return false;
        }
    }
    return !empty && (slashes == 1 || slashes == 2);
}

static void validate_build(const struct validation *v, const struct image_build *build)
{
    if (build->context != NULL && !stays_inside(build->context))
        decode_mistake(v->decoder, validation_node(v, "build.context"),
                       "context: '%s' leads out of the repository: it must be a path within it, "
                       "without '..'",
                       build->context);
    if (!stays_inside(build->dockerfile))
        decode_mistake(v->decoder, validation_node(v, "build.dockerfile"),
                       "dockerfile: '%s' leads out of the context: it must be a path within it, "
                       "without '..'",
                       build->dockerfile);
    if (build->platform != NULL && !is_platform(build->platform))
        decode_mistake(v->decoder, validation_node(v, "build.platform"),
                       "platform: '%s' is not OS/ARCHITECTURE, as linux/amd64", build->platform);
    if (!reference_is_path_part(v->name) || strlen(v->name) > 128)
        decode_mistake(v->decoder, v->spec,
                       "the name '%s' of a built image becomes part of its tag: it must be up to "
                       "128 lower-case letters and digits, with single '-' or '_' between",
                       v->name);
}

static void validate_repository(const struct validation *v, const char *text)
{
    struct image_reference reference;
    struct err err = { 0 };
    const struct node *node = validation_node(v, "repository");

    if (reference_parse(text, v->decoder->arena, &reference, &err) < 0)
        decode_mistake(v->decoder, node, "repository: %s", err.text);
    else if (reference.tag != NULL || reference.digest != NULL)
        decode_mistake(v->decoder, node,
                       "repository: '%s' has a tag or digest: Berth adds the tag itself", text);
}

void validate_image(const struct validation *v, const struct image_spec *image)
{
    struct image_reference reference;
    struct err err = { 0 };

    if ((image->source != NULL) == (image->build != NULL))
        decode_mistake(v->decoder, validation_node(v, "source"),
                       "an Image has either 'source' or 'build': %s",
                       image->source != NULL ? "both are given" : "none is given");
    if (image->source != NULL &&
        reference_parse(image->source, v->decoder->arena, &reference, &err) < 0)
        decode_mistake(v->decoder, validation_node(v, "source"), "source: %s", err.text);
    if (image->build != NULL)
        validate_build(v, image->build);
    if (image->repository != NULL && image->build == NULL)
        decode_mistake(v->decoder, validation_node(v, "repository"),
                       "repository: only an image with 'build' is pushed");
    else if (image->repository != NULL)
        validate_repository(v, image->repository);
}

/* ---- Cluster -------------------------------------------------------------------------------- */

/* What is handed to ssh must not look like an option; and a user's configuration may put it into a
 * shell's command line. */
static bool is_ssh_word(const char *text, const char *others)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  ".-_";

    if (text[0] == '-' || text[0] == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (strchr(letters, *text) == NULL && strchr(others, *text) == NULL)
            return false;
    return true;
}

static void validate_connection(const struct validation *v, size_t i,
                                const struct container_instance *instance)
{
    static const char *const scheme = "unix:///";

    if (instance->host != NULL && !is_ssh_word(instance->host, ":%"))
        decode_mistake(
            v->decoder, validation_node(v, "instances[%zu].host", i),
            "host: '%s' is no address: letters, digits and '.', '-', '_', ':', '%%', not "
            "beginning with '-'",
            instance->host);
    if (instance->user != NULL && !is_ssh_word(instance->user, "@+\\"))
        decode_mistake(
            v->decoder, validation_node(v, "instances[%zu].user", i),
            "user: '%s' is no user: letters, digits and '.', '-', '_', '@', '+', '\\', not "
            "beginning with '-'",
            instance->user);
    if (instance->address != NULL && instance_address(instance) == NULL)
        decode_mistake(v->decoder, validation_node(v, "instances[%zu].address", i),
                       "address: '%s' is no IPv4 address", instance->address);
    if (instance->docker_host != NULL && !text_starts(instance->docker_host, scheme))
        decode_mistake(v->decoder, validation_node(v, "instances[%zu].dockerHost", i),
                       "dockerHost: '%s' is no socket of the host: write unix:///PATH",
                       instance->docker_host);
}

/* ecs.md 1.6: 1 to 128 characters, of a value also '@', ':' and inner blanks. */
static bool is_attribute(const char *text, bool is_value)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "_-/\\.";
    size_t size = strlen(text);

    if (size == 0 || size > ATTRIBUTE_SIZE || text[0] == ' ' || text[size - 1] == ' ')
        return false;
    for (; *text != '\0'; text++)
        if (strchr(letters, *text) == NULL && (!is_value || strchr("@: ", *text) == NULL))
            return false;
    return true;
}

static void validate_attributes(const struct validation *v, size_t i,
                                const struct container_instance *instance)
{
    const struct node *node = validation_node(v, "instances[%zu].attributes", i);

    if (instance->attributes_count > ATTRIBUTES_MAX)
        decode_mistake(v->decoder, node, "attributes: at most %d", ATTRIBUTES_MAX);
    for (size_t a = 0; a < instance->attributes_count; a++) {
        const struct pair *attribute = &instance->attributes[a];

        if (!is_attribute(attribute->key, /* is_value= */ false))
            decode_mistake(v->decoder, node,
                           "attributes: '%s' is no name: 1 to %d letters, digits, '_', '-', '/', "
                           "'\\' and '.'",
                           attribute->key, ATTRIBUTE_SIZE);
        if (!is_attribute(attribute->value, /* is_value= */ true))
            decode_mistake(v->decoder, node,
                           "attributes: '%s' is no value of %s: 1 to %d letters, digits, '_', "
                           "'-', '/', '\\', '.', '@', ':' and inner blanks",
                           attribute->value, attribute->key, ATTRIBUTE_SIZE);
    }
}

static void validate_instances(const struct validation *v, const struct cluster_spec *cluster)
{
    AUTO(tree) names = { 0 };

    for (size_t i = 0; i < cluster->instances_count; i++) {
        const struct container_instance *instance = &cluster->instances[i];
        const struct node *node = validation_node(v, "instances[%zu].name", i);

        validate_connection(v, i, instance);
        validate_attributes(v, i, instance);
        if (instance->name == NULL)
            continue;
        if (text_equal(instance->name, LOCAL_INSTANCE))
            decode_mistake(v->decoder, node,
                           "name: '%s' is the engine of FARGATE clusters: choose another name",
                           LOCAL_INSTANCE);
        if (tree_get(&names, instance->name) != NULL)
            decode_mistake(v->decoder, node, "name: two instances are named '%s'", instance->name);
        tree_put(&names, instance->name, v->decoder, /* owner= */ NULL);
    }
}

static void validate_windows(const struct validation *v,
                             const struct cluster_maintenance *maintenance)
{
    for (size_t i = 0; i < maintenance->windows_count; i++) {
        const struct maintenance_window *window = &maintenance->windows[i];
        struct cron cron;
        struct err err;

        if (window->schedule_expression != NULL &&
            cron_parse(window->schedule_expression, &cron, &err) < 0)
            decode_mistake(v->decoder,
                           validation_node(v, "maintenance.windows[%zu].scheduleExpression", i),
                           "scheduleExpression: %s", err.text);
        if (!zone_is_name(window->timezone))
            decode_mistake(v->decoder, validation_node(v, "maintenance.windows[%zu].timezone", i),
                           "timezone: '%s' is no name of a time zone: write it as Europe/Berlin",
                           window->timezone);
    }
}

static void validate_maintenance(const struct validation *v, const struct cluster_spec *cluster)
{
    const struct cluster_maintenance *maintenance = cluster->maintenance;
    const struct node *node = validation_node(v, "maintenance");

    if (cluster->launch_type != LAUNCH_TYPE_EC2)
        decode_mistake(v->decoder, node, "maintenance: FARGATE has no hosts: launchType EC2 has");
    if ((maintenance->command != NULL) == maintenance->upgrade_packages)
        decode_mistake(v->decoder, node,
                       "maintenance: give either 'command' or 'upgradePackages: true'");
    if (maintenance->command != NULL && strlen(maintenance->command) > LIMIT_HOST_COMMAND)
        decode_mistake(v->decoder, node,
                       "maintenance: 'command' has more than %d bytes: let it run a script of the "
                       "host",
                       LIMIT_HOST_COMMAND);
    validate_windows(v, maintenance);
}

void validate_cluster(const struct validation *v, const struct cluster_spec *cluster)
{
    if (cluster->launch_type != LAUNCH_TYPE_EC2 && cluster->instances_count > 0)
        decode_mistake(v->decoder, validation_node(v, "instances"),
                       "instances: FARGATE runs on the local engine: launchType EC2 has instances");
    if (cluster->launch_type != LAUNCH_TYPE_EC2 && cluster->bootstrap != NULL)
        decode_mistake(v->decoder, validation_node(v, "bootstrap"),
                       "bootstrap: FARGATE runs on the local engine: launchType EC2 has instances");
    if (cluster->maintenance != NULL)
        validate_maintenance(v, cluster);
    if (cluster->launch_type == LAUNCH_TYPE_EC2 && cluster->cpu_overcommit > 0)
        decode_mistake(v->decoder, validation_node(v, "cpuOvercommit"),
                       "cpuOvercommit: it is for FARGATE: EC2 always reserves CPU");
    validate_instances(v, cluster);
}

/* ---- Service -------------------------------------------------------------------------------- */

static void validate_percentages(const struct validation *v, const struct service_spec *service)
{
    const struct deployment_configuration *deployment = service->deployment_configuration;
    const struct auto_scaling *scaling = service->auto_scaling;
    uint64_t desired = scaling == NULL ? service->desired_count : scaling->min_capacity;
    uint64_t minimum = deployment->minimum_healthy_percent;
    uint64_t maximum = deployment->maximum_percent;
    const struct node *node = validation_node(v, "deploymentConfiguration.maximumPercent");

    /* Rounding up and down, as ECS does (ecs.md 1.5). */
    uint64_t lower = (desired * minimum + 99) / 100;
    uint64_t upper = desired * maximum / 100;
    if (minimum >= 100 && maximum <= 100)
        decode_mistake(v->decoder, node,
                       "minimumHealthyPercent %u and maximumPercent %u leave no room to replace "
                       "a task: raise the one or lower the other",
                       deployment->minimum_healthy_percent, deployment->maximum_percent);
    else if (desired > 0 && lower >= desired && upper <= desired)
        decode_warning(
            v->decoder, node,
            "with %s %llu the bounds are %llu and %llu tasks: no task can ever be replaced",
            scaling == NULL ? "desiredCount" : "minCapacity", (unsigned long long)desired,
            (unsigned long long)lower, (unsigned long long)upper);
}

/* NAME or CLUSTER/NAME */
static bool dependency_is_good(const char *text)
{
    const char *slash = strchr(text, '/');
    char cluster[256];

    if (slash == NULL)
        return text_is_name(text);
    size_t size = (size_t)(slash - text);
    if (size >= sizeof(cluster))
        return false;
    memcpy(cluster, text, size);
    cluster[size] = '\0';
    return text_is_name(cluster) && text_is_name(slash + 1);
}

static const char *dependency_name(const char *text)
{
    const char *slash = strchr(text, '/');

    return slash != NULL ? slash + 1 : text;
}

static void validate_dependencies(const struct validation *v, const struct service_spec *service)
{
    for (size_t i = 0; i < service->depends_on_count; i++) {
        const struct node *node = validation_node(v, "dependsOn[%zu]", i);
        const char *text = service->depends_on[i];
        if (text == NULL)
            continue;
        if (!dependency_is_good(text)) {
            decode_mistake(v->decoder, node,
                           "dependsOn: '%s' is no service: write NAME or CLUSTER/NAME", text);
            continue;
        }
        if (text_equal(dependency_name(text), v->name))
            decode_mistake(v->decoder, node, "dependsOn: the service depends on itself");
        for (size_t j = 0; j < i; j++)
            if (service->depends_on[j] != NULL &&
                text_equal(dependency_name(text), dependency_name(service->depends_on[j])))
                decode_mistake(v->decoder, node, "dependsOn: '%s' is given twice", text);
    }
}

void validate_service(const struct validation *v, const struct service_spec *service)
{
    if (service->scheduling_strategy == SCHEDULING_STRATEGY_DAEMON)
        validate_daemon(v, service);
    else
        validate_percentages(v, service);
    validate_dependencies(v, service);
    validate_service_placement(v, service);
    validate_targets(v, service);
    if (service->auto_scaling != NULL)
        validate_scaling(v, service);
}
