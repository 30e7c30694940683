/*
 * The planner at scale: `make bench-sim`.  A commit with many services is planned against a fleet
 * that is there, claimed, and has the image and the network; what a plan asks is done at once.
 *
 *     planner INSTANCES SERVICES TASKS STRATEGY CONSTRAINTS EVENTS
 *
 * STRATEGY is default (by zone, then by instance), instance, zone, binpack-cpu, binpack-memory,
 * zone-binpack or random; CONSTRAINTS none, memberOf, distinct or both.  The fleet is this file's
 * own, and not drivers/sim: that keeps every container that ever was, with all that can go wrong
 * with it, and what is measured here is the planner, the world and the memory.  Prints one figure a
 * line; fails on nothing but its own inability to run.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "reconciler/plan/plan.h"
#include "spec/base/limits.h"
#include "spec/base/rng.h"
#include "spec/base/text.h"
#include "spec/kinds/kinds.h"
#include "spec/names.h"

#define OWNER     "bench"
#define ROOT      "0123456789012345678901234567890123456789"
#define COMMIT    "89abcdef0123456789abcdef0123456789abcdef"
#define START_MS  INT64_C(1700000000000)
#define BUILD_KEY "0123456789abcdef0123456789abcdef"
#define IMAGE_TAG "berth/app:0123456789ab"
#define IMAGE_ID  "sha256:1111111111111111111111111111111111111111111111111111111111111111"

#define SIZES             8   /* kinds of Task, which differ in what they reserve */
#define SERVICES_PER_FILE 200 /* as people keep them: many files */
#define ROOM_PERCENT      140 /* the fleet has so much of what the tasks reserve together */
#define ROUNDS_MAX        64

static const uint32_t cpu_units_of[SIZES] = { 64, 128, 128, 256, 256, 256, 512, 512 };
static const uint32_t memory_mib_of[SIZES] = { 128, 128, 256, 256, 512, 512, 1024, 512 };

/* ---- The question ---------------------------------------------------------------------------- */

struct named_text {
    const char *name;
    const char *text;
};

static const struct named_text strategies[] = {
    { "default", "" },
    { "instance", "placementStrategy: [{type: spread, field: instanceId}]" },
    { "zone", "placementStrategy: [{type: spread, field: 'attribute:ecs.availability-zone'}]" },
    { "binpack-cpu", "placementStrategy: [{type: binpack, field: cpu}]" },
    { "binpack-memory", "placementStrategy: [{type: binpack, field: memory}]" },
    { "zone-binpack",
      "placementStrategy: [{type: spread, field: 'attribute:ecs.availability-zone'}, "
      "{type: binpack, field: memory}]" },
    { "random", "placementStrategy: [{type: random}]" },
};

static const struct named_text constraints[] = {
    { "none", "" },
    { "memberOf", "placementConstraints: [{type: memberOf, expression: 'attribute:disk == ssd'}]" },
    { "distinct", "placementConstraints: [{type: distinctInstance}]" },
    { "both", "placementConstraints: [{type: distinctInstance}, "
              "{type: memberOf, expression: 'attribute:disk == ssd'}]" },
};

struct bench {
    size_t instances;
    size_t services;
    size_t tasks;
    const char *strategy;
    const char *constraints;
    size_t events;

    struct generation *generation;
    struct desired *desired;
    struct world *world;
    struct memory *memory;
    struct pools *pools;
    struct arena arena; /* of one plan */
    int64_t now_ms;
    struct plan_unit *dirty;
    size_t dirty_count;
    size_t dirty_capacity;
    struct arena dirty_keys;
    bool is_watching; /* what is dirty is kept */

    double plan_s;     /* spent in the planner, */
    double apply_s;    /* in the world and the memory */
    size_t plan_bytes; /* of the arena of the largest plan */
    size_t steps;
    size_t plans;
};

