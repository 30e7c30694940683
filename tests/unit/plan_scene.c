/*
 * One engine called "local"; every image can be had at once.
 */
#include "tests/unit/plan_scene.h"

#include <string.h>

#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "spec/names.h"
#include "tests/unit/plan_trace.h"
#include "tests/unit/unit.h"

#define OWNER      "me"
#define ROOT       "0123456789012345678901234567890123456789"
#define START_MS   INT64_C(1700000000000)
#define BUILD_KEY  "0123456789abcdef0123456789abcdef"
#define ROUNDS_MAX 100

static void apply(struct scene *scene, enum world_change_kind kind, const char *name)
{
    const struct world_change change = { .kind = kind,
                                         .named = { .instance = scene->at, .name = name } };
    (void)world_apply(scene->world, &change);
}

void scene_engine(struct scene *scene, uint32_t cpu_units, uint32_t memory_mib)
{
    const struct world_change engine = { .kind = WORLD_INSTANCE,
                                         .instance = { .instance = "local",
                                                       .engine_id = "ENGINE",
                                                       .architecture = "x86_64",
                                                       .cpu_units = cpu_units,
                                                       .memory_mib = memory_mib,
                                                       .connected_ms = scene->now_ms } };

    (void)world_apply(scene->world, &engine);
}

void scene_open(struct scene *scene)
{
    *scene = (struct scene){ .now_ms = START_MS, .at = "local", .checks = HEALTH_HEALTHY };
    scene->world = world_new(NULL, NULL);
    scene->memory = memory_new();
    scene_engine(scene, 8192, 65536);
    apply(scene, WORLD_LISTING_BEGIN, NULL);
    apply(scene, WORLD_LISTING_END, NULL);
    apply(scene, WORLD_BALANCERS_KNOWN, NULL);
    scene->new_targets = TARGET_HEALTHY;
}

void scene_close(struct scene *scene)
{
    desired_free(scene->desired);
    generation_unref(scene->generation);
    world_free(scene->world);
    memory_free(scene->memory);
    arena_release(&scene->arena);
}

/* ---- Manifests ---- */

const char *scene_service(struct scene *scene, const char *name, const char *color,
                          const char *spec)
{
    return arena_printf(&scene->arena,
                        "---\napiVersion: berth/v1\nkind: Task\nmetadata: {name: %s}\nspec:\n"
                        "  cpu: 256\n  memory: 512\n  containerDefinitions:\n"
                        "    - {name: main, image: 'example/%s:1', environment: {COLOR: %s}}\n"
                        "---\napiVersion: berth/v1\nkind: Service\nmetadata: {name: %s}\n"
                        "spec: {cluster: c, taskDefinition: %s, minReadySeconds: 1, %s}\n",
                        name, name, color, name, name, spec);
}

void scene_commit(struct scene *scene, const char *commit, const char *manifests)
{
    AUTO(diag_list) diags = { 0 };
    struct desired *before = scene->desired;
    struct generation *generation = NULL;
    struct err err = { 0 };
    struct file_change file = { .path = "all.yaml" };

    file.bytes = arena_printf(&scene->arena,
                              "apiVersion: berth/v1\nkind: Cluster\nmetadata: {name: c}\n"
                              "spec: {launchType: FARGATE}\n%s",
                              manifests);
    file.size = strlen(file.bytes);
    sha256_hex(file.bytes, file.size, file.blob);
    if (generation_derive(scene->generation, commit, &file, 1, &diags, &generation, &err) < 0)
        fail_msg("%s", diags.items[0].text);
    for (size_t i = 0; i < generation_count(generation, KIND_IMAGE); i++) {
        const struct resource *image = generation_at(generation, KIND_IMAGE, i);
        if (resource_image(image)->build != NULL)
            generation_set_build_key(generation, image->name, BUILD_KEY);
    }
    generation_unref(scene->generation);
    scene->generation = generation;
    scene->prune_allowed = false;
    scene->desired = desired_make(generation, before, scene->memory, NULL, NULL, NULL);
    desired_free(before);
}

/* ---- The engine ---- */

void scene_tell(struct scene *scene, size_t index)
{
    const struct world_change change = { .kind = WORLD_CONTAINER,
                                         .container = scene->containers[index] };
    (void)world_apply(scene->world, &change);
}

