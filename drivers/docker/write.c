/*
 * A container definition becomes an Engine's Config and HostConfig.  ECS took its container fields
 * from Docker, so most are renamed only; the rest is about who owns the task's namespaces: its
 * sandbox when there are several containers, the container itself when it is alone.
 */
#include "drivers/docker/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/labels.h"
#include "drivers/docker/write_int.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/names.h"
#include "spec/port.h"

#define NS_PER_S         ((int64_t)1000 * 1000 * 1000)
#define BRIDGE_NAME_SIZE 16 /* IFNAMSIZ of Linux */

static bool owns_namespaces(const struct write_scope *scope)
{
    return scope->action->sandbox_id == NULL;
}

/* ---- Labels --------------------------------------------------------------------------------- */

static void set_label_number(struct json *labels, const char *key, size_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%zu", value);
    json_set_text(labels, key, text);
}

static struct json *write_labels(const struct write_scope *scope, const char *limits)
{
    const struct target *target = scope->target;
    const struct task_identity *identity = &scope->action->identity;
    const struct container_definition *definition = scope->definition;
    size_t count = scope->task->container_definitions_count;
    struct json *labels = json_object();
    AUTO(arena) scratch = { 0 };
    const char *ports = target_host_ports(target, &scratch);

    for (size_t i = 0; definition != NULL && i < definition->docker_labels_count; i++) {
        const struct pair *label = &definition->docker_labels[i];
        json_set_text(labels, label->key, label->value);
    }
    json_set_text(labels, LABEL_OWNER, scope->writer->owner);
    json_set_text(labels, LABEL_CLUSTER, target->cluster);
    if (service_is_job(target->service))
        json_set_text(labels, LABEL_GROUP, job_group(&scratch, target->service));
    else
        json_set_text(labels, LABEL_SERVICE, target->service);
    json_set_text(labels, LABEL_TASK, identity->task);
    json_set_text(labels, LABEL_CONTAINER, definition != NULL ? definition->name : SANDBOX_NAME);
    set_label_number(labels, LABEL_CONTAINERS, count + (count > 1 ? 1 : 0));
    json_set_text(labels, LABEL_FAMILY,
                  scope->task->family != NULL ? scope->task->family : target->task_name);
    json_set_text(labels, LABEL_REVISION, target->revision);
    json_set_text(labels, LABEL_DEPLOYMENT, identity->deployment);
    set_label_number(labels, LABEL_SLOT, identity->slot);
    set_label_number(labels, LABEL_ATTEMPT, identity->attempt);
    set_label_number(labels, LABEL_MEMORY, target_memory_mib(target));
    set_label_number(labels, LABEL_CPU, target_cpu_units(target));
    if (ports != NULL)
        json_set_text(labels, LABEL_PORTS, ports);
    json_set_text(labels, LABEL_DIGEST, scope->action->digest);
    json_set_text(labels, LABEL_COMMIT, identity->commit);
    json_set_text(labels, LABEL_LIMITS, limits);
    return labels;
}

/* ---- Config --------------------------------------------------------------------------------- */

static bool has_secret(const struct container_definition *definition, const char *name)
{
    for (size_t i = 0; i < definition->secrets_count; i++) {
        if (text_equal(definition->secrets[i].name, name))
            return true;
    }
    return false;
}

static int append_secret(const struct write_scope *scope, const struct secret *secret,
                         struct json *env, struct err *err)
{
    struct buf text;

    if (scope->writer->secret == NULL)
        return err_set(err, ERR_INVALID, "secret '%s': secrets cannot be read here", secret->name);
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    buf_printf(&text, "%s=", secret->name);
    int status =
        scope->writer->secret(scope->writer->secret_context, secret->value_from, &text, err);
    if (status == 0 && text.truncated)
        status =
            err_set(err, ERR_INVALID, "its value is larger than %d bytes", LIMIT_MANIFEST_BYTES);
    if (status == 0 &&
        (strlen(buf_text(&text)) != text.size || !text_is_utf8(text.data, text.size)))
        status = err_set(err, ERR_INVALID, "its value is not UTF-8 text");
    if (status == 0)
        json_append_text(env, buf_text(&text));
    write_wipe(&text);
    return status == 0 ? 0 : err_wrap(err, "secret '%s'", secret->name);
}

