#include "spec/zone.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/date.h"
#include "spec/base/text.h"

#define DAY_S        86400
#define HEADER_BYTES 44
#define OFFSET_MAX_S (26 * 3600) /* ahead of UTC or behind it, RFC 8536 */
#define HOURS_MAX    167         /* of a rule's time */

const struct zone zone_utc = { .name = "UTC" };

bool zone_is_name(const char *name)
{
    size_t size = strlen(name);

    if (size == 0 || size > ZONE_NAME_MAX || name[0] == '/' || strstr(name, "..") != NULL)
        return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_/") ==
           size;
}

/* ---- Rules ----------------------------------------------------------------------------------- */

static bool take_char(const char **at, char wanted)
{
    if (**at != wanted)
        return false;
    (*at)++;
    return true;
}

static bool take_number(const char **at, int max, int *out)
{
    int number = 0;

    if (**at < '0' || **at > '9')
        return false;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        number = number * 10 + (**at - '0');
        if (number > max)
            return false;
    }
    *out = number;
    return true;
}

/* "CET", "<-03>": nothing is done with it. */
static bool take_abbreviation(const char **at)
{
    const char *start = *at;

    if (take_char(at, '<')) {
        *at += strcspn(*at, ">");
        return take_char(at, '>');
    }
    while ((**at >= 'A' && **at <= 'Z') || (**at >= 'a' && **at <= 'z'))
        (*at)++;
    return *at > start;
}

/* "-1", "3:30", "-167:59:59" */
static bool take_time(const char **at, int32_t *out_s)
{
    int parts[3] = { 0 };
    bool negative = take_char(at, '-');

    if (!negative)
        (void)take_char(at, '+');
    if (!take_number(at, HOURS_MAX, &parts[0]))
        return false;
    for (int i = 1; i < 3 && take_char(at, ':'); i++) {
        if (!take_number(at, 59, &parts[i]))
            return false;
    }
    *out_s = (parts[0] * 3600 + parts[1] * 60 + parts[2]) * (negative ? -1 : 1);
    return true;
}

static bool take_day(const char **at, struct zone_day *out)
{
    *out = (struct zone_day){ .kind = ZONE_DAY_FROM_ZERO, .time_s = 2 * 3600 };
    if (take_char(at, 'M')) {
        out->kind = ZONE_DAY_OF_MONTH;
        if (!take_number(at, 12, &out->month) || out->month < 1 || !take_char(at, '.') ||
            !take_number(at, 5, &out->nth) || out->nth < 1 || !take_char(at, '.') ||
            !take_number(at, 6, &out->day))
            return false;
    } else {
        if (take_char(at, 'J'))
            out->kind = ZONE_DAY_OF_YEAR;
        if (!take_number(at, 365, &out->day) || (out->kind == ZONE_DAY_OF_YEAR && out->day < 1))
            return false;
    }
    return !take_char(at, '/') || take_time(at, &out->time_s);
}

bool zone_parse_rule(const char *text, struct zone_rule *out)
{
    const char *at = text;
    int32_t behind_s; /* as POSIX has it: west of Greenwich is positive */

    *out = (struct zone_rule){ 0 };
    if (!take_abbreviation(&at) || !take_time(&at, &behind_s))
        return false;
    out->offset_s = -behind_s;
    if (*at == '\0')
        return true;
    out->has_summer = true;
    out->summer_offset_s = out->offset_s + 3600;
    if (!take_abbreviation(&at))
        return false;
    if (*at != ',') {
        if (!take_time(&at, &behind_s))
            return false;
        out->summer_offset_s = -behind_s;
    }
    return take_char(&at, ',') && take_day(&at, &out->begins) && take_char(&at, ',') &&
           take_day(&at, &out->ends) && *at == '\0';
}

/* In seconds since 1970, as a clock shows them. */
static int64_t day_of_year(const struct zone_day *day, int year)
{
    int64_t first = date_days(year, day->kind == ZONE_DAY_OF_MONTH ? day->month : 1, 1);
    int64_t at = first + day->day;

    if (day->kind == ZONE_DAY_OF_YEAR)
        at = first + day->day - (date_month_days(year, 2) == 29 && day->day > 59 ? 0 : 1);
    if (day->kind == ZONE_DAY_OF_MONTH) {
        at = first + (day->day - date_weekday(first) + 7) % 7 + (int64_t)(day->nth - 1) * 7;
        if (at >= first + date_month_days(year, day->month))
            at -= 7; /* there are four of them only */
    }
    return at * DAY_S + day->time_s;
}

static int64_t days_of(int64_t seconds)
{
    return seconds / DAY_S - (seconds % DAY_S < 0);
}

static int32_t rule_offset_s(const struct zone_rule *rule, int64_t utc_s)
{
    int64_t begins_s;
    int64_t ends_s;
    bool is_summer;
    int year;
    int month;
    int day;

    if (!rule->has_summer)
        return rule->offset_s;
    date_of_days(days_of(utc_s + rule->offset_s), &year, &month, &day);
    begins_s = day_of_year(&rule->begins, year) - rule->offset_s;
    ends_s = day_of_year(&rule->ends, year) - rule->summer_offset_s;
    is_summer = begins_s < ends_s ? utc_s >= begins_s && utc_s < ends_s
                                  : utc_s >= begins_s || utc_s < ends_s; /* over the new year */
    return is_summer ? rule->summer_offset_s : rule->offset_s;
}

/* ---- The database ---------------------------------------------------------------------------- */

struct counts {
    uint64_t is_ut, is_standard, leaps, changes, types, letters;
};

struct reader {
    const uint8_t *at;
    size_t left;
};

