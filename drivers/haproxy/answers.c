#include "drivers/haproxy/answers.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/text.h"

#define COLUMNS_MAX 256

/* Columns of a table, named by its first line.  Those of `show servers state` stand between
 * spaces, those of `show stat` between commas. */
struct table {
    char *names[COLUMNS_MAX];
    size_t count;
    char separator;
};

enum section { SECTION_NONE, SECTION_PROC, SECTION_OLD, SECTION_TABLE };

struct reader {
    struct arena *arena;
    struct answers *out;
    enum section section;
    struct table table;
    uint32_t old_workers[ANSWER_WORKERS_MAX];
    size_t capacity; /* of out->servers */
    bool is_sorted;
};

static size_t split(char *line, char separator, char *out[COLUMNS_MAX])
{
    size_t count = 0;

    while (line != NULL && count < COLUMNS_MAX) {
        char *end = strchr(line, separator);

        if (end != NULL)
            *end++ = '\0';
        out[count++] = line;
        line = end;
    }
    return count;
}

static const char *column(const struct table *table, char *const *values, size_t count,
                          const char *name)
{
    for (size_t i = 0; i < table->count && i < count; i++) {
        if (text_equal(table->names[i], name))
            return values[i];
    }
    return "";
}

static uint32_t number(const char *text)
{
    uint32_t value = 0;

    return text_parse_u32(text, &value) ? value : 0;
}

/* ---- Servers ---- */

static int compare(const struct answer_server *server, const char *group, const char *name,
                   bool is_probe)
{
    int order = strcmp(server->group, group);

    if (order == 0)
        order = strcmp(server->name, name);
    return order != 0 ? order : (int)server->is_probe - (int)is_probe;
}

static int by_name(const void *a, const void *b)
{
    const struct answer_server *other = b;

    return compare(a, other->group, other->name, other->is_probe);
}

static void sort(struct reader *reader)
{
    if (!reader->is_sorted && reader->out->server_count > 0)
        qsort(reader->out->servers, reader->out->server_count, sizeof(struct answer_server),
              by_name);
    reader->is_sorted = true;
}

