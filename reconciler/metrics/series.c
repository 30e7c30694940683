/*
 * Periods have numbers, Unix time divided by their length.  A period is open (its sums are kept in
 * `bins`) until it is OPEN periods old; then it is packed, and with the last of a minute so is the
 * minute.  Each ring knows up to which number, exclusive, it was filled.
 */
#include "reconciler/metrics/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/metrics/pack.h"

#define OPEN       9 /* periods: three minutes, which are more than between two samples */
#define PER_MINUTE (60 / SERIES_PERIOD_S)
#define PERIOD_MS  (SERIES_PERIOD_S * 1000)
#define MINUTE_MS  60000

enum use_column { USE_CPU, USE_MEMORY, USE_TASKS };
enum load_column {
    LOAD_REQUESTS,
    LOAD_ANSWERS, /* and the next three */
    LOAD_ERRORS = LOAD_ANSWERS + SAMPLE_ANSWERS,
    LOAD_RESPONSE,
    LOAD_QUEUE,
    LOAD_TARGETS
};
_Static_assert(USE_TASKS + 1 == SERIES_USE_COLUMNS, "columns of use");
_Static_assert(LOAD_TARGETS + 1 == SERIES_LOAD_COLUMNS, "columns of load");

/* What is multiplied before it is packed: thousandths of a percent, hundredths of a task,
 * microseconds. */
static const double use_scales[] = { 1000, 1000, 100 };
static const double load_scales[] = { 1, 1, 1, 1, 1, 1, 1e6, 1, 100 };

/* Sums over a period, or over any time. */
struct sums {
    double task_s; /* seconds of all tasks */
    double cpu;    /* percent, by the weight of cpu_weight */
    double cpu_weight;
    double memory;
    double memory_weight;
    double load_s; /* seconds in which requests were counted; 0: none */
    double requests;
    double answers[SAMPLE_ANSWERS];
    double errors;
    double response; /* seconds, by the weight of requests */
    double response_weight;
    double queue;
    double target_s;
};

struct bin {
    int64_t period; /* whose it is; 0: nobody's */
    struct sums sums;
};

struct use_slot {
    uint16_t column[SERIES_USE_COLUMNS];
};
struct load_slot {
    uint16_t column[SERIES_LOAD_COLUMNS];
};
struct load_rings {
    struct load_slot periods[SERIES_PERIODS];
    struct load_slot minutes[SERIES_MINUTES];
};

struct series {
    int64_t newest; /* period that is open; 0: none */
    struct bin bins[OPEN];
    int64_t periods_begin; /* before it only minutes are known */
    int64_t periods_end;
    int64_t minutes_end;
    int64_t use_until_ms;
    int64_t load_until_ms;
    struct use_slot periods[SERIES_PERIODS];
    struct use_slot minutes[SERIES_MINUTES];
    struct load_rings *load; /* NULL: no load balancer was ever seen */
};

size_t series_bytes(bool has_load)
{
    return sizeof(struct series) + (has_load ? sizeof(struct load_rings) : 0);
}

struct series *series_new(void)
{
    struct series *series = mem_alloc(sizeof(*series));

    memset(series->periods, 0xff, sizeof(series->periods));
    memset(series->minutes, 0xff, sizeof(series->minutes));
    return series;
}

void series_free(struct series *series)
{
    if (series != NULL)
        free(series->load);
    free(series);
}

bool series_has_load(const struct series *series)
{
    return series->load != NULL;
}

static void need_load(struct series *series)
{
    if (series->load != NULL)
        return;
    series->load = mem_alloc(sizeof(*series->load));
    memset(series->load, 0xff, sizeof(*series->load));
}

/* ---- Packing --------------------------------------------------------------------------------- */

static double ratio(double sum, double weight)
{
    return weight > 0 ? sum / weight : NAN;
}

static void pack_use(const struct sums *sums, double seconds, struct use_slot *out)
{
    const double values[] = { ratio(sums->cpu, sums->cpu_weight),
                              ratio(sums->memory, sums->memory_weight),
                              sums->task_s > 0 ? sums->task_s / seconds : NAN };

    for (size_t i = 0; i < SERIES_USE_COLUMNS; i++)
        out->column[i] = pack(values[i] * use_scales[i]);
}

