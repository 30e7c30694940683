#include "reconciler/run/fleet_members.h"

#include <string.h>

#include "spec/base/hash.h"
#include "spec/base/text.h"

#define SCHEME         "unix://"
#define DEFAULT_SOCKET "/var/run/docker.sock"

void members_release(struct members *members)
{
    HASH_CLEAR(by_name, members->first);
    arena_release(&members->arena);
}

const struct member *members_find(const struct members *members, const char *name)
{
    struct member *member;

    HASH_FIND(by_name, members->first, name, strlen(name), member);
    return member;
}

static const char *copy(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_text(arena, text);
}

/* Unless it is there. */
static void add(struct members *members, const struct ec2_instance *instance)
{
    struct arena *arena = &members->arena;
    struct member *member;

    if (members_find(members, instance->name) != NULL)
        return;
    member = arena_new(arena, struct member);
    member->instance = *instance;
    member->instance.name = copy(arena, instance->name);
    member->instance.target.host = copy(arena, instance->target.host);
    member->instance.target.user = copy(arena, instance->target.user);
    member->instance.target.identity_file = copy(arena, instance->target.identity_file);
    member->instance.target.engine_socket = copy(arena, instance->target.engine_socket);
    HASH_ADD_KEYPTR(by_name, members->first, member->instance.name, strlen(member->instance.name),
                    member);
}

static struct ec2_instance declared(const struct container_instance *spec)
{
    const char *socket = spec->docker_host;

    if (text_is_empty(socket))
        socket = DEFAULT_SOCKET;
    else if (text_starts(socket, SCHEME))
        socket += strlen(SCHEME);
    return (struct ec2_instance){
        .name = spec->name,
        .target = { .host = spec->host,
                    .user = spec->user,
                    .identity_file = spec->identity_file,
                    .port = (uint16_t)spec->port,
                    .engine_socket = socket,
                    .accepts_new = spec->host_keys == HOST_KEYS_ACCEPT_NEW,
                    .timeout_s = spec->connection_timeout },
    };
}

/* Nobody can say that one is empty that does not answer. */
static bool is_empty(const struct world *world, const char *name)
{
    const struct world_instance *instance = world_instance(world, name);

    return instance != NULL && instance->state == INSTANCE_ACTIVE && instance->complete &&
           instance->task_count == 0;
}

static bool is_forgotten(const struct memory *memory, const char *name)
{
    const struct host_record *host = memory_host(memory, name);

    return host != NULL && host->forgotten_ms != 0;
}

void members_next(const struct members *before, const struct members_known *known,
                  struct members *out)
{
    const struct generation *generation = known->generation;

    for (size_t c = 0; c < generation_count(generation, KIND_CLUSTER); c++) {
        const struct cluster_spec *cluster =
            resource_cluster(generation_at(generation, KIND_CLUSTER, c));

        for (size_t i = 0; i < cluster->instances_count; i++) {
            const struct ec2_instance instance = declared(&cluster->instances[i]);

            add(out, &instance);
        }
    }
    for (const struct member *at = before->first; at != NULL; at = at->by_name.next) {
        struct ec2_instance leaving = at->instance;

        leaving.is_leaving = true;
        if (members_find(out, leaving.name) == NULL && !is_empty(known->world, leaving.name) &&
            !is_forgotten(known->memory, leaving.name))
            add(out, &leaving);
    }
}

void members_without(const struct members *before, const char *name, struct members *out)
{
    for (const struct member *at = before->first; at != NULL; at = at->by_name.next) {
        if (!text_equal(at->instance.name, name))
            add(out, &at->instance);
    }
}

size_t members_list(const struct members *members, struct arena *arena, struct ec2_instance **out)
{
    struct ec2_instance *list =
        arena_array(arena, struct ec2_instance, HASH_CNT(by_name, members->first) + 1);
    size_t count = 0;

    for (const struct member *at = members->first; at != NULL; at = at->by_name.next)
        list[count++] = at->instance;
    *out = list;
    return count;
}

/* ---- As text --------------------------------------------------------------------------------- */

struct json *members_json(const struct members *members)
{
    struct json *array = json_new_array();

    for (const struct member *at = members->first; at != NULL; at = at->by_name.next) {
        const struct ssh_target *target = &at->instance.target;
        struct json *object = json_new_object();

        json_set_text(object, "name", at->instance.name);
        json_set_text(object, "host", target->host);
        json_set_text(object, "user", target->user);
        json_set_text(object, "identityFile", target->identity_file);
        json_set_int(object, "port", target->port);
        json_set_text(object, "socket", target->engine_socket);
        json_set_bool(object, "acceptsNew", target->accepts_new);
        json_set_int(object, "timeout", target->timeout_s);
        json_set_bool(object, "leaving", at->instance.is_leaving);
        json_append(array, object);
    }
    return array;
}

void members_read(const struct json *array, struct members *out)
{
    for (size_t i = 0; i < json_count(array); i++) {
        const struct json *object = json_at(array, i);
        const struct ec2_instance instance = {
            .name = json_text(object, "name"),
            .target = { .host = json_text(object, "host"),
                        .user = json_text(object, "user"),
                        .identity_file = json_text(object, "identityFile"),
                        .port = (uint16_t)json_int(object, "port", 0),
                        .engine_socket = json_text(object, "socket"),
                        .accepts_new = json_bool(object, "acceptsNew", false),
                        .timeout_s = (uint32_t)json_int(object, "timeout", 15) },
            .is_leaving = json_bool(object, "leaving", false),
        };

        if (instance.name != NULL && instance.target.host != NULL &&
            instance.target.engine_socket != NULL)
            add(out, &instance);
    }
}
