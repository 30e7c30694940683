#include "tests/sim/upkeep.h"

#include <string.h>

#include "reconciler/plan/maintenance.h"
#include "spec/base/text.h"
#include "tests/sim/check_int.h"
#include "tests/sim/hosts.h"

/* ---- What people ask for ---- */

static const char *command_of(uint32_t version, struct arena *arena)
{
    return arena_printf(arena, "upgrade %u", version);
}

/* Kathmandu's: what is said in whole hours there is not in whole hours of UTC. */
#define ZONE_RULE    "<+0545>-5:45"
#define ZONE_MINUTES (5 * 60 + 45)

int upkeep_zone(void *context, const char *name, struct arena *arena, struct zone *out,
                struct err *err)
{
    (void)context;
    (void)arena;
    (void)err;
    *out = (struct zone){ .name = name, .has_rule = true };
    ASSERT(zone_parse_rule(ZONE_RULE, &out->rule));
    return 0;
}

static void draw_window(struct people *people)
{
    static const uint32_t every[] = { 10, 20, 30 };
    struct rng *rng = &people->windows;

    people->wanted.window_every = 0;
    if (!rng_chance(rng, 50))
        return;
    people->wanted.window_every = every[rng_below(rng, ARRAY_COUNT(every))];
    people->wanted.window_at = (uint32_t)rng_below(rng, people->wanted.window_every);
    people->wanted.window_for = (uint32_t)rng_between(rng, 1, 5);
    people->wanted.window_there = rng_chance(rng, 50);
}

static void ask_for_another(struct people *people, bool is_fine)
{
    struct rng *rng = &people->upkeep;
    AUTO(arena) arena = { 0 };
    struct sim_program program = { .work_ms = rng_between(rng, 100, 60 * 1000) };

    if (!is_fine && rng_chance(rng, 15))
        program.work_error = "exit code 1";
    if (!is_fine && rng_chance(rng, 5))
        program.work_ms = 10 * 60 * 60 * 1000;
    people->wanted.upkeep = ++people->upkeeps;
    people->wanted.at_once = (uint32_t)rng_between(rng, 1, 2);
    people->wanted.reboot = (uint32_t)rng_below(rng, 3);
    draw_window(people);
    people->wanted.drain_s = is_fine ? 3600 : (uint32_t)rng_between(rng, 30, 600);
    sim_set_program(people->sim, command_of(people->upkeeps, &arena), &program);
}

void upkeep_change(struct people *people)
{
    if (!people->maintains || !rng_chance(&people->upkeep, 50))
        return;
    if (rng_chance(&people->upkeep, 15))
        people->wanted.upkeep = 0;
    else
        ask_for_another(people, /* is_fine= */ false);
}

void upkeep_settle(struct people *people)
{
    if (!people->maintains)
        return;
    people->wanted.upkeep = 0;
    if (people->each > 0 || hosts_active(people) < 2 || rng_chance(&people->upkeep, 30))
        return;
    ask_for_another(people, /* is_fine= */ true);
    if (people->wanted.at_once >= hosts_active(people))
        people->wanted.at_once = 1; /* else nobody could leave to anywhere */
    /* What has its data there must stop for that, and may; and so what waits for it. */
    for (size_t i = 0; i < SERVICES_MAX; i++) {
        if (people->wanted.services[i].volume || people->wanted.services[i].depends_on >= 0)
            people->wanted.services[i].minimum = 0;
    }
}

void upkeep_print(const struct people *people, struct buf *out)
{
    static const char *const reboots[] = { "Never", "IfNeeded", "Always" };

    if (people->wanted.upkeep == 0)
        return;
    buf_printf(
        out,
        "  maintenance: {command: 'upgrade %u', reboot: %s, maxUnavailable: %u, drainTimeout: %u, "
        "commandTimeout: 300, returnTimeout: 1800",
        people->wanted.upkeep, reboots[people->wanted.reboot], people->wanted.at_once,
        people->wanted.drain_s);
    if (people->wanted.window_every > 0)
        buf_printf(out,
                   ", windows: [{scheduleExpression: 'cron(%u/%u * * * ? *)', duration: %um%s}]",
                   people->wanted.window_at, people->wanted.window_every, people->wanted.window_for,
                   people->wanted.window_there ? ", timezone: Asia/Kathmandu" : "");
    buf_text_add(out, "}\n");
}

