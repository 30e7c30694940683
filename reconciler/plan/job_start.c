/*
 * See job.h.
 */
#include "reconciler/plan/job.h"
#include "spec/action.h"
#include "spec/base/text.h"

static const struct deployment *run_of(const struct job_start *start, struct arena *arena)
{
    const struct task_spec *task = start->goal->target->task;
    struct deployment *run = arena_new(arena, struct deployment);

    text_copy(run->id, sizeof(run->id), start->run);
    text_copy(run->commit, sizeof(run->commit), start->commit);
    run->state = ROLLOUT_IN_PROGRESS;
    run->created_ms = start->at_ms;
    run->updated_ms = start->at_ms;
    run->goal = start->goal;
    run->pins = arena_array(arena, struct pin, task->container_definitions_count);
    return run;
}

/* Its instance is no part of its id: it will have one only. */
static const struct task_record *task_of(const struct job_start *start, uint32_t slot,
                                         struct arena *arena)
{
    const struct target *target = start->goal->target;
    struct task_record *record = arena_new(arena, struct task_record);

    record->deployment = start->run;
    record->revision = target->revision;
    record->commit = start->commit;
    record->cluster = target->cluster;
    record->service = target->service;
    record->started_by = start->started_by;
    record->due_ms = start->due_ms;
    record->slot = slot;
    record->attempt = 1;
    record->exit_code = -1;
    task_id_make(start->run, slot, record->attempt, /* instance= */ NULL, record->id);
    return record;
}

size_t job_facts(const struct job_start *start, struct arena *arena, struct fact **out)
{
    const struct target *target = start->goal->target;
    size_t count = 1 + (size_t)target->spec->desired_count;
    struct fact *facts = arena_array(arena, struct fact, count);

    for (size_t i = 0; i < count; i++) {
        facts[i] = (struct fact){ .kind = i == 0 ? FACT_DEPLOYMENT : FACT_TASK,
                                  .durable = true,
                                  .cluster = target->cluster,
                                  .service = target->service,
                                  .at_ms = start->at_ms };
        if (i == 0)
            facts[i].deployment = run_of(start, arena);
        else
            facts[i].task = task_of(start, (uint32_t)i - 1, arena);
    }
    facts[0].commit = start->commit;
    *out = facts;
    return count;
}
