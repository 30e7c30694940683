#include "drivers/fargate/cgroups.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/docker/cgroup.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"

#define PATH_SIZE     1024
#define FILE_SIZE     ((size_t)16 * 1024) /* memory.stat has some 2 KiB */
#define MOUNTS_SIZE   ((size_t)1024 * 1024)
#define FORMS_MAX     4     /* ways to name a folder that are kept */
#define DEPTH_MAX     12    /* of folders in folders */
#define FOLDERS_MAX   20000 /* looked at in one go */
#define WALK_AGAIN_MS 60000 /* after one that found nothing */

/* Where the group of a container is: MOUNT BEFORE ID AFTER. */
struct form {
    char *before;
    char *after;
};

struct cgroups {
    char *cpu;    /* where the groups that count CPU time are mounted; NULL: nowhere, */
    char *memory; /* and those that count memory */
    bool is_second;
    struct form forms[FORMS_MAX]; /* the last one that was of use is the first */
    size_t form_count;
    int64_t now_ms;
    int64_t vain_ms; /* when all folders were gone through for nothing; 0: never */
    bool may_walk;
    size_t folders; /* seen by the walk that is under way */
};

static void form_add(struct cgroups *cgroups, const char *before, const char *after)
{
    if (cgroups->form_count == FORMS_MAX) {
        cgroups->form_count--;
        free(cgroups->forms[cgroups->form_count].before);
        free(cgroups->forms[cgroups->form_count].after);
    }
    memmove(&cgroups->forms[1], &cgroups->forms[0],
            cgroups->form_count * sizeof(cgroups->forms[0]));
    cgroups->forms[0] = (struct form){ mem_text(before), mem_text(after) };
    cgroups->form_count++;
}

/* ---- What is mounted ------------------------------------------------------------------------- */

static bool has_option(const char *options, const char *name)
{
    size_t size = strlen(name);

    for (const char *at = options; *at != '\0'; at += *at == ',') {
        size_t length = strcspn(at, ",");

        if (length == size && memcmp(at, name, size) == 0)
            return true;
        at += length;
    }
    return false;
}

/* "SOURCE FOLDER TYPE OPTIONS 0 0": of two versions that are mounted the first counts what it
 * has. */
static void mount_read(struct cgroups *cgroups, char *line, char **second)
{
    char *save = NULL;
    const char *source = strtok_r(line, " ", &save);
    const char *folder = strtok_r(NULL, " ", &save);
    const char *type = strtok_r(NULL, " ", &save);
    const char *options = strtok_r(NULL, " ", &save);

    if (source == NULL || options == NULL)
        return;
    if (text_equal(type, "cgroup2") && *second == NULL)
        *second = mem_text(folder);
    if (!text_equal(type, "cgroup"))
        return;
    if (cgroups->cpu == NULL && has_option(options, "cpuacct"))
        cgroups->cpu = mem_text(folder);
    if (cgroups->memory == NULL && has_option(options, "memory"))
        cgroups->memory = mem_text(folder);
}

/* What is read is a NUL-terminated text, cut where it does not fit; false: it cannot be. */
static bool read_file(const char *path, char *out, size_t size)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t got = 0;

    while (fd >= 0 && used < size - 1 && (got = read(fd, out + used, size - 1 - used)) > 0)
        used += (size_t)got;
    out[used] = '\0';
    return fd >= 0 && got >= 0;
}

static void mounts_read(struct cgroups *cgroups, const char *mounts)
{
    AUTO_TEXT char *text = mem_alloc(MOUNTS_SIZE);
    AUTO_TEXT char *second = NULL;
    char *save = NULL;

    if (!read_file(mounts, text, MOUNTS_SIZE))
        return;
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        mount_read(cgroups, line, &second);
    if (cgroups->cpu != NULL && cgroups->memory != NULL)
        return;
    free(cgroups->cpu);
    free(cgroups->memory);
    cgroups->cpu = second == NULL ? NULL : mem_text(second);
    cgroups->memory = TAKE(second);
    cgroups->is_second = true;
}

struct cgroups *cgroups_new(const char *mounts)
{
    struct cgroups *cgroups = mem_alloc(sizeof(*cgroups));

    mounts_read(cgroups, mounts);
    form_add(cgroups, "/system.slice/docker-", ".scope");
    form_add(cgroups, "/docker/", "");
    return cgroups;
}

