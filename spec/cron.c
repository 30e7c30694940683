#include "spec/cron.h"

#include <string.h>

#include "spec/base/date.h"
#include "spec/base/text.h"

#define FIELD_BYTES 128
#define MINUTE_S    60
#define DAY_MINUTES (24 * 60)
#define DAY_S       (DAY_MINUTES * MINUTE_S)
#define AHEAD_DAYS  (41 * 366) /* a February 29 that is a fifth Sunday may take 40 years to come */

/* One of the six: what may be in it. */
struct part {
    const char *name;
    int min;
    int max;
    const char *const *words; /* for min, min + 1, ...; NULL: none */
    bool wraps;               /* FRI-MON */
};

static const char *const month_words[] = { "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                           "AUG", "SEP", "OCT", "NOV", "DEC", NULL };
static const char *const weekday_words[] = {
    "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL
};

enum { MINUTES, HOURS, DAY_OF_MONTH, MONTH, DAY_OF_WEEK, YEAR, PARTS };

static const struct part parts[PARTS] = {
    [MINUTES] = { "minutes", 0, 59, NULL, false },
    [HOURS] = { "hours", 0, 23, NULL, false },
    [DAY_OF_MONTH] = { "day of month", 1, 31, NULL, false },
    [MONTH] = { "month", 1, 12, month_words, false },
    [DAY_OF_WEEK] = { "day of week", 1, 7, weekday_words, true },
    [YEAR] = { "year", CRON_YEAR_MIN, CRON_YEAR_MAX, NULL, false },
};

/* Which numbers of one part match, from its least one on. */
struct matches {
    uint64_t bits[4];
};

static void add(struct matches *matches, int index)
{
    matches->bits[index / 64] |= UINT64_C(1) << (index % 64);
}

static bool word_equal(const char *at, const char *word)
{
    for (; *word != '\0'; at++, word++) {
        if ((*at & ~0x20) != *word)
            return false;
    }
    return true;
}

/* A number, or a word that stands for one. */
static bool take_value(const char **at, const struct part *part, int *out)
{
    int number = 0;
    const char *start = *at;

    for (size_t i = 0; part->words != NULL && part->words[i] != NULL; i++) {
        if (!word_equal(*at, part->words[i]))
            continue;
        *at += 3;
        *out = part->min + (int)i;
        return true;
    }
    for (; **at >= '0' && **at <= '9' && number <= part->max; (*at)++)
        number = number * 10 + (**at - '0');
    *out = number;
    return *at > start && number >= part->min && number <= part->max;
}

/* "*", "5", "1-5", each perhaps with a step: "5/10" goes on to the end. */
static bool take_range(const char *at, const struct part *part, struct matches *matches)
{
    int size = part->max - part->min + 1;
    int first = part->min;
    int last = part->max;
    int step = 1;

    if (*at == '*') {
        at++;
    } else {
        if (!take_value(&at, part, &first))
            return false;
        last = *at == '/' ? part->max : first;
        if (*at == '-') {
            at++;
            if (!take_value(&at, part, &last))
                return false;
        }
    }
    if (*at == '/') {
        const struct part steps = { .min = 1, .max = size };

        at++;
        if (!take_value(&at, &steps, &step))
            return false;
    }
    if (*at != '\0' || (last < first && !part->wraps))
        return false;
    if (last < first)
        last += size;
    for (int value = first; value <= last; value += step)
        add(matches, (value - part->min) % size);
    return true;
}

/* What only days know: "L", "15W", "SUN#2", "SUNL".  False: it is none of them. */
static bool take_special(const char *at, int index, struct cron *out)
{
    const struct part *part = &parts[index];
    int value;

    if (index == DAY_OF_MONTH && text_equal(at, "L")) {
        out->last_day = true;
        return true;
    }
    if (index == DAY_OF_WEEK && text_equal(at, "L")) {
        out->weekdays |= 1U << 6; /* the last day of a week that begins on Sunday */
        return true;
    }
    if (!take_value(&at, part, &value))
        return false;
    if (index == DAY_OF_MONTH && text_equal(at, "W")) {
        out->near_days |= 1U << value;
        return true;
    }
    if (index == DAY_OF_WEEK && text_equal(at, "L")) {
        out->last_weekdays |= 1U << (value - 1);
        return true;
    }
    if (index != DAY_OF_WEEK || at[0] != '#' || at[1] < '1' || at[1] > '5' || at[2] != '\0')
        return false;
    out->nth[at[1] - '1'] |= 1U << (value - 1);
    return true;
}

/* Elements between commas. */
static int parse_part(char *text, int index, struct cron *out, struct matches *matches,
                      struct err *err)
{
    const struct part *part = &parts[index];
    char *at = text;

    for (;;) {
        size_t size = strcspn(at, ",");
        bool is_last = at[size] == '\0';
        bool is_day = index == DAY_OF_MONTH || index == DAY_OF_WEEK;

        at[size] = '\0';
        if (!(is_day && take_special(at, index, out)) && !take_range(at, part, matches))
            return err_set(err, ERR_INVALID, "%s: '%s' is not understood: it goes from %d to %d",
                           part->name, at, part->min, part->max);
        if (is_last)
            return 0;
        at += size + 1;
    }
}

static bool take_word(const char **at, char out[FIELD_BYTES])
{
    size_t size;

    *at += strspn(*at, " ");
    size = strcspn(*at, " )");
    if (size == 0 || size >= FIELD_BYTES)
        return false;
    memcpy(out, *at, size);
    out[size] = '\0';
    *at += size;
    return true;
}

static void keep(struct cron *cron, int index, const struct matches *matches)
{
    switch (index) {
    case MINUTES: cron->minutes = matches->bits[0]; break;
    case HOURS: cron->hours = (uint32_t)matches->bits[0]; break;
    case DAY_OF_MONTH: cron->days = (uint32_t)(matches->bits[0] << 1); break;
    case MONTH: cron->months = (uint32_t)(matches->bits[0] << 1); break;
    case DAY_OF_WEEK: cron->weekdays |= (uint32_t)matches->bits[0]; break;
    default: memcpy(cron->years, matches->bits, sizeof(cron->years)); break;
    }
}

/* "cron(", six words, ")" */
static int split(const char *text, char words[PARTS][FIELD_BYTES], struct err *err)
{
    const char *at = text;

    if (!text_starts(text, "cron("))
        return err_set(err, ERR_INVALID, "'%s' is no cron(...): write cron(0 3 ? * SUN *)", text);
    at += strlen("cron(");
    for (int i = 0; i < PARTS; i++) {
        if (!take_word(&at, words[i]))
            return err_set(err, ERR_INVALID,
                           "'%s' has not six fields: minutes, hours, day of month, month, day of "
                           "week, year",
                           text);
    }
    at += strspn(at, " ");
    if (!text_equal(at, ")"))
        return err_set(err, ERR_INVALID, "'%s' has more than six fields", text);
    return 0;
}

int cron_parse(const char *text, struct cron *out, struct err *err)
{
    struct cron cron = { 0 };
    bool any[PARTS] = { false };
    char words[PARTS][FIELD_BYTES];

    _Static_assert(sizeof(cron.years) == sizeof(struct matches), "one bit a year");
    if (split(text, words, err) < 0)
        return -1;
    for (int i = 0; i < PARTS; i++) {
        struct matches matches = { { 0 } };

        any[i] = text_equal(words[i], "?");
        if (any[i] && i != DAY_OF_MONTH && i != DAY_OF_WEEK)
            return err_set(err, ERR_INVALID, "%s: '?' is for days: write '*'", parts[i].name);
        if (!any[i] && parse_part(words[i], i, &cron, &matches, err) < 0)
            return -1;
        keep(&cron, i, &matches);
    }
    if (any[DAY_OF_MONTH] == any[DAY_OF_WEEK])
        return err_set(err, ERR_INVALID,
                       "one of day of month and day of week is '?', the other one is not");
    cron.by_weekday = any[DAY_OF_MONTH];
    *out = cron;
    return 0;
}

/* ---- Days ------------------------------------------------------------------------------------ */

static bool has_bit(uint32_t bits, int64_t index)
{
    return (bits >> index & 1) != 0;
}

/* Where the weekday is that is nearest to a day, in its month. */
static int64_t near_day(int64_t first, int64_t size, int64_t day)
{
    int weekday;

    if (day > size)
        return 0; /* there is none in this month */
    weekday = date_weekday(first + day - 1);
    if (weekday == 6)
        return day > 1 ? day - 1 : day + 2;
    if (weekday == 0)
        return day < size ? day + 1 : day - 2;
    return day;
}

bool cron_has_day(const struct cron *cron, int64_t days)
{
    int weekday = date_weekday(days);
    int64_t size;
    int year;
    int month;
    int day;

    date_of_days(days, &year, &month, &day);
    if (year < CRON_YEAR_MIN || year > CRON_YEAR_MAX || !has_bit(cron->months, month) ||
        (cron->years[(year - CRON_YEAR_MIN) / 64] >> ((year - CRON_YEAR_MIN) % 64) & 1) == 0)
        return false;
    size = date_month_days(year, month);
    if (cron->by_weekday)
        return has_bit(cron->weekdays, weekday) || has_bit(cron->nth[(day - 1) / 7], weekday) ||
               (day + 7 > size && has_bit(cron->last_weekdays, weekday));
    if (has_bit(cron->days, day) || (cron->last_day && day == size))
        return true;
    for (int near = 1; near <= 31 && cron->near_days != 0; near++) {
        if (has_bit(cron->near_days, near) && near_day(days - day + 1, size, near) == day)
            return true;
    }
    return false;
}

bool cron_has_minute(const struct cron *cron, int minute_of_day)
{
    ASSERT(minute_of_day >= 0 && minute_of_day < DAY_MINUTES);
    return has_bit(cron->hours, minute_of_day / 60) &&
           (cron->minutes >> (minute_of_day % 60) & 1) != 0;
}

/* ---- Times ----------------------------------------------------------------------------------- */

static int64_t time_s(const struct zone *zone, int64_t day, int minute)
{
    return zone_utc_s(zone, day * DAY_S + (int64_t)minute * MINUTE_S);
}

static int64_t day_of(const struct zone *zone, int64_t utc_s)
{
    int64_t local_s = utc_s + zone_offset_s(zone, utc_s);

    return local_s / DAY_S - (local_s % DAY_S < 0);
}

int64_t cron_next_s(const struct cron *cron, const struct zone *zone, int64_t after_s)
{
    int64_t first = day_of(zone, after_s) - 1;

    for (int64_t day = first; day < first + AHEAD_DAYS; day++) {
        if (!cron_has_day(cron, day))
            continue;
        for (int minute = 0; minute < DAY_MINUTES; minute++) {
            if (cron_has_minute(cron, minute) && time_s(zone, day, minute) > after_s)
                return time_s(zone, day, minute);
        }
    }
    return CRON_NEVER;
}

int64_t cron_last_s(const struct cron *cron, const struct zone *zone, int64_t after_s,
                    int64_t until_s)
{
    for (int64_t day = day_of(zone, until_s) + 1; day >= day_of(zone, after_s) - 1; day--) {
        if (!cron_has_day(cron, day))
            continue;
        for (int minute = DAY_MINUTES - 1; minute >= 0; minute--) {
            if (!cron_has_minute(cron, minute) || time_s(zone, day, minute) > until_s)
                continue;
            return time_s(zone, day, minute) > after_s ? time_s(zone, day, minute) : CRON_NEVER;
        }
    }
    return CRON_NEVER;
}

bool cron_has_any_day(const struct cron *cron)
{
    int64_t end = date_days(CRON_YEAR_MAX + 1, 1, 1);
    int64_t day = date_days(CRON_YEAR_MIN, 1, 1);

    while (day < end && !cron_has_day(cron, day))
        day++;
    return day < end;
}
