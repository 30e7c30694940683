/*
 * How each fact changes the tables. The tables follow memory_apply(): what is loaded from them
 * later is what memory holds now (a test compares the two for every kind).
 */
#include <string.h>

#include "reconciler/memory/store_int.h"
#include "reconciler/plan/memory_schedules.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "spec/names.h"

static const char *text_or_null(const char *text)
{
    return text_is_empty(text) ? NULL : text;
}

static int service_touch(struct sql *sql, const struct fact *fact, struct err *err)
{
    struct query query = query_start(
        sql, "INSERT INTO service (cluster, service) VALUES (?, ?) ON CONFLICT DO NOTHING");

    query_text(&query, fact->cluster);
    query_text(&query, fact->service);
    return query_run(&query, err);
}

static int goal_write(struct sql *sql, const struct goal *goal, char out_digest[SHA256_HEX_SIZE],
                      struct err *err)
{
    struct query query =
        query_start(sql, "INSERT INTO goal (digest, text) VALUES (?, ?) ON CONFLICT DO NOTHING");

    sha256_hex(goal->text, goal->text_size, out_digest);
    query_text(&query, out_digest);
    query_blob(&query, goal->text, goal->text_size);
    return query_run(&query, err);
}

static int pins_write(struct sql *sql, const struct deployment *deployment, struct err *err)
{
    size_t count = deployment->goal->target->task->container_definitions_count;

    for (size_t i = 0; i < count; i++) {
        struct query query =
            query_start(sql, "INSERT INTO pin (deployment, container, image_id, digest)"
                             " VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                             " image_id = excluded.image_id, digest = excluded.digest"
                             " WHERE image_id IS NOT excluded.image_id"
                             " OR digest IS NOT excluded.digest");

        query_text(&query, deployment->id);
        query_int(&query, (int64_t)i);
        query_text(&query, deployment->pins[i].image_id);
        query_text(&query, deployment->pins[i].digest);
        if (query_run(&query, err) < 0)
            return -1;
    }
    return 0;
}

/* What memory does not hold starts anew, and gets the next number. */
static int deployment_begin(struct sql *sql, const struct fact *fact, struct err *err)
{
    struct query gone = query_start(sql, "DELETE FROM deployment WHERE id = ? AND goal IS NULL");

    query_text(&gone, fact->deployment->id);
    return query_run(&gone, err);
}

static int deployment_write(struct sql *sql, const struct fact *fact, struct err *err)
{
    const struct deployment *deployment = fact->deployment;
    char goal[SHA256_HEX_SIZE];
    struct query query;

    ASSERT(deployment->id[0] != '\0' && deployment->goal != NULL);
    if (service_touch(sql, fact, err) < 0 || deployment_begin(sql, fact, err) < 0 ||
        goal_write(sql, deployment->goal, goal, err) < 0)
        return -1;
    query = query_start(
        sql, "INSERT INTO deployment (id, cluster, service, revision, commit_id, state,"
             " rollback, proven, failed_tasks, attempt_max, created_ms, updated_ms, reason, goal)"
             " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
             " ON CONFLICT (id) DO UPDATE SET revision = excluded.revision,"
             " commit_id = excluded.commit_id, state = excluded.state,"
             " rollback = excluded.rollback, proven = excluded.proven,"
             " failed_tasks = excluded.failed_tasks,"
             " attempt_max = excluded.attempt_max, created_ms = excluded.created_ms,"
             " updated_ms = excluded.updated_ms, reason = excluded.reason,"
             " goal = excluded.goal");
    query_text(&query, deployment->id);
    query_text(&query, fact->cluster);
    query_text(&query, fact->service);
    query_text(&query, deployment->goal->target->revision);
    query_text(&query, deployment->commit);
    query_text(&query, rollout_state_text(deployment->state));
    query_int(&query, deployment->rollback);
    query_int(&query, deployment->proven);
    query_int(&query, deployment->failed_tasks);
    query_int(&query, deployment->attempt_max);
    query_int(&query, deployment->created_ms);
    query_int(&query, deployment->updated_ms);
    query_text(&query, deployment->reason);
    query_text(&query, goal);
    if (query_run(&query, err) < 0)
        return -1;
    return pins_write(sql, deployment, err);
}