static int write_env(const struct write_scope *scope, struct json *env, struct err *err)
{
    const struct container_definition *definition = scope->definition;

    for (size_t i = 0; i < definition->environment_count; i++) {
        const struct pair *pair = &definition->environment[i];
        struct buf text;
        if (has_secret(definition, pair->key))
            continue; /* of two variables with one name a process would find the first */
        buf_init(&text, LIMIT_MANIFEST_BYTES);
        buf_printf(&text, "%s=%s", pair->key, pair->value);
        json_append_text(env, buf_text(&text));
        buf_release(&text);
    }
    for (size_t i = 0; i < definition->secrets_count; i++) {
        if (append_secret(scope, &definition->secrets[i], env, err) < 0)
            return -1;
    }
    return 0;
}

/* Values of secrets shall not stay behind in freed memory. */
static void wipe_env(const struct json *env)
{
    for (size_t i = 0; i < json_count(env); i++) {
        const char *text = json_as_text(json_at(env, i), "");
        explicit_bzero((char *)(uintptr_t)text, strlen(text));
    }
}

static struct json *write_health_check(const struct health_check *check)
{
    static const char *const none[] = { "NONE" }; /* ECS does not look at the image's own */
    struct json *health = json_object();

    if (check == NULL) {
        write_texts(health, "Test", none, ARRAY_COUNT(none));
        return health;
    }
    write_texts(health, "Test", check->command, check->command_count);
    json_set_int(health, "Interval", check->interval * NS_PER_S);
    json_set_int(health, "Timeout", check->timeout * NS_PER_S);
    json_set_int(health, "Retries", check->retries);
    json_set_int(health, "StartPeriod", check->start_period * NS_PER_S);
    return health;
}

static void add_exposed(struct json *exposed, const struct container_definition *definition)
{
    for (size_t i = 0; i < definition->port_mappings_count; i++) {
        const struct port_mapping *port = &definition->port_mappings[i];
        const char *protocol = enumeration_text(&transport_protocol_values, port->protocol);
        char key[300];
        if (port->container_port_range != NULL)
            continue; /* the engine knows single ports only, and exposing opens nothing */
        (void)snprintf(key, sizeof(key), "%u/%s", port->container_port, protocol);
        json_set(exposed, key, json_object());
    }
}

static void publish_port(struct json *bindings, uint32_t port, uint32_t host_port,
                         const char *protocol)
{
    struct json *binding = json_object();
    struct json *list = json_array();
    char key[16];
    char text[16] = "";

    if (host_port != 0)
        (void)snprintf(text, sizeof(text), "%u", host_port);
    json_set_text(binding, "HostPort", text); /* "": any that is free */
    json_append(list, binding);
    (void)snprintf(key, sizeof(key), "%u/%s", port, protocol);
    json_set(bindings, key, list);
}

static void publish(struct json *bindings, const struct container_definition *definition)
{
    for (size_t i = 0; i < definition->port_mappings_count; i++) {
        const struct port_mapping *port = &definition->port_mappings[i];
        const char *protocol = enumeration_text(&transport_protocol_values, port->protocol);
        uint32_t first = port->container_port;
        uint32_t last = first;

        if (port->container_port_range != NULL &&
            !port_range_parse(port->container_port_range, &first, &last))
            continue;
        for (uint32_t at = first; at <= last; at++)
            publish_port(bindings, at, port->host_port, protocol);
    }
}

