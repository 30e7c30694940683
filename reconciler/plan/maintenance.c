#include "reconciler/plan/maintenance.h"

#include "spec/base/text.h"

#define STEP_TEXT(name, text) text,
static const char *const step_texts[] = { MAINTENANCE_STEPS(STEP_TEXT) };
#undef STEP_TEXT

const char *maintenance_step_text(enum maintenance_step step)
{
    ASSERT(step < MAINTENANCE_STEP_COUNT);
    return step_texts[step];
}

bool maintenance_step_parse(const char *text, enum maintenance_step *out)
{
    for (enum maintenance_step step = 0; step < MAINTENANCE_STEP_COUNT; step++) {
        if (!text_equal(step_texts[step], text))
            continue;
        *out = step;
        return true;
    }
    return false;
}

struct maintenance *maintenance_copy(const struct maintenance *from, struct arena *arena)
{
    struct maintenance *copy = arena_copy(arena, from, sizeof(*from));

    copy->engine = from->engine == NULL ? NULL : arena_text(arena, from->engine);
    copy->round = arena_text(arena, from->round);
    copy->boot = from->boot == NULL ? NULL : arena_text(arena, from->boot);
    copy->reason = from->reason == NULL ? NULL : arena_text(arena, from->reason);
    return copy;
}

bool maintenance_drains(const struct maintenance *maintenance)
{
    return maintenance_is_open(maintenance) && maintenance->step != MAINTENANCE_RETURNING;
}

bool maintenance_is_open(const struct maintenance *maintenance)
{
    return maintenance != NULL && maintenance->step != MAINTENANCE_DONE;
}
