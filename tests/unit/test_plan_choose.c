/*
 * The instance that is chosen without a look at all of them is the one that the plain rule finds,
 * which is written down here: all that fit, the best by the strategies, and then by chance.  In
 * drawn fleets that change between the plans, with what is kept of them from plan to plan.
 */
#include <stdio.h>
#include <string.h>

#include "reconciler/plan/placing.h"
#include "spec/base/rng.h"
#include "spec/base/text.h"
#include "spec/names.h"
#include "tests/unit/unit.h"

#define OWNER "me"
#define ROOT  "0123456789012345678901234567890123456789"

enum { FLEETS = 200, CHANGES = 8, HOSTS_MAX = 90, SERVICES = 8, PLACES = 12 };

static const char *const strategies[] = {
    "",
    "[{type: spread, field: instanceId}]",
    "[{type: spread, field: 'attribute:zone'}]",
    "[{type: spread, field: 'attribute:zone'}, {type: spread, field: instanceId}]",
    "[{type: spread, field: 'attribute:rack'}, {type: spread, field: 'attribute:zone'}]",
    "[{type: binpack, field: cpu}]",
    "[{type: binpack, field: memory}]",
    "[{type: spread, field: 'attribute:zone'}, {type: binpack, field: memory}]",
    "[{type: binpack, field: cpu}, {type: spread, field: instanceId}]",
    "[{type: binpack, field: memory}, {type: binpack, field: cpu}]",
    "[{type: spread, field: instanceId}, {type: random}, {type: binpack, field: cpu}]",
    "[{type: random}]",
};

static const char *const constraints[] = {
    "",
    "{type: distinctInstance}",
    "{type: memberOf, expression: 'attribute:disk == ssd'}",
    "{type: memberOf, expression: 'attribute:zone in [a, b]'}, {type: distinctInstance}",
    "{type: memberOf, expression: 'ec2InstanceId =~ h1.*'}",
    "{type: memberOf, expression: 'runningTasksCount < 4'}",
    ("{type: memberOf, expression: 'attribute:disk == ssd'}, "
     "{type: memberOf, expression: 'runningTasksCount < 3'}"),
};

struct host_draw {
    char name[16];
    char zone;
    char rack;
    bool has_ssd;
    bool is_draining;
    uint32_t reserved;
};

struct scene {
    struct rng rng;
    struct arena arena;
    struct generation *generation;
    struct desired *desired;
    struct world *world;
    struct memory *memory;
    struct pools *pools;
    struct host_draw hosts[HOSTS_MAX];
    size_t host_count;
    unsigned commits;
    unsigned tasks;
    size_t compared;
};

static size_t draw(struct scene *scene, size_t limit)
{
    return (size_t)rng_below(&scene->rng, limit);
}

/* ---- What is drawn --------------------------------------------------------------------------- */

static void draw_hosts(struct scene *scene)
{
    scene->host_count = 1 + draw(scene, 1 + draw(scene, HOSTS_MAX));
    for (size_t i = 0; i < scene->host_count; i++) {
        struct host_draw *host = &scene->hosts[i];

        /* Names of different lengths. */
        (void)snprintf(host->name, sizeof(host->name), "h%zu", i * i * 3);
        host->zone = (char)('a' + draw(scene, 3));
        host->rack = (char)('p' + draw(scene, 8));
        host->has_ssd = draw(scene, 2) == 0;
        host->is_draining = draw(scene, 12) == 0;
        host->reserved = draw(scene, 4) == 0 ? 256 : 0;
    }
}