/* ---- What is stated ---- */

static const struct maintenance *known_of(const struct check *check, const char *instance)
{
    const struct host_record *record = memory_host(check->process->app.memory, instance);

    return record == NULL ? NULL : record->maintenance;
}

static bool is_begun(const struct fact *fact)
{
    return fact->kind == FACT_HOST && fact->host->maintenance != NULL &&
           fact->host->maintenance->step == MAINTENANCE_DRAINING;
}

/* Other hosts that are out, and take tasks else. */
static uint32_t others_out(struct check *check, const struct fact *facts, size_t index)
{
    const struct people *people = check->people;
    const char *name = facts[index].host->instance;
    uint32_t out = 0;

    for (size_t i = 0; i < people->host_count; i++) {
        const char *other = hosts_name(i);
        const struct world_instance *seen = world_instance(check->process->app.world, other);
        const struct maintenance *known = known_of(check, other);
        bool is_out = maintenance_is_open(known) || seen == NULL ||
                      seen->state != INSTANCE_ACTIVE || !seen->complete;

        if (text_equal(other, name) || ((people->wanted.draining | people->wanted.absent) >> i & 1))
            continue;
        for (size_t k = 0; k < index; k++)
            is_out |= is_begun(&facts[k]) && text_equal(facts[k].host->instance, other);
        out += is_out;
        if (known != NULL && known->step == MAINTENANCE_FAILED &&
            (known_of(check, name) == NULL || known_of(check, name)->step != MAINTENANCE_FAILED))
            check_failed(check, "%s: its maintenance begins, and that of %s has failed", name,
                         other);
    }
    return out;
}

static bool is_window_open(const struct people *people, int64_t now_ms)
{
    const int64_t minute_ms = 60 * 1000;
    const struct wanted *wanted = &people->wanted;
    int64_t at_ms = now_ms + (wanted->window_there ? ZONE_MINUTES * minute_ms : 0);

    return wanted->window_every == 0 ||
           (at_ms - wanted->window_at * minute_ms) % (wanted->window_every * minute_ms) <
               wanted->window_for * minute_ms;
}

static void check_begin(struct check *check, const struct fact *facts, size_t index)
{
    const struct maintenance *next = facts[index].host->maintenance;
    const char *name = facts[index].host->instance;
    const struct maintenance *known = known_of(check, name);

    if (known != NULL && text_equal(known->round, next->round))
        check_failed(check, "%s: the same is done to it again", name);
    if (maintenance_is_open(known))
        return; /* it is out already */
    if (!is_window_open(check->people, facts[index].at_ms))
        check_failed(check, "%s: its maintenance begins, and no window is open", name);
    if (others_out(check, facts, index) >= check->people->wanted.at_once)
        check_failed(check, "%s: its maintenance begins, and %u hosts are out", name,
                     others_out(check, facts, index));
}

static void check_fact(struct check *check, const struct fact *facts, size_t index)
{
    const struct maintenance *next = facts[index].host->maintenance;
    const char *name = facts[index].host->instance;
    uint32_t bit = 1U << hosts_index(name);

    check->people->kept_free &= ~bit;
    if (maintenance_drains(next))
        check->people->kept_free |= bit;
    if (next == NULL)
        return;
    if (!facts[index].durable)
        check_failed(check, "%s: a step of its maintenance may be forgotten", name);
    if (next->step == MAINTENANCE_FAILED && text_is_empty(next->reason))
        check_failed(check, "%s: its maintenance failed, and nobody says why", name);
    if (next->step == MAINTENANCE_DRAINING) {
        check_begin(check, facts, index);
        check->begun[hosts_index(name)] = check->people->wanted.upkeep;
    }
    if (next->step == MAINTENANCE_RUNNING)
        check->may_run |= bit;
    if ((next->step == MAINTENANCE_RETURNING || next->step == MAINTENANCE_REBOOTING) &&
        (check->may_run & bit) != 0)
        check_failed(check, "%s: nothing was run there", name);
}