void scene_end_container(struct scene *scene, size_t index, int exit_code)
{
    struct container_report *report = &scene->containers[index];

    report->status = CONTAINER_EXITED;
    report->exit_code = exit_code;
    report->finished_ms = scene->now_ms;
    scene_tell(scene, index);
}

static void obey_named(struct scene *scene, const struct action *action,
                       enum world_change_kind kind)
{
    const struct world_change change = { .kind = kind,
                                         .named = { .instance = scene->at,
                                                    .name = action->name,
                                                    .owner = OWNER,
                                                    .cluster = action->cluster,
                                                    .service = action->service,
                                                    .root = action->kind == ACTION_CLAIM ? ROOT
                                                                                         : NULL } };
    (void)world_apply(scene->world, &change);
}

/* `done`: what it tells of the image; NULL: nothing. */
static void report_effort(struct scene *scene, const struct action *action,
                          const struct scene_failure *failure, const struct effort_report *done)
{
    struct err err = { 0 };
    AUTO(buf) key = { 0 };
    struct world_change change = { .kind = WORLD_EFFORT };

    buf_init(&key, 1024);
    action_effort_key(action->kind, action->object, &key);
    if (failure != NULL)
        (void)err_set(&err, failure->code, "%s", failure->text);
    if (done != NULL)
        change.effort = *done;
    change.effort.instance = scene->at;
    change.effort.key = buf_text(&key);
    change.effort.state = failure != NULL ? EFFORT_FAILED : EFFORT_DONE;
    if (action->kind == ACTION_HOST_RUN && scene->run_hangs)
        change.effort.state = EFFORT_RUNNING;
    change.effort.at_ms = scene->now_ms;
    change.effort.image_name = action->image_name;
    change.effort.failure = failure == NULL ? NULL : &err;
    (void)world_apply(scene->world, &change);
}

static const struct world_image *image_at(const struct scene *scene, const char *reference)
{
    return world_image(world_instance(scene->world, scene->at), reference);
}

/* The texts and one more, unless it is NULL or among them. */
static size_t texts_with(struct scene *scene, const char *const *texts, size_t count,
                         const char *more, const char *const **out)
{
    const char **all = arena_array(&scene->arena, const char *, count + 1);
    bool known = more == NULL;

    for (size_t i = 0; i < count; i++) {
        all[i] = arena_text(&scene->arena, texts[i]);
        known |= text_equal(texts[i], more);
    }
    if (!known)
        all[count++] = arena_text(&scene->arena, more);
    *out = all;
    return count;
}

/* The texts but one. */
static size_t texts_without(struct scene *scene, const char *const *texts, size_t count,
                            const char *less, const char *const **out)
{
    const char **all = arena_array(&scene->arena, const char *, count + 1);
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (!text_equal(texts[i], less))
            all[kept++] = arena_text(&scene->arena, texts[i]);
    }
    *out = all;
    return kept;
}

/* Its report, without its names. */
static struct image_report labels_of(struct scene *scene, const struct world_image *image)
{
    return (struct image_report){ .instance = scene->at,
                                  .id = arena_text(&scene->arena, image->id),
                                  .name = arena_text(&scene->arena, image->name),
                                  .owner = arena_text(&scene->arena, image->owner),
                                  .key = arena_text(&scene->arena, image->key),
                                  .created_ms = image->created_ms };
}

/* Whatever has the tag loses it. */
static void untag(struct scene *scene, const char *tag)
{
    const struct world_image *image = tag == NULL ? NULL : image_at(scene, tag);
    struct world_change change = { .kind = WORLD_IMAGE };

    if (image == NULL)
        return;
    change.image = labels_of(scene, image);
    change.image.tag_count =
        texts_without(scene, image->tags, image->tag_count, tag, &change.image.tags);
    change.image.digest_count =
        texts_with(scene, image->digests, image->digest_count, NULL, &change.image.digests);
    (void)world_apply(scene->world, &change);
}