/* In the mode bridge the host passes its ports on, to whoever has the namespace of the task. */
static void write_published(const struct write_scope *scope, struct json *host)
{
    struct json *bindings;

    if (scope->task->network_mode != NETWORK_MODE_BRIDGE)
        return;
    bindings = json_object();
    if (scope->definition != NULL) {
        publish(bindings, scope->definition);
    } else {
        for (size_t i = 0; i < scope->task->container_definitions_count; i++)
            publish(bindings, &scope->task->container_definitions[i]);
    }
    json_set(host, "PortBindings", bindings);
}

/* For those who look at the container; what is published is said apart. */
static void write_exposed(const struct write_scope *scope, struct json *config)
{
    struct json *exposed = json_object();

    if (scope->definition != NULL) {
        add_exposed(exposed, scope->definition);
    } else {
        for (size_t i = 0; i < scope->task->container_definitions_count; i++)
            add_exposed(exposed, &scope->task->container_definitions[i]);
    }
    json_set(config, "ExposedPorts", exposed);
}

static void write_config(const struct write_scope *scope, struct json *config)
{
    const struct container_definition *definition = scope->definition;

    write_texts(config, "Entrypoint", definition->entry_point, definition->entry_point_count);
    write_texts(config, "Cmd", definition->command, definition->command_count);
    json_set_text(config, "User", definition->user);
    json_set_text(config, "WorkingDir", definition->working_directory);
    json_set(config, "Healthcheck", write_health_check(definition->health_check));
    json_set_int(config, "StopTimeout", definition->stop_timeout);
    json_set_bool(config, "OpenStdin", definition->interactive);
    json_set_bool(config, "Tty", definition->pseudo_terminal);
}

/* ---- HostConfig: namespaces ----------------------------------------------------------------- */

/* The namespace that a container of the task gets of the sandbox; NULL: its own. */
static const char *joined(struct write_scope *scope)
{
    return owns_namespaces(scope)
               ? NULL
               : arena_printf(&scope->arena, "container:%s", scope->action->sandbox_id);
}

static void write_namespaces(struct write_scope *scope, struct json *host)
{
    const char *sandbox = joined(scope);
    const char *network = scope->action->network;

    json_set_text(host, "NetworkMode",
                  scope->task->network_mode == NETWORK_MODE_HOST ? "host"
                  : sandbox != NULL                              ? sandbox
                  : network != NULL                              ? network
                                                                 : "none");
    if (scope->task->pid_mode == PID_MODE_HOST)
        json_set_text(host, "PidMode", "host");
    else if (scope->task->pid_mode == PID_MODE_TASK)
        json_set_text(host, "PidMode", sandbox);
    if (scope->task->ipc_mode == IPC_MODE_HOST)
        json_set_text(host, "IpcMode", "host");
    else if (scope->task->ipc_mode == IPC_MODE_NONE)
        json_set_text(host, "IpcMode", "none");
    else if (scope->task->ipc_mode == IPC_MODE_TASK)
        json_set_text(host, "IpcMode", sandbox != NULL ? sandbox : "shareable");
}

/* Other tasks find this one by the name of its service; one of a job is not looked for. */
static void write_endpoint(const struct write_scope *scope, struct json *body)
{
    struct json *networking;
    struct json *endpoints;
    struct json *endpoint;

    if (!owns_namespaces(scope) || scope->action->network == NULL)
        return;
    networking = json_object();
    endpoints = json_object();
    endpoint = json_object();
    if (scope->target->service != NULL && !service_is_job(scope->target->service))
        json_set(endpoint, "Aliases", write_text_array(&scope->target->service, 1));
    json_set(endpoints, scope->action->network, endpoint);
    json_set(networking, "EndpointsConfig", endpoints);
    json_set(body, "NetworkingConfig", networking);
}

static void write_names(const struct container_definition *definition, struct json *config,
                        struct json *host)
{
    struct json *hosts = json_array();

