/*
 * Numbers, durations, sizes, times, names and patterns: what is understood is understood the same
 * when it is printed, and nothing is beyond its limits.  Lines: a value, a pattern, words.
 */
#include <stdio.h>
#include <string.h>

#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "tests/fuzz/fuzz.h"

#define YEARS_10_MS (3660LL * 24 * 3600 * 1000)
#define DAY_MS      (24LL * 3600 * 1000)

static void check_numbers(const char *text)
{
    char again[32];
    uint64_t u64 = 7;
    int64_t i64 = 7;
    uint32_t u32 = 7;
    double f64 = 7;

    if (text_parse_u64(text, &u64)) {
        (void)snprintf(again, sizeof(again), "%llu", (unsigned long long)u64);
        ASSERT(strcmp(again, text + strspn(text, "0")) == 0 || u64 == 0);
    } else {
        ASSERT(u64 == 7);
    }
    if (text_parse_u32(text, &u32))
        ASSERT(u32 == u64);
    if (text_parse_i64(text, &i64) && i64 >= 0 && text[0] != '+' && text[0] != '-')
        ASSERT((uint64_t)i64 == u64);
    if (text_parse_f64(text, &f64))
        ASSERT(f64 - f64 == 0); /* finite */
    else
        ASSERT(f64 == 7);
}

/* A bare number means itself. */
static void check_size(const char *text, bool (*parse)(const char *text, uint32_t *out))
{
    char printed[16];
    uint32_t size = 7;
    uint32_t again = 0;

    if (!parse(text, &size)) {
        ASSERT(size == 7);
        return;
    }
    (void)snprintf(printed, sizeof(printed), "%u", size);
    bool read = parse(printed, &again);
    ASSERT(read && again == size);
}

static void check_units(const char *text)
{
    char printed[TEXT_TIME_SIZE];
    int64_t ms = 0;
    int64_t again = 0;

    check_size(text, text_parse_mib);
    check_size(text, text_parse_cpu_units);
    if (text_parse_duration_ms(text, &ms)) {
        ASSERT(ms >= 0 && ms <= YEARS_10_MS);
        text_print_duration(ms, printed);
        bool read = text_parse_duration_ms(printed, &again);
        ASSERT(read);
        ASSERT(again <= ms && ms - again < DAY_MS);
    }
    if (text_parse_time_ms(text, &ms)) {
        text_print_time(ms, printed);
        bool read = text_parse_time_ms(printed, &again);
        ASSERT(read);
        /* An offset may lead out of the years that can be written; those are cut off. */
        ASSERT(again == ms || strncmp(printed, "0000", 4) == 0 || strncmp(printed, "9999", 4) == 0);
    }
}

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= 0x80)
            return false;
    }
    return true;
}

static void check_words(struct fuzz_input *input, const char *value)
{
    AUTO_TEXT char *first = fuzz_take(input, "\n", NULL);
    AUTO_TEXT char *second = fuzz_rest(input, NULL);
    const char *const candidates[] = { first, NULL, second, "desiredCount" };
    const char *nearest = text_nearest(value, candidates, ARRAY_COUNT(candidates));

    ASSERT(nearest == NULL || nearest == first || nearest == second || nearest == candidates[3]);
    if (text_is_name(value))
        ASSERT(strlen(value) <= 255 && is_ascii(value));
}

static void check_base64(const char *text, size_t size)
{
    size_t decoded_size = 0;
    AUTO_TEXT char *encoded = base64_encode(text, size, /* url_safe= */ false);
    AUTO_TEXT char *decoded = base64_decode(encoded, &decoded_size);
    AUTO_TEXT char *any = base64_decode(text, &decoded_size);
    char hex[SHA256_HEX_SIZE];

    if (any != NULL)
        ASSERT(any[decoded_size] == '\0' && decoded_size <= strlen(text) / 4 * 3 + 3);
    ASSERT(decoded != NULL && memcmp(decoded, text, size) == 0);
    sha256_hex(text, size, hex);
    ASSERT(strlen(hex) == SHA256_HEX_SIZE - 1 && digest_equal(hex, hex));
    (void)digest_equal(hex, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    size_t value_size;
    AUTO_TEXT char *value = fuzz_take(&input, "\n", &value_size);

    check_numbers(value);
    check_units(value);
    check_words(&input, value);
    check_base64(value, value_size);
    return 0;
}