static int64_t number_of(const uint8_t *at, size_t bytes)
{
    uint64_t number = at[0] >= 0x80 ? UINT64_MAX : 0;

    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | at[i];
    return (int64_t)number;
}

static bool skip(struct reader *reader, uint64_t bytes)
{
    if (bytes > reader->left)
        return false;
    reader->at += bytes;
    reader->left -= (size_t)bytes;
    return true;
}

static bool read_header(struct reader *reader, struct counts *out)
{
    const uint8_t *at = reader->at;
    uint64_t *const counts[] = { &out->is_ut,   &out->is_standard, &out->leaps,
                                 &out->changes, &out->types,       &out->letters };

    if (!skip(reader, HEADER_BYTES) || memcmp(at, "TZif", 4) != 0 || at[4] < '2')
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++)
        *counts[i] = (uint64_t)number_of(at + 20 + i * 4, 4) & UINT32_MAX;
    return out->types > 0;
}

static uint64_t block_bytes(const struct counts *counts, uint64_t time_bytes)
{
    return counts->changes * (time_bytes + 1) + counts->types * 6 + counts->letters +
           counts->leaps * (time_bytes + 4) + counts->is_standard + counts->is_ut;
}

static bool read_offset(const uint8_t *types, const struct counts *counts, size_t index,
                        int32_t *out)
{
    int64_t offset;

    if (index >= counts->types)
        return false;
    offset = number_of(types + index * 6, 4);
    if (offset < -OFFSET_MAX_S || offset > OFFSET_MAX_S)
        return false;
    *out = (int32_t)offset;
    return true;
}

static bool read_changes(const uint8_t *block, const struct counts *counts, struct arena *arena,
                         struct zone *out)
{
    size_t count = (size_t)counts->changes;
    const uint8_t *indexes = block + count * 8;
    const uint8_t *types = indexes + count;

    out->changes = arena_array(arena, struct zone_change, count + 1);
    out->change_count = count;
    if (!read_offset(types, counts, 0, &out->first_offset_s))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct zone_change *change = &out->changes[i];

        change->at_s = number_of(block + i * 8, 8);
        if (!read_offset(types, counts, indexes[i], &change->offset_s) ||
            (i > 0 && change->at_s <= out->changes[i - 1].at_s))
            return false;
    }
    return true;
}

/* "\nRULE\n" */
static bool read_rule(const struct reader *reader, struct zone *out)
{
    const char *text = (const char *)reader->at;
    char rule[128];
    const char *end;

    if (reader->left < 2 || text[0] != '\n')
        return false;
    end = memchr(text + 1, '\n', reader->left - 1);
    if (end == NULL || (size_t)(end - text) > sizeof(rule))
        return false;
    memcpy(rule, text + 1, (size_t)(end - text - 1));
    rule[end - text - 1] = '\0';
    out->has_rule = rule[0] != '\0';
    return !out->has_rule || zone_parse_rule(rule, &out->rule);
}

int zone_parse(const char *name, const void *bytes, size_t size, struct arena *arena,
               struct zone *out, struct err *err)
{
    struct reader reader = { bytes, size };
    struct counts counts;
    struct zone zone = { .name = name };
    const uint8_t *block;

    /* The first half is for programs that count time in 32 bits. */
    if (read_header(&reader, &counts) && skip(&reader, block_bytes(&counts, 4)) &&
        read_header(&reader, &counts)) {
        block = reader.at;
        if (skip(&reader, block_bytes(&counts, 8)) && read_changes(block, &counts, arena, &zone) &&
            read_rule(&reader, &zone)) {
            *out = zone;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "it is no time zone of the tz database");
}

/* ---- What clocks show ------------------------------------------------------------------------ */

int32_t zone_offset_s(const struct zone *zone, int64_t utc_s)
{
    size_t low = 0;
    size_t high = zone->change_count; /* changes before that may be over */

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (zone->changes[middle].at_s <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->change_count && zone->has_rule)
        return rule_offset_s(&zone->rule, utc_s);
    return low == 0 ? zone->first_offset_s : zone->changes[low - 1].offset_s;
}

int64_t zone_utc_s(const struct zone *zone, int64_t local_s)
{
    int32_t before_s = zone_offset_s(zone, local_s - DAY_S);
    int32_t after_s = zone_offset_s(zone, local_s + DAY_S);
    int64_t low = local_s - DAY_S;
    int64_t high = local_s + DAY_S;

    if (zone_offset_s(zone, local_s - before_s) == before_s)
        return local_s - before_s;
    if (zone_offset_s(zone, local_s - after_s) == after_s)
        return local_s - after_s;
    while (high - low > 1) { /* when they are turned */
        int64_t middle = low + (high - low) / 2;

        if (zone_offset_s(zone, middle) == before_s)
            low = middle;
        else
            high = middle;
    }
    return high;
}

void zone_print(const struct zone *zone, int64_t utc_ms, char out[ZONE_TIME_SIZE])
{
    static const char *const weekdays[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    int64_t utc_s = utc_ms / 1000;
    int64_t local_s = utc_s + zone_offset_s(zone, utc_s);
    int64_t days = days_of(local_s);
    int minutes = (int)((local_s - days * DAY_S) / 60);
    int year;
    int month;
    int day;

    date_of_days(days, &year, &month, &day);
    (void)snprintf(out, ZONE_TIME_SIZE, "%s %04d-%02d-%02d %02d:%02d %.*s",
                   weekdays[date_weekday(days)], year, month, day, minutes / 60, minutes % 60,
                   ZONE_NAME_MAX, zone->name);
}