void scene_name_image(struct scene *scene, const char *id, const char *tag, const char *digest)
{
    const char *const *none = NULL;
    const struct world_image *before;
    struct image_report report = { .instance = scene->at };

    untag(scene, tag);
    before = image_at(scene, id);
    if (before != NULL)
        report = labels_of(scene, before);
    report.id = arena_text(&scene->arena, id);

    report.tag_count = texts_with(scene, before == NULL ? none : before->tags,
                                  before == NULL ? 0 : before->tag_count, tag, &report.tags);
    report.digest_count =
        texts_with(scene, before == NULL ? none : before->digests,
                   before == NULL ? 0 : before->digest_count, digest, &report.digests);
    const struct world_change change = { .kind = WORLD_IMAGE, .image = report };
    (void)world_apply(scene->world, &change);
}

/* The engine has the image of that id under the action's reference; `digest`: and knows it from a
 * registry. */
static void have_image(struct scene *scene, const struct action *action, const char *id,
                       bool digest)
{
    size_t size = strcspn(action->reference, "@");
    bool by_digest = action->reference[size] == '@';
    if (!by_digest)
        size = (size_t)(strrchr(action->reference, ':') - action->reference);
    const char *known = arena_printf(&scene->arena, "%.*s@%s", (int)size, action->reference, id);
    const struct world_image *before = image_at(scene, id);
    bool is_pull = action->kind == ACTION_IMAGE_PULL;
    const struct effort_report done = {
        .image_id = id,
        .is_new = is_pull && before == NULL,
        .is_named = is_pull && (before == NULL || image_at(scene, action->reference) != before)
    };

    scene_name_image(scene, id, by_digest ? NULL : action->reference, digest ? known : NULL);
    report_effort(scene, action, /* failure= */ NULL, &done);
}

/* A name goes, and the image with its last one. Digests have no life of their own. */
static void obey_image_remove(struct scene *scene, const struct action *action)
{
    const struct world_image *image = image_at(scene, action->reference);
    struct image_report report;

    if (scene->image_remove_failure.text != NULL) {
        scene->image_remove_count++;
        report_effort(scene, action, &scene->image_remove_failure, NULL);
        return;
    }
    assert_non_null(image);
    assert_string_equal(image->id, action->image_id);
    report = labels_of(scene, image);
    report.tag_count =
        texts_without(scene, image->tags, image->tag_count, action->reference, &report.tags);
    report.digest_count = texts_without(scene, image->digests, image->digest_count,
                                        action->reference, &report.digests);
    if (report.tag_count == 0) {
        apply(scene, WORLD_IMAGE_GONE, report.id);
        return;
    }
    const struct world_change change = { .kind = WORLD_IMAGE, .image = report };
    (void)world_apply(scene->world, &change);
}

const char *scene_image_id(struct scene *scene, const char *reference)
{
    const char *what = arena_printf(&scene->arena, "%s %u", scene->all_are_same ? "all" : reference,
                                    scene->pulled_version);
    char hex[SHA256_HEX_SIZE];

    sha256_hex(what, strlen(what), hex);
    return arena_printf(&scene->arena, "sha256:%s", hex);
}

static void obey_pull(struct scene *scene, const struct action *action)
{
    const char *digest = strchr(action->reference, '@');

    scene->pull_count++;
    if (scene->pull_failure.text != NULL && digest == NULL)
        report_effort(scene, action, &scene->pull_failure, NULL);
    else
        have_image(scene, action,
                   digest != NULL ? digest + 1 : scene_image_id(scene, action->reference),
                   /* digest= */ true);
}

/* What the giver has, which must be there. */
static void obey_copy(struct scene *scene, const struct action *action)
{
    const struct world_instance *giver = world_instance(scene->world, action->giver);
    const struct world_image *given = giver == NULL ? NULL : world_image(giver, action->reference);

    scene->copy_count++;
    assert_non_null(given);
    assert_int_equal(giver->state, INSTANCE_ACTIVE);
    assert_string_not_equal(giver->name, action->instance);
    have_image(scene, action, given->id, /* digest= */ false);
}