static void pack_load(const struct sums *sums, struct load_slot *out)
{
    double values[SERIES_LOAD_COLUMNS];

    memset(out, 0xff, sizeof(*out));
    if (sums->load_s <= 0)
        return;
    values[LOAD_REQUESTS] = sums->requests;
    memcpy(&values[LOAD_ANSWERS], sums->answers, sizeof(sums->answers));
    values[LOAD_ERRORS] = sums->errors;
    values[LOAD_RESPONSE] = ratio(sums->response, sums->response_weight);
    values[LOAD_QUEUE] = sums->queue;
    values[LOAD_TARGETS] = sums->target_s / sums->load_s;
    for (size_t i = 0; i < SERIES_LOAD_COLUMNS; i++)
        out->column[i] = pack(values[i] * load_scales[i]);
}

static void unpack_use(const struct use_slot *slot, double seconds, struct sums *out)
{
    double tasks = unpack(slot->column[USE_TASKS]) / use_scales[USE_TASKS];
    double cpu = unpack(slot->column[USE_CPU]) / use_scales[USE_CPU];
    double memory = unpack(slot->column[USE_MEMORY]) / use_scales[USE_MEMORY];

    /* Some seconds of one task are less than a hundredth. */
    out->task_s = isnan(tasks) ? 0 : fmax(tasks, 0.005) * seconds;
    out->cpu_weight = isnan(cpu) ? 0 : out->task_s;
    out->cpu = isnan(cpu) ? 0 : cpu * out->task_s;
    out->memory_weight = isnan(memory) ? 0 : out->task_s;
    out->memory = isnan(memory) ? 0 : memory * out->task_s;
}

static void unpack_load(const struct load_slot *slot, double seconds, struct sums *out)
{
    double values[SERIES_LOAD_COLUMNS];

    for (size_t i = 0; i < SERIES_LOAD_COLUMNS; i++)
        values[i] = unpack(slot->column[i]) / load_scales[i];
    if (isnan(values[LOAD_REQUESTS]))
        return;
    out->load_s = seconds;
    out->requests = values[LOAD_REQUESTS];
    memcpy(out->answers, &values[LOAD_ANSWERS], sizeof(out->answers));
    out->errors = values[LOAD_ERRORS];
    if (!isnan(values[LOAD_RESPONSE])) {
        out->response_weight = out->requests;
        out->response = values[LOAD_RESPONSE] * out->requests;
    }
    out->queue = values[LOAD_QUEUE];
    out->target_s = values[LOAD_TARGETS] * seconds;
}

/* ---- Looking up ------------------------------------------------------------------------------ */

/* The part of a time that `fraction` of another one is. */
static void sums_add(struct sums *to, const struct sums *from, double fraction)
{
    to->task_s += from->task_s * fraction;
    to->cpu += from->cpu * fraction;
    to->cpu_weight += from->cpu_weight * fraction;
    to->memory += from->memory * fraction;
    to->memory_weight += from->memory_weight * fraction;
    to->load_s += from->load_s * fraction;
    to->requests += from->requests * fraction;
    for (size_t i = 0; i < SAMPLE_ANSWERS; i++)
        to->answers[i] += from->answers[i] * fraction;
    to->errors += from->errors * fraction;
    to->response += from->response * fraction;
    to->response_weight += from->response_weight * fraction;
    to->target_s += from->target_s * fraction;
    to->queue = fmax(to->queue, from->queue);
}

static bool in_ring(int64_t number, int64_t end, int64_t size)
{
    return number < end && number >= end - size && number > 0;
}

static void minute_sums(const struct series *series, int64_t minute, struct sums *out);

/* Of one whose minute only is known, its share. */
static void period_sums(const struct series *series, int64_t period, struct sums *out)
{
    const struct bin *bin = &series->bins[period % OPEN];

    memset(out, 0, sizeof(*out));
    if (bin->period == period && period > 0) {
        *out = bin->sums;
    } else if (period >= series->periods_begin &&
               in_ring(period, series->periods_end, SERIES_PERIODS)) {
        unpack_use(&series->periods[period % SERIES_PERIODS], SERIES_PERIOD_S, out);
        if (series->load != NULL)
            unpack_load(&series->load->periods[period % SERIES_PERIODS], SERIES_PERIOD_S, out);
    } else if (in_ring(period / PER_MINUTE, series->minutes_end, SERIES_MINUTES)) {
        struct sums minute;

        minute_sums(series, period / PER_MINUTE, &minute);
        sums_add(out, &minute, 1.0 / PER_MINUTE);
    }
}

