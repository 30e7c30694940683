/*
 * See memory_text.h.
 */
#include "tests/unit/memory_text.h"

#include <string.h>

#include "reconciler/plan/maintenance.h"
#include "reconciler/plan/memory_hosts.h"
#include "reconciler/plan/memory_schedules.h"
#include "spec/base/buf.h"

static void print_text(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, " %s=%s%s", name, text == NULL ? "null" : "'", text == NULL ? "" : text);
}

static void print_deployment(struct buf *out, const struct memory_deployment *entry)
{
    const struct deployment *deployment = &entry->record;

    buf_printf(out, "  throttle %u %lld", entry->throttle.start_failures,
               (long long)entry->throttle.retry_at_ms);
    buf_printf(out, "  deployment %s %s %s %d %d %u %u %lld %lld", deployment->id,
               deployment->commit, rollout_state_text(deployment->state), deployment->rollback,
               deployment->proven, deployment->failed_tasks, deployment->attempt_max,
               (long long)deployment->created_ms, (long long)deployment->updated_ms);
    print_text(out, "reason", deployment->reason);
    print_text(out, "goal", deployment->goal->text);
    for (size_t i = 0; i < deployment->goal->target->task->container_definitions_count; i++) {
        print_text(out, "image", deployment->pins[i].image_id);
        print_text(out, "digest", deployment->pins[i].digest);
    }
    buf_char(out, '\n');
}

static int service_order(const struct memory_service *a, const struct memory_service *b)
{
    return strcmp(a->key, b->key);
}

static int task_order(const struct memory_task *a, const struct memory_task *b)
{
    return strcmp(a->record.id, b->record.id);
}

static void print_task(struct buf *out, const struct memory_task *entry)
{
    const struct task_record *task = &entry->record;

    buf_printf(out, "task %s %s %s %s", task->id, task->deployment, task->revision, task->commit);
    print_text(out, "cluster", task->cluster);
    print_text(out, "service", task->service);
    print_text(out, "instance", task->instance);
    buf_printf(out, " %u %u '%s' %d %d %lld %lld %lld %lld", task->slot, task->attempt,
               stop_code_text(task->stop_code), task->exit_code, task->failed,
               (long long)task->started_ms, (long long)task->healthy_ms,
               (long long)task->stopping_ms, (long long)task->stopped_ms);
    buf_printf(out, " %lld %lld", (long long)task->claimed_ms, (long long)task->due_ms);
    print_text(out, "begun", task->begun);
    print_text(out, "by", task->started_by);
    print_text(out, "reason", task->reason);
    print_text(out, "lines", entry->has_lines);
    buf_char(out, '\n');
}

static int image_order(const struct memory_image *a, const struct memory_image *b)
{
    return strcmp(a->key, b->key);
}

static int host_order(const struct memory_host *a, const struct memory_host *b)
{
    return strcmp(a->record.instance, b->record.instance);
}

static void print_host(struct buf *out, const struct host_record *host)
{
    const struct maintenance *maintenance = host->maintenance;

    buf_printf(out, "host %s %lld %lld", host->instance, (long long)host->forgotten_ms,
               (long long)host->installed_ms);
    if (maintenance != NULL) {
        buf_printf(out, " %s %s %u %lld", maintenance_step_text(maintenance->step),
                   maintenance->round, maintenance->attempt, (long long)maintenance->since_ms);
        print_text(out, "reason", maintenance->reason);
        print_text(out, "boot", maintenance->boot);
        print_text(out, "engine", maintenance->engine);
    }
    buf_char(out, '\n');
}

static int schedule_order(const struct memory_schedule *a, const struct memory_schedule *b)
{
    return strcmp(a->record.name, b->record.name);
}

static void print_schedule(struct buf *out, const struct schedule_record *schedule)
{
    buf_printf(out, "schedule %s '%s' %lld %lld %lld %s '%s' %u %u %lld %lld %d %lld",
               schedule->name, schedule->timing, (long long)schedule->since_ms,
               (long long)schedule->decided_ms, (long long)schedule->due_ms,
               schedule_result_text(schedule->result), schedule->run, schedule->tasks,
               schedule->tries, (long long)schedule->begin_ms, (long long)schedule->ended_ms,
               schedule->exit_code, (long long)schedule->missed_ms);
    print_text(out, "suspended", schedule->suspended);
    print_text(out, "reason", schedule->reason);
    print_text(out, "missed", schedule->missed);
    buf_char(out, '\n');
}

char *memory_text(struct memory *memory)
{
    AUTO(buf) out = { 0 };

    buf_init(&out, 64 * 1024 * 1024);
    HASH_SRT(by_key, memory->services, service_order);
    HASH_SRT(by_id, memory->tasks, task_order);
    HASH_SRT(by_key, memory->images, image_order);
    HASH_SRT(by_name, memory->hosts, host_order);
    HASH_SRT(by_name, memory->schedules, schedule_order);
    for (const struct memory_service *at = memory->services; at != NULL; at = at->by_key.next) {
        buf_printf(&out, "service %s %s %s '%s'", at->key, at->cluster, at->service,
                   at->quarantined);
        print_text(&out, "hold", at->hold);
        print_text(&out, "removal", at->removal);
        buf_printf(&out, " %lld", (long long)at->removal_ms);
        print_text(&out, "frozen", at->frozen);
        buf_printf(&out, " %lld", (long long)at->thawed_ms);
        print_text(&out, "suspended", at->suspended);
        buf_printf(&out, " %d %u %u %lld %d %lld %u %lld", at->scaling.set, at->scaling.desired,
                   at->scaling.from, (long long)at->scaling.at_ms, at->scaling.fulfilled,
                   (long long)at->scaling.out_ms, at->scaling.out_from,
                   (long long)at->scaling.in_ms);
        buf_char(&out, '\n');
        for (const struct memory_deployment *one = at->newest; one != NULL; one = one->older)
            print_deployment(&out, one);
    }
    for (const struct memory_task *at = memory->tasks; at != NULL; at = at->by_id.next)
        print_task(&out, at);
    for (const struct memory_image *at = memory->images; at != NULL; at = at->by_key.next) {
        buf_printf(&out, "image %s %s %s %lld", at->record.engine, at->record.image_id,
                   at->record.references, (long long)at->record.brought_ms);
        print_text(&out, "name", at->record.name);
        buf_char(&out, '\n');
    }
    for (const struct memory_host *at = memory->hosts; at != NULL; at = at->by_name.next)
        print_host(&out, &at->record);
    for (const struct memory_schedule *at = memory->schedules; at != NULL; at = at->by_name.next)
        print_schedule(&out, &at->record);
    return buf_take(&out);
}
