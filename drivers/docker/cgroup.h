/*
 * What the kernel counts of a control group, of both versions, as the text of its files.  Pure:
 * foreign text is taken line by line, and what is no line of these files says nothing.
 */
#ifndef DRIVERS_DOCKER_CGROUP_H
#define DRIVERS_DOCKER_CGROUP_H

#include "spec/base/base.h"
#include "spec/sample.h"

/* X(constant, file's name).  Of version 1, then of version 2. */
#define CGROUP_FILES(X)                                                                            \
    X(CPU_1, "cpuacct.usage")                                                                      \
    X(MEMORY_1, "memory.usage_in_bytes")                                                           \
    X(CPU_2, "cpu.stat")                                                                           \
    X(MEMORY_2, "memory.current")                                                                  \
    X(MEMORY_STAT, "memory.stat") /* of both */

#define CGROUP_ENUM(name, text) CGROUP_##name,
enum cgroup_file { CGROUP_FILES(CGROUP_ENUM) CGROUP_FILE_COUNT };
#undef CGROUP_ENUM
const char *cgroup_file_name(enum cgroup_file file);
/* CGROUP_FILE_COUNT: it is none of them. */
enum cgroup_file cgroup_file_find(const char *name);

/* What is known of one group so far; all-zero: nothing. */
struct cgroup_reading {
    uint64_t cpu_ns;
    uint64_t memory_bytes;
    uint64_t inactive_bytes;
    bool has_cpu;
    bool has_memory;
    bool has_total; /* inactive_bytes is of the groups below it too (version 1) */
};

/* All lines of a file; `text` is cut up. */
void cgroup_read_text(enum cgroup_file file, char *text, struct cgroup_reading *reading);
/* False: it does not say enough.  Does not touch out->id. */
MUST_USE bool cgroup_sample(const struct cgroup_reading *reading, struct container_sample *out);

/*
 * What `grep` prints of such files on a remote host, "PATH:LINE", and the clock of that host.
 * Groups are known by the ID of a container in their path.
 */
struct cgroup_group {
    const char *id; /* borrowed */
    struct cgroup_reading reading;
};
struct cgroup_listing {
    struct cgroup_group *groups; /* sorted by id; the caller's */
    size_t count;
    int64_t taken_ms; /* since that host was started; 0: not told */
};
void cgroup_listing_line(struct cgroup_listing *listing, const char *line);

#endif