static void obey_create(struct scene *scene, const struct action *action)
{
    struct arena *arena = &scene->arena;
    const struct task_spec *task = action->target->task;
    bool is_sandbox = action->container == SANDBOX_INDEX;
    bool is_job = service_is_job(action->target->service);
    const struct container_definition *definition =
        is_sandbox ? NULL : &task->container_definitions[action->container];
    uint32_t count = (uint32_t)task->container_definitions_count;
    size_t index = scene->container_count;

    if (scene->create_failure.text != NULL) {
        report_effort(scene, action, &scene->create_failure, NULL);
        return;
    }
    if (action->reference != NULL) /* by that the engine is asked for the image */
        assert_string_equal(image_at(scene, action->reference)->id, action->image_id);
    scene->container_count++;
    ASSERT(index < SCENE_CONTAINERS_MAX);
    scene->containers[index] = (struct container_report){
        .instance = arena_text(arena, action->instance),
        .id = arena_printf(arena, "%064zx", index),
        .name = arena_text(arena, action->object),
        .cluster = arena_text(arena, action->target->cluster),
        .service = is_job ? NULL : arena_text(arena, action->target->service),
        .group = is_job ? job_group(arena, action->target->service) : NULL,
        .task = arena_text(arena, action->identity.task),
        .container = is_sandbox ? SANDBOX_NAME : arena_text(arena, definition->name),
        .family = arena_text(arena, action->target->task_name),
        .revision = arena_text(arena, action->target->revision),
        .deployment = arena_text(arena, action->identity.deployment),
        .commit = arena_text(arena, action->identity.commit),
        .containers = count > 1 ? count + 1 : count,
        .slot = action->identity.slot,
        .attempt = action->identity.attempt,
        .memory_mib = target_memory_mib(action->target),
        .cpu_units = target_cpu_units(action->target),
        .host_ports = target_host_ports(action->target, arena),
        .image_id = arena_text(arena, action->image_id),
        .inspected = true,
        .health =
            definition != NULL && definition->health_check != NULL ? HEALTH_STARTING : HEALTH_NONE,
        .created_ms = scene->now_ms,
        .drift = scene->rewrites > 0 ? "Memory" : NULL,
    };
    scene->rewrites -= scene->rewrites > 0;
    scene_tell(scene, index);
}

static size_t container_of(const struct scene *scene, const char *id)
{
    size_t index = 0;

    while (!text_equal(scene->containers[index].id, id)) {
        index++;
        assert_true(index < scene->container_count);
    }
    return index;
}

static void obey_start(struct scene *scene, const struct action *action)
{
    size_t index = container_of(scene, action->container_id);
    struct container_report *report = &scene->containers[index];

    if (scene->start_failure.text != NULL &&
        (scene->start_failure_of == NULL || text_equal(scene->start_failure_of, report->service))) {
        report_effort(scene, action, &scene->start_failure, NULL);
        return;
    }
    report->status = CONTAINER_RUNNING;
    if (report->health == HEALTH_STARTING)
        report->health = scene->checks;
    report->started_ms = scene->now_ms;
    report->address = arena_printf(&scene->arena, "172.20.0.%zu", index + 2);
    report->bindings =
        arena_printf(&scene->arena, "%zu:80/tcp %zu:81/tcp", 32768 + 2 * index, 32769 + 2 * index);
    scene_tell(scene, index);
    if (scene->exits_on_start)
        scene_end_container(scene, index, 1);
}

static void obey_lines(struct scene *scene, const struct action *action)
{
    scene->lines_count++;
    (void)world_apply(scene->world,
                      &(struct world_change){
                          .kind = WORLD_CONTAINER_LINES,
                          .lines = { action->instance, action->container_id, scene->last_lines } });
}

static void obey_run(struct scene *scene, const struct action *action)
{
    const struct effort_report done = { .boot = scene->boot, .needs_reboot = scene->needs_reboot };
    const char *how = action->reboots ? "!" : action->command == NULL ? "?" : "";

    scene->runs = arena_printf(&scene->arena, "%s%s%s ", scene->runs == NULL ? "" : scene->runs,
                               action->instance, how);
    report_effort(scene, action, scene->run_failure.text == NULL ? NULL : &scene->run_failure,
                  &done);
}

/* ---- The load balancer ---- */

void scene_tell_balancer(struct scene *scene)
{
    const struct world_change change = { .kind = WORLD_BALANCER,
                                         .balancer = { .name = "public",
                                                       .shape = scene->shape,
                                                       .applied = true,
                                                       .targets = scene->targets,
                                                       .target_count = scene->target_count } };

    (void)world_apply(scene->world, &change);
}

