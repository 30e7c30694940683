/*
 * Where a task is reached, as ECS tells it: by ports of its host in the modes bridge and host, by
 * an address of its own in awsvpc, not at all in none.  Of a task in bridge that publishes nothing
 * it is the address by which tasks of its cluster reach it on its own host.
 */
#include <string.h>

#include "reconciler/api/api_int.h"
#include "reconciler/run/fleet.h"
#include "spec/base/text.h"
#include "spec/port.h"

#define PLACES_MAX 2048

struct places {
    const char *host; /* its address */
    struct json *list;
    struct buf text; /* "10.0.0.11:32768,32769" */
};

static void add(struct places *places, const struct port_binding *binding)
{
    struct json *object = json_object();

    json_set_text(object, "bindIP", places->host);
    json_set_int(object, "hostPort", binding->host);
    json_set_int(object, "containerPort", binding->container);
    json_set_text(object, "protocol", binding->is_udp ? "udp" : "tcp");
    json_append(places->list, object);
    if (places->text.size > 0)
        buf_printf(&places->text, ",%u", binding->host);
    else if (strchr(places->host, ':') != NULL)
        buf_printf(&places->text, "[%s]:%u", places->host, binding->host);
    else
        buf_printf(&places->text, "%s:%u", places->host, binding->host);
}

/* One of several containers has the ports of all, and the host's network too. */
static void add_container(struct places *places, const struct world_container *container)
{
    const char *at = container->bindings;
    struct port_binding binding;

    while (port_binding_next(&at, &binding))
        add(places, &binding);
}

static void add_own(struct places *places, const struct world_task *task)
{
    const char *at = task->host_ports;
    uint32_t key;

    while (port_key_next(&at, &key))
        add(places, &(struct port_binding){ key / 2, key / 2, key % 2 == 1 });
    if (places->text.size == 0)
        buf_text_add(&places->text, places->host);
}

static const char *own_address(const struct world_task *task)
{
    const char *address = NULL;

    for (size_t i = 0; i < task->container_count && address == NULL; i++) {
        if (!text_is_empty(task->containers[i]->address))
            address = task->containers[i]->address;
    }
    return address;
}

void show_network(const struct app *app, const struct world_task *task, struct json *object)
{
    const char *host = app->driver == NULL ? NULL : fleet_host(app->driver, task->instance);
    struct places places = { .host = host == NULL ? "127.0.0.1" : host, .list = json_array() };
    bool on_host = false;

    buf_init(&places.text, PLACES_MAX);
    for (size_t i = 0; i < task->container_count; i++) {
        const struct world_container *container = task->containers[i];

        add_container(&places, container);
        on_host |= container->on_host && container->status == CONTAINER_RUNNING;
    }
    if (on_host)
        add_own(&places, task);
    json_set_text(object, "address",
                  places.text.size > 0 ? buf_text(&places.text) : own_address(task));
    json_set(object, "networkBindings", places.list);
    buf_release(&places.text);
}