void upkeep_check_facts(struct check *check, const struct fact *facts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (facts[i].kind == FACT_HOST && hosts_index(facts[i].host->instance) < HOSTS_MAX)
            check_fact(check, facts, i);
    }
}

bool upkeep_must_stop(const struct check *check, const struct world_task *task,
                      const struct deployment *deployment)
{
    const struct target *target = deployment->goal->target;
    const struct service_spec *spec = check_spec(check, task->service->key);
    bool may_wait =
        deployment->state == ROLLOUT_IN_PROGRESS && spec != NULL && spec->depends_on_count > 0;

    return (check->people->kept_free >> hosts_index(task->instance) & 1) != 0 &&
           (target->task->volumes_count > 0 || may_wait);
}

/* ---- What is done ---- */

void upkeep_check_apply(struct check *check, const struct action *action)
{
    const struct app *app = &check->process->app;
    const struct world_instance *host = world_instance(app->world, action->instance);
    const struct maintenance *known = known_of(check, action->instance);

    if (action->kind != ACTION_HOST_RUN)
        return;
    if (action->command == NULL) {
        if (known == NULL || known->step != MAINTENANCE_REBOOTING)
            check_failed(check, "%s: that was not stated", action->object);
        if (action->reboots && (host == NULL || host->task_count > 0))
            check_failed(check, "%s: it is rebooted with tasks", action->object);
        return;
    }
    if (known == NULL || known->step != MAINTENANCE_RUNNING)
        check_failed(check, "%s: a command is run there, and that was not stated", action->object);
    if (host == NULL || host->task_count > 0)
        check_failed(check, "%s: a command is run there, beside tasks", action->object);
}

void upkeep_check_engine(struct check *check, const char *object)
{
    AUTO(arena) arena = { 0 };
    char *name = arena_text(&arena, object);
    uint32_t bit;

    if (text_equal(strrchr(object, '/'), "/look") || text_equal(strrchr(object, '/'), "/reboot"))
        return;
    name[strcspn(name, "/")] = '\0';
    bit = 1U << hosts_index(name);
    if ((check->may_run & bit) == 0)
        check_failed(check, "%s: it is run a second time", object);
    check->may_run &= ~bit;
}

/* What was begun there last is what is asked for. */
static bool is_of_now(const struct check *check, size_t host)
{
    return check->begun[host] == check->people->wanted.upkeep;
}

int64_t upkeep_windows_ms(const struct people *people)
{
    return (int64_t)people->host_count * people->wanted.window_every * 60 * 1000;
}

bool upkeep_is_awaited(const struct check *check)
{
    const struct people *people = check->people;
    bool is_awaited = false;

    for (size_t i = 0; people->wanted.upkeep != 0 && i < people->host_count; i++) {
        const struct maintenance *known = known_of(check, hosts_name(i));

        if (((people->wanted.draining | people->wanted.absent) >> i & 1) != 0)
            continue;
        if (known != NULL && known->step == MAINTENANCE_FAILED)
            return false;
        is_awaited |= known == NULL || known->step != MAINTENANCE_DONE || !is_of_now(check, i);
    }
    return is_awaited && people->wanted.window_every > 0;
}

void upkeep_check_end(struct check *check)
{
    const struct people *people = check->people;

    for (size_t i = 0; i < people->host_count; i++) {
        const struct maintenance *known = known_of(check, hosts_name(i));

        if (((people->wanted.draining | people->wanted.absent) >> i & 1) != 0)
            continue;
        if (people->wanted.upkeep == 0 && known != NULL)
            check_failed(check, "in the end %s is maintained, and nobody asks for it",
                         hosts_name(i));
        if (people->wanted.upkeep != 0 && known != NULL && known->step == MAINTENANCE_DONE &&
            !is_of_now(check, i))
            check_failed(check, "in the end %s is maintained as it was asked for once",
                         hosts_name(i));
        if (people->wanted.upkeep != 0 && (known == NULL || known->step != MAINTENANCE_DONE))
            check_failed(check, "in the end %s is not maintained: %s", hosts_name(i),
                         known == NULL ? "it was never begun" : known->reason);
    }
}

void upkeep_forgotten(struct check *check)
{
    check->people->kept_free = 0;
    check->may_run = 0;
    memset(check->begun, 0, sizeof(check->begun));
}