void cgroups_free(struct cgroups *cgroups)
{
    if (cgroups == NULL)
        return;
    for (size_t i = 0; i < cgroups->form_count; i++) {
        free(cgroups->forms[i].before);
        free(cgroups->forms[i].after);
    }
    free(cgroups->cpu);
    free(cgroups->memory);
    free(cgroups);
}

/* ---- Where a container's is ------------------------------------------------------------------ */

/* False: the path is too long. */
static bool path_of(const char *mount, const struct form *form, const char *id, const char *file,
                    char out[PATH_SIZE])
{
    int size = snprintf(out, PATH_SIZE, "%s%s%s%s%s%s", mount, form->before, id, form->after,
                        file == NULL ? "" : "/", file == NULL ? "" : file);

    return size > 0 && size < PATH_SIZE;
}

static bool is_there(const struct cgroups *cgroups, const struct form *form, const char *id)
{
    char path[PATH_SIZE];
    struct stat stat_of;

    return path_of(cgroups->memory, form, id, NULL, path) && stat(path, &stat_of) == 0;
}

/* The folder that has the ID in its name, below `path`; its form is added. */
static bool walk(struct cgroups *cgroups, struct buf *path, const char *id, int depth)
{
    DIR *dir = opendir(buf_text(path));
    const struct dirent *entry;
    size_t size = path->size;
    bool found = false;

    while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
        const char *at = strstr(entry->d_name, id);

        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        if (cgroups->folders++ >= FOLDERS_MAX)
            break;
        buf_printf(path, "/%s", entry->d_name);
        if (path->truncated)
            break;
        if (at != NULL) {
            size_t before = path->size - strlen(at);

            path->data[before] = '\0';
            form_add(cgroups, path->data + strlen(cgroups->memory), at + strlen(id));
            found = true;
        } else if (depth < DEPTH_MAX) {
            found = walk(cgroups, path, id, depth + 1);
        }
        path->size = size;
        path->data[size] = '\0';
    }
    if (dir != NULL)
        (void)closedir(dir);
    return found;
}

static bool find_anywhere(struct cgroups *cgroups, const char *id)
{
    AUTO(buf) path = { 0 };

    if (!cgroups->may_walk)
        return false;
    cgroups->may_walk = false;
    buf_init(&path, PATH_SIZE);
    buf_text_add(&path, cgroups->memory);
    cgroups->folders = 0;
    if (walk(cgroups, &path, id, 0))
        return true;
    cgroups->vain_ms = cgroups->now_ms;
    return false;
}

static const struct form *form_of(struct cgroups *cgroups, const char *id)
{
    for (size_t i = 0; i < cgroups->form_count; i++) {
        struct form form = cgroups->forms[i];

        if (!is_there(cgroups, &form, id))
            continue;
        memmove(&cgroups->forms[1], &cgroups->forms[0], i * sizeof(form));
        cgroups->forms[0] = form;
        return &cgroups->forms[0];
    }
    return find_anywhere(cgroups, id) ? &cgroups->forms[0] : NULL;
}

void cgroups_begin(struct cgroups *cgroups, int64_t now_ms)
{
    cgroups->now_ms = now_ms;
    cgroups->may_walk = cgroups->vain_ms == 0 || now_ms - cgroups->vain_ms >= WALK_AGAIN_MS;
}

static void read_group(const char *mount, const struct form *form, const char *id,
                       enum cgroup_file file, struct cgroup_reading *reading)
{
    char path[PATH_SIZE];
    char text[FILE_SIZE];

    if (path_of(mount, form, id, cgroup_file_name(file), path) &&
        read_file(path, text, sizeof(text)))
        cgroup_read_text(file, text, reading);
}

bool cgroups_read(struct cgroups *cgroups, const char *id, struct container_sample *out)
{
    const struct form *form = cgroups->memory == NULL ? NULL : form_of(cgroups, id);
    struct cgroup_reading reading = { 0 };

    if (form == NULL)
        return false;
    read_group(cgroups->cpu, form, id, cgroups->is_second ? CGROUP_CPU_2 : CGROUP_CPU_1, &reading);
    read_group(cgroups->memory, form, id, cgroups->is_second ? CGROUP_MEMORY_2 : CGROUP_MEMORY_1,
               &reading);
    read_group(cgroups->memory, form, id, CGROUP_MEMORY_STAT, &reading);
    return cgroup_sample(&reading, out);
}
