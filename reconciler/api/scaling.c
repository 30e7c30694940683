/*
 * What auto scaling thinks of a service, and did.
 */
#include "reconciler/run/scaling.h"

#include <math.h>

#include "reconciler/api/api_int.h"
#include "reconciler/plan/scaler.h"
#include "spec/base/text.h"

static const struct auto_scaling *declared(const struct app *app, const char *key)
{
    const struct desired_service *desired = desired_service(app->desired, key);

    return desired == NULL ? NULL : desired->goal->target->spec->auto_scaling;
}

/* ---- As JSON --------------------------------------------------------------------------------- */

static struct json *show_opinion(const struct scaler_opinion *opinion, struct arena *arena)
{
    struct json *object = json_object();

    json_set_text(object, "name", opinion->policy);
    json_set_text(object, "metric", metric_name(opinion->metric));
    json_set_text(object, "unit", metric_unit(opinion->metric));
    if (!isnan(opinion->value))
        json_set_text(object, "value", arena_printf(arena, "%.6g", opinion->value));
    json_set_text(object, "target", arena_printf(arena, "%.6g", opinion->target));
    json_set_text(object, "alarm", scale_alarm_text(opinion->alarm));
    if (opinion->way != SCALE_STAY)
        json_set_int(object, "wants", opinion->wants);
    json_set_text(object, "text", scaler_opinion_text(opinion, arena));
    return object;
}

static void show_story(const struct scaler_story *story, struct json *object, struct arena *arena)
{
    struct json *policies = json_array();

    show_time(object, "evaluatedAt", story->at_ms);
    json_set_text(object, "notEvaluated", story->blind);
    json_set_text(object, "notScaledReason", story->not_scaled);
    show_time(object, "cooldownUntil", story->cooldown_ms);
    for (size_t i = 0; i < story->opinion_count; i++)
        json_append(policies, show_opinion(&story->opinions[i], arena));
    json_set(object, "policies", policies);
}

struct json *show_scaling(const struct app *app, const struct plan_input *input, const char *key,
                          struct arena *arena)
{
    const struct auto_scaling *spec = declared(app, key);
    const struct memory_service *memory = memory_service(app->memory, key);
    const struct scaler_story *story = scaler_story(app->scaler, key);
    struct scale_bounds bounds;
    struct json *object;

    if (spec == NULL)
        return NULL;
    scale_bounds(spec, app->desired, input->now_ms, &bounds);
    object = json_object();
    json_set_int(object, "minCapacity", bounds.min);
    json_set_int(object, "maxCapacity", bounds.max);
    json_set_text(object, "minCapacityOf", bounds.min_action);
    json_set_text(object, "maxCapacityOf", bounds.max_action);
    if (bounds.next_ms != INT64_MAX)
        show_time(object, "nextActionAt", bounds.next_ms);
    if (memory != NULL && memory->scaling.set) {
        json_set_int(object, "desiredCount", memory->scaling.desired);
        show_time(object, "since", memory->scaling.at_ms);
    }
    if (story != NULL)
        show_story(story, object, arena);
    return object;
}

void get_service_scaling(struct request *request)
{
    const struct app *app = app_of(request);
    const struct plan_input input = input_of(request);
    struct arena *arena = request_arena(request);
    const char *cluster = request_param(request, "cluster");
    const char *service = request_param(request, "service");
    AUTO(json) *answer = json_object();
    struct history_activity *items;
    struct json *list = json_array();
    const char *key;
    struct err err = { 0 };
    size_t count;

    json_set(answer, "activities", list);
    if (find_service(app, unit_key(arena, cluster, service), arena, &key, &err) < 0 ||
        history_activities(app->store, cluster, service, arena, &items, &count, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct json *item = json_object();

        show_time(item, "startTime", items[i].at_ms);
        show_time(item, "endTime", items[i].ended_ms);
        json_set_text(item, "statusCode", activity_status_text(items[i].status));
        json_set_int(item, "fromCount", items[i].from);
        json_set_int(item, "toCount", items[i].to);
        json_set_text(item, "description",
                      arena_printf(arena, "Setting desired count to %u.", items[i].to));
        json_set_text(item, "cause", items[i].cause);
        json_set_text(item, "details", items[i].inputs);
        json_append(list, item);
    }
    json_set(answer, "scaling", show_scaling(app, &input, key, arena));
    request_answer(request, TAKE(answer));
}

/* ---- For people ------------------------------------------------------------------------------ */

static const char *bounds_text(const struct app *app, const struct auto_scaling *spec,
                               int64_t now_ms, struct arena *arena)
{
    struct scale_bounds bounds;
    const char *text;
    char next[TEXT_TIME_SIZE];

    scale_bounds(spec, app->desired, now_ms, &bounds);
    text = arena_printf(arena, "desiredCount is the scaler's, between %u%s%s and %u%s%s",
                        bounds.min, bounds.min_action == NULL ? "" : " of scheduled action ",
                        bounds.min_action == NULL ? "" : bounds.min_action, bounds.max,
                        bounds.max_action == NULL ? "" : " of scheduled action ",
                        bounds.max_action == NULL ? "" : bounds.max_action);
    if (bounds.next_ms == INT64_MAX)
        return text;
    text_print_time(bounds.next_ms, next);
    return arena_printf(arena, "%s; a scheduled action comes at %s", text, next);
}

static const char *decision_text(const struct scaler_story *story, int64_t now_ms,
                                 struct arena *arena)
{
    char left[TEXT_TIME_SIZE];

    if (story->decided != story->desired)
        return arena_printf(arena, "from %u to %u tasks", story->desired, story->decided);
    if (story->not_scaled == NULL)
        return "no change";
    if (story->cooldown_ms <= now_ms)
        return arena_printf(arena, "no change: %s", story->not_scaled);
    text_print_duration((story->cooldown_ms - now_ms + 999) / 1000 * 1000, left);
    return arena_printf(arena, "no change: %s, for another %s", story->not_scaled, left);
}

void tell_scaling(const struct app *app, const char *key, struct arena *arena,
                  scaling_line_fn *line, void *context)
{
    const struct auto_scaling *spec = declared(app, key);
    const struct scaler_story *story = scaler_story(app->scaler, key);
    int64_t now_ms = loop_wall_ms();
    char at[TEXT_TIME_SIZE];

    if (spec == NULL)
        return;
    line(context, bounds_text(app, spec, now_ms, arena));
    if (story == NULL) {
        line(context, "not evaluated yet");
        return;
    }
    text_print_time(story->at_ms, at);
    if (story->blind != NULL) {
        line(context, arena_printf(arena, "%s: not evaluated: %s", at, story->blind));
        return;
    }
    line(context,
         arena_printf(arena, "%s: %s, %u of %u run", at, decision_text(story, now_ms, arena),
                      story->running, story->desired));
    for (size_t i = 0; i < story->opinion_count; i++)
        line(context, arena_printf(arena, "policy %s: %s", story->opinions[i].policy,
                                   scaler_opinion_text(&story->opinions[i], arena)));
}