static double now_s(void)
{
    struct timespec time = { 0 };

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t heap_bytes(void)
{
    const struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static double peak_mib(void)
{
    struct rusage usage = { 0 };

    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

/* ---- The commit ------------------------------------------------------------------------------ */

/* Of all tasks together, on one of so many instances. */
static uint32_t share(const struct bench *bench, const uint32_t of[SIZES])
{
    uint64_t sum = 0;

    for (size_t i = 0; i < SIZES; i++)
        sum += of[i];
    sum = sum * bench->tasks / SIZES * ROOM_PERCENT / 100 / bench->instances;
    return sum < 4096 ? 4096 : (uint32_t)sum;
}

static void write_cluster(const struct bench *bench, struct buf *out)
{
    buf_printf(out, "apiVersion: berth/v1\nkind: Cluster\nmetadata: {name: c}\n"
                    "spec:\n  launchType: EC2\n  instances:\n");
    for (size_t i = 0; i < bench->instances; i++)
        buf_printf(
            out,
            "  - {name: i%zu, host: h%zu, attributes: {'ecs.availability-zone': %c, disk: %s}}\n",
            i, i, (char)('a' + i % 3), i % 4 == 0 ? "hdd" : "ssd");
    buf_printf(out, "---\n{apiVersion: berth/v1, kind: Image, metadata: {name: app}, "
                    "spec: {build: {context: .}}}\n");
    for (size_t i = 0; i < SIZES; i++)
        buf_printf(out,
                   "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: t%zu}, spec: "
                   "{cpu: %u, memory: %u, containerDefinitions: [{name: web, image: app}]}}\n",
                   i, cpu_units_of[i], memory_mib_of[i]);
}

static void write_service(const struct bench *bench, size_t index, struct buf *out)
{
    size_t count = bench->tasks / bench->services + (index < bench->tasks % bench->services);

    buf_printf(out,
               "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: s%zu}, spec: "
               "{cluster: c, taskDefinition: t%zu, desiredCount: %zu",
               index, index % SIZES, count);
    if (bench->strategy[0] != '\0')
        buf_printf(out, ", %s", bench->strategy);
    if (bench->constraints[0] != '\0')
        buf_printf(out, ", %s", bench->constraints);
    buf_printf(out, "}}\n");
}

static void add_file(struct file_change *file, struct arena *arena, const char *path,
                     const struct buf *text)
{
    file->path = path;
    file->size = text->size;
    file->bytes = arena_text_n(arena, buf_text(text), text->size);
    sha256_hex(file->bytes, file->size, file->blob);
}

static int commit(struct bench *bench)
{
    size_t files = (bench->services + SERVICES_PER_FILE - 1) / SERVICES_PER_FILE;
    AUTO(arena) arena = { 0 };
    AUTO(buf) text = { 0 };
    AUTO(diag_list) diags = { 0 };
    struct file_change *changes = arena_array(&arena, struct file_change, files + 1);
    struct err err = { 0 };

    buf_init(&text, LIMIT_MANIFEST_BYTES);
    write_cluster(bench, &text);
    add_file(&changes[0], &arena, "cluster.yaml", &text);
    for (size_t i = 0; i < files; i++) {
        buf_reset(&text);
        for (size_t s = i * SERVICES_PER_FILE;
             s < (i + 1) * SERVICES_PER_FILE && s < bench->services; s++)
            write_service(bench, s, &text);
        add_file(&changes[i + 1], &arena, arena_printf(&arena, "s%zu.yaml", i), &text);
    }
    if (generation_derive(NULL, COMMIT, changes, files + 1, &diags, &bench->generation, &err) < 0) {
        (void)fprintf(stderr, "planner: %s\n", diags.count > 0 ? diags.items[0].text : err.text);
        return -1;
    }
    generation_set_build_key(bench->generation, "app", BUILD_KEY);
    bench->desired = desired_make(bench->generation, NULL, bench->memory, NULL, NULL, NULL);
    return bench->desired == NULL ? -1 : 0;
}

/* ---- The fleet ------------------------------------------------------------------------------- */

static void tell(struct bench *bench, const struct world_change *change)
{
    (void)world_apply(bench->world, change);
}

static void tell_named(struct bench *bench, enum world_change_kind kind, const char *instance,
                       const char *name, const char *root)
{
    tell(bench, &(struct world_change){ .kind = kind,
                                        .named = { .instance = instance,
                                                   .name = name,
                                                   .owner = OWNER,
                                                   .cluster = "c",
                                                   .root = root } });
}

static void connect(struct bench *bench, const char *name, struct arena *arena)
{
    static const char *const tags[] = { IMAGE_TAG };
    const char *engine = arena_printf(arena, "ENGINE-%s", name);

    tell(bench, &(struct world_change){ .kind = WORLD_INSTANCE,
                                        .instance = { .instance = name,
                                                      .engine_id = engine,
                                                      .engine_version = "20.10.24",
                                                      .architecture = "x86_64",
                                                      .cpu_units = share(bench, cpu_units_of),
                                                      .memory_mib = share(bench, memory_mib_of),
                                                      .connected_ms = START_MS } });
    tell_named(bench, WORLD_LISTING_BEGIN, name, NULL, NULL);
    tell_named(bench, WORLD_VOLUME, name, claim_volume_name(arena, OWNER), ROOT);
    tell_named(bench, WORLD_NETWORK, name, cluster_network_name(arena, OWNER, "c"), NULL);
    tell(bench, &(struct world_change){ .kind = WORLD_IMAGE,
                                        .image = { .instance = name,
                                                   .id = IMAGE_ID,
                                                   .tags = tags,
                                                   .tag_count = 1,
                                                   .name = "app",
                                                   .owner = OWNER,
                                                   .key = BUILD_KEY,
                                                   .created_ms = START_MS } });
    tell_named(bench, WORLD_LISTING_END, name, NULL, NULL);
}

static void connect_all(struct bench *bench)
{
    AUTO(arena) arena = { 0 };
    char name[32];

    for (size_t i = 0; i < bench->instances; i++) {
        (void)snprintf(name, sizeof(name), "i%zu", i);
        connect(bench, name, &arena);
        arena_reset(&arena);
    }
}

static void report_of(const struct action *action, struct container_report *out)
{
    const struct target *target = action->target;

    *out = (struct container_report){ .instance = action->instance,
                                      .name = action->object,
                                      .cluster = target->cluster,
                                      .service = target->service,
                                      .task = action->identity.task,
                                      .container = "web",
                                      .family = target->task_name,
                                      .revision = target->revision,
                                      .deployment = action->identity.deployment,
                                      .digest = action->digest,
                                      .commit = action->identity.commit,
                                      .containers = 1,
                                      .slot = action->identity.slot,
                                      .attempt = action->identity.attempt,
                                      .memory_mib = target_memory_mib(target),
                                      .cpu_units = target_cpu_units(target),
                                      .image_id = action->image_id,
                                      .inspected = true };
}

static void obey_create(struct bench *bench, const struct action *action)
{
    struct world_change change = { .kind = WORLD_CONTAINER };
    char id[SHA256_HEX_SIZE];

    report_of(action, &change.container);
    sha256_hex(action->object, strlen(action->object), id);
    change.container.id = id;
    change.container.status = CONTAINER_CREATED;
    change.container.created_ms = bench->now_ms;
    tell(bench, &change);
}

/* What an inspection tells of a container that is known. */
static void retell(struct bench *bench, const struct world_container *container,
                   enum container_status status, int exit_code)
{
    const struct world_task *task = container->task;
    struct world_change change = { .kind = WORLD_CONTAINER,
                                   .container = { .instance = task->instance,
                                                  .id = container->id,
                                                  .name = container->name,
                                                  .cluster = task->service->cluster,
                                                  .service = task->service->service,
                                                  .task = task->id,
                                                  .container = container->container,
                                                  .family = task->family,
                                                  .revision = task->revision,
                                                  .deployment = task->deployment,
                                                  .digest = container->digest,
                                                  .commit = task->commit,
                                                  .containers = 1,
                                                  .slot = task->slot,
                                                  .attempt = task->attempt,
                                                  .memory_mib = task->memory_mib,
                                                  .cpu_units = task->cpu_units,
                                                  .image_id = container->image_id,
                                                  .inspected = true,
                                                  .status = status,
                                                  .exit_code = exit_code,
                                                  .created_ms = container->created_ms,
                                                  .started_ms = container->started_ms } };

    if (status == CONTAINER_RUNNING)
        change.container.started_ms = bench->now_ms;
    else
        change.container.finished_ms = bench->now_ms;
    tell(bench, &change);
}

static void obey(struct bench *bench, const struct action *action)
{
    const struct world_container *container =
        action->container_id == NULL ? NULL : world_container(bench->world, action->container_id);

    if (action->kind == ACTION_CONTAINER_CREATE)
        obey_create(bench, action);
    else if (action->kind == ACTION_CONTAINER_START)
        retell(bench, container, CONTAINER_RUNNING, 0);
    else if (action->kind == ACTION_CONTAINER_STOP)
        retell(bench, container, CONTAINER_EXITED, 0);
    else if (action->kind == ACTION_CONTAINER_LAST_LINES)
        tell(bench, &(struct world_change){
                        .kind = WORLD_CONTAINER_LINES,
                        .lines = { .instance = action->instance, .id = action->container_id } });
    else if (action->kind == ACTION_CONTAINER_REMOVE)
        tell_named(bench, WORLD_CONTAINER_GONE, action->instance, action->container_id, NULL);
    else
        (void)fprintf(stderr, "planner: what was not foreseen: %s %s\n",
                      action_kind_text(action->kind), action->object);
}

/* ---- The cycle ------------------------------------------------------------------------------- */

static void note_dirty(void *context, enum dirty_kind kind, const char *key)
{
    struct bench *bench = context;

    if (!bench->is_watching)
        return;
    if (kind == DIRTY_RELIERS)
        kind = DIRTY_INSTANCE;
    for (size_t i = 0; i < bench->dirty_count; i++) {
        if (bench->dirty[i].kind == kind && text_equal(bench->dirty[i].key, key))
            return;
    }
    if (bench->dirty_count == bench->dirty_capacity) {
        bench->dirty_capacity = bench->dirty_capacity * 2 + 16;
        bench->dirty = mem_resize(bench->dirty, bench->dirty_capacity * sizeof(*bench->dirty));
    }
    bench->dirty[bench->dirty_count++] =
        (struct plan_unit){ kind, arena_text(&bench->dirty_keys, key) };
}

static struct plan_input input_of(struct bench *bench)
{
    return (struct plan_input){ .desired = bench->desired,
                                .world = bench->world,
                                .memory = bench->memory,
                                .owner = OWNER,
                                .root = ROOT,
                                .sandbox = "berth/sandbox:1",
                                .now_ms = bench->now_ms,
                                .pools = bench->pools };
}

/* One plan; what it states is stated, what it asks is done. False: it was empty. */
static bool plan_once(struct bench *bench, const struct plan_unit *units, size_t count)
{
    struct plan_input input = input_of(bench);
    double at = now_s();
    struct plan plan;

    plan_compute(&input, units, count, &bench->arena, &plan);
    bench->plan_s += now_s() - at;
    bench->plans++;
    if (bench->arena.size_bytes > bench->plan_bytes)
        bench->plan_bytes = bench->arena.size_bytes;
    at = now_s();
    for (size_t i = 0; i < plan.fact_count; i++)
        memory_apply(bench->memory, &plan.facts[i]);
    for (size_t i = 0; plan.fact_count == 0 && i < plan.action_count; i++)
        obey(bench, &plan.actions[i]);
    bench->apply_s += now_s() - at;
    bench->steps += plan.fact_count == 0 ? plan.action_count : 0;
    return plan.fact_count > 0 || plan.action_count > 0;
}

static void plan_all(struct bench *bench)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        const struct plan_input input = input_of(bench);
        AUTO(arena) arena = { 0 };
        struct plan_unit *units;
        size_t count = plan_units(&input, &arena, &units);

        arena_reset(&bench->arena);
        if (!plan_once(bench, units, count))
            return;
    }
    (void)fprintf(stderr, "planner: it does not settle\n");
}

/* ---- The figures ----------------------------------------------------------------------------- */

static void figure(const char *what, double value, const char *unit)
{
    (void)printf("%-44s %14.3f %s\n", what, value, unit);
    (void)fflush(stdout);
}

static size_t tasks_seen(const struct bench *bench)
{
    return HASH_CNT(by_id, bench->world->tasks);
}

/* Facts first, then all placements in one plan, which nothing has to wait for. */
static void from_nothing(struct bench *bench)
{
    size_t heap = heap_bytes();
    double total_s;

    while (tasks_seen(bench) == 0 && bench->plans < ROUNDS_MAX) {
        const struct plan_input input = input_of(bench);
        AUTO(arena) arena = { 0 };
        struct plan_unit *units;
        size_t count = plan_units(&input, &arena, &units);

        arena_reset(&bench->arena);
        if (!plan_once(bench, units, count))
            break;
    }
    total_s = bench->plan_s;
    figure("first plan: placements", (double)tasks_seen(bench), "");
    figure("first plan: time", total_s, "s");
    figure("first plan: placements a second", (double)tasks_seen(bench) / total_s, "/s");
    figure("first plan: memory while it is made", (double)bench->plan_bytes / (double)bench->tasks,
           "bytes a task");
    plan_all(bench);
    bench->now_ms += 60 * 1000;
    plan_all(bench);
    arena_release(&bench->arena);
    figure("to steady: steps", (double)bench->steps, "");
    figure("to steady: planner", bench->plan_s, "s");
    figure("to steady: world and memory", bench->apply_s, "s");
    figure("to steady: steps a second", (double)bench->steps / (bench->plan_s + bench->apply_s),
           "/s");
    (void)malloc_trim(0);
    figure("steady: world and memory", (double)(heap_bytes() - heap) / (double)tasks_seen(bench),
           "bytes a task");
}

static int compare_times(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;

    return (*left > *right) - (*left < *right);
}

/* A task ends by itself: recorded, wound down, replaced, healthy again. Each plan is a sample. */
static void one_event(struct bench *bench, struct rng *rng, double *samples, size_t *count,
                      size_t capacity)
{
    const struct world_container *container;
    const struct world_service *service;
    char name[32];

    do {
        (void)snprintf(name, sizeof(name), "s%u",
                       (unsigned)rng_between(rng, 0, (int64_t)bench->services - 1));
        service = world_service(bench->world, "c", name);
    } while (service == NULL);
    container =
        service->tasks[rng_between(rng, 0, (int64_t)service->task_count - 1)]->containers[0];
    bench->dirty_count = 0;
    bench->is_watching = true;
    retell(bench, container, CONTAINER_EXITED, 1);
    for (int round = 0; round < ROUNDS_MAX && bench->dirty_count > 0; round++) {
        struct plan_unit *units = bench->dirty;
        size_t unit_count = bench->dirty_count;
        double before_s = bench->plan_s;
        bool is_more;

        bench->dirty = NULL;
        bench->dirty_count = bench->dirty_capacity = 0;
        arena_reset(&bench->arena);
        is_more = plan_once(bench, units, unit_count);
        if (*count < capacity)
            samples[(*count)++] = bench->plan_s - before_s;
        /* Facts lead to another plan of the same units. */
        for (size_t i = 0; is_more && i < unit_count; i++)
            note_dirty(bench, units[i].kind, units[i].key);
        free(units);
        bench->now_ms += 1000;
    }
    bench->is_watching = false;
    arena_reset(&bench->dirty_keys);
}

static void events(struct bench *bench)
{
    size_t capacity = bench->events * ROUNDS_MAX;
    double *samples = mem_alloc((capacity + 1) * sizeof(*samples));
    struct rng rng = { 1 };
    size_t count = 0;

    bench->plan_bytes = 0;
    for (size_t i = 0; i < bench->events; i++)
        one_event(bench, &rng, samples, &count, capacity);
    qsort(samples, count, sizeof(*samples), compare_times);
    if (count > 0) {
        figure("after one event: plans", (double)count, "");
        figure("after one event: a plan, median", samples[count / 2] * 1e6, "us");
        figure("after one event: a plan, 99 of 100", samples[count * 99 / 100] * 1e6, "us");
        figure("after one event: a plan, longest", samples[count - 1] * 1e6, "us");
        figure("after one event: memory of the largest plan", (double)bench->plan_bytes / 1024,
               "KiB");
    }
    free(samples);
}

static const char *choice(const struct named_text *all, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(all[i].name, name))
            return all[i].text;
    }
    return NULL;
}