    json_set_text(config, "Hostname", definition->hostname);
    write_texts(host, "Dns", definition->dns_servers, definition->dns_servers_count);
    write_texts(host, "DnsSearch", definition->dns_search_domains,
                definition->dns_search_domains_count);
    for (size_t i = 0; i < definition->extra_hosts_count; i++) {
        const struct host_entry *entry = &definition->extra_hosts[i];
        struct buf text;
        buf_init(&text, LIMIT_MANIFEST_BYTES);
        buf_printf(&text, "%s:%s", entry->hostname, entry->ip_address);
        json_append_text(hosts, buf_text(&text));
        buf_release(&text);
    }
    json_set(host, "ExtraHosts", hosts);
}

/* ---- Bodies --------------------------------------------------------------------------------- */

static int write_definition(struct write_scope *scope, struct json *body, struct json *host,
                            struct buf *limits, struct err *err)
{
    const struct container_definition *definition = scope->definition;
    struct json *env = json_array();

    json_set(body, "Env", env);
    write_config(scope, body);
    write_limits(scope, host, limits);
    write_ulimits(definition, host);
    write_linux_parameters(definition->linux_parameters, host);
    json_set(host, "LogConfig", write_log(definition->log_configuration));
    json_set_bool(host, "ReadonlyRootfs", definition->readonly_root_filesystem);
    json_set_bool(host, "Privileged", definition->privileged);
    write_texts(host, "SecurityOpt", definition->docker_security_options,
                definition->docker_security_options_count);
    if (definition->system_controls_count > 0) {
        struct json *sysctls = json_object();
        for (size_t i = 0; i < definition->system_controls_count; i++)
            json_set_text(sysctls, definition->system_controls[i].namespace,
                          definition->system_controls[i].value);
        json_set(host, "Sysctls", sysctls);
    }
    if (owns_namespaces(scope))
        write_names(definition, body, host);
    if (write_mounts(scope, host, err) < 0)
        return -1;
    return write_env(scope, env, err);
}

/* It holds the namespaces and can do nothing else.  Names that a definition asks for are the
 * task's. */
static void write_sandbox(const struct write_scope *scope, struct json *body, struct json *host)
{
    static const char *const all[] = { "ALL" };
    static const char *const security[] = { "no-new-privileges" };
    struct json *log = json_object();

    json_set_text(log, "Type", "none");
    json_set(host, "LogConfig", log);
    json_set_bool(host, "ReadonlyRootfs", true);
    write_texts(host, "CapDrop", all, ARRAY_COUNT(all));
    write_texts(host, "SecurityOpt", security, ARRAY_COUNT(security));
    for (size_t i = 0; i < scope->task->container_definitions_count; i++) {
        const struct container_definition *definition = &scope->task->container_definitions[i];
        bool speaks = definition->hostname != NULL || definition->dns_servers_count > 0 ||
                      definition->dns_search_domains_count > 0 || definition->extra_hosts_count > 0;
        if (speaks) {
            write_names(definition, body, host);
            break;
        }
    }
}

static struct write_scope write_scope_of(const struct writer *writer, const struct action *action)
{
    const struct task_spec *task = action->target->task;
    struct write_scope scope = {
        .writer = writer, .action = action, .target = action->target, .task = task
    };

    ASSERT(action->kind == ACTION_CONTAINER_CREATE);
    ASSERT(action->container == SANDBOX_INDEX ||
           action->container < task->container_definitions_count);
    if (action->container != SANDBOX_INDEX)
        scope.definition = &task->container_definitions[action->container];
    return scope;
}

int write_container(const struct writer *writer, const struct action *action, struct buf *out,
                    struct err *err)
{
    struct write_scope scope = write_scope_of(writer, action);
    AUTO(json) *body = json_object();
    AUTO(buf) limits = { 0 };
    struct json *host = json_object();
    struct json *restart = json_object();
    int status = 0;

