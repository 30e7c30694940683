#include "drivers/haproxy/stat.h"

#include <string.h>

#include "drivers/haproxy/answers.h"
#include "spec/base/text.h"

/* X(constant, name).  Columns of HAProxy's management.txt 9.1 that count. */
#define COLUMNS(X)                                                                                 \
    X(GROUP, "pxname")                                                                             \
    X(NAME, "svname")                                                                              \
    X(QUEUED, "qcur")                                                                              \
    X(CONNECTIONS, "stot")                                                                         \
    X(CONNECTION_ERRORS, "econ")                                                                   \
    X(STATUS, "status")                                                                            \
    X(WEIGHT, "weight")                                                                            \
    X(ANSWERS_1XX, "hrsp_1xx")                                                                     \
    X(ANSWERS_2XX, "hrsp_2xx")                                                                     \
    X(ANSWERS_3XX, "hrsp_3xx")                                                                     \
    X(ANSWERS_4XX, "hrsp_4xx")                                                                     \
    X(ANSWERS_5XX, "hrsp_5xx")                                                                     \
    X(ANSWERS_OTHER, "hrsp_other")                                                                 \
    X(RESPONSE_MS, "rtime")

#define COLUMN_ENUM(name, text) COLUMN_##name,
enum column { COLUMNS(COLUMN_ENUM) COLUMN_COUNT };
#undef COLUMN_ENUM
#define COLUMN_NAME(name, text) text,
static const char *const names[] = { COLUMNS(COLUMN_NAME) };
#undef COLUMN_NAME

#define HEAD    "# pxname,"
#define BACKEND "BACKEND"
#define FIELDS  256

_Static_assert(COLUMN_ANSWERS_5XX - COLUMN_ANSWERS_2XX + 1 == SAMPLE_ANSWERS, "one each");

/* Where each column is; FIELDS: nowhere. */
struct heading {
    size_t at[COLUMN_COUNT];
    bool is_read;
};

/* Fields between commas; one with a comma in it stands between quotes, a quote in it is doubled. */
static size_t split(char *line, char *out[FIELDS])
{
    size_t count = 0;

    while (line != NULL && count < FIELDS) {
        char *end = line;

        out[count++] = line;
        if (*line == '"') {
            for (end = line + 1; *end != '\0' && (*end != '"' || end[1] == '"'); end++)
                end += *end == '"';
        }
        end = strchr(end, ',');
        if (end != NULL)
            *end++ = '\0';
        line = end;
    }
    return count;
}

static void heading_read(struct heading *heading, char *line)
{
    char *fields[FIELDS];
    size_t count = split(line + strlen("# "), fields);

    for (size_t column = 0; column < COLUMN_COUNT; column++) {
        heading->at[column] = FIELDS;
        for (size_t i = 0; i < count; i++) {
            if (text_equal(fields[i], names[column]))
                heading->at[column] = i;
        }
    }
    heading->is_read = true;
}

struct row {
    const struct heading *heading;
    char *fields[FIELDS];
    size_t count;
};

static const char *text_of(const struct row *row, size_t column)
{
    size_t at = row->heading->at[column];

    return at < row->count ? row->fields[at] : "";
}

static uint64_t number_of(const struct row *row, size_t column)
{
    uint64_t value = 0;

    return text_parse_u64(text_of(row, column), &value) ? value : 0;
}

static uint32_t small_of(const struct row *row, size_t column)
{
    uint64_t value = number_of(row, column);

    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* "UP", "UP 1/2": of one that fails its checks too. */
static bool is_in_service(const struct row *row)
{
    const char *status = text_of(row, COLUMN_STATUS);

    return (text_starts(status, "UP") || text_equal(status, "no check")) &&
           number_of(row, COLUMN_WEIGHT) > 0;
}

static void target_read(struct stat_table *table, uint64_t process, const struct row *row)
{
    struct target_sample *target;

    if (table->target_count == STAT_ROWS_MAX)
        return;
    if (table->target_count == table->target_capacity) {
        size_t larger = table->target_capacity == 0 ? 64 : table->target_capacity * 2;

        table->targets = arena_enlarge(table->arena, table->targets, table->target_capacity, larger,
                                       sizeof(*table->targets));
        table->target_capacity = larger;
    }
    target = &table->targets[table->target_count++];
    target->group = arena_text(table->arena, text_of(row, COLUMN_GROUP));
    target->task = arena_text(table->arena, text_of(row, COLUMN_NAME));
    target->process = process;
    target->in_service = is_in_service(row);
    if (text_of(row, COLUMN_ANSWERS_2XX)[0] == '\0') {
        target->requests = number_of(row, COLUMN_CONNECTIONS);
    } else {
        for (size_t column = COLUMN_ANSWERS_1XX; column <= COLUMN_ANSWERS_OTHER; column++)
            target->requests = add(target->requests, number_of(row, column));
        for (size_t i = 0; i < SAMPLE_ANSWERS; i++)
            target->answers[i] = number_of(row, COLUMN_ANSWERS_2XX + i);
    }
    target->connection_errors = number_of(row, COLUMN_CONNECTION_ERRORS);
    target->response_ms = small_of(row, COLUMN_RESPONSE_MS);
}

static struct group_sample *group_of(struct stat_table *table, const char *name)
{
    for (size_t i = 0; i < table->group_count; i++) {
        if (text_equal(table->groups[i].group, name))
            return &table->groups[i];
    }
    if (table->group_count == STAT_ROWS_MAX)
        return NULL;
    if (table->group_count == table->group_capacity) {
        size_t larger = table->group_capacity == 0 ? 16 : table->group_capacity * 2;

        table->groups = arena_enlarge(table->arena, table->groups, table->group_capacity, larger,
                                      sizeof(*table->groups));
        table->group_capacity = larger;
    }
    table->groups[table->group_count] =
        (struct group_sample){ .group = arena_text(table->arena, name) };
    return &table->groups[table->group_count++];
}

static void row_read(struct stat_table *table, const struct heading *heading, uint64_t process,
                     char *line)
{
    struct row row = { .heading = heading };
    const char *name;
    struct group_sample *group;

    row.count = split(line, row.fields);
    name = text_of(&row, COLUMN_NAME);
    if (text_of(&row, COLUMN_GROUP)[0] == '\0' || name[0] == '\0' ||
        text_ends(name, ANSWER_PROBE_SUFFIX))
        return;
    if (!text_equal(name, BACKEND))
        target_read(table, process, &row);
    group = group_of(table, text_of(&row, COLUMN_GROUP));
    if (group != NULL) {
        uint64_t queued = add(group->queued, number_of(&row, COLUMN_QUEUED));

        group->queued = queued > UINT32_MAX ? UINT32_MAX : (uint32_t)queued;
    }
}

void stat_parse(struct stat_table *table, uint64_t process, char *text)
{
    struct heading heading = { .is_read = false };

    for (char *line = text; line != NULL;) {
        char *end = strchr(line, '\n');

        if (end != NULL)
            *end++ = '\0';
        if (text_starts(line, HEAD))
            heading_read(&heading, line);
        else if (line[0] == '#' || line[0] == '\0')
            heading.is_read = false;
        else if (heading.is_read)
            row_read(table, &heading, process, line);
        line = end;
    }
}
