#include "drivers/docker/cgroup.h"

#include <string.h>

#include "spec/base/text.h"

#define NUMBER_SIZE 24 /* the longest number, and the NUL */
#define ID_DIGITS   64 /* of a container */
#define UPTIME      "/proc/uptime:"
#define UPTIME_MAX  ((uint64_t)1000000000) /* seconds */

#define FILE_NAME(name, text) text,
static const char *const names[] = { CGROUP_FILES(FILE_NAME) };
#undef FILE_NAME

const char *cgroup_file_name(enum cgroup_file file)
{
    ASSERT(file < CGROUP_FILE_COUNT);
    return names[file];
}

enum cgroup_file cgroup_file_find(const char *name)
{
    enum cgroup_file file = 0;

    while (file < CGROUP_FILE_COUNT && !text_equal(names[file], name))
        file++;
    return file;
}

/* "KEY NUMBER" */
static bool member(const char *line, const char *key, uint64_t *out)
{
    size_t size = strlen(key);

    return strncmp(line, key, size) == 0 && line[size] == ' ' &&
           text_parse_u64(line + size + 1, out);
}

static void read_stat(const char *line, struct cgroup_reading *reading)
{
    uint64_t value;

    if (member(line, "total_inactive_file", &value)) {
        reading->inactive_bytes = value;
        reading->has_total = true;
    } else if (!reading->has_total && member(line, "inactive_file", &value)) {
        reading->inactive_bytes = value;
    }
}

static void read_line(enum cgroup_file file, const char *line, struct cgroup_reading *reading)
{
    uint64_t value;

    switch (file) {
    case CGROUP_CPU_1:
        if (text_parse_u64(line, &value)) {
            reading->cpu_ns = value;
            reading->has_cpu = true;
        }
        break;
    case CGROUP_CPU_2:
        if (member(line, "usage_usec", &value) && value <= UINT64_MAX / 1000) {
            reading->cpu_ns = value * 1000;
            reading->has_cpu = true;
        }
        break;
    case CGROUP_MEMORY_1:
    case CGROUP_MEMORY_2:
        if (text_parse_u64(line, &value)) {
            reading->memory_bytes = value;
            reading->has_memory = true;
        }
        break;
    case CGROUP_MEMORY_STAT: read_stat(line, reading); break;
    case CGROUP_FILE_COUNT: break;
    }
}

void cgroup_read_text(enum cgroup_file file, char *text, struct cgroup_reading *reading)
{
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        bool is_last = text[size] == '\0';

        text[size] = '\0';
        read_line(file, text, reading);
        text += size + !is_last;
    }
}

bool cgroup_sample(const struct cgroup_reading *reading, struct container_sample *out)
{
    if (!reading->has_cpu || !reading->has_memory)
        return false;
    out->cpu_ns = reading->cpu_ns;
    /* The two are not read at the same instant. */
    out->memory_bytes = reading->memory_bytes > reading->inactive_bytes
                            ? reading->memory_bytes - reading->inactive_bytes
                            : 0;
    return true;
}

/* ---- Of a remote host ------------------------------------------------------------------------ */

/* "SECONDS.HUNDREDTHS SECONDS.HUNDREDTHS" */
static void read_uptime(struct cgroup_listing *listing, const char *line)
{
    char whole[NUMBER_SIZE];
    size_t size = strspn(line, "0123456789");
    uint64_t seconds;
    const char *rest = line + size;

    if (size + 1 > sizeof(whole))
        return;
    text_copy(whole, size + 1, line);
    if (!text_parse_u64(whole, &seconds) || seconds > UPTIME_MAX || rest[0] != '.' ||
        rest[1] < '0' || rest[1] > '9' || rest[2] < '0' || rest[2] > '9')
        return;
    listing->taken_ms =
        (int64_t)seconds * 1000 + (int64_t)(rest[1] - '0') * 100 + (int64_t)(rest[2] - '0') * 10;
}

static struct cgroup_group *find(const struct cgroup_listing *listing, const char *id)
{
    size_t low = 0;
    size_t high = listing->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(listing->groups[middle].id, id);

        if (order == 0)
            return &listing->groups[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The last part of a folder's path that is as long as an ID, and made of its digits. */
static bool id_of(const char *folder, size_t size, char out[ID_DIGITS + 1])
{
    size_t run = 0;

    for (size_t i = size; i > 0; i--) {
        char c = folder[i - 1];
        bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

        run = is_digit ? run + 1 : 0;
        if (run == ID_DIGITS) {
            text_copy(out, ID_DIGITS + 1, folder + i - 1);
            return true;
        }
    }
    return false;
}

void cgroup_listing_line(struct cgroup_listing *listing, const char *line)
{
    const char *colon = strchr(line, ':');
    const char *slash = NULL;
    char name[NUMBER_SIZE];
    char id[ID_DIGITS + 1];
    struct cgroup_group *group;

    if (text_starts(line, UPTIME)) {
        read_uptime(listing, line + sizeof(UPTIME) - 1);
        return;
    }
    for (const char *at = line; colon != NULL && at < colon; at++)
        slash = *at == '/' ? at : slash;
    if (slash == NULL || (size_t)(colon - slash) > sizeof(name) ||
        !id_of(line, (size_t)(slash - line), id))
        return;
    text_copy(name, (size_t)(colon - slash), slash + 1);
    group = find(listing, id);
    if (group != NULL)
        read_line(cgroup_file_find(name), colon + 1, &group->reading);
}
