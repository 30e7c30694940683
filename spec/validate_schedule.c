/*
 * When a Schedule is due must be what its expression can say.  What it runs is checked with the
 * Task and the Cluster (spec/generation_check.c).
 */
#include "spec/timing.h"
#include "spec/validate.h"
#include "spec/zone.h"

/* NULL is absent. */
static bool read_date(const struct validation *v, const char *key, const char *text, int64_t *out_s)
{
    struct err err;

    if (text == NULL)
        return false;
    if (timing_parse_date(text, out_s, &err) == 0)
        return true;
    decode_mistake(v->decoder, validation_node(v, "%s", key), "%s: %s", key, err.text);
    return false;
}

static void validate_expression(const struct validation *v, const char *text)
{
    const struct node *node = validation_node(v, "scheduleExpression");
    struct timing timing;
    struct err err;

    if (timing_parse(text, &timing, &err) < 0)
        decode_mistake(v->decoder, node, "scheduleExpression: %s", err.text);
    else if (!timing_is_possible(&timing))
        decode_warning(v->decoder, node,
                       "scheduleExpression: '%s' is never due: no day is as it says", text);
}

void validate_schedule(const struct validation *v, const struct schedule_spec *schedule)
{
    int64_t start_s = 0;
    int64_t end_s = 0;
    bool starts = read_date(v, "startDate", schedule->start_date, &start_s);
    bool ends = read_date(v, "endDate", schedule->end_date, &end_s);

    validate_expression(v, schedule->schedule_expression);
    if (starts && ends && end_s < start_s)
        decode_mistake(v->decoder, validation_node(v, "endDate"),
                       "endDate: it is before startDate");
    if (!zone_is_name(schedule->timezone))
        decode_mistake(v->decoder, validation_node(v, "timezone"),
                       "timezone: '%s' is no name of a time zone: write it as Europe/Berlin",
                       schedule->timezone);
}