static void minute_sums(const struct series *series, int64_t minute, struct sums *out)
{
    memset(out, 0, sizeof(*out));
    if (in_ring(minute, series->minutes_end, SERIES_MINUTES)) {
        unpack_use(&series->minutes[minute % SERIES_MINUTES], 60, out);
        if (series->load != NULL)
            unpack_load(&series->load->minutes[minute % SERIES_MINUTES], 60, out);
        return;
    }
    if (minute < series->minutes_end)
        return; /* of the day before */
    for (int64_t i = 0; i < PER_MINUTE; i++) {
        struct sums period;

        period_sums(series, minute * PER_MINUTE + i, &period);
        sums_add(out, &period, 1);
    }
}

/* ---- Filling --------------------------------------------------------------------------------- */

static void minute_put(struct series *series, int64_t minute, const struct use_slot *use,
                       const struct load_slot *load)
{
    int64_t from = series->minutes_end;

    if (minute < from)
        return; /* it was restored */
    if (from < minute - SERIES_MINUTES)
        from = minute - SERIES_MINUTES;
    for (int64_t gap = from; gap < minute; gap++) {
        memset(&series->minutes[gap % SERIES_MINUTES], 0xff, sizeof(*use));
        if (series->load != NULL)
            memset(&series->load->minutes[gap % SERIES_MINUTES], 0xff, sizeof(*load));
    }
    series->minutes[minute % SERIES_MINUTES] = *use;
    if (series->load != NULL)
        series->load->minutes[minute % SERIES_MINUTES] = *load;
    series->minutes_end = minute + 1;
}

/* It is open no more. */
static void seal(struct series *series, int64_t period)
{
    struct sums sums = { 0 };
    struct use_slot use;
    struct load_slot load;
    struct bin *bin;

    if (period < series->periods_begin)
        return;
    bin = &series->bins[period % OPEN];
    if (bin->period == period)
        sums = bin->sums;
    pack_use(&sums, SERIES_PERIOD_S, &series->periods[period % SERIES_PERIODS]);
    if (series->load != NULL)
        pack_load(&sums, &series->load->periods[period % SERIES_PERIODS]);
    series->periods_end = period + 1;
    if (bin->period == period)
        bin->period = 0;
    if (period % PER_MINUTE != PER_MINUTE - 1 || period / PER_MINUTE < series->minutes_end)
        return;
    minute_sums(series, period / PER_MINUTE, &sums);
    pack_use(&sums, 60, &use);
    pack_load(&sums, &load);
    minute_put(series, period / PER_MINUTE, &use, &load);
}

/* The first period of all, or after a time without any. */
static void start(struct series *series, int64_t period)
{
    series->newest = period - 1;
    series->periods_begin = series->periods_end = period;
}

/* The clock was set back: what it will measure again is forgotten. */
static void turn_back(struct series *series, int64_t newest)
{
    int64_t end = newest / PER_MINUTE;

    for (size_t i = 0; i < OPEN; i++)
        series->bins[i] = (struct bin){ 0 };
    for (int64_t minute = end; minute < series->minutes_end && minute < end + SERIES_MINUTES;
         minute++) {
        memset(&series->minutes[minute % SERIES_MINUTES], 0xff, sizeof(series->minutes[0]));
        if (series->load != NULL)
            memset(&series->load->minutes[minute % SERIES_MINUTES], 0xff,
                   sizeof(series->load->minutes[0]));
    }
    if (series->minutes_end > end)
        series->minutes_end = end;
    start(series, newest);
    series->use_until_ms = series->load_until_ms = newest * PERIOD_MS;
}