static void write_manifests(struct scene *scene, struct buf *out)
{
    buf_printf(out, "apiVersion: berth/v1\nkind: Cluster\nmetadata: {name: e}\nspec:\n"
                    "  launchType: EC2\n  instances:\n");
    for (size_t i = 0; i < scene->host_count; i++) {
        const struct host_draw *host = &scene->hosts[i];

        buf_printf(out,
                   "  - {name: %s, host: %s, reservedMemory: %u, state: %s, "
                   "attributes: {zone: %c, rack: %c, disk: %s}}\n",
                   host->name, host->name, host->reserved,
                   host->is_draining ? "DRAINING" : "ACTIVE", host->zone, host->rack,
                   host->has_ssd ? "ssd" : "hdd");
    }
    for (size_t i = 0; i < SERVICES; i++) {
        const char *strategy = strategies[draw(scene, ARRAY_COUNT(strategies))];
        const char *constraint = constraints[draw(scene, ARRAY_COUNT(constraints))];

        buf_printf(out,
                   "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: s%zu}, spec: {cpu: "
                   "%u, memory: %u, containerDefinitions: [{name: main, image: 'x/s%zu:1'}]}}\n"
                   "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: s%zu}, spec: "
                   "{cluster: e, taskDefinition: s%zu%s%s%s%s%s}}\n",
                   i, 128 << draw(scene, 3), 128 << draw(scene, 3), i, i, i,
                   strategy[0] == '\0' ? "" : ", placementStrategy: ", strategy,
                   constraint[0] == '\0' ? "" : ", placementConstraints: [", constraint,
                   constraint[0] == '\0' ? "" : "]");
    }
}

static void commit(struct scene *scene)
{
    AUTO(diag_list) diags = { 0 };
    AUTO(buf) text = { 0 };
    struct generation *generation = NULL;
    struct desired *desired;
    struct err err = { 0 };
    struct file_change file = { .path = "all.yaml" };
    char name[16];

    buf_init(&text, 1024 * 1024);
    write_manifests(scene, &text);
    file.bytes = buf_text(&text);
    file.size = text.size;
    sha256_hex(file.bytes, file.size, file.blob);
    (void)snprintf(name, sizeof(name), "%u", ++scene->commits);
    if (generation_derive(scene->generation, name, &file, 1, &diags, &generation, &err) < 0)
        fail_msg("%s", diags.items[0].text);
    desired = desired_make(generation, scene->desired, scene->memory, NULL, NULL, NULL);
    desired_free(scene->desired);
    generation_unref(scene->generation);
    scene->generation = generation;
    scene->desired = desired;
}

static void tell(struct scene *scene, enum world_change_kind kind, const char *instance,
                 const char *name, const char *root)
{
    (void)world_apply(
        scene->world,
        &(struct world_change){
            .kind = kind,
            .named = { .instance = instance, .name = name, .owner = OWNER, .root = root } });
}

/* With all that it runs; seldom it is not claimed, or somebody else's. */
static void list(struct scene *scene, const char *name)
{
    const char *claim = claim_volume_name(&scene->arena, OWNER);

    tell(scene, WORLD_LISTING_BEGIN, name, NULL, NULL);
    if (draw(scene, 20) != 0)
        tell(scene, WORLD_VOLUME, name, claim, draw(scene, 20) == 0 ? "another" : ROOT);
    tell(scene, WORLD_LISTING_END, name, NULL, NULL);
}

static void connect(struct scene *scene, const char *name)
{
    /* Seldom two names are one engine. */
    const char *engine = draw(scene, 30) == 0 ? "ENGINE" : name;

    (void)world_apply(scene->world,
                      &(struct world_change){ .kind = WORLD_INSTANCE,
                                              .instance = { .instance = name,
                                                            .engine_id = engine,
                                                            .architecture = "x86_64",
                                                            .cpu_units = 1024U << draw(scene, 2),
                                                            .memory_mib = 1024U << draw(scene, 2),
                                                            .connected_ms = 1 } });
    list(scene, name);
}

static void add_task(struct scene *scene, const char *instance, size_t service)
{
    const struct world_instance *seen = world_instance(scene->world, instance);
    const char *name = arena_printf(&scene->arena, "s%zu", service);
    const struct target *target =
        desired_service(scene->desired, arena_printf(&scene->arena, "e/%s", name))->goal->target;
    char id[SHA256_HEX_SIZE];
    struct world_change change = { .kind = WORLD_CONTAINER };

    if (seen == NULL || seen->same_as != NULL)
        return;
    sha256_hex(&scene->tasks, sizeof(scene->tasks), id);
    scene->tasks++;
    change.container =
        (struct container_report){ .instance = instance,
                                   .id = id,
                                   .name = id,
                                   .cluster = "e",
                                   .service = name,
                                   .task = id,
                                   .container = "main",
                                   .revision = draw(scene, 5) == 0 ? "older" : target->revision,
                                   .deployment = "d",
                                   .commit = "c",
                                   .containers = 1,
                                   .slot = scene->tasks,
                                   .attempt = 1,
                                   .memory_mib = target_memory_mib(target),
                                   .cpu_units = target_cpu_units(target),
                                   .status = CONTAINER_RUNNING,
                                   .inspected = true };
    (void)world_apply(scene->world, &change);
}

