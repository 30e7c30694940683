/*
 * What a task may have on EC2, as far as it is really applied there; the rest is refused with the
 * reason. The containers of a task share one network namespace in every mode.
 */
#include "spec/base/text.h"
#include "spec/validate.h"

#define AT "containerDefinitions[%zu]"

#define HOST_PORTS_MAX 100 /* of an instance, ecs.md 1.3 */

static void refuse(const struct validation *v, const struct node *node, const char *text)
{
    decode_refusal_on(v->decoder, LAUNCH_TYPE_EC2, node, text);
}

/* ---- Ports ---------------------------------------------------------------------------------- */

/* Of sshd, Docker and Amazon's agent (ecs.md 1.3). */
static bool is_reserved(uint32_t port)
{
    return port == 22 || port == 2375 || port == 2376 || (port >= 51678 && port <= 51680);
}

/* The port of the host that a mapping takes; 0: none that is fixed. */
static uint32_t fixed_port(const struct task_spec *task, const struct port_mapping *mapping)
{
    switch (task->network_mode) {
    case NETWORK_MODE_UNSET: /* bridge */
    case NETWORK_MODE_BRIDGE: return mapping->host_port;
    case NETWORK_MODE_HOST: return mapping->container_port;
    case NETWORK_MODE_AWSVPC:
    case NETWORK_MODE_NONE: break;
    }
    return 0;
}

static bool is_taken(const struct task_spec *task, size_t c, size_t m)
{
    const struct port_mapping *mine = &task->container_definitions[c].port_mappings[m];

    for (size_t i = 0; i <= c; i++) {
        const struct container_definition *other = &task->container_definitions[i];

        for (size_t j = 0; j < (i < c ? other->port_mappings_count : m); j++) {
            if (other->port_mappings[j].protocol == mine->protocol &&
                fixed_port(task, &other->port_mappings[j]) == fixed_port(task, mine))
                return true;
        }
    }
    return false;
}

static void validate_host_ports(const struct validation *v, const struct task_spec *task)
{
    size_t count = 0;

    for (size_t c = 0; c < task->container_definitions_count && count <= HOST_PORTS_MAX; c++) {
        const struct container_definition *container = &task->container_definitions[c];

        for (size_t m = 0; m < container->port_mappings_count && count <= HOST_PORTS_MAX; m++) {
            const struct node *node = validation_node(v, AT ".portMappings[%zu]", c, m);
            uint32_t port = fixed_port(task, &container->port_mappings[m]);

            if (task->network_mode == NETWORK_MODE_HOST &&
                container->port_mappings[m].container_port_range != NULL)
                decode_mistake(v->decoder, node,
                               "containerPortRange: not with networkMode host, where every port "
                               "is one of the host");
            if (port == 0)
                continue;
            count++;
            if (is_reserved(port))
                refuse(v, node,
                       "portMappings: the ports 22, 2375, 2376 and 51678 to 51680 of an instance "
                       "are reserved");
            if (is_taken(task, c, m))
                refuse(v, node, "portMappings: the task takes this port of the host twice");
        }
    }
    if (count > HOST_PORTS_MAX)
        refuse(v, validation_node(v, "containerDefinitions"),
               "portMappings: an instance has at most 100 fixed ports for tasks");
}

/* ---- Containers ----------------------------------------------------------------------------- */

/* Names are those of the namespace, which the containers of a task share. */
static bool says_names(const struct container_definition *container)
{
    return container->hostname != NULL || container->dns_servers_count > 0 ||
           container->dns_search_domains_count > 0 || container->extra_hosts_count > 0;
}

static void validate_names(const struct validation *v, const struct task_spec *task)
{
    size_t first = SIZE_MAX;

    for (size_t i = 0; i < task->container_definitions_count; i++) {
        if (!says_names(&task->container_definitions[i]))
            continue;
        if (first != SIZE_MAX)
            refuse(v, validation_node(v, AT, i),
                   "hostname, dnsServers, dnsSearchDomains and extraHosts: the containers of a "
                   "task share them: only one of them can have any");
        first = i;
    }
}

static void validate_container(const struct validation *v, const struct task_spec *task, size_t i)
{
    const struct container_definition *container = &task->container_definitions[i];
    const struct linux_parameters *parameters = container->linux_parameters;
    bool shared = task->container_definitions_count > 1 && task->ipc_mode == IPC_MODE_TASK;

    if (container->links_count > 0)
        refuse(v, validation_node(v, AT ".links", i),
               "links: the containers of a task reach each other at localhost");
    if (container->disable_networking)
        refuse(v, validation_node(v, AT ".disableNetworking", i),
               "disableNetworking: the containers of a task share its network: use networkMode "
               "none for the Task");
    if (container->version_consistency == VERSION_CONSISTENCY_DISABLED)
        refuse(v, validation_node(v, AT ".versionConsistency", i),
               "versionConsistency: disabled is not supported on EC2 by this version");
    if (parameters != NULL && parameters->shared_memory_size > 0 &&
        (shared || task->ipc_mode == IPC_MODE_HOST))
        refuse(v, validation_node(v, AT ".linuxParameters.sharedMemorySize", i),
               "sharedMemorySize: with this ipcMode the container has no /dev/shm of its own");
}

/* ---- Volumes -------------------------------------------------------------------------------- */

static void validate_docker_volume(const struct validation *v, size_t i,
                                   const struct docker_volume_configuration *configuration)
{
    if (configuration == NULL)
        return;
    if (configuration->scope != SCOPE_SHARED)
        refuse(v, validation_node(v, "volumes[%zu].dockerVolumeConfiguration", i),
               "scope: a volume belongs to its service here, and stays: use shared");
    else if (!configuration->autoprovision)
        refuse(v, validation_node(v, "volumes[%zu].dockerVolumeConfiguration", i),
               "autoprovision: the volume of a service is made by Berth: use true");
}

void validate_ec2(const struct validation *v, const struct task_spec *task)
{
    validate_host_ports(v, task);
    validate_names(v, task);
    for (size_t i = 0; i < task->container_definitions_count; i++)
        validate_container(v, task, i);
    for (size_t i = 0; i < task->volumes_count; i++)
        validate_docker_volume(v, i, task->volumes[i].docker_volume_configuration);
}