void scene_end_balancer(struct scene *scene)
{
    const struct world_change change = { .kind = WORLD_BALANCER_GONE,
                                         .named = { .name = "public" } };

    scene->shape = NULL;
    scene->target_count = 0;
    (void)world_apply(scene->world, &change);
}

static struct target_report *find_target(struct scene *scene, const char *group, const char *task)
{
    for (size_t i = 0; i < scene->target_count; i++) {
        if (text_equal(scene->targets[i].group, group) && text_equal(scene->targets[i].task, task))
            return &scene->targets[i];
    }
    return NULL;
}

static struct target_report target_as_wanted(struct scene *scene, const char *group,
                                             const struct balancer_member *member)
{
    const struct target_report *before = find_target(scene, group, member->task);
    struct target_report target = { .state = scene->new_targets };

    if (before != NULL)
        target = *before;
    target.group = arena_text(&scene->arena, group);
    target.task = arena_text(&scene->arena, member->task);
    target.address = arena_text(&scene->arena, member->address);
    target.port = member->port;
    target.check_port = member->check_port;
    if (member->drains && target.state != TARGET_DRAINING) {
        target.state = TARGET_DRAINING;
        target.connections = scene->open;
    }
    return target;
}

static void obey_balancer(struct scene *scene, const struct action *action)
{
    const struct world_change failed = { .kind = WORLD_BALANCER_FAILED,
                                         .lost = { .instance = action->object,
                                                   .failure = scene->balancer_failure,
                                                   .at_ms = scene->now_ms } };
    struct target_report targets[ARRAY_COUNT(scene->targets)];
    size_t count = 0;

    assert_string_equal(action->object, "public");
    if (scene->balancer_failure != NULL) {
        (void)world_apply(scene->world, &failed);
        return;
    }
    for (size_t g = 0; g < action->balancer->group_count; g++) {
        const struct balancer_group *group = &action->balancer->groups[g];

        for (size_t m = 0; m < group->member_count; m++) {
            assert_true(count < ARRAY_COUNT(targets));
            targets[count++] = target_as_wanted(scene, group->name, &group->members[m]);
        }
    }
    memcpy(scene->targets, targets, count * sizeof(*targets));
    scene->target_count = count;
    scene->shape = arena_text(&scene->arena, action->balancer->shape);
    scene->balancer_count++;
    scene_tell_balancer(scene);
}

static void obey(struct scene *scene, const struct action *action)
{
    scene->at = arena_text(&scene->arena, action->instance);
    if (scene->failure.text != NULL && action->kind == scene->failure_kind) {
        report_effort(scene, action, &scene->failure, NULL);
        return;
    }
    switch (action->kind) {
    case ACTION_CLAIM:
    case ACTION_VOLUME_CREATE: obey_named(scene, action, WORLD_VOLUME); break;
    case ACTION_VOLUME_REMOVE: obey_named(scene, action, WORLD_VOLUME_GONE); break;
    case ACTION_NETWORK_CREATE: obey_named(scene, action, WORLD_NETWORK); break;
    case ACTION_NETWORK_REMOVE: obey_named(scene, action, WORLD_NETWORK_GONE); break;
    case ACTION_IMAGE_PULL:
    case ACTION_SANDBOX_LOAD: obey_pull(scene, action); break;
    case ACTION_IMAGE_COPY: obey_copy(scene, action); break;
    case ACTION_IMAGE_REMOVE: obey_image_remove(scene, action); break;
    case ACTION_CONTAINER_CREATE: obey_create(scene, action); break;
    case ACTION_CONTAINER_START: obey_start(scene, action); break;
    case ACTION_CONTAINER_STOP:
        scene_end_container(scene, container_of(scene, action->container_id), 143);
        break;
    case ACTION_CONTAINER_LAST_LINES: obey_lines(scene, action); break;
    case ACTION_CONTAINER_REMOVE: apply(scene, WORLD_CONTAINER_GONE, action->container_id); break;
    case ACTION_IMAGE_BUILD:
        scene->build_count++;
        have_image(scene, action, scene_image_id(scene, action->reference), /* digest= */ false);
        break;
    case ACTION_IMAGE_PUSH:
        scene->push_count++;
        have_image(scene, action, scene_image_id(scene, action->reference), /* digest= */ true);
        break;
    case ACTION_HOST_RUN: obey_run(scene, action); break;
    case ACTION_BALANCER_APPLY: obey_balancer(scene, action); break;
    case ACTION_BALANCER_STOP: scene_end_balancer(scene); break;
    case ACTION_KIND_COUNT: fail_msg("%s is not part of a scene", action_kind_text(action->kind));
    }
}