static void end_task(struct scene *scene, const char *instance)
{
    const struct world_instance *seen = world_instance(scene->world, instance);

    if (seen != NULL && seen->tasks != NULL)
        tell(scene, WORLD_CONTAINER_GONE, NULL, seen->tasks->containers[0]->id, NULL);
}

static void work(struct scene *scene, const char *instance)
{
    const char *key = arena_printf(&scene->arena, "pull x/s%zu:1", draw(scene, SERVICES));
    enum effort_state state = draw(scene, 2) == 0 ? EFFORT_RUNNING : EFFORT_DONE;

    (void)world_apply(
        scene->world,
        &(struct world_change){
            .kind = WORLD_EFFORT,
            .effort = { .instance = instance, .key = key, .state = state, .at_ms = 1 } });
}

/* Mostly nothing that makes all that is kept worthless. */
static void change_fleet(struct scene *scene)
{
    bool is_calm = draw(scene, 4) != 0;

    if (!is_calm && draw(scene, 2) == 0) {
        if (draw(scene, 2) == 0)
            scene->hosts[draw(scene, scene->host_count)].is_draining ^= true;
        commit(scene);
    }
    for (size_t i = draw(scene, 30); i > 0; i--) {
        const char *name = scene->hosts[draw(scene, scene->host_count)].name;
        const struct world_change lost = {
            .kind = WORLD_INSTANCE_LOST,
            .lost = { .instance = name, .failure = "no route to host", .at_ms = 1 }
        };

        switch (draw(scene, 12)) {
        case 0: (void)world_apply(scene->world, &lost); break;
        case 1:
            if (!is_calm)
                connect(scene, name);
            break;
        case 2: work(scene, name); break;
        case 5:
        case 6: list(scene, name); break;
        case 3: end_task(scene, name); break;
        case 4:
            if (!is_calm)
                tell(scene, WORLD_INSTANCE_GONE, name, NULL, NULL);
            break;
        default: add_task(scene, name, draw(scene, SERVICES)); break;
        }
    }
}

/* ---- The plain rule -------------------------------------------------------------------------- */

/* Of one service, while its tasks are placed. */
struct plain {
    struct scene *scene;
    const struct target *target;
    uint32_t present[HOSTS_MAX];
    uint32_t balanced[HOSTS_MAX]; /* of its revision */
    bool underway[HOSTS_MAX];
    /* What was placed in this plan, by all services. */
    uint32_t *cpu_units;
    uint32_t *memory_mib;
    uint32_t *tasks;
};

static const struct world_instance *seen_of(const struct plain *plain, size_t host)
{
    return world_instance(plain->scene->world, plain->scene->hosts[host].name);
}

static bool has_claim(const struct plain *plain, const struct world_instance *seen)
{
    const struct world_named *claim =
        world_volume(seen, claim_volume_name(&plain->scene->arena, OWNER));

    return claim != NULL && text_equal(claim->root, ROOT);
}

static bool is_member(const struct plain *plain, size_t host)
{
    const struct service_spec *spec = plain->target->spec;
    const struct host_draw *drawn = &plain->scene->hosts[host];
    uint32_t running = (uint32_t)seen_of(plain, host)->task_count + plain->tasks[host];

    for (size_t i = 0; i < spec->placement_constraints_count; i++) {
        const char *expression = spec->placement_constraints[i].expression;

        if (expression == NULL                   ? plain->present[host] > 0
            : strstr(expression, "disk") != NULL ? !drawn->has_ssd
            : strstr(expression, "zone") != NULL ? drawn->zone == 'c'
            : strstr(expression, "ec2") != NULL  ? drawn->name[1] != '1'
            : strstr(expression, "< 4") != NULL  ? running >= 4
                                                 : running >= 3)
            return false;
    }
    return true;
}

