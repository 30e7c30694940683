#include "tests/unit/fleet_scene.h"

#include "spec/base/text.h"
#include "tests/unit/unit.h"

static void tell(struct scene *scene, enum world_change_kind kind, const char *instance)
{
    const struct world_change change = { .kind = kind, .named = { .instance = instance } };

    (void)world_apply(scene->world, &change);
}

static void connect_to(struct scene *scene, const char *name, const char *engine,
                       uint32_t cpu_units, uint32_t memory_mib)
{
    const struct world_change change = { .kind = WORLD_INSTANCE,
                                         .instance = { .instance = name,
                                                       .engine_id = engine,
                                                       .engine_version = "20.10.24",
                                                       .architecture = "x86_64",
                                                       .cpu_units = cpu_units,
                                                       .memory_mib = memory_mib,
                                                       .connected_ms = scene->now_ms } };

    (void)world_apply(scene->world, &change);
}

static void connect(struct scene *scene, const char *name, uint32_t cpu_units, uint32_t memory_mib)
{
    connect_to(scene, name, arena_printf(&scene->arena, "ENGINE-%s", name), cpu_units, memory_mib);
}

void fleet_engine(struct scene *scene, const char *name, const char *engine)
{
    connect_to(scene, name, engine, 4096, 8000);
    tell(scene, WORLD_LISTING_BEGIN, name);
    tell(scene, WORLD_LISTING_END, name);
}

void fleet_instance(struct scene *scene, const char *name, uint32_t cpu_units, uint32_t memory_mib)
{
    connect(scene, name, cpu_units, memory_mib);
    tell(scene, WORLD_LISTING_BEGIN, name);
    tell(scene, WORLD_LISTING_END, name);
}

void fleet_lose(struct scene *scene, const char *name)
{
    const struct world_change lost = {
        .kind = WORLD_INSTANCE_LOST,
        .lost = { .instance = name, .failure = "no route to host", .at_ms = scene->now_ms }
    };

    (void)world_apply(scene->world, &lost);
}

static void tell_named(struct scene *scene, const char *instance, enum world_change_kind kind,
                       const struct world_named *first)
{
    for (const struct world_named *at = first; at != NULL; at = at->by_name.next) {
        const struct world_change change = { .kind = kind,
                                             .named = {
                                                 .instance = instance,
                                                 .name = arena_text(&scene->arena, at->name),
                                                 .owner = arena_text(&scene->arena, at->owner),
                                                 .cluster = arena_text(&scene->arena, at->cluster),
                                                 .service = arena_text(&scene->arena, at->service),
                                                 .root = arena_text(&scene->arena, at->root) } };
        (void)world_apply(scene->world, &change);
    }
}

static void tell_image(struct scene *scene, const char *instance, const struct world_image *image)
{
    const struct world_change change = { .kind = WORLD_IMAGE,
                                         .image = { .instance = instance,
                                                    .id = image->id,
                                                    .tags = image->tags,
                                                    .tag_count = image->tag_count,
                                                    .digests = image->digests,
                                                    .digest_count = image->digest_count,
                                                    .name = image->name,
                                                    .owner = image->owner,
                                                    .key = image->key,
                                                    .created_ms = image->created_ms } };
    (void)world_apply(scene->world, &change);
}

void fleet_return(struct scene *scene, const char *name)
{
    const struct world_instance *instance = world_instance(scene->world, name);

    connect(scene, name, instance->cpu_units, instance->memory_mib);
    tell(scene, WORLD_LISTING_BEGIN, name);
    for (size_t i = 0; i < scene->container_count; i++) {
        if (text_equal(scene->containers[i].instance, name) &&
            world_container(scene->world, scene->containers[i].id) != NULL)
            scene_tell(scene, i);
    }
    tell_named(scene, name, WORLD_VOLUME, instance->volumes);
    tell_named(scene, name, WORLD_NETWORK, instance->networks);
    for (const struct world_image *at = instance->images; at != NULL; at = at->by_id.next)
        tell_image(scene, name, at);
    tell(scene, WORLD_LISTING_END, name);
}

const char *fleet_cluster(struct scene *scene, const char *instances)
{
    return arena_printf(&scene->arena,
                        "---\napiVersion: berth/v1\nkind: Cluster\nmetadata: {name: e}\n"
                        "spec: {launchType: EC2, instances: [%s]}\n",
                        instances);
}

const char *fleet_service(struct scene *scene, const char *name, const char *task,
                          const char *service)
{
    return arena_printf(
        &scene->arena,
        "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: %s}, spec: {%s}}\n"
        "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: %s}, spec: "
        "{cluster: e, taskDefinition: %s, minReadySeconds: 1, %s}}\n",
        name, task, name, name, service);
}

size_t fleet_running(const struct scene *scene, const char *service, const char *instance)
{
    const struct world_service *seen = world_service(scene->world, "e", service);
    size_t count = 0;

    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        count += seen->tasks[i]->containers[0]->status == CONTAINER_RUNNING &&
                 (instance == NULL || text_equal(seen->tasks[i]->instance, instance));
    }
    return count;
}