static bool parse(struct bench *bench, char **words)
{
    size_t *numbers[] = { &bench->instances, &bench->services, &bench->tasks };
    uint32_t number;

    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        if (!text_parse_u32(words[i], &number) || number == 0)
            return false;
        *numbers[i] = number;
    }
    bench->strategy = choice(strategies, ARRAY_COUNT(strategies), words[3]);
    bench->constraints = choice(constraints, ARRAY_COUNT(constraints), words[4]);
    if (!text_parse_u32(words[5], &number))
        return false;
    bench->events = number;
    return bench->strategy != NULL && bench->constraints != NULL;
}

int main(int count, char **words)
{
    struct bench bench = { .now_ms = START_MS };
    double at;

    if (count != 7 || !parse(&bench, words + 1)) {
        (void)fprintf(stderr,
                      "usage: planner INSTANCES SERVICES TASKS STRATEGY CONSTRAINTS EVENTS\n");
        return 2;
    }
    (void)printf("%zu instances, %zu services, %zu tasks, strategy %s, constraints %s\n",
                 bench.instances, bench.services, bench.tasks, words[4], words[5]);
    bench.world = world_new(note_dirty, &bench);
    bench.memory = memory_new();
    bench.pools = pools_new();
    at = now_s();
    if (commit(&bench) < 0)
        return 1;
    figure("before: the commit is read", now_s() - at, "s");
    at = now_s();
    connect_all(&bench);
    figure("before: the fleet is listed", now_s() - at, "s");
    from_nothing(&bench);
    events(&bench);
    figure("the whole program at its largest", peak_mib(), "MiB");
    arena_release(&bench.arena);
    arena_release(&bench.dirty_keys);
    free(bench.dirty);
    pools_free(bench.pools);
    desired_free(bench.desired);
    generation_unref(bench.generation);
    world_free(bench.world);
    memory_free(bench.memory);
    return 0;
}
