/*
 * Everything here reads ASCII by hand: the C library's classes and conversions ask the locale.
 */
#include "spec/base/text.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/date.h"
#include "spec/base/limits.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

#define DURATION_MAX_MS (3653 * DAY_MS) /* ten years with three leap days */

struct unit {
    const char *name;
    int64_t factor;
};

/* From large to small. */
static const struct unit duration_units[] = {
    { "d", DAY_MS }, { "h", HOUR_MS }, { "m", MINUTE_MS }, { "s", SECOND_MS }, { "ms", 1 },
};

/* To MiB. */
static const struct unit mib_units[] = {
    { "", 1 },      { "mib", 1 },           { "mb", 1 },           { "gib", 1024 },
    { "gb", 1024 }, { "tib", 1024 * 1024 }, { "tb", 1024 * 1024 },
};

static const struct unit cpu_units[] = { { "", 1 }, { "vcpu", 1024 } };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool text_starts(const char *text, const char *prefix)
{
    return text != NULL && prefix != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
    if (text == NULL || suffix == NULL)
        return false;

    size_t size = strlen(text);
    size_t suffix_size = strlen(suffix);
    return size >= suffix_size && memcmp(text + size - suffix_size, suffix, suffix_size) == 0;
}

bool text_is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

void text_copy(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);

    ASSERT(size > 0);
    if (length >= size)
        length = size - 1;
    memcpy(out, text, length);
    out[length] = '\0';
}

