/*
 * What the planner wants of one service: its spec, its task, and the images as they are written,
 * with the revision, the digest of all of it that a running task cannot change.
 */
#ifndef SPEC_TARGET_H
#define SPEC_TARGET_H

#include "spec/base/arena.h"
#include "spec/base/buf.h"
#include "spec/base/digest.h"
#include "spec/generation.h"

enum target_image_kind { TARGET_IMAGE_BUILD, TARGET_IMAGE_REFERENCE };

struct target_image {
    enum target_image_kind kind;
    const char *name;       /* of the Image resource, or NULL */
    const char *reference;  /* as written; of a build "berth/NAME:KEY12" or "REPOSITORY:KEY12" */
    const char *build_key;  /* of a build, else NULL */
    const char *repository; /* of a build: where it is pushed, or NULL */
    const struct image_build *build; /* of a build: how it is made, should it have to be again */
    bool is_protected;               /* the Image has deletionProtection */
};

struct target {
    const char *cluster;
    const char *service;
    const struct service_spec *spec;
    const struct task_spec *task;
    const char *task_name;
    bool cluster_is_protected;   /* the Cluster has deletionProtection */
    bool is_ec2;                 /* of an EC2 cluster; networkMode then says what it is */
    struct target_image *images; /* of task->container_definitions, one each, in their order */
    char revision[SHA256_HEX_SIZE];
};

/*
 * A keyed digest of the value that a secret's valueFrom names, so that a new value is a new
 * revision. NULL: it cannot be read now; the revision then tells only that.  The text must live
 * until the next call.
 */
typedef const char *secret_digest_fn(void *context, const char *value_from);

/*
 * The target of a Service.  It leads into the generation, which must live as long, and into the
 * arena.  What environment files say is in the environments of its containers, and nothing tells
 * where it came from: moving a variable changes nothing.  NULL while the build key of an Image or
 * an environment file it needs is not set.  secret_digest may be NULL when there are no secrets to
 * look at.
 */
const struct target *target_make(const struct generation *generation,
                                 const struct resource *service, secret_digest_fn *secret_digest,
                                 void *context, struct arena *arena);

/*
 * Likewise the target of one run of a Task that no Service asked for: a job (names.h), of that many
 * tasks, with what is overridden; the cluster and the Task must be there.  NULL and *err when that
 * cannot be: an override of a container that the Task does not have, a Task that the cluster's
 * launchType refuses.
 */
struct job_request {
    const char *cluster;
    const char *task; /* the name of the Task */
    const char *run;
    uint32_t count;
    const struct task_override *overrides; /* NULL: none */
};
const struct target *target_make_job(const struct generation *generation,
                                     const struct job_request *request,
                                     secret_digest_fn *secret_digest, void *context,
                                     struct arena *arena, struct err *err);

/* What that says of the overrides alone. */
int target_check_overrides(const struct resource *task, const struct task_override *overrides,
                           struct arena *arena, struct err *err);
/* The same for another run of the same job. */
const struct target *target_of_run(const struct target *target, const char *run,
                                   struct arena *arena);

/* The volume of the engine that a volume of the task is. */
char *target_volume_name(struct arena *arena, const char *owner, const struct target *target,
                         const struct volume *volume);
/* Of a job: it is not removed with its run. */
bool volume_outlives_run(const struct volume *volume);

/* What one of its tasks reserves: what the task says, else the sum of its containers. */
uint32_t target_memory_mib(const struct target *target);
uint32_t target_cpu_units(const struct target *target);
/* The fixed ports of its host that it takes, "80/tcp 53/udp"; NULL: none. */
const char *target_host_ports(const struct target *target, struct arena *arena);

/* What an image for the task must be made for, as Docker writes it ("linux/arm64"); NULL: what the
 * engine itself is. */
const char *task_platform(const struct task_spec *task);

/*
 * Canonical JSON from which target_parse() makes an equal target with the same revision, containers
 * in the order of their names; kept in memory for rolling back.  It holds no secret values.
 */
void target_print(const struct target *target, struct buf *out);
/* Lies in the arena alone.  NULL and *err when the text is none of target_print()'s. */
const struct target *target_parse(const char *text, size_t size, struct arena *arena,
                                  struct err *err);

#endif