static int task_write(struct sql *sql, const struct task_record *task, struct err *err)
{
    struct query query;

    ASSERT(task->id[0] != '\0');
    query =
        query_start(sql, "INSERT OR REPLACE INTO task (id, deployment, revision, commit_id,"
                         " cluster, service, instance, slot, attempt, stop_code, reason,"
                         " exit_code, failed, started_ms, healthy_ms, stopping_ms, stopped_ms,"
                         " started_by, claimed_ms, begun, due_ms)"
                         " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query_text(&query, task->id);
    query_text(&query, task_word(task->deployment));
    query_text(&query, task_word(task->revision));
    query_text(&query, task_word(task->commit));
    query_text(&query, task->cluster);
    query_text(&query, task->service);
    query_text(&query, task->instance);
    query_int(&query, task->slot);
    query_int(&query, task->attempt);
    query_text(&query, stop_code_text(task->stop_code));
    query_text(&query, task->reason);
    query_int(&query, task->exit_code);
    query_int(&query, task->failed);
    query_int(&query, task->started_ms);
    query_int(&query, task->healthy_ms);
    query_int(&query, task->stopping_ms);
    query_int(&query, task->stopped_ms);
    query_text(&query, text_or_null(task->started_by));
    query_int(&query, task->claimed_ms);
    query_text(&query, text_or_null(task->begun));
    query_int(&query, task->due_ms);
    return query_run(&query, err);
}

static int quarantine_write(struct sql *sql, const struct fact *fact, struct err *err)
{
    struct query query =
        query_start(sql, "INSERT INTO service (cluster, service, quarantined, quarantined_by)"
                         " VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                         " quarantined = excluded.quarantined,"
                         " quarantined_by = excluded.quarantined_by");

    query_text(&query, fact->cluster);
    query_text(&query, fact->service);
    query_text(&query, text_or_null(fact->text));
    query_text(&query, text_is_empty(fact->text) ? NULL : fact->commit);
    return query_run(&query, err);
}

static int service_text_write(struct sql *sql, const char *statement, const struct fact *fact,
                              struct err *err)
{
    struct query query = query_start(sql, statement);

    query_text(&query, fact->cluster);
    query_text(&query, fact->service);
    query_text(&query, text_or_null(fact->text));
    return query_run(&query, err);
}

/* When it was thawed last is kept when it freezes again. */
static int freeze_write(struct sql *sql, const struct fact *fact, struct err *err)
{
    bool lifted = text_is_empty(fact->text);
    struct query query =
        query_start(sql, "INSERT INTO service (cluster, service, frozen, thawed_ms)"
                         " VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET frozen = excluded.frozen,"
                         " thawed_ms = CASE WHEN excluded.frozen IS NULL"
                         " THEN excluded.thawed_ms ELSE service.thawed_ms END");

    query_text(&query, fact->cluster);
    query_text(&query, fact->service);
    query_text(&query, text_or_null(fact->text));
    query_int(&query, lifted ? fact->at_ms : 0);
    return query_run(&query, err);
}

static int removal_write(struct sql *sql, const struct fact *fact, struct err *err)
{
    struct query query = query_start(
        sql, "INSERT INTO service (cluster, service, removal, removal_ms) VALUES (?, ?, ?, ?)"
             " ON CONFLICT DO UPDATE SET removal = excluded.removal,"
             " removal_ms = excluded.removal_ms, hold = NULL");

    query_text(&query, fact->cluster);
    query_text(&query, fact->service);
    query_text(&query, text_or_null(fact->text));
    query_int(&query, text_is_empty(fact->text) ? 0 : fact->at_ms);
    return query_run(&query, err);
}

static int throttle_write(struct sql *sql, const struct fact *fact, struct err *err)
{
    struct query query =
        query_start(sql, "UPDATE deployment SET start_failures = ?, retry_at_ms = ?"
                         " WHERE cluster = ? AND service = ? AND id = ? AND goal IS NOT NULL");

    query_int(&query, fact->throttle.start_failures);
    query_int(&query, fact->throttle.retry_at_ms);
    query_text(&query, fact->cluster);
    query_text(&query, fact->service);
    query_text(&query, fact->text);
    return query_run(&query, err);
}

static int forget_step(struct sql *sql, const char *statement, const struct fact *fact,
                       struct err *err)
{
    struct query query = query_start(sql, statement);

    query_text(&query, fact->cluster);
    query_text(&query, fact->service);
    return query_run(&query, err);
}

static int forget_write(struct sql *sql, const struct fact *fact, struct err *err)
{
    if (forget_step(sql, "DELETE FROM service WHERE cluster = ? AND service = ?", fact, err) < 0 ||
        forget_step(sql,
                    "DELETE FROM pin WHERE deployment IN (SELECT id FROM deployment"
                    " WHERE cluster = ? AND service = ? AND goal IS NOT NULL)",
                    fact, err) < 0)
        return -1;
    /* A run of a job is no deployment: what its tasks did is told by them. */
    return forget_step(sql,
                       service_is_job(fact->service)
                           ? "DELETE FROM deployment WHERE cluster = ? AND service = ?"
                           : "UPDATE deployment SET goal = NULL"
                             " WHERE cluster = ? AND service = ? AND goal IS NOT NULL",
                       fact, err);
}

static int image_write(struct sql *sql, const struct image_record *image, struct err *err)
{
    bool lifted = text_is_empty(image->references);
    struct query query =
        lifted ? query_start(sql, "DELETE FROM image WHERE engine = ? AND image_id = ?")
               : query_start(sql, "INSERT OR REPLACE INTO image (engine, image_id, refs, name,"
                                  " brought_ms) VALUES (?, ?, ?, ?, ?)");

    query_text(&query, image->engine);
    query_text(&query, image->image_id);
    if (!lifted) {
        query_text(&query, image->references);
        query_text(&query, image->name);
        query_int(&query, image->brought_ms);
    }
    return query_run(&query, err);
}

static int host_write(struct sql *sql, const struct host_record *host, struct err *err)
{
    const struct maintenance *maintenance = host->maintenance;
    bool lifted = host_record_is_empty(host);
    struct query query =
        lifted ? query_start(sql, "DELETE FROM host WHERE instance = ?")
               : query_start(sql, "INSERT OR REPLACE INTO host (instance, forgotten_ms,"
                                  " installed_ms, step, round, attempt, since_ms, reason, boot,"
                                  " engine) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

    query_text(&query, host->instance);
    if (lifted)
        return query_run(&query, err);
    query_int(&query, host->forgotten_ms);
    query_int(&query, host->installed_ms);
    query_text(&query, maintenance == NULL ? NULL : maintenance_step_text(maintenance->step));
    query_text(&query, maintenance == NULL ? NULL : maintenance->round);
    query_int(&query, maintenance == NULL ? 0 : maintenance->attempt);
    query_int(&query, maintenance == NULL ? 0 : maintenance->since_ms);
    query_text(&query, maintenance == NULL ? NULL : maintenance->reason);
    query_text(&query, maintenance == NULL ? NULL : maintenance->boot);
    query_text(&query, maintenance == NULL ? NULL : maintenance->engine);
    return query_run(&query, err);
}

static int schedule_write(struct sql *sql, const struct schedule_record *schedule, struct err *err)
{
    bool lifted = schedule->timing == NULL;
    struct query query =
        lifted ? query_start(sql, "DELETE FROM schedule WHERE name = ?")
               : query_start(sql, "INSERT OR REPLACE INTO schedule (name, timing, suspended,"
                                  " since_ms, decided_ms, due_ms, result, run, tasks, tries,"
                                  " begin_ms, ended_ms, exit_code, reason, missed_ms, missed)"
                                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

    query_text(&query, schedule->name);
    if (lifted)
        return query_run(&query, err);
    query_text(&query, schedule->timing);
    query_text(&query, text_or_null(schedule->suspended));
    query_int(&query, schedule->since_ms);
    query_int(&query, schedule->decided_ms);
    query_int(&query, schedule->due_ms);
    query_text(&query, schedule_result_text(schedule->result));
    query_text(&query, schedule->run);
    query_int(&query, schedule->tasks);
    query_int(&query, schedule->tries);
    query_int(&query, schedule->begin_ms);
    query_int(&query, schedule->ended_ms);
    query_int(&query, schedule->exit_code);
    query_text(&query, text_or_null(schedule->reason));
    query_int(&query, schedule->missed_ms);
    query_text(&query, text_or_null(schedule->missed));
    return query_run(&query, err);
}

static int lines_write(struct sql *sql, const struct task_lines *lines, struct err *err)
{
    struct query query =
        query_start(sql, "INSERT INTO output (task, container, text) SELECT ?1, ?2, ?3"
                         " WHERE EXISTS (SELECT 1 FROM task WHERE id = ?1)"
                         " ON CONFLICT DO NOTHING");

    query_text(&query, lines->task);
    query_text(&query, lines->container);
    query_text(&query, lines->text);
    return query_run(&query, err);
}

int fact_write(struct sql *sql, const struct fact *fact, struct err *err)
{
    switch (fact->kind) {
    case FACT_DEPLOYMENT: return deployment_write(sql, fact, err);
    case FACT_TASK: return task_write(sql, fact->task, err);
    case FACT_QUARANTINE:
        ASSERT(fact->text != NULL && strlen(fact->text) < SHA256_HEX_SIZE);
        return quarantine_write(sql, fact, err);
    case FACT_HOLD:
        return service_text_write(sql,
                                  "INSERT INTO service (cluster, service, hold) VALUES (?, ?, ?)"
                                  " ON CONFLICT DO UPDATE SET hold = excluded.hold",
                                  fact, err);
    case FACT_REMOVAL: return removal_write(sql, fact, err);
    case FACT_SUSPEND:
        return service_text_write(
            sql,
            "INSERT INTO service (cluster, service, suspended) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET suspended = excluded.suspended",
            fact, err);
    case FACT_FREEZE: return freeze_write(sql, fact, err);
    case FACT_THROTTLE: return throttle_write(sql, fact, err);
    case FACT_EVENT: return history_add_event(sql, fact, err);
    case FACT_IMAGE: return image_write(sql, fact->image, err);
    case FACT_HOST: return host_write(sql, fact->host, err);
    case FACT_SCHEDULE: return schedule_write(sql, fact->schedule, err);
    case FACT_SCALE: return scaling_write(sql, fact, err);
    case FACT_LINES: return lines_write(sql, fact->lines, err);
    case FACT_FORGET: return forget_write(sql, fact, err);
    case FACT_KIND_COUNT: break;
    }
    assert_failed("a fact of a known kind", __FILE__, __LINE__);
}
