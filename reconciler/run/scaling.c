/*
 * One timer for all services. Evaluations lie on a grid of the wall clock, so that when they are
 * does not depend on when the process began.
 */
#include "reconciler/run/scaling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/run/cycle.h"
#include "spec/base/hash.h"
#include "spec/base/text.h"

struct entry {
    char *key;
    struct arena arena; /* of the story */
    struct scaler_story story;
    int64_t due_ms;
    bool declared;
    UT_hash_handle by_key;
};

struct scaler {
    struct app *app;
    struct metric_reader reader;
    struct timer timer;
    struct entry *entries;
};

struct scaler *scaler_new(struct app *app, struct metric_reader reader)
{
    struct scaler *scaler = mem_alloc(sizeof(*scaler));

    ASSERT(reader.read != NULL);
    scaler->app = app;
    scaler->reader = reader;
    return scaler;
}

static void entry_free(struct scaler *scaler, struct entry *entry)
{
    HASH_DELETE(by_key, scaler->entries, entry);
    arena_release(&entry->arena);
    free(entry->key);
    free(entry);
}

void scaler_free(struct scaler *scaler)
{
    if (scaler == NULL)
        return;
    timer_stop(&scaler->timer);
    while (scaler->entries != NULL)
        entry_free(scaler, scaler->entries);
    free(scaler);
}

static struct entry *entry_find(const struct scaler *scaler, const char *key)
{
    struct entry *entry = NULL;

    HASH_FIND(by_key, scaler->entries, key, strlen(key), entry);
    return entry;
}

const struct scaler_story *scaler_story(const struct scaler *scaler, const char *key)
{
    const struct entry *entry = scaler == NULL ? NULL : entry_find(scaler, key);

    return entry == NULL || entry->story.at_ms == 0 ? NULL : &entry->story;
}

/* ---- Words ----------------------------------------------------------------------------------- */

static const char *wants_text(const struct scaler_opinion *opinion, struct arena *arena)
{
    if (opinion->way == SCALE_STAY)
        return arena_printf(arena, "%s%s", scale_alarm_text(opinion->alarm),
                            opinion->why == NULL ? "" : arena_printf(arena, ", %s", opinion->why));
    return arena_printf(arena, "%s, it wants %u %s", scale_alarm_text(opinion->alarm),
                        opinion->wants, opinion->wants == 1 ? "task" : "tasks");
}

const char *scaler_opinion_text(const struct scaler_opinion *opinion, struct arena *arena)
{
    if (isnan(opinion->value))
        return arena_printf(arena, "%s has no datapoint (target %g): %s",
                            metric_name(opinion->metric), opinion->target,
                            wants_text(opinion, arena));
    return arena_printf(arena, "%s is %.4g (target %g): %s", metric_name(opinion->metric),
                        opinion->value, opinion->target, wants_text(opinion, arena));
}

static const char *inputs_text(const struct scaler_story *story, struct arena *arena)
{
    const char *text = arena_printf(arena, "%u of %u tasks run", story->running, story->desired);

    for (size_t i = 0; i < story->opinion_count; i++)
        text = arena_printf(arena, "%s; policy %s: %s", text, story->opinions[i].policy,
                            scaler_opinion_text(&story->opinions[i], arena));
    return text;
}

/* ---- One evaluation -------------------------------------------------------------------------- */

static double target_of(const struct scaling_policy *policy)
{
    return policy->step_scaling != NULL ? policy->step_scaling->threshold
                                        : policy->target_tracking->target_value;
}

static void read_points(const struct scaler *scaler, const char *key, struct scale_input *input,
                        struct arena *arena)
{
    size_t count = input->spec->policies_count;
    const double **points = arena_array(arena, const double *, count + 1);

    for (size_t i = 0; i < count; i++) {
        const struct scaling_policy *policy = &input->spec->policies[i];
        size_t size = scale_point_count(policy);
        double *values = arena_array(arena, double, size);

        scaler->reader.read(scaler->reader.context, key, scale_metric(policy),
                            scale_period_s(policy), input->now_ms, values, size);
        points[i] = values;
    }
    input->points = points;
}