struct answer_server *answers_find(const struct answers *answers, const char *group,
                                   const char *name, bool is_probe)
{
    size_t low = 0;
    size_t high = answers->server_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(&answers->servers[middle], group, name, is_probe);

        if (order == 0)
            return &answers->servers[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static const char *task_of(struct reader *reader, const char *name, bool *is_probe)
{
    *is_probe = text_ends(name, ANSWER_PROBE_SUFFIX);
    return arena_text_n(reader->arena, name,
                        strlen(name) - (*is_probe ? strlen(ANSWER_PROBE_SUFFIX) : 0));
}

#define ADMIN_MAINT   (0x01 | 0x02 | 0x04 | 0x20 | 0x40)
#define ADMIN_DRAIN   (0x08 | 0x10)
#define RESULT_FAILED 2
#define RESULT_PASSED 3

/* HAProxy 2.6, src/proxy.c: srv_op_state 0 is down; srv_check_result 2 failed, 3 passed. */
static void read_state(struct reader *reader, char *const *values, size_t count)
{
    const struct table *table = &reader->table;
    const char *group = column(table, values, count, "be_name");
    const char *name = column(table, values, count, "srv_name");
    uint32_t admin = number(column(table, values, count, "srv_admin_state"));
    uint32_t result = number(column(table, values, count, "srv_check_result"));
    struct answers *out = reader->out;
    struct answer_server *server;

    if (group[0] == '\0' || name[0] == '\0' || out->server_count >= ANSWER_SERVERS_MAX)
        return;
    if (out->server_count == reader->capacity) {
        size_t larger = reader->capacity == 0 ? 64 : reader->capacity * 2;

        out->servers = arena_enlarge(reader->arena, out->servers, reader->capacity, larger,
                                     sizeof(struct answer_server));
        reader->capacity = larger;
    }
    server = &out->servers[out->server_count++];
    reader->is_sorted = false;
    server->group = arena_text(reader->arena, group);
    server->name = task_of(reader, name, &server->is_probe);
    server->address = arena_text(reader->arena, column(table, values, count, "srv_addr"));
    server->port = number(column(table, values, count, "srv_port"));
    server->check_port = number(column(table, values, count, "srv_check_port"));
    server->is_up = number(column(table, values, count, "srv_op_state")) != 0;
    server->is_in_maint = (admin & ADMIN_MAINT) != 0;
    server->is_drained = (admin & ADMIN_DRAIN) != 0;
    server->weight = number(column(table, values, count, "srv_uweight"));
    server->has_passed = result == RESULT_PASSED;
    server->has_failed = result == RESULT_FAILED;
    server->check_health = number(column(table, values, count, "srv_check_health"));
}

/* Adds to what `show servers state` told. */
static void read_stat(struct reader *reader, char *const *values, size_t count)
{
    const struct table *table = &reader->table;
    const char *status = column(table, values, count, "check_status");
    uint32_t current = number(column(table, values, count, "scur"));
    uint32_t queued = number(column(table, values, count, "qcur"));
    bool is_probe;
    const char *name = task_of(reader, column(table, values, count, "svname"), &is_probe);
    struct answer_server *server;

    sort(reader);
    server = answers_find(reader->out, column(table, values, count, "pxname"), name, is_probe);
    if (server == NULL)
        return;
    if (text_starts(status, "* ")) /* another one is under way */
        status += strlen("* ");
    text_copy(server->check_status, sizeof(server->check_status), status);
    server->check_code = number(column(table, values, count, "check_code"));
    server->connections = current > UINT32_MAX - queued ? UINT32_MAX : current + queued;
}

/* ---- Lines ---- */

static void begin_table(struct reader *reader, const char *line, char separator)
{
    /* The names live as long as what is read. */
    char *names = arena_text(reader->arena, line + strlen("# "));

    reader->section = SECTION_TABLE;
    reader->table.separator = separator;
    reader->table.count = split(names, separator, reader->table.names);
}

static void read_process(struct reader *reader, const char *line)
{
    static const char failed[] = "[failed: ";
    AUTO_TEXT char *copy = mem_text(line);
    char *kind = copy + strspn(copy, "0123456789");
    struct answers *out = reader->out;
    const char *at = strstr(line, failed);
    uint32_t pid;

    if (kind == copy || *kind != ' ')
        return;
    *kind++ = '\0';
    kind += strspn(kind, " ");
    pid = number(copy);
    if (text_starts(kind, "master")) {
        out->master = pid;
        if (at != NULL) {
            AUTO_TEXT char *digits = mem_text(at + strlen(failed));

            digits[strspn(digits, "0123456789")] = '\0';
            out->failed = number(digits);
        }
    } else if (text_starts(kind, "worker") && reader->section == SECTION_PROC) {
        out->worker = pid;
    } else if (text_starts(kind, "worker") && out->old_worker_count < ANSWER_WORKERS_MAX) {
        reader->old_workers[out->old_worker_count++] = pid;
    }
}

static void read_row(struct reader *reader, const char *line)
{
    AUTO_TEXT char *copy = mem_text(line);
    char *values[COLUMNS_MAX];
    size_t count = split(copy, reader->table.separator, values);

    if (reader->table.separator == ',')
        read_stat(reader, values, count);
    else
        read_state(reader, values, count);
}

static bool read_heading(struct reader *reader, const char *line)
{
    if (text_starts(line, "#<PID>") || text_starts(line, "# workers"))
        reader->section = SECTION_PROC;
    else if (text_starts(line, "# old workers"))
        reader->section = SECTION_OLD;
    else if (text_starts(line, "# be_id "))
        begin_table(reader, line, ' ');
    else if (text_starts(line, "# pxname,"))
        begin_table(reader, line, ',');
    else if (line[0] == '#' || line[0] == '\0')
        reader->section = SECTION_NONE;
    else
        return false;
    return true;
}

static void read_line(struct reader *reader, const char *line)
{
    static const char description[] = "description: ";

    if (read_heading(reader, line))
        return;
    switch (reader->section) {
    case SECTION_PROC:
    case SECTION_OLD: read_process(reader, line); break;
    case SECTION_TABLE: read_row(reader, line); break;
    case SECTION_NONE:
        if (text_starts(line, description))
            reader->out->description = arena_text(reader->arena, line + strlen(description));
        else if (text_equal(line, "Stopping: 1"))
            reader->out->is_stopping = true;
        break;
    }
}

void answers_parse(const char *text, struct arena *arena, struct answers *out)
{
    struct reader *reader = mem_alloc(sizeof(*reader));
    AUTO_TEXT char *copy = mem_text(text);

    memset(out, 0, sizeof(*out));
    reader->arena = arena;
    reader->out = out;
    for (char *line = copy; line != NULL;) {
        char *end = strchr(line, '\n');

        if (end != NULL)
            *end++ = '\0';
        line[strcspn(line, "\r")] = '\0';
        read_line(reader, line);
        line = end;
    }
    sort(reader);
    out->old_workers = arena_copy(arena, reader->old_workers, sizeof(reader->old_workers));
    free(reader);
}

bool answer_description(const char *description, const char *owner, struct arena *arena,
                        const char **out_name, const char **out_shape)
{
    char *text;
    char *shape;

    if (description == NULL || !text_starts(description, "berth "))
        return false;
    text = arena_text(arena, description + strlen("berth "));
    if (!text_starts(text, owner) || text[strlen(owner)] != ' ')
        return false;
    text += strlen(owner) + 1;
    shape = strchr(text, ' ');
    if (shape == NULL || shape == text || strlen(shape + 1) != SHA256_HEX_SIZE - 1)
        return false;
    *shape = '\0';
    *out_name = text;
    *out_shape = shape + 1;
    return true;
}

const char *answer_reason(const struct answer_server *server, struct arena *arena)
{
    if (!server->has_failed)
        return NULL;
    if (text_equal(server->check_status, "L7STS") && server->check_code > 0)
        return arena_printf(arena, "Health checks failed with these codes: [%u]",
                            server->check_code);
    if (text_ends(server->check_status, "TOUT"))
        return "Request timed out";
    return "Health checks failed";
}

/* "... cannot bind socket (REASON) for [ADDRESS]"; NULL: it does not say so. */
static const char *alert_of_address(const char *line, struct arena *arena)
{
    static const char bind[] = "cannot bind socket (";
    static const char mark[] = ") for [";
    const char *reason = strstr(line, bind);
    const char *end = reason == NULL ? NULL : strstr(reason, mark);
    const char *address = end == NULL ? NULL : end + strlen(mark);

    if (address == NULL)
        return NULL;
    reason += strlen(bind);
    return arena_printf(arena, "cannot listen on %.*s: %.*s", (int)strcspn(address, "]"), address,
                        (int)(end - reason), reason);
}

const char *answer_alert(const char *errors, struct arena *arena)
{
    char *copy = arena_text(arena, errors);
    const char *first = NULL;
    const char *last = NULL;

    text_disarm(copy);
    for (char *line = copy; line != NULL;) {
        char *end = strchr(line, '\n');
        const char *address;
        const char *text;

        if (end != NULL)
            *end++ = '\0';
        address = alert_of_address(line, arena);
        if (address != NULL)
            return address;
        text = strstr(line, " : ");
        if (first == NULL && text_starts(line, "[ALERT]") && text != NULL)
            first = text + strlen(" : ");
        if (line[0] != '\0')
            last = line;
        line = end;
    }
    if (first != NULL)
        return first;
    return last != NULL ? last : "it does not say why";
}