static bool fits(const struct plain *plain, size_t host)
{
    const struct host_draw *drawn = &plain->scene->hosts[host];
    const struct world_instance *seen = seen_of(plain, host);

    return !drawn->is_draining && seen != NULL && seen->same_as == NULL &&
           seen->state == INSTANCE_ACTIVE && seen->complete && has_claim(plain, seen) &&
           is_member(plain, host) &&
           seen->used_cpu_units + plain->cpu_units[host] + target_cpu_units(plain->target) <=
               seen->cpu_units &&
           seen->used_memory_mib + plain->memory_mib[host] + target_memory_mib(plain->target) +
                   drawn->reserved <=
               seen->memory_mib;
}

static uint32_t in_group(const struct plain *plain, const char *field, size_t host)
{
    const struct host_draw *of = &plain->scene->hosts[host];
    uint32_t count = 0;

    for (size_t i = 0; i < plain->scene->host_count; i++) {
        const struct host_draw *other = &plain->scene->hosts[i];

        if (text_ends(field, "availability-zone") || /* nobody has one */
            (text_equal(field, "attribute:zone")   ? other->zone == of->zone
             : text_equal(field, "attribute:rack") ? other->rack == of->rack
                                                   : i == host))
            count += plain->balanced[i];
    }
    return count;
}

static uint64_t left(const struct plain *plain, const char *field, size_t host)
{
    const struct world_instance *seen = seen_of(plain, host);

    return text_equal(field, "cpu")
               ? seen->cpu_units - seen->used_cpu_units - plain->cpu_units[host]
               : seen->memory_mib - seen->used_memory_mib - plain->memory_mib[host] -
                     plain->scene->hosts[host].reserved;
}

static uint64_t plain_chance(const char *task, const char *instance)
{
    AUTO(arena) scratch = { 0 };
    uint64_t hash = 0xcbf29ce484222325;

    for (const char *at = arena_printf(&scratch, "%s%s", task, instance); *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
    return hash ^ (hash >> 29);
}

static bool is_better(const struct plain *plain, size_t a, size_t b, const char *name)
{
    static const struct placement_strategy silent[] = {
        { .type = PLACEMENT_STRATEGY_TYPE_SPREAD, .field = "attribute:ecs.availability-zone" },
        { .type = PLACEMENT_STRATEGY_TYPE_SPREAD, .field = "instanceId" },
    };
    const struct service_spec *spec = plain->target->spec;
    size_t count = spec->placement_strategy_count;
    const struct placement_strategy *all = count == 0 ? silent : spec->placement_strategy;

    if (plain->underway[a] != plain->underway[b])
        return plain->underway[a];
    for (size_t i = 0; i < (count == 0 ? 2 : count); i++) {
        bool packs = all[i].type == PLACEMENT_STRATEGY_TYPE_BINPACK;
        uint64_t of_a;
        uint64_t of_b;

        if (all[i].type == PLACEMENT_STRATEGY_TYPE_RANDOM)
            break;
        of_a = packs ? left(plain, all[i].field, a) : in_group(plain, all[i].field, a);
        of_b = packs ? left(plain, all[i].field, b) : in_group(plain, all[i].field, b);
        if (of_a != of_b)
            return of_a < of_b;
    }
    return plain_chance(name, plain->scene->hosts[a].name) <
           plain_chance(name, plain->scene->hosts[b].name);
}

static size_t plain_choice(const struct plain *plain, const char *name)
{
    size_t best = plain->scene->host_count;

    for (size_t i = 0; i < plain->scene->host_count; i++) {
        if (fits(plain, i) && (best == plain->scene->host_count || is_better(plain, i, best, name)))
            best = i;
    }
    return best;
}

/* ---- Side by side ---------------------------------------------------------------------------- */

static size_t host_index(const struct scene *scene, const char *name)
{
    size_t at = 0;

    while (at < scene->host_count && !text_equal(scene->hosts[at].name, name))
        at++;
    return at;
}

static void count_seen(struct plain *plain, struct service_view *view, struct arena *arena)
{
    const struct world_service *seen =
        world_service(plain->scene->world, plain->target->cluster, plain->target->service);
    const char *key = arena_printf(arena, "pull x/%s:1", plain->target->service);

    view->tasks = arena_array(arena, struct task_view, seen == NULL ? 1 : seen->task_count);
    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        size_t host = host_index(plain->scene, seen->tasks[i]->instance);

        plain->present[host]++;
        plain->balanced[host] += text_equal(seen->tasks[i]->revision, plain->target->revision);
        view->tasks[view->task_count++] =
            (struct task_view){ .task = seen->tasks[i], .status = TASK_RUNNING };
    }
    for (size_t i = 0; i < plain->scene->host_count; i++) {
        const struct world_instance *instance = seen_of(plain, i);
        const struct world_effort *effort = instance == NULL ? NULL : world_effort(instance, key);

        plain->underway[i] = effort != NULL && effort->state == EFFORT_RUNNING;
    }
}