static void advance(struct series *series, int64_t newest)
{
    const int64_t day = (int64_t)SERIES_MINUTES * PER_MINUTE;

    if (series->newest == 0 || newest - series->newest > day)
        start(series, newest);
    else if (newest <= series->newest - OPEN)
        turn_back(series, newest);
    /* A period's bin is that of the one which is sealed as it begins. */
    for (int64_t period = series->newest + 1; period <= newest; period++) {
        seal(series, period - OPEN);
        series->newest = period;
    }
}

static struct sums *bin_of(struct series *series, int64_t period)
{
    struct bin *bin = &series->bins[period % OPEN];

    if (period <= series->newest - OPEN || period > series->newest)
        return NULL;
    if (bin->period != period)
        *bin = (struct bin){ .period = period };
    return &bin->sums;
}

static int64_t overlap_ms(int64_t period, int64_t from_ms, int64_t to_ms)
{
    int64_t begin = period * PERIOD_MS > from_ms ? period * PERIOD_MS : from_ms;
    int64_t end = (period + 1) * PERIOD_MS < to_ms ? (period + 1) * PERIOD_MS : to_ms;

    return end - begin;
}

/* The first one that may still be added to. */
static int64_t first_of(const struct series *series, int64_t from_ms)
{
    int64_t first = from_ms / PERIOD_MS;
    int64_t open = series->newest - OPEN + 1;

    return first < open ? open : first;
}

static int64_t last_of(int64_t to_ms)
{
    return (to_ms - 1) / PERIOD_MS;
}

void series_add_use(struct series *series, int64_t from_ms, int64_t to_ms,
                    const struct series_use *use)
{
    ASSERT(from_ms >= 0 && from_ms < to_ms && use->cpu_given > 0 && use->memory_given > 0);
    advance(series, last_of(to_ms));
    for (int64_t period = first_of(series, from_ms); period <= last_of(to_ms); period++) {
        struct sums *sums = bin_of(series, period);
        double seconds = (double)overlap_ms(period, from_ms, to_ms) / 1000;

        if (sums == NULL || seconds <= 0)
            continue;
        sums->task_s += seconds;
        if (!isnan(use->cpu)) {
            sums->cpu += 100 * use->cpu / use->cpu_given * seconds;
            sums->cpu_weight += seconds;
        }
        if (!isnan(use->memory)) {
            sums->memory += 100 * use->memory / use->memory_given * seconds;
            sums->memory_weight += seconds;
        }
    }
    if (to_ms > series->use_until_ms)
        series->use_until_ms = to_ms;
}

/* Requests are whole: each period gets its share of all up to its end, less what others got. */
static double share(uint64_t count, int64_t begin_ms, int64_t end_ms, int64_t all_ms)
{
    double upto = floor((double)count * (double)end_ms / (double)all_ms);

    return upto - floor((double)count * (double)begin_ms / (double)all_ms);
}

void series_add_load(struct series *series, int64_t from_ms, int64_t to_ms,
                     const struct series_load *load)
{
    int64_t all_ms = to_ms - from_ms;

    ASSERT(from_ms >= 0 && from_ms < to_ms);
    need_load(series);
    advance(series, last_of(to_ms));
    for (int64_t period = first_of(series, from_ms); period <= last_of(to_ms); period++) {
        struct sums *sums = bin_of(series, period);
        int64_t begin = period * PERIOD_MS > from_ms ? period * PERIOD_MS - from_ms : 0;
        int64_t length = overlap_ms(period, from_ms, to_ms);
        double requests;

        if (sums == NULL || length <= 0)
            continue;
        requests = share(load->requests, begin, begin + length, all_ms);
        sums->load_s += (double)length / 1000;
        sums->requests += requests;
        for (size_t i = 0; i < SAMPLE_ANSWERS; i++)
            sums->answers[i] += share(load->answers[i], begin, begin + length, all_ms);
        sums->errors += share(load->connection_errors, begin, begin + length, all_ms);
        if (!isnan(load->response_s)) {
            sums->response += load->response_s * requests;
            sums->response_weight += requests;
        }
        sums->queue = fmax(sums->queue, load->queue);
        sums->target_s += load->targets * (double)length / 1000;
    }
    if (to_ms > series->load_until_ms)
        series->load_until_ms = to_ms;
}

/* ---- Reading --------------------------------------------------------------------------------- */

