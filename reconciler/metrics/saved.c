/*
 * A minute as bytes: a version, then for each service its number (seven bits a byte, the lowest
 * first, all but the last with the highest bit), what there is of it, and its columns, the lower
 * byte first.
 */
#include <string.h>

#include "reconciler/metrics/metrics_int.h"

#define VERSION  1
#define HAS_USE  1
#define HAS_LOAD 2

static void put_number(struct buf *out, uint32_t number)
{
    for (; number >= 0x80; number >>= 7)
        buf_char(out, (char)(number | 0x80));
    buf_char(out, (char)number);
}

static void put_columns(struct buf *out, const uint16_t *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_char(out, (char)(columns[i] & 0xff));
        buf_char(out, (char)(columns[i] >> 8));
    }
}

void metrics_save(const struct metrics *metrics, int64_t minute, struct buf *out)
{
    bool is_begun = false;

    for (const struct measured_service *at = metrics->services; at != NULL; at = at->by_key.next) {
        struct series_minute saved;

        if (!series_save(at->series, minute, &saved))
            continue;
        if (!is_begun)
            buf_char(out, VERSION);
        is_begun = true;
        put_number(out, at->number);
        buf_char(out, (char)((saved.has_use ? HAS_USE : 0) | (saved.has_load ? HAS_LOAD : 0)));
        if (saved.has_use)
            put_columns(out, saved.use, SERIES_USE_COLUMNS);
        if (saved.has_load)
            put_columns(out, saved.load, SERIES_LOAD_COLUMNS);
    }
}

bool metrics_numbers_changed(const struct metrics *metrics)
{
    return metrics->numbers_changed;
}

void metrics_numbers_kept(struct metrics *metrics)
{
    metrics->numbers_changed = false;
}

void metrics_numbers(const struct metrics *metrics, metrics_number_fn *fn, void *context)
{
    for (const struct measured_service *at = metrics->services; at != NULL; at = at->by_key.next)
        fn(context, at->number, at->key);
}

/* ---- Back again ------------------------------------------------------------------------------ */

struct bytes {
    const unsigned char *at;
    size_t left;
};

static bool take_byte(struct bytes *bytes, unsigned char *out)
{
    if (bytes->left == 0)
        return false;
    *out = *bytes->at++;
    bytes->left--;
    return true;
}

static bool take_number(struct bytes *bytes, uint32_t *out)
{
    uint64_t number = 0;
    unsigned char byte;

    for (unsigned shift = 0; shift < 35; shift += 7) {
        if (!take_byte(bytes, &byte))
            return false;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *out = (uint32_t)number;
            return number <= UINT32_MAX;
        }
    }
    return false;
}

static bool take_columns(struct bytes *bytes, uint16_t *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char low;
        unsigned char high;

        if (!take_byte(bytes, &low) || !take_byte(bytes, &high))
            return false;
        columns[i] = (uint16_t)(low | high << 8);
    }
    return true;
}

static bool take_service(struct bytes *bytes, uint32_t *number, struct series_minute *out)
{
    unsigned char what;

    memset(out, 0, sizeof(*out));
    if (!take_number(bytes, number) || !take_byte(bytes, &what) ||
        (what & ~(HAS_USE | HAS_LOAD)) != 0)
        return false;
    out->has_use = (what & HAS_USE) != 0;
    out->has_load = (what & HAS_LOAD) != 0;
    return (!out->has_use || take_columns(bytes, out->use, SERIES_USE_COLUMNS)) &&
           (!out->has_load || take_columns(bytes, out->load, SERIES_LOAD_COLUMNS));
}

void metrics_restore_number(struct metrics *metrics, uint32_t number, const char *service)
{
    const struct measured_service *taken;

    HASH_FIND(by_number, metrics->numbers, &number, sizeof(number), taken);
    if (taken == NULL && metrics_find(metrics, service) == NULL &&
        metrics->bytes + series_bytes(/* has_load= */ true) <= METRICS_BYTES_MAX)
        (void)metrics_add(metrics, service, number);
}

void metrics_restore(struct metrics *metrics, int64_t minute, const void *data, size_t size)
{
    struct bytes bytes = { data, size };
    unsigned char version;
    struct series_minute saved;
    uint32_t number;

    if (!take_byte(&bytes, &version) || version != VERSION)
        return;
    while (bytes.left > 0 && take_service(&bytes, &number, &saved)) {
        struct measured_service *service;
        bool had_load;

        HASH_FIND(by_number, metrics->numbers, &number, sizeof(number), service);
        if (service == NULL)
            continue;
        had_load = series_has_load(service->series);
        series_restore(service->series, minute, &saved);
        metrics_grown(metrics, service, had_load);
    }
}