static void place(struct planner *planner, struct plain *plain, struct arena *arena)
{
    struct service_view view = { .cluster = plain->target->cluster,
                                 .service = plain->target->service };
    struct pin pin = { 0 };
    struct deployment primary = { .pins = &pin };
    const struct desired_service *desired =
        desired_service(plain->scene->desired, unit_key(arena, view.cluster, view.service));

    primary.goal = desired->goal;
    view.primary = &primary;
    planner->view = &view;
    count_seen(plain, &view, arena);
    for (size_t i = 0; i < PLACES; i++) {
        const char *name =
            arena_printf(arena, "%llx %zu 0", (unsigned long long)rng_next(&plain->scene->rng), i);
        size_t best = plain_choice(plain, name);
        const struct world_instance *chosen = pool_place(planner, plain->target, name);

        plain->scene->compared++;
        if (best == plain->scene->host_count) {
            assert_null(chosen);
            break;
        }
        assert_non_null(chosen);
        assert_string_equal(chosen->name, plain->scene->hosts[best].name);
        plain->present[best]++;
        plain->balanced[best]++;
        plain->underway[best] = false;
        plain->cpu_units[best] += target_cpu_units(plain->target);
        plain->memory_mib[best] += target_memory_mib(plain->target);
        plain->tasks[best]++;
    }
}

/* All services in one plan, some of them. */
static void compare_plans(struct scene *scene, struct pools *pools)
{
    const struct plan_input input = { .desired = scene->desired,
                                      .world = scene->world,
                                      .memory = scene->memory,
                                      .owner = OWNER,
                                      .root = ROOT,
                                      .now_ms = 1,
                                      .pools = pools };
    uint32_t cpu_units[HOSTS_MAX] = { 0 };
    uint32_t memory_mib[HOSTS_MAX] = { 0 };
    uint32_t tasks[HOSTS_MAX] = { 0 };
    AUTO(arena) arena = { 0 };
    struct plan plan = { 0 };
    struct planner planner = {
        .input = &input, .arena = &arena, .scratch = &arena, .plan = &plan, .unit = "e/s"
    };

    for (size_t i = draw(scene, 3); i < SERVICES; i += 1 + draw(scene, 3)) {
        const char *key = arena_printf(&arena, "e/s%zu", i);
        struct plain plain = { .scene = scene,
                               .target = desired_service(scene->desired, key)->goal->target,
                               .cpu_units = cpu_units,
                               .memory_mib = memory_mib,
                               .tasks = tasks };

        planner.unit = key;
        place(&planner, &plain, &arena);
    }
}

static void scene_release(struct scene *scene)
{
    pools_free(scene->pools);
    desired_free(scene->desired);
    generation_unref(scene->generation);
    world_free(scene->world);
    memory_free(scene->memory);
    arena_release(&scene->arena);
}

static void the_choice_is_that_of_the_plain_rule(void **state)
{
    size_t compared = 0;

    (void)state;
    for (unsigned seed = 1; seed <= FLEETS; seed++) {
        struct scene scene = { .rng = { seed } };

        scene.world = world_new(NULL, NULL);
        scene.memory = memory_new();
        scene.pools = pools_new();
        draw_hosts(&scene);
        commit(&scene);
        for (size_t i = 0; i < scene.host_count; i++) {
            if (draw(&scene, 15) != 0)
                connect(&scene, scene.hosts[i].name);
        }
        for (size_t i = 0; i < CHANGES; i++) {
            change_fleet(&scene);
            compare_plans(&scene, scene.pools);
            compare_plans(&scene, NULL);
        }
        compared += scene.compared;
        scene_release(&scene);
    }
    assert_true(compared > 10000);
}

