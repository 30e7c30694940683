/*
 * What builds printed.
 */
#include "reconciler/api/api_int.h"
#include "reconciler/run/outputs.h"
#include "spec/base/text.h"

/* How it stands, by what is known of the effort; it may be forgotten already. */
static void show_state(const struct app *app, const struct output *output, struct arena *arena,
                       struct json *object)
{
    const struct world_instance *instance = world_instance(app->world, output->instance);
    const char *key = arena_printf(arena, "build %s", output->object);
    const struct world_effort *effort = instance == NULL ? NULL : world_effort(instance, key);

    if (effort == NULL)
        return;
    json_set_text(object, "state", effort_state_text(effort->state));
    if (effort->state == EFFORT_FAILED)
        json_set_text(object, "failure", effort->failure.text);
}

static struct json *show_lines(const struct output *output, uint64_t since)
{
    struct json *lines = json_array();

    for (const struct output_line *at = output->lines; at != NULL; at = at->next) {
        struct json *line;

        if (at->id <= since)
            continue;
        line = json_object();
        json_set_int(line, "id", (int64_t)at->id);
        json_set_text(line, "text", at->text);
        json_append(lines, line);
    }
    return lines;
}

void get_builds(struct request *request)
{
    const struct app *app = app_of(request);
    const char *image = request_query(request, "image");
    struct json *builds;
    struct json *answer;
    struct err err = { 0 };
    uint64_t since;

    if (request_query_u64(request, "since", 0, &since, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    builds = json_array();
    for (const struct output *at = app->outputs.builds; at != NULL; at = at->next) {
        struct json *build;

        if (image != NULL && !output_is_of(at, image))
            continue;
        build = json_object();
        json_set_text(build, "instance", at->instance);
        json_set_text(build, "object", at->object);
        json_set_text(build, "image", at->image_name);
        show_time(build, "startedAt", at->began_ms);
        show_state(app, at, request_arena(request), build);
        json_set_bool(build, "cut", at->is_cut);
        if (request_is_local(request))
            json_set(build, "lines", show_lines(at, since));
        json_append(builds, build);
    }
    answer = json_object();
    json_set(answer, "builds", builds);
    request_answer(request, answer);
}