/* Reads digits, one at least, and moves the cursor behind them. */
static bool take_u64(const char **cursor, uint64_t *out)
{
    const char *at = *cursor;
    uint64_t number = 0;

    if (!is_digit(*at))
        return false;
    for (; is_digit(*at); at++) {
        if (__builtin_mul_overflow(number, 10U, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
            return false;
    }
    *cursor = at;
    *out = number;
    return true;
}

bool text_parse_u64(const char *text, uint64_t *out)
{
    uint64_t number;

    if (text == NULL || !take_u64(&text, &number) || *text != '\0')
        return false;
    *out = number;
    return true;
}

bool text_parse_u32(const char *text, uint32_t *out)
{
    uint64_t number;

    if (!text_parse_u64(text, &number) || number > UINT32_MAX)
        return false;
    *out = (uint32_t)number;
    return true;
}

bool text_parse_i64(const char *text, int64_t *out)
{
    if (text == NULL)
        return false;

    bool negative = *text == '-';
    uint64_t number;
    if (!text_parse_u64(text + (*text == '-' || *text == '+' ? 1 : 0), &number))
        return false;
    if (number > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    /* The lowest number has no positive twin to negate. */
    *out = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

static size_t skip_digits(const char **cursor)
{
    const char *start = *cursor;

    while (is_digit(**cursor))
        (*cursor)++;
    return (size_t)(*cursor - start);
}

/* strtod alone would also take hexadecimal numbers, "nan" and leading blanks. */
static bool looks_like_f64(const char *text)
{
    if (*text == '-' || *text == '+')
        text++;
    size_t digits = skip_digits(&text);
    if (*text == '.') {
        text++;
        digits += skip_digits(&text);
    }
    if (digits == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        if (*text == '-' || *text == '+')
            text++;
        if (skip_digits(&text) == 0)
            return false;
    }
    return *text == '\0';
}

bool text_parse_f64(const char *text, double *out)
{
    if (text == NULL || !looks_like_f64(text))
        return false;

    /* glibc has this one ready: nothing is allocated and it cannot fail. */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    ASSERT(plain != (locale_t)0);
    double number = strtod_l(text, NULL, plain);
    freelocale(plain);
    if (!isfinite(number))
        return false;
    *out = number;
    return true;
}

/* The duration unit at the cursor; only units smaller than the one before may follow it. */
static const struct unit *take_duration_unit(const char **cursor, const struct unit *before)
{
    const struct unit *end = duration_units + ARRAY_COUNT(duration_units);
    const char *at = *cursor;
    size_t size = 0;

    while (is_letter(at[size]))
        size++;
    for (const struct unit *unit = before != NULL ? before + 1 : duration_units; unit < end;
         unit++) {
        if (strlen(unit->name) == size && memcmp(unit->name, at, size) == 0) {
            *cursor = at + size;
            return unit;
        }
    }
    return NULL;
}

bool text_parse_duration_ms(const char *text, int64_t *out)
{
    uint64_t seconds;
    int64_t total = 0;

    if (text == NULL || *text == '\0')
        return false;
    if (text_parse_u64(text, &seconds)) {
        if (__builtin_mul_overflow(seconds, SECOND_MS, &total) || total > DURATION_MAX_MS)
            return false;
        *out = total;
        return true;
    }

    const struct unit *unit = NULL;
    while (*text != '\0') {
        uint64_t number;
        int64_t part;
        if (!take_u64(&text, &number))
            return false;
        unit = take_duration_unit(&text, unit);
        if (unit == NULL || __builtin_mul_overflow(number, unit->factor, &part) ||
            __builtin_add_overflow(total, part, &total) || total > DURATION_MAX_MS)
            return false;
    }
    *out = total;
    return true;
}

/* digits / 10^scale: exact, unlike a double. */
struct decimal {
    uint64_t digits;
    uint32_t scale;
};

static bool take_decimal(const char **cursor, struct decimal *out)
{
    struct decimal number = { 0 };
    bool any = take_u64(cursor, &number.digits);

    if (!any && **cursor != '.')
        return false;
    if (**cursor == '.') {
        const char *start = ++*cursor;
        const char *end = start + skip_digits(cursor);
        if (end == start)
            return false;
        while (end > start && end[-1] == '0')
            end--;
        for (const char *at = start; at < end; at++, number.scale++) {
            if (__builtin_mul_overflow(number.digits, 10U, &number.digits) ||
                __builtin_add_overflow(number.digits, (uint64_t)(*at - '0'), &number.digits))
                return false;
        }
    }
    *out = number;
    return true;
}

/* number * factor, when that is whole and fits. */
static bool decimal_times(struct decimal number, int64_t factor, uint32_t *out)
{
    uint64_t product;

    if (__builtin_mul_overflow(number.digits, (uint64_t)factor, &product))
        return false;
    for (; number.scale > 0; number.scale--) {
        if (product % 10 != 0)
            return false;
        product /= 10;
    }
    if (product > UINT32_MAX)
        return false;
    *out = (uint32_t)product;
    return true;
}

/* ASCII only, so that a Turkish locale does not lose the i of "MiB". */
static bool equal_but_case(const char *text, const char *lower_case)
{
    while (*text != '\0' && lower(*text) == *lower_case) {
        text++;
        lower_case++;
    }
    return *text == '\0' && *lower_case == '\0';
}

static bool parse_with_unit(const char *text, const struct unit *units, size_t count, uint32_t *out)
{
    struct decimal number;

    if (text == NULL || !take_decimal(&text, &number))
        return false;
    bool spaced = *text == ' ';
    while (*text == ' ')
        text++;
    if (spaced && *text == '\0')
        return false;
    for (size_t i = 0; i < count; i++) {
        if (equal_but_case(text, units[i].name))
            return decimal_times(number, units[i].factor, out);
    }
    return false;
}

bool text_parse_mib(const char *text, uint32_t *out)
{
    return parse_with_unit(text, mib_units, ARRAY_COUNT(mib_units), out);
}

bool text_parse_cpu_units(const char *text, uint32_t *out)
{
    return parse_with_unit(text, cpu_units, ARRAY_COUNT(cpu_units), out);
}

/* Exactly `count` digits between min and max, then `after` unless that is NUL. */
static bool take_field(const char **cursor, int count, int64_t min, int64_t max, char after,
                       int64_t *out)
{
    const char *at = *cursor;
    int64_t number = 0;

    for (int i = 0; i < count; i++, at++) {
        if (!is_digit(*at))
            return false;
        number = number * 10 + (*at - '0');
    }
    if (number < min || number > max || (after != '\0' && lower(*at) != after))
        return false;
    *cursor = after != '\0' ? at + 1 : at;
    *out = number;
    return true;
}

static bool take_date_ms(const char **cursor, int64_t *out)
{
    int64_t year;
    int64_t month;
    int64_t day;

    if (!take_field(cursor, 4, 0, 9999, '-', &year) || !take_field(cursor, 2, 1, 12, '-', &month) ||
        !take_field(cursor, 2, 1, date_month_days(year, month), 't', &day))
        return false;
    *out = date_days(year, month, day) * DAY_MS;
    return true;
}

static bool take_clock_ms(const char **cursor, int64_t *out)
{
    int64_t hour;
    int64_t minute;
    int64_t second; /* 60 is a leap second */

    if (!take_field(cursor, 2, 0, 23, ':', &hour) || !take_field(cursor, 2, 0, 59, ':', &minute) ||
        !take_field(cursor, 2, 0, 60, '\0', &second))
        return false;

    int64_t ms = 0;
    if (**cursor == '.') {
        (*cursor)++;
        const char *start = *cursor;
        if (skip_digits(cursor) == 0)
            return false;
        int64_t weight = 100;
        for (const char *at = start; at < *cursor && weight > 0; at++, weight /= 10)
            ms += weight * (*at - '0');
    }
    *out = hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + ms;
    return true;
}

static bool take_offset_ms(const char **cursor, int64_t *out)
{
    char sign = **cursor;
    int64_t hour;
    int64_t minute;

    if (sign == 'Z' || sign == 'z') {
        (*cursor)++;
        *out = 0;
        return true;
    }
    if (sign != '+' && sign != '-')
        return false;
    (*cursor)++;
    if (!take_field(cursor, 2, 0, 23, ':', &hour) || !take_field(cursor, 2, 0, 59, '\0', &minute))
        return false;
    *out = (hour * HOUR_MS + minute * MINUTE_MS) * (sign == '-' ? -1 : 1);
    return true;
}

bool text_parse_time_ms(const char *text, int64_t *out)
{
    int64_t date;
    int64_t clock;
    int64_t offset;

    if (text == NULL || !take_date_ms(&text, &date) || !take_clock_ms(&text, &clock) ||
        !take_offset_ms(&text, &offset) || *text != '\0')
        return false;

    int64_t ms = date + clock - offset;
    *out = ms == date_days(1, 1, 1) * DAY_MS ? 0 : ms;
    return true;
}

void text_print_time(int64_t ms, char *out)
{
    /* Four digits are all the format has for a year. */
    int64_t min = date_days(0, 1, 1) * DAY_MS;
    int64_t max = date_days(10000, 1, 1) * DAY_MS - 1;
    ms = ms < min ? min : ms;
    ms = ms > max ? max : ms;

    int64_t days = (ms >= 0 ? ms : ms - (DAY_MS - 1)) / DAY_MS;
    int rest = (int)(ms - days * DAY_MS);
    int year;
    int month;
    int day;
    date_of_days(days, &year, &month, &day);
    int size = snprintf(out, TEXT_TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month,
                        day, rest / 3600000, rest / 60000 % 60, rest / 1000 % 60, rest % 1000);
    ASSERT(size > 0 && size < TEXT_TIME_SIZE);
}

void text_print_duration(int64_t ms, char *out)
{
    uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    size_t first = 0;

    while (first + 1 < ARRAY_COUNT(duration_units) && left < (uint64_t)duration_units[first].factor)
        first++;

    const struct unit *unit = &duration_units[first];
    uint64_t count = left / (uint64_t)unit->factor;
    left %= (uint64_t)unit->factor;
    /* Beside ten seconds and more, milliseconds are noise. */
    const struct unit *next = unit + 1;
    uint64_t next_count = 0;
    if (unit->factor > 1 && (unit->factor != SECOND_MS || count < 10))
        next_count = left / (uint64_t)next->factor;

    const char *sign = ms < 0 ? "-" : "";
    int size;
    if (next_count > 0)
        size = snprintf(out, TEXT_TIME_SIZE, "%s%llu%s%llu%s", sign, (unsigned long long)count,
                        unit->name, (unsigned long long)next_count, next->name);
    else
        size =
            snprintf(out, TEXT_TIME_SIZE, "%s%llu%s", sign, (unsigned long long)count, unit->name);
    ASSERT(size > 0 && size < TEXT_TIME_SIZE);
}

/* The bytes of the UTF-8 character that begins here, or 0.  Overlong forms, surrogates and numbers
 * past U+10FFFF all show in the second byte. */
static size_t utf8_size(const unsigned char *at, size_t left)
{
    unsigned char lead = at[0];
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

    if (lead < 0xC2 || lead > 0xF4 || size > left)
        return 0;
    if (lead == 0xE0)
        low = 0xA0;
    if (lead == 0xED)
        high = 0x9F;
    if (lead == 0xF0)
        low = 0x90;
    if (lead == 0xF4)
        high = 0x8F;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if ((at[i] & 0xC0U) != 0x80U)
            return 0;
    }
    return size;
}

bool text_is_utf8(const char *text, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text;

    for (size_t i = 0; i < size;) {
        if (bytes[i] - 1U < 0x7FU) { /* 1 to 127 */
            i++;
            continue;
        }
        size_t taken = bytes[i] == 0 ? 0 : utf8_size(bytes + i, size - i);
        if (taken == 0)
            return false;
        i += taken;
    }
    return true;
}

bool text_is_name(const char *text)
{
    if (text == NULL || (!is_letter(*text) && !is_digit(*text)))
        return false;

    size_t size = 1;
    while (is_letter(text[size]) || is_digit(text[size]) || text[size] == '-' ||
           text[size] == '_') {
        size++;
        if (size > LIMIT_NAME)
            return false;
    }
    return text[size] == '\0';
}

void text_wipe(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

void text_disarm(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        bool is_c1 = at[0] == 0xC2 && at[1] >= 0x80 && at[1] <= 0x9F;

        if ((*at < ' ' && *at != '\n' && *at != '\t') || *at == 0x7F || is_c1)
            *at = '?';
        if (is_c1)
            *++at = '?';
    }
}