/* ---- The order of chance --------------------------------------------------------------------- */

static void chance_is_walked_in_its_order(void **state)
{
    struct rng rng = { 7 };
    const char *names[200];

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        AUTO(arena) arena = { 0 };
        size_t count = 1 + (size_t)rng_below(&rng, ARRAY_COUNT(names));
        struct chance_rings *rings;
        const char *task;
        uint64_t last = 0;
        size_t host;
        size_t seen = 0;

        for (size_t i = 0; i < count; i++)
            names[i] = arena_printf(&arena, "%.*s%llu", (int)rng_below(&rng, 20),
                                    "a-name-that-is-long-enough",
                                    (unsigned long long)rng_below(&rng, 100000));
        rings = chance_rings_new(names, count, &arena);
        for (size_t walk = 0; walk < 20; walk++, seen = 0, last = 0) {
            task = arena_printf(&arena, "%llx", (unsigned long long)rng_next(&rng));
            for (chance_walk(rings, task); chance_next(rings, &host); seen++) {
                assert_true(chance_of(task, names[host]) >= last);
                assert_int_equal(chance_of(task, names[host]), plain_chance(task, names[host]));
                last = chance_of(task, names[host]);
            }
            assert_int_equal(seen, count);
        }
    }
}

/* Among so many some are the same in all the bits that the last mixing leaves as they are. */
enum { CROWD = 60000 };

static void chance_is_walked_in_its_order_by_a_crowd(void **state)
{
    AUTO(arena) arena = { 0 };
    const char **names = arena_array(&arena, const char *, CROWD);
    struct chance_rings *rings;
    size_t alike = 0;

    (void)state;
    for (size_t i = 0; i < CROWD; i++)
        names[i] = arena_printf(&arena, "h%05zu", i);
    rings = chance_rings_new(names, CROWD, &arena);
    for (size_t walk = 0; walk < 8; walk++) {
        const char *task = arena_printf(&arena, "task %zu", walk);
        uint64_t last = 0;
        size_t host;

        for (chance_walk(rings, task); chance_next(rings, &host);) {
            uint64_t chance = chance_of(task, names[host]);

            assert_true(chance > last);
            alike += chance >> 35 == last >> 35;
            last = chance;
        }
    }
    assert_true(alike > 0);
}

/* ---- The shelf ------------------------------------------------------------------------------- */

enum { SHELVED = 1000 };

static void a_shelf_is_in_order(void **state)
{
    struct shelf_item items[SHELVED];
    bool is_there[SHELVED] = { false };
    AUTO(arena) arena = { 0 };
    struct shelf *shelf = shelf_new(SHELVED, &arena);
    struct rng rng = { 3 };

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        uint32_t index = (uint32_t)rng_below(&rng, SHELVED);
        uint32_t from = (uint32_t)rng_below(&rng, 100);
        uint32_t other = (uint32_t)rng_below(&rng, 100);
        const struct shelf_item *item;
        const struct shelf_item *before = NULL;
        struct shelf_walk walk;
        size_t count = 0;

        is_there[index] = rng_below(&rng, 3) != 0;
        items[index] = (struct shelf_item){ (uint32_t)rng_below(&rng, 100),
                                            (uint32_t)rng_below(&rng, 100), index };
        if (is_there[index])
            shelf_put(shelf, &items[index]);
        else
            shelf_remove(shelf, index);
        if (round % 50 != 0)
            continue;
        for (shelf_begin(shelf, from, other, &walk); (item = shelf_next(&walk)) != NULL;
             before = item, count++) {
            assert_true(is_there[item->index]);
            assert_memory_equal(item, &items[item->index], sizeof(*item));
            assert_true(item->left >= from && item->other >= other);
            assert_true(before == NULL || before->left < item->left ||
                        (before->left == item->left && before->index < item->index));
        }
        for (size_t i = 0; i < SHELVED; i++)
            count -= is_there[i] && items[i].left >= from && items[i].other >= other;
        assert_int_equal(count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_choice_is_that_of_the_plain_rule),
        cmocka_unit_test(chance_is_walked_in_its_order),
        cmocka_unit_test(chance_is_walked_in_its_order_by_a_crowd),
        cmocka_unit_test(a_shelf_is_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