/* The goal that it is about may be gone when somebody asks. */
static void keep_story(struct entry *entry, const struct scale_input *input,
                       const struct scale_decision *decision)
{
    struct arena *arena = &entry->arena;
    struct scaler_story story = { .at_ms = input->now_ms,
                                  .desired = input->desired,
                                  .decided = decision->desired,
                                  .running = input->running,
                                  .cooldown_ms = decision->cooldown_ms,
                                  .opinion_count = input->spec->policies_count };

    if (decision->not_scaled != NULL)
        story.not_scaled = arena_text(arena, decision->not_scaled);
    story.opinions = arena_array(arena, struct scaler_opinion, story.opinion_count + 1);
    for (size_t i = 0; i < story.opinion_count; i++) {
        const struct scale_opinion *from = &decision->opinions[i];

        story.opinions[i] =
            (struct scaler_opinion){ .policy = arena_text(arena, from->policy->name),
                                     .metric = scale_metric(from->policy),
                                     .alarm = from->alarm,
                                     .way = from->way,
                                     .wants = from->wants,
                                     .value = from->has_value ? from->value : NAN,
                                     .target = target_of(from->policy),
                                     .why = from->why };
    }
    entry->story = story;
}

static int state_count(struct scaler *scaler, const struct entry *entry,
                       const struct scale_input *input, const struct scale_decision *decision,
                       struct arena *arena, struct err *err)
{
    const struct target *target = desired_service(scaler->app->desired, entry->key)->goal->target;
    const struct deployment *primary =
        memory_primary(memory_service(scaler->app->memory, entry->key));
    struct scaling scaling = input->memory;
    struct scaling_words words = { .cause = decision->cause,
                                   .inputs = inputs_text(&entry->story, arena) };
    struct fact facts[] = { { .kind = FACT_SCALE, .scaling = &scaling, .words = &words },
                            { .kind = FACT_EVENT, .commit = primary->commit } };

    scaling.from = input->desired;
    scaling.desired = decision->desired;
    scaling.at_ms = input->now_ms;
    scaling.fulfilled = false;
    if (decision->way == SCALE_WAY_OUT) {
        scaling.out_ms = input->now_ms;
        scaling.out_from = decision->opinion->base;
        scaling.in_ms = 0; /* ecs.md 1.8: a scale-out ends the cooldown of a scale-in */
    } else {
        scaling.in_ms = input->now_ms;
    }
    facts[1].text =
        arena_printf(arena,
                     "(service %s) Message: Successfully set desired count to %u. Waiting for "
                     "change to be fulfilled by ecs. Cause: %s. %s.",
                     target->service, decision->desired, decision->cause, words.inputs);
    for (size_t i = 0; i < ARRAY_COUNT(facts); i++) {
        facts[i].durable = true;
        facts[i].cluster = target->cluster;
        facts[i].service = target->service;
        facts[i].at_ms = input->now_ms;
    }
    return cycle_state(scaler->app->cycle, facts, ARRAY_COUNT(facts), err);
}

/* As many run as were wanted: what was begun is done. */
static int state_fulfilled(struct scaler *scaler, const char *key, const struct scale_input *input,
                           struct err *err)
{
    const struct target *target = desired_service(scaler->app->desired, key)->goal->target;
    struct scaling scaling = input->memory;
    const struct fact fact = { .kind = FACT_SCALE,
                               .cluster = target->cluster,
                               .service = target->service,
                               .at_ms = input->now_ms,
                               .scaling = &scaling };

    if (scaling.fulfilled || input->running != input->desired)
        return 0;
    scaling.fulfilled = true;
    return cycle_state(scaler->app->cycle, &fact, 1, err);
}

