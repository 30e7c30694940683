/*
 * Rules across resources.  A generation is right when its parent was and when everything that was
 * touched, and everything that refers to that, is right.
 */
#include <stdlib.h>
#include <string.h>

#include "spec/balancer.h"
#include "spec/base/arena.h"
#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/generation_int.h"
#include "spec/target.h"
#include "spec/validate.h"

struct checking {
    struct generation_check *check;
    struct tree looked_at[KIND_COUNT];        /* names: a set */
    struct tree refused[LAUNCH_TYPE_EC2 + 1]; /* names of Tasks of which it was told: sets */
    struct tree walked;                       /* name -> its struct walk_state */
    struct arena arena;
};

#define MISTAKE(check, pos, ...)                                                                   \
    do {                                                                                           \
        diag_add((check)->diags, DIAG_ERROR, (pos), __VA_ARGS__);                                  \
        (check)->mistakes++;                                                                       \
    } while (0)

/* ---- References ----------------------------------------------------------------------------- */

/* The nearest name of that kind. */
static const char *nearest(struct checking *checking, enum kind kind, const char *name)
{
    const struct generation *generation = checking->check->generation;
    size_t count = generation_count(generation, kind);

    if (checking->check->mistakes >= LIMIT_DIAGNOSTICS)
        return NULL; /* it would not be seen */
    const char **names = mem_alloc((count + 1) * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = generation_at(generation, kind, i)->name;
    const char *near = text_nearest(name, names, count);
    free(names);
    return near;
}

static void missing(struct checking *checking, const struct resource *from,
                    const struct reference *reference)
{
    struct generation_check *check = checking->check;
    struct pos pos = resource_pos(from, reference->line, reference->column);

    if (check->is_cut)
        return; /* it may well be in the file that could not be read */
    const char *near = nearest(checking, reference->kind, reference->name);
    if (near != NULL)
        MISTAKE(check, pos, "there is no %s '%s': did you mean '%s'?", kind_text(reference->kind),
                reference->name, near);
    else if (reference->kind == KIND_IMAGE)
        MISTAKE(
            check, pos,
            "there is no Image '%s': declare it, or write a full reference with a tag, as '%s:1'",
            reference->name, reference->name);
    else if (reference->kind == KIND_CLUSTER && text_equal(reference->name, "default"))
        MISTAKE(check, pos,
                "there is no Cluster 'default', which a Service without 'cluster' runs in: declare "
                "it, or name another one");
    else
        MISTAKE(check, pos, "there is no %s '%s'", kind_text(reference->kind), reference->name);
}

static void check_references(struct checking *checking, const struct resource *resource)
{
    struct generation_check *check = checking->check;

    for (size_t i = 0; i < resource->reference_count; i++) {
        const struct reference *reference = &resource->references[i];
        const struct resource *to =
            generation_find(check->generation, reference->kind, reference->name);
        if (to == NULL)
            missing(checking, resource, reference);
        else if (reference->cluster != NULL &&
                 !text_equal(reference->cluster, resource_service(to)->cluster))
            MISTAKE(check, resource_pos(resource, reference->line, reference->column),
                    "Service '%s' is in cluster '%s', not in '%s'", reference->name,
                    resource_service(to)->cluster, reference->cluster);
    }
}

/* ---- Launch types --------------------------------------------------------------------------- */

static void refuse_all(struct checking *checking, const struct resource *subject,
                       const struct resource *user, enum launch_type launch_type)
{
    for (size_t i = 0; i < subject->refusal_count; i++) {
        const struct refusal *refusal = &subject->refusals[i];
        struct pos pos = resource_pos(subject, refusal->line, refusal->column);
        if (refusal->on != launch_type)
            continue;
        if (refusal->is_warning)
            diag_add(checking->check->diags, DIAG_WARNING, pos, "%s", refusal->text);
        else
            MISTAKE(checking->check, pos, "%s (%s '%s' runs on it)", refusal->text,
                    kind_text(user->kind), user->name);
    }
}

/* Each Task is told of once. */
static void refuse_task(struct checking *checking, const struct resource *task,
                        const struct resource *user, enum launch_type launch_type)
{
    if (tree_get(&checking->refused[launch_type], task->name) != NULL)
        return;
    tree_put(&checking->refused[launch_type], task->name, checking, /* owner= */ NULL);
    refuse_all(checking, task, user, launch_type);
}

/* ecs.md 1.6. */
static void check_constraints(struct checking *checking, const struct resource *resource)
{
    const struct service_spec *service = resource_service(resource);
    const struct resource *task =
        service->task_definition == NULL
            ? NULL
            : generation_find(checking->check->generation, KIND_TASK, service->task_definition);

    if (task != NULL && service->placement_constraints_count <= PLACEMENT_CONSTRAINTS_MAX &&
        resource_task(task)->placement_constraints_count <= PLACEMENT_CONSTRAINTS_MAX &&
        service->placement_constraints_count + resource_task(task)->placement_constraints_count >
            PLACEMENT_CONSTRAINTS_MAX)
        MISTAKE(checking->check, resource->pos,
                "Service '%s' and Task '%s' together have more than %d placementConstraints",
                resource->name, task->name, PLACEMENT_CONSTRAINTS_MAX);
}

static void check_launch_type(struct checking *checking, const struct resource *resource)
{
    struct generation_check *check = checking->check;
    const struct service_spec *service = resource_service(resource);
    const struct resource *cluster =
        service->cluster != NULL
            ? generation_find(check->generation, KIND_CLUSTER, service->cluster)
            : NULL;
    const struct resource *task =
        service->task_definition != NULL
            ? generation_find(check->generation, KIND_TASK, service->task_definition)
            : NULL;

    if (cluster == NULL)
        return;
    enum launch_type launch_type = resource_cluster(cluster)->launch_type;
    if (service->launch_type != LAUNCH_TYPE_UNSET && service->launch_type != launch_type)
        MISTAKE(check, resource->pos, "Service '%s' says launchType %s, but cluster '%s' is %s",
                resource->name, enumeration_text(&launch_type_values, service->launch_type),
                cluster->name, enumeration_text(&launch_type_values, launch_type));
    refuse_all(checking, resource, resource, launch_type);
    if (task != NULL)
        refuse_task(checking, task, resource, launch_type);
}

/* ---- Schedules ------------------------------------------------------------------------------ */

static void check_schedule(struct checking *checking, const struct resource *resource)
{
    const struct generation *generation = checking->check->generation;
    const struct schedule_spec *schedule = resource_schedule(resource);
    const struct resource *cluster =
        schedule->cluster == NULL ? NULL
                                  : generation_find(generation, KIND_CLUSTER, schedule->cluster);
    const struct resource *task =
        schedule->task_definition == NULL
            ? NULL
            : generation_find(generation, KIND_TASK, schedule->task_definition);
    struct err err;

    if (cluster == NULL || task == NULL)
        return;
    refuse_task(checking, task, resource, resource_cluster(cluster)->launch_type);
    if (schedule->overrides != NULL &&
        target_check_overrides(task, schedule->overrides, &checking->arena, &err) < 0)
        MISTAKE(checking->check, resource->pos, "Schedule '%s': %s", resource->name, err.text);
}

/* ---- Instances ------------------------------------------------------------------------------ */

/* The first one of a name, and whose it is. */
struct listed {
    const struct resource *cluster;
    const struct container_instance *instance;
    const struct resource *maintains; /* the cluster that does; NULL: none so far */
};

/* What the two say differently about how the host is reached; NULL: nothing. */
static const char *disagreement(const struct container_instance *a,
                                const struct container_instance *b)
{
    if (!text_equal(a->host, b->host))
        return "host";
    if (!text_equal(instance_address(a), instance_address(b)))
        return "address";
    if (!text_equal(a->user, b->user))
        return "user";
    if (a->port != b->port)
        return "port";
    if (!text_equal(a->identity_file, b->identity_file))
        return "identityFile";
    if (!text_equal(a->docker_host, b->docker_host))
        return "dockerHost";
    if (a->host_keys != b->host_keys)
        return "hostKeys";
    return a->connection_timeout == b->connection_timeout ? NULL : "connectionTimeout";
}

/* Else two would drain it for each other. */
static void check_one_maintains(struct checking *checking, struct listed *first,
                                const struct resource *cluster, const char *instance)
{
    if (first == NULL || first->cluster == cluster ||
        resource_cluster(cluster)->maintenance == NULL)
        return;
    if (first->maintains != NULL)
        MISTAKE(checking->check, cluster->pos,
                "instance '%s' is maintained by cluster '%s': only one of them can have "
                "`maintenance`",
                instance, first->maintains->name);
    first->maintains = cluster;
}

/* A name is one host, whichever clusters list it. */
static void check_instances(struct checking *checking)
{
    const struct generation *generation = checking->check->generation;
    AUTO(tree) names = { 0 };

    for (size_t c = 0; c < generation_count(generation, KIND_CLUSTER); c++) {
        const struct resource *cluster = generation_at(generation, KIND_CLUSTER, c);
        const struct cluster_spec *spec = resource_cluster(cluster);

        for (size_t i = 0; i < spec->instances_count; i++) {
            const struct container_instance *instance = &spec->instances[i];
            struct listed *first = instance->name == NULL ? NULL : tree_get(&names, instance->name);
            const char *field = first == NULL ? NULL : disagreement(first->instance, instance);

            if (field != NULL && first->cluster != cluster)
                MISTAKE(checking->check, cluster->pos,
                        "instance '%s' has another %s than in cluster '%s': a name is one host",
                        instance->name, field, first->cluster->name);
            check_one_maintains(checking, first, cluster, instance->name);
            if (first != NULL || instance->name == NULL)
                continue;
            first = arena_new(&checking->arena, struct listed);
            *first =
                (struct listed){ cluster, instance, spec->maintenance == NULL ? NULL : cluster };
            tree_put(&names, instance->name, first, /* owner= */ NULL);
        }
    }
}

/* ---- Platforms ------------------------------------------------------------------------------ */

/* Does "linux/arm64/v8" mean "linux/arm64"?  A variant says more of the same, and the kernel's
 * names of processors are Docker's as well. */
static bool is_platform(const char *built, const char *wanted)
{
    size_t size = strlen(wanted);

    if (text_equal(built, "linux/x86_64") || text_equal(built, "linux/x86-64"))
        built = "linux/amd64";
    else if (text_equal(built, "linux/aarch64"))
        built = "linux/arm64";
    return strncmp(built, wanted, size) == 0 && (built[size] == '\0' || built[size] == '/');
}

/* What the Image says is built, so it must be what the Task runs on. */
static void check_platforms(struct checking *checking, const struct resource *task)
{
    struct generation_check *check = checking->check;
    const struct task_spec *spec = resource_task(task);
    const char *wanted = task_platform(spec);

    for (size_t i = 0; wanted != NULL && i < task->reference_count; i++) {
        const struct reference *reference = &task->references[i];
        const struct resource *image =
            reference->kind == KIND_IMAGE
                ? generation_find(check->generation, KIND_IMAGE, reference->name)
                : NULL;
        const struct image_build *build = image == NULL ? NULL : resource_image(image)->build;

        if (build != NULL && build->platform != NULL && !is_platform(build->platform, wanted))
            MISTAKE(check, resource_pos(task, reference->line, reference->column),
                    "Image '%s' is built for %s, but runtimePlatform.cpuArchitecture is %s, which "
                    "is %s: they must be the same",
                    image->name, build->platform,
                    enumeration_text(&cpu_architecture_values,
                                     spec->runtime_platform->cpu_architecture),
                    wanted);
    }
}

/* ---- Cycles --------------------------------------------------------------------------------- */

/* Of one service in the depth-first walk along dependsOn. */
struct walk_state {
    const struct resource *service;
    struct walk_state *above; /* on the way here */
    size_t next;              /* reference to look at */
    bool is_open;             /* on the way, or finished */
};

/* The way from `first` down to `last`, whose reference leads back to `first`. */
static void tell_cycle(struct checking *checking, const struct walk_state *last,
                       const struct walk_state *first, const struct reference *reference)
{
    AUTO(buf) path = { 0 };
    size_t count = 1;

    for (const struct walk_state *at = last; at != first; at = at->above)
        count++;
    const char **names = mem_alloc(count * sizeof(*names));
    const struct walk_state *at = last;
    for (size_t i = count; i-- > 0; at = at->above)
        names[i] = at->service->name;
    buf_init(&path, 1024);
    for (size_t i = 0; i < count; i++)
        buf_printf(&path, "%s -> ", names[i]);
    MISTAKE(checking->check, resource_pos(last->service, reference->line, reference->column),
            "dependsOn: a cycle: %s%s", buf_text(&path), names[0]);
    free(names);
}

static struct walk_state *enter(struct checking *checking, const struct resource *service,
                                struct walk_state *above)
{
    struct walk_state *state = arena_new(&checking->arena, struct walk_state);

    state->service = service;
    state->above = above;
    state->is_open = true;
    tree_put(&checking->walked, service->name, state, /* owner= */ NULL);
    return state;
}

/* Walks from a service to all it depends on; a way that meets itself is a cycle. */
static void check_cycles(struct checking *checking, const struct resource *start)
{
    const struct generation *generation = checking->check->generation;

    if (tree_get(&checking->walked, start->name) != NULL)
        return;
    for (struct walk_state *at = enter(checking, start, NULL); at != NULL;) {
        if (at->next == at->service->reference_count) {
            at->is_open = false;
            at = at->above;
            continue;
        }
        const struct reference *reference = &at->service->references[at->next++];
        const struct resource *to = reference->kind == KIND_SERVICE
                                        ? generation_find(generation, KIND_SERVICE, reference->name)
                                        : NULL;
        if (to == NULL || to == at->service) /* validate.c tells of itself */
            continue;
        struct walk_state *known = tree_get(&checking->walked, to->name);
        if (known == NULL)
            at = enter(checking, to, at);
        else if (known->is_open)
            tell_cycle(checking, at, known, reference);
    }
}

/* ---- All of it ------------------------------------------------------------------------------ */

static void look_at_balancers(struct checking *checking, const struct resource *service);

static void look_at(struct checking *checking, const struct resource *resource)
{
    struct tree *looked_at = &checking->looked_at[resource->kind];

    if (tree_get(looked_at, resource->name) != NULL)
        return;
    tree_put(looked_at, resource->name, checking, /* owner= */ NULL);
    check_references(checking, resource);
    if (resource->kind == KIND_TASK)
        check_platforms(checking, resource);
    if (resource->kind == KIND_SERVICE) {
        check_launch_type(checking, resource);
        check_constraints(checking, resource);
        check_cycles(checking, resource);
        check_targets(checking->check, resource, &checking->arena);
        look_at_balancers(checking, resource);
    }
    if (resource->kind == KIND_SCHEDULE)
        check_schedule(checking, resource);
    if (resource->kind == KIND_LOAD_BALANCER)
        check_balancer(checking->check, resource, &checking->arena);
}

/* Another one may say the same to them. */
static void look_at_balancers(struct checking *checking, const struct resource *service)
{
    for (size_t i = 0; i < service->reference_count; i++) {
        const struct reference *reference = &service->references[i];
        const struct resource *balancer =
            reference->kind != KIND_LOAD_BALANCER
                ? NULL
                : generation_find(checking->check->generation, KIND_LOAD_BALANCER, reference->name);

        if (balancer != NULL)
            look_at(checking, balancer);
    }
}

void generation_check(struct generation_check *check)
{
    struct checking checking = { .check = check };
    bool clusters = false;
    bool balancers = false;

    for (size_t i = 0; i < check->touched_count; i++) {
        const struct touched *touched = &check->touched[i];
        const struct resource *resource =
            generation_find(check->generation, touched->kind, touched->name);
        clusters |= touched->kind == KIND_CLUSTER;
        balancers |= touched->kind == KIND_LOAD_BALANCER;
        if (resource != NULL)
            look_at(&checking, resource);
        size_t cursor = 0;
        while ((resource = generation_next_referrer(check->generation, touched->kind, touched->name,
                                                    &cursor)) != NULL)
            look_at(&checking, resource);
    }
    if (clusters)
        check_instances(&checking);
    if (balancers)
        check_listening(check, &checking.arena);
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        tree_release(&checking.looked_at[kind]);
    for (size_t i = 0; i < ARRAY_COUNT(checking.refused); i++)
        tree_release(&checking.refused[i]);
    tree_release(&checking.walked);
    arena_release(&checking.arena);
}
