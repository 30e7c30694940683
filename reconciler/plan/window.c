/*
 * A window begins when its schedule says so, by the clocks of its time zone, and is open for its
 * duration, by no clock: when clocks are turned meanwhile it is no longer and no shorter.
 */
#include "reconciler/plan/window.h"

#include "spec/cron.h"

struct window {
    const struct maintenance_window *spec;
    struct cron cron;
    const struct zone *zone;
};

void window_look(const struct cluster_maintenance *maintenance, const struct desired *desired,
                 int64_t now_ms, struct window_look *out)
{
    int64_t now_s = now_ms / 1000;

    *out =
        (struct window_look){ .is_open = maintenance->windows_count == 0, .opens_ms = INT64_MAX };
    for (size_t i = 0; i < maintenance->windows_count; i++) {
        struct window window = { .spec = &maintenance->windows[i] };
        struct err err;
        int64_t opens_s;

        window.zone = desired_zone(desired, window.spec->timezone);
        if (window.zone == NULL ||
            cron_parse(window.spec->schedule_expression, &window.cron, &err) < 0)
            continue; /* neither is in force: validation and desired_read_zones() refuse it */
        out->is_open |= cron_last_s(&window.cron, window.zone, now_s - window.spec->duration,
                                    now_s) != CRON_NEVER;
        opens_s = cron_next_s(&window.cron, window.zone, now_s);
        if (opens_s == CRON_NEVER || opens_s * 1000 >= out->opens_ms)
            continue;
        out->opens_ms = opens_s * 1000;
        out->zone = window.zone;
    }
}

const char *window_opens_text(const struct window_look *look, struct arena *arena)
{
    char text[ZONE_TIME_SIZE];

    if (look->zone == NULL)
        return NULL;
    zone_print(look->zone, look->opens_ms, text);
    return arena_text(arena, text);
}
