/*
 * Removing an image by a name of it, and looking what has become of one.
 */
#include "drivers/docker/engine_int.h"
#include "spec/base/text.h"

#define PATH_SIZE 1024

/* The id of the action's image; NULL: only a name of it is known. */
static const char *image_of(const struct action *action)
{
    bool is_id = action->reference != NULL && text_starts(action->reference, "sha256:");

    return action->image_id != NULL || !is_id ? action->image_id : action->reference;
}

/* What an image has become: gone, or without some of its names.  Then the call ends. */
static void on_image_looked_at(void *ctx, const struct docker_answer *answer,
                               const struct err *failure)
{
    struct engine_call *call = ctx;
    struct world_change change = { .kind = WORLD_IMAGE };
    struct image_names names;

    call->docker = NULL;
    if (failure != NULL && failure->code == ERR_NOT_FOUND)
        engine_report_named(call->engine, WORLD_IMAGE_GONE, image_of(call->call->action));
    AUTO(json) *value =
        failure == NULL ? read_json(answer->body, answer->size, /* err= */ NULL) : NULL;
    if (read_image(&call->engine->reader, value, &names, &change.image))
        engine_report(call->engine, &change);
    engine_call_done(call, call->failed ? &call->failure : NULL);
}

void engine_image_look(struct engine_call *call)
{
    AUTO(buf) path = { 0 };

    engine_name_path(&path, "/images/", image_of(call->call->action), "/json");
    struct docker_request request = { .method = "GET", .path = buf_text(&path) };
    engine_call_send(call, &request, on_image_looked_at);
}

static void on_image_removed(void *ctx, const struct docker_answer *answer,
                             const struct err *failure)
{
    struct engine_call *call = ctx;

    call->docker = NULL;
    if (failure != NULL && failure->code != ERR_NOT_FOUND) {
        engine_call_done(call, failure);
        return;
    }
    AUTO(json) *value =
        failure == NULL ? read_json(answer->body, answer->size, /* err= */ NULL) : NULL;
    for (size_t i = 0; json_is_array(value) && i < json_count(value); i++) {
        const char *deleted = json_text(json_at(value, i), "Deleted");
        if (deleted != NULL)
            engine_report_named(call->engine, WORLD_IMAGE_GONE, deleted);
    }
    if (image_of(call->call->action) == NULL)
        engine_call_done(call, /* failure= */ NULL);
    else
        engine_image_look(call); /* it may have lost a name only */
}

static void send_image_remove(struct engine_call *call)
{
    const struct action *action = call->call->action;
    AUTO(buf) path = { 0 };

    engine_name_path(&path, "/images/",
                     action->reference != NULL ? action->reference : action->image_id, "");
    struct docker_request request = { .method = "DELETE", .path = buf_text(&path) };
    engine_call_send(call, &request, on_image_removed);
}

/* The name may have become another image's: that one is left alone. */
static void on_image_named(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct engine_call *call = ctx;
    struct world_change change = { .kind = WORLD_IMAGE };
    struct image_names names;

    call->docker = NULL;
    if (failure != NULL && failure->code != ERR_NOT_FOUND) {
        engine_call_done(call, failure);
        return;
    }
    AUTO(json) *value =
        failure == NULL ? read_json(answer->body, answer->size, /* err= */ NULL) : NULL;
    if (!read_image(&call->engine->reader, value, &names, &change.image)) {
        engine_image_look(call);
    } else if (!text_equal(change.image.id, call->call->action->image_id)) {
        engine_report(call->engine, &change);
        engine_image_look(call);
    } else {
        send_image_remove(call);
    }
}

int engine_image_remove(struct engine_call *call, struct err *err)
{
    const struct action *action = call->call->action;
    AUTO(buf) path = { 0 };

    (void)err;
    if (action->image_id == NULL || text_equal(action->image_id, action->reference)) {
        send_image_remove(call);
        return 0;
    }
    engine_name_path(&path, "/images/", action->reference, "/json");
    struct docker_request request = { .method = "GET", .path = buf_text(&path) };
    engine_call_send(call, &request, on_image_named);
    return 0;
}