static void evaluate(struct scaler *scaler, struct entry *entry)
{
    const struct plan_input known = app_plan_input(scaler->app);
    AUTO(arena) arena = { 0 };
    struct scale_decision decision;
    struct scale_input input;
    struct err err;
    const char *why;
    int status;

    arena_reset(&entry->arena);
    if (!scale_look(&known, entry->key, &arena, &input, &why)) {
        entry->story =
            (struct scaler_story){ .at_ms = known.now_ms, .blind = arena_text(&entry->arena, why) };
        return;
    }
    read_points(scaler, entry->key, &input, &arena);
    scale_decide(&input, &arena, &decision);
    keep_story(entry, &input, &decision);
    if (decision.way == SCALE_STAY)
        status = state_fulfilled(scaler, entry->key, &input, &err);
    else
        status = state_count(scaler, entry, &input, &decision, &arena, &err);
    if (status < 0)
        app_say(scaler->app, "warning", "state: %s; %s is not scaled", err.text, entry->key);
}

/* ---- When ------------------------------------------------------------------------------------ */

static const struct auto_scaling *scaling_of(const struct scaler *scaler, const char *key)
{
    const struct desired_service *desired = desired_service(scaler->app->desired, key);

    return desired == NULL ? NULL : desired->goal->target->spec->auto_scaling;
}

static int64_t next_due(const struct auto_scaling *spec, int64_t now_ms)
{
    int64_t interval_ms = (int64_t)spec->evaluation_interval * 1000;

    return now_ms / interval_ms * interval_ms + interval_ms;
}

static void on_timer(void *context);

static void arm(struct scaler *scaler)
{
    int64_t now_ms = loop_wall_ms();
    int64_t due_ms = INT64_MAX;

    for (const struct entry *at = scaler->entries; at != NULL; at = at->by_key.next)
        due_ms = at->due_ms < due_ms ? at->due_ms : due_ms;
    if (due_ms == INT64_MAX)
        timer_stop(&scaler->timer);
    else
        timer_start(scaler->app->loop, &scaler->timer, due_ms > now_ms ? due_ms - now_ms : 1,
                    on_timer, scaler);
}

static void on_timer(void *context)
{
    struct scaler *scaler = context;
    int64_t now_ms;

    if (scaler->app->stopping)
        return;
    cycle_check_clock(scaler->app->cycle);
    now_ms = loop_wall_ms();
    for (struct entry *at = scaler->entries; at != NULL; at = at->by_key.next) {
        const struct auto_scaling *spec = scaling_of(scaler, at->key);
        int64_t next_ms = next_due(spec, now_ms);

        /* One that is further away than its interval is of another clock. */
        if (at->due_ms > now_ms && at->due_ms <= next_ms)
            continue;
        at->due_ms = next_ms;
        if (app_may_plan(scaler->app))
            evaluate(scaler, at);
    }
    arm(scaler);
}

static void declare(struct scaler *scaler, const char *key, const struct auto_scaling *spec)
{
    struct entry *entry = entry_find(scaler, key);

    if (entry == NULL) {
        entry = mem_alloc(sizeof(*entry));
        entry->key = mem_text(key);
        HASH_ADD_KEYPTR(by_key, scaler->entries, entry->key, strlen(entry->key), entry);
    }
    entry->declared = true;
    entry->due_ms = next_due(spec, loop_wall_ms());
}

void scaler_renew(struct scaler *scaler)
{
    struct entry *entry;
    struct entry *next;

    if (scaler == NULL)
        return;
    for (entry = scaler->entries; entry != NULL; entry = entry->by_key.next)
        entry->declared = false;
    for (const struct desired_service *at = scaler->app->desired->services; at != NULL;
         at = at->by_key.next) {
        if (at->goal->target->spec->auto_scaling != NULL)
            declare(scaler, at->key, at->goal->target->spec->auto_scaling);
    }
    HASH_ITER(by_key, scaler->entries, entry, next)
    {
        if (!entry->declared)
            entry_free(scaler, entry);
    }
    arm(scaler);
}