/* ---- Planning ---- */

struct plan_input scene_input(const struct scene *scene)
{
    return (struct plan_input){ .desired = scene->desired,
                                .world = scene->world,
                                .memory = scene->memory,
                                .owner = OWNER,
                                .root = ROOT,
                                .recalled = scene->recalled,
                                .recalled_count = scene->recalled_count,
                                .sandbox = "berth/sandbox:1",
                                .prune_allowed = scene->prune_allowed,
                                .now_ms = scene->now_ms };
}

/* When to plan again. */
static int64_t plan_all(struct scene *scene)
{
    int64_t wake_ms = INT64_MAX;

    for (int round = 0; round < ROUNDS_MAX; round++) {
        const struct plan_input input = scene_input(scene);
        struct plan_unit *units;
        size_t count = plan_units(&input, &scene->arena, &units);

        plan_compute(&input, units, count, &scene->arena, &scene->plan);
        if (scene->trace != NULL)
            plan_trace(&scene->plan, scene->now_ms - START_MS, scene->trace);
        for (size_t i = 0; i < scene->plan.fact_count; i++)
            memory_apply(scene->memory, &scene->plan.facts[i]);
        if (scene->plan.fact_count > 0)
            continue;
        for (size_t i = 0; i < count; i++) {
            if (scene->plan.wake_at_ms[i] < wake_ms)
                wake_ms = scene->plan.wake_at_ms[i];
        }
        return wake_ms;
    }
    fail_msg("the plan does not settle");
    return wake_ms;
}

void scene_plan(struct scene *scene)
{
    (void)plan_all(scene);
}

static void obey_all(struct scene *scene)
{
    for (size_t i = 0; i < scene->plan.action_count; i++)
        obey(scene, &scene->plan.actions[i]);
    scene->at = "local";
}

void scene_step(struct scene *scene)
{
    obey_all(scene);
    (void)plan_all(scene);
}

void scene_run(struct scene *scene, int64_t for_ms)
{
    int64_t end_ms = scene->now_ms + for_ms;

    for (;;) {
        int64_t wake_ms = plan_all(scene);

        obey_all(scene);
        if (scene->plan.action_count > 0) {
            scene->now_ms++; /* an engine that loops for ever reaches the end, too */
            continue;
        }
        if (wake_ms > end_ms || scene->now_ms > end_ms)
            break;
        scene->now_ms = wake_ms;
    }
    if (scene->now_ms < end_ms)
        scene->now_ms = end_ms;
}

void scene_settle(struct scene *scene)
{
    scene_run(scene, 0);
}

/* ---- Questions ---- */

size_t scene_running_of(const struct scene *scene, const char *commit)
{
    size_t count = 0;

    for (size_t i = 0; i < scene->container_count; i++)
        count += scene->containers[i].status == CONTAINER_RUNNING &&
                 text_equal(scene->containers[i].commit, commit);
    return count;
}

void scene_forget(struct scene *scene)
{
    memory_free(scene->memory);
    scene->memory = memory_new();
}

size_t scene_running(const struct scene *scene, const char *service)
{
    const struct world_service *seen = world_service(scene->world, "c", service);
    size_t running = 0;

    for (size_t i = 0; seen != NULL && i < seen->task_count; i++)
        running += seen->tasks[i]->containers[0]->status == CONTAINER_RUNNING;
    return running;
}

size_t scene_actions(const struct scene *scene, enum action_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < scene->plan.action_count; i++)
        count += scene->plan.actions[i].kind == kind;
    return count;
}

const struct deployment *scene_primary(const struct scene *scene, const char *key)
{
    return memory_primary(memory_service(scene->memory, key));
}

const char *scene_wait(const struct scene *scene, const char *key)
{
    for (size_t i = 0; i < scene->plan.wait_count; i++) {
        if (text_equal(scene->plan.waits[i].unit, key))
            return scene->plan.waits[i].reason;
    }
    return "";
}
