/*
 * Each want is a text: the instance and the key of the effort, "local pull redis:7".
 */
#include "reconciler/run/wants.h"

#include <stdlib.h>

#include "spec/base/limits.h"
#include "spec/base/text.h"

static void key_print(const char *instance, enum action_kind kind, const char *object,
                      struct buf *out)
{
    buf_init(out, LIMIT_ENGINE_LINE);
    buf_printf(out, "%s ", instance);
    action_effort_key(kind, object, out);
}

void wants_release(struct wants *wants)
{
    for (size_t i = 0; i < wants->count; i++)
        free(wants->keys[i]);
    free(wants->keys);
    *wants = (struct wants){ 0 };
}

static bool has_key(const struct wants *wants, const char *key)
{
    for (size_t i = 0; i < wants->count; i++) {
        if (text_equal(wants->keys[i], key))
            return true;
    }
    return false;
}

void wants_set(struct wants *wants, const struct plan *plan, const char *unit, bool all)
{
    if (all)
        wants_release(wants);
    for (size_t i = 0; i < plan->work_count; i++) {
        const struct plan_work *work = &plan->works[i];
        AUTO(buf) key = { 0 };

        if (!text_equal(work->unit, unit))
            continue;
        key_print(work->instance, work->kind, work->object, &key);
        if (has_key(wants, buf_text(&key)))
            continue;
        wants->keys = mem_resize(wants->keys, (wants->count + 1) * sizeof(*wants->keys));
        wants->keys[wants->count++] = mem_text(buf_text(&key));
    }
}

bool wants_has(const struct wants *wants, const struct action *action)
{
    AUTO(buf) key = { 0 };

    if (wants->count == 0)
        return false;
    key_print(action->instance, action->kind, action->object, &key);
    return has_key(wants, buf_text(&key));
}
