#include "tests/unit/upkeep_scene.h"

#include "spec/base/text.h"
#include "tests/unit/unit.h"

void upkeep_commit(struct scene *scene, const char *name, const char *instances,
                   const char *maintenance, const char *services)
{
    scene_commit(scene, name,
                 arena_printf(&scene->arena,
                              "---\napiVersion: berth/v1\nkind: Cluster\nmetadata: {name: e}\n"
                              "spec: {launchType: EC2, instances: [%s]%s%s%s}\n%s",
                              instances, maintenance == NULL ? "" : ", maintenance: {",
                              maintenance == NULL ? "" : maintenance,
                              maintenance == NULL ? "" : "}", services));
}

const char *upkeep_web(struct scene *scene, const char *spec)
{
    return fleet_service(scene, "web", TASK, spec);
}

void upkeep_open(struct scene *scene, const char *spec)
{
    scene_open(scene);
    fleet_instance(scene, "a", 4096, 8000);
    fleet_instance(scene, "b", 4096, 8000);
    fleet_instance(scene, "c", 4096, 8000);
    upkeep_commit(scene, "c1", THREE, NULL, upkeep_web(scene, spec));
    scene_run(scene, 60 * 1000);
}

const struct maintenance *upkeep_known(const struct scene *scene, const char *instance)
{
    const struct host_record *record = memory_host(scene->memory, instance);

    return record == NULL ? NULL : record->maintenance;
}

enum maintenance_step upkeep_step(const struct scene *scene, const char *instance)
{
    return upkeep_known(scene, instance) == NULL ? MAINTENANCE_STEP_COUNT
                                                 : upkeep_known(scene, instance)->step;
}

size_t upkeep_open_ones(const struct scene *scene)
{
    return (size_t)maintenance_is_open(upkeep_known(scene, "a")) +
           (size_t)maintenance_is_open(upkeep_known(scene, "b")) +
           (size_t)maintenance_is_open(upkeep_known(scene, "c"));
}

void upkeep_run(struct scene *scene, int seconds, size_t running_min, size_t open_max)
{
    for (int i = 0; i < seconds; i++) {
        for (size_t k = 0; k < scene->plan.action_count; k++) {
            const struct action *action = &scene->plan.actions[k];

            if (action->kind == ACTION_HOST_RUN)
                assert_int_equal(world_instance(scene->world, action->instance)->task_count, 0);
        }
        scene_step(scene);
        scene->now_ms += 1000;
        assert_true(fleet_running(scene, "web", NULL) >= running_min);
        assert_true(upkeep_open_ones(scene) <= open_max);
    }
}