int64_t series_until_ms(const struct series *series)
{
    return series->use_until_ms > series->load_until_ms ? series->use_until_ms
                                                        : series->load_until_ms;
}

static void collect(const struct series *series, int64_t from_ms, int64_t to_ms, struct sums *out)
{
    int64_t length = from_ms % MINUTE_MS == 0 && to_ms % MINUTE_MS == 0 ? MINUTE_MS : PERIOD_MS;

    memset(out, 0, sizeof(*out));
    for (int64_t number = from_ms / length; number * length < to_ms; number++) {
        int64_t begin = number * length > from_ms ? number * length : from_ms;
        int64_t end = (number + 1) * length < to_ms ? (number + 1) * length : to_ms;
        struct sums sums;

        if (length == MINUTE_MS)
            minute_sums(series, number, &sums);
        else
            period_sums(series, number, &sums);
        sums_add(out, &sums, (double)(end - begin) / (double)length);
    }
}

/* A part of a period has as much as it had if all was counted evenly in the time in which anything
 * was: the period may go on. */
static void share_load(struct sums *sums, double part_s)
{
    double share = part_s / sums->load_s;

    sums->requests *= share;
    for (size_t i = 0; i < SAMPLE_ANSWERS; i++)
        sums->answers[i] *= share;
    sums->errors *= share;
}

void series_read(const struct series *series, int64_t from_ms, int64_t to_ms,
                 double out[METRIC_COUNT])
{
    double minutes = (double)(to_ms - from_ms) / MINUTE_MS;
    struct sums sums;

    ASSERT(from_ms >= 0 && from_ms < to_ms);
    for (size_t i = 0; i < METRIC_COUNT; i++)
        out[i] = NAN;
    collect(series, from_ms, to_ms, &sums);
    if (to_ms <= series->use_until_ms) {
        out[METRIC_CPU] = ratio(sums.cpu, sums.cpu_weight);
        out[METRIC_MEMORY] = ratio(sums.memory, sums.memory_weight);
    }
    if (to_ms > series->load_until_ms || sums.load_s <= 0)
        return;
    if (to_ms - from_ms < PERIOD_MS)
        share_load(&sums, minutes * 60);
    out[METRIC_REQUESTS] = sums.requests;
    out[METRIC_ANSWERS_2XX] = sums.answers[0];
    out[METRIC_ANSWERS_3XX] = sums.answers[1];
    out[METRIC_ANSWERS_4XX] = sums.answers[2];
    out[METRIC_ANSWERS_5XX] = sums.answers[3];
    out[METRIC_CONNECTION_ERRORS] = sums.errors;
    out[METRIC_RESPONSE_TIME] = ratio(sums.response, sums.response_weight);
    out[METRIC_QUEUE] = sums.queue;
    if (sums.target_s > 0)
        out[METRIC_REQUESTS_PER_TARGET] = sums.requests / (sums.target_s / sums.load_s) / minutes;
}

/* ---- To be kept ------------------------------------------------------------------------------ */

bool series_save(const struct series *series, int64_t minute, struct series_minute *out)
{
    struct sums sums;
    struct use_slot use;
    struct load_slot load;

    minute_sums(series, minute, &sums);
    pack_use(&sums, 60, &use);
    pack_load(&sums, &load);
    out->has_use = sums.task_s > 0;
    out->has_load = sums.load_s > 0;
    memcpy(out->use, use.column, sizeof(out->use));
    memcpy(out->load, load.column, sizeof(out->load));
    return out->has_use || out->has_load;
}

void series_restore(struct series *series, int64_t minute, const struct series_minute *saved)
{
    struct use_slot use;
    struct load_slot load;
    int64_t until_ms = (minute + 1) * MINUTE_MS;

    ASSERT(series->newest == 0);
    memset(&use, 0xff, sizeof(use));
    memset(&load, 0xff, sizeof(load));
    if (minute <= 0 || minute < series->minutes_end)
        return;
    if (saved->has_use) {
        memcpy(use.column, saved->use, sizeof(use.column));
        series->use_until_ms = until_ms;
    }
    if (saved->has_load) {
        need_load(series);
        memcpy(load.column, saved->load, sizeof(load.column));
        series->load_until_ms = until_ms;
    }
    minute_put(series, minute, &use, &load);
}