    buf_init(&limits, LIMIT_NAME);
    json_set(body, "HostConfig", host);
    json_set_text(body, "Image", action->reference != NULL ? action->reference : action->image_id);
    if (scope.definition != NULL)
        status = write_definition(&scope, body, host, &limits, err);
    else
        write_sandbox(&scope, body, host);
    write_namespaces(&scope, host);
    if (owns_namespaces(&scope)) {
        write_exposed(&scope, body);
        write_published(&scope, host);
    }
    write_endpoint(&scope, body);
    json_set_text(restart, "Name", "no"); /* starting again is decided by the planner */
    json_set(host, "RestartPolicy", restart);
    json_set(body, "Labels", write_labels(&scope, buf_text(&limits)));
    if (status == 0)
        json_print(body, JSON_STYLE_COMPACT, out);
    wipe_env(json_get(body, "Env"));
    arena_release(&scope.arena);
    return status;
}

struct json *write_container_labels(const struct writer *writer, const struct action *action)
{
    struct write_scope scope = write_scope_of(writer, action);
    AUTO(buf) limits = { 0 };
    AUTO(json) *host = json_object();

    buf_init(&limits, LIMIT_NAME);
    if (scope.definition != NULL)
        write_limits(&scope, host, &limits);
    return write_labels(&scope, buf_text(&limits));
}

void write_wipe(struct buf *body)
{
    if (body->data != NULL)
        explicit_bzero(body->data, body->capacity);
    buf_release(body);
}

/* An engine may well make two networks of one name when it is asked again while it still makes the
 * first (whose answer was lost), and no container can join either.  Bridges it makes one by one,
 * and refuses a second of one name. */
static void bridge_name(const char *network, char out[BRIDGE_NAME_SIZE])
{
    char digest[SHA256_HEX_SIZE];

    sha256_hex(network, strlen(network), digest);
    (void)snprintf(out, BRIDGE_NAME_SIZE, "berth-%.9s", digest);
}

void write_network(const struct writer *writer, const struct action *action, struct buf *out)
{
    AUTO(json) *body = json_object();
    struct json *labels = json_object();
    struct json *options = json_object();
    char bridge[BRIDGE_NAME_SIZE];

    bridge_name(action->name, bridge);
    json_set_text(options, "com.docker.network.bridge.name", bridge);

    json_set_text(labels, LABEL_NETWORK_OWNER, writer->owner);
    json_set_text(labels, LABEL_NETWORK_CLUSTER, action->cluster);
    json_set_text(body, "Name", action->name);
    json_set_bool(body, "CheckDuplicate", true);
    json_set_text(body, "Driver", "bridge");
    json_set(body, "Options", options);
    json_set(body, "Labels", labels);
    json_print(body, JSON_STYLE_COMPACT, out);
}

struct json *write_volume_labels(const struct writer *writer, const struct volume *volume,
                                 const char *cluster, const char *service)
{
    const struct docker_volume_configuration *configuration =
        volume == NULL ? NULL : volume->docker_volume_configuration;
    struct json *labels = json_object();

    for (size_t i = 0; configuration != NULL && i < configuration->labels_count; i++)
        json_set_text(labels, configuration->labels[i].key, configuration->labels[i].value);
    json_set_text(labels, LABEL_VOLUME_OWNER, writer->owner);
    if (service != NULL) {
        json_set_text(labels, LABEL_VOLUME_CLUSTER, cluster);
        json_set_text(labels, LABEL_VOLUME_SERVICE, service);
    }
    return labels;
}

void write_volume(const struct writer *writer, const struct action *action, struct buf *out)
{
    const struct docker_volume_configuration *configuration =
        action->volume != NULL ? action->volume->docker_volume_configuration : NULL;
    AUTO(json) *body = json_object();
    struct json *labels =
        write_volume_labels(writer, action->volume, action->cluster, action->service);

    if (action->kind == ACTION_CLAIM)
        json_set_text(labels, LABEL_VOLUME_ROOT, writer->root_commit);
    json_set_text(body, "Name", action->name);
    json_set(body, "Labels", labels);
    if (configuration != NULL) {
        json_set_text(body, "Driver", configuration->driver);
        write_pairs(body, "DriverOpts", configuration->driver_opts,
                    configuration->driver_opts_count);
    }
    json_print(body, JSON_STYLE_COMPACT, out);
}
