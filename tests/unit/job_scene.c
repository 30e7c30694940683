/*
 * See job_scene.h.
 */
#include "tests/unit/job_scene.h"

#include <string.h>

#include "reconciler/plan/job.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/names.h"
#include "tests/unit/unit.h"

const char *job_task(struct scene *scene, const char *name, const char *more)
{
    return arena_printf(&scene->arena,
                        "---\napiVersion: berth/v1\nkind: Task\nmetadata: {name: %s}\nspec:\n"
                        "  cpu: 256\n  memory: 512\n  containerDefinitions:\n"
                        "    - {name: main, image: 'example/%s:1', environment: {COLOR: red}%s}\n",
                        name, name, more);
}

const char *job_run(struct scene *scene, const char *cluster, const char *task, uint32_t count,
                    const struct task_override *overrides, struct err *err)
{
    static unsigned number; /* no two runs are the same */
    const char *run = arena_printf(&scene->arena, "%032x", ++number);
    const struct job_request request = { cluster, task, run, count, overrides };
    const struct target *target =
        target_make_job(scene->generation, &request, NULL, NULL, &scene->arena, err);
    AUTO(buf) text = { 0 };
    AUTO(goal) *goal = NULL;
    struct job_start start = { .run = run, .started_by = "a test", .at_ms = scene->now_ms };
    struct fact *facts;
    size_t fact_count;

    if (target == NULL)
        return NULL;
    buf_init(&text, LIMIT_GOAL_BYTES);
    target_print(target, &text);
    goal = goal_parse(buf_text(&text), text.size, err);
    assert_non_null(goal);
    start.goal = goal;
    start.commit = generation_commit(scene->generation);
    fact_count = job_facts(&start, &scene->arena, &facts);
    for (size_t i = 0; i < fact_count; i++)
        memory_apply(scene->memory, &facts[i]);
    return run;
}

const char *job_key(struct scene *scene, const char *cluster, const char *task, const char *run)
{
    return unit_key(&scene->arena, cluster, job_service(&scene->arena, task, run));
}

const struct task_record *job_record(const struct scene *scene, const char *run, uint32_t slot)
{
    char id[TASK_ID_SIZE];

    task_id_make(run, slot, 1, NULL, id);
    return memory_task(scene->memory, id);
}

void job_stop(struct scene *scene, const struct task_record *record)
{
    struct task_record stopped = *record;
    const struct fact fact = { .kind = FACT_TASK, .task = &stopped };

    stopped.stop_code = STOP_USER_INITIATED;
    stopped.reason = "Task stopped by user";
    stopped.stopping_ms = scene->now_ms;
    memory_apply(scene->memory, &fact);
}

static void assert_allowed(const struct scene *scene, const struct action *action)
{
    const struct task_record *record = memory_task(scene->memory, action->identity.task);

    if (action->unit == NULL || !unit_is_job(action->unit))
        return;
    if (action->kind == ACTION_CONTAINER_CREATE) {
        assert_true(record->claimed_ms != 0);
        assert_string_equal(record->instance, action->instance);
    }
    if (action->kind == ACTION_CONTAINER_START)
        assert_false(text_is_empty(record->begun));
}

void job_watch(struct scene *scene, int64_t for_ms)
{
    int64_t end_ms = scene->now_ms + for_ms;

    while (scene->now_ms < end_ms) {
        scene_plan(scene);
        for (size_t i = 0; i < scene->plan.action_count; i++)
            assert_allowed(scene, &scene->plan.actions[i]);
        scene_step(scene);
        scene->now_ms += scene->plan.action_count > 0 ? 1 : 1000;
    }
}
