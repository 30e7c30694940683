/*
 * A window begins when its schedule says so, by the clocks of its time zone, and is open for its
 * duration, by no clock: when clocks are turned meanwhile it is no longer and no shorter.
 */
#include "reconciler/plan/window.h"

#include "spec/cron.h"

#define MINUTE_S    60
#define DAY_MINUTES (24 * 60)
#define DAY_S       (DAY_MINUTES * MINUTE_S)
#define AHEAD_DAYS  (10 * 366) /* so far a next one is looked for */

struct window {
    const struct maintenance_window *spec;
    struct cron cron;
    const struct zone *zone;
};

static int64_t start_s(const struct window *window, int64_t day, int minute)
{
    return zone_utc_s(window->zone, day * DAY_S + (int64_t)minute * MINUTE_S);
}

static int64_t day_of(const struct window *window, int64_t utc_s)
{
    return (utc_s + zone_offset_s(window->zone, utc_s)) / DAY_S;
}

/* The newest start that is not later than now, if it is not older than the duration. */
static bool is_open(const struct window *window, int64_t now_s)
{
    int64_t oldest_s = now_s - window->spec->duration;

    for (int64_t day = day_of(window, now_s) + 1; day >= day_of(window, oldest_s) - 1; day--) {
        if (!cron_has_day(&window->cron, day))
            continue;
        for (int minute = DAY_MINUTES - 1; minute >= 0; minute--) {
            if (cron_has_minute(&window->cron, minute) && start_s(window, day, minute) <= now_s)
                return start_s(window, day, minute) > oldest_s;
        }
    }
    return false;
}

static int64_t next_s(const struct window *window, int64_t now_s)
{
    int64_t first = day_of(window, now_s) - 1;

    for (int64_t day = first; day < first + AHEAD_DAYS; day++) {
        if (!cron_has_day(&window->cron, day))
            continue;
        for (int minute = 0; minute < DAY_MINUTES; minute++) {
            if (cron_has_minute(&window->cron, minute) && start_s(window, day, minute) > now_s)
                return start_s(window, day, minute);
        }
    }
    return INT64_MAX;
}

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
        out->is_open |= is_open(&window, now_s);
        opens_s = next_s(&window, now_s);
        if (opens_s == INT64_MAX || opens_s * 1000 >= out->opens_ms)
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
