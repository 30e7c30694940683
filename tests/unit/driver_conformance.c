/*
 * The tests that every driver passes. Each opens a driver of its own, waits until it is connected,
 * and frees it; all waiting is for conditions.
 */
#include "tests/unit/driver_conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/text.h"
#include "spec/kinds/kinds.h"
#include "spec/target.h"
#include "tests/unit/unit.h"

#define WAIT_MS    60000
#define TIMEOUT_MS 30000
#define TASK_A     "0123456789abcdef0123456789abcdef"
#define TASK_B     "0123456789abcdef000000000000000b" /* its names are the same */
#define CLUSTER    "conformance"
#define LONG_GRACE 40

enum { CALLS_MAX = 8 };

struct recorded {
    struct driver_call call;
    struct fixture *fixture;
    struct action action;
    int done;
    struct err failure;
};

struct fixture {
    const struct conformance *with;
    struct driver *driver;
    struct world *world;
    struct recorded calls[CALLS_MAX];
    size_t call_count;
    /* What was reported, in order: "B" LISTING_BEGIN, "E" LISTING_END, "I" INSTANCE, "S" stopping,
     * "r", "d", "f" an effort that runs, is done, failed; "." a call is done. */
    struct buf order;
    const char *network;

    struct container_definition definition;
    struct task_spec task;
    struct service_spec spec;
    struct target_image image;
    struct target target;
};

/* ---- The fixture ---- */

static void on_change(void *context, const struct world_change *change)
{
    struct fixture *fixture = context;

    (void)world_apply(fixture->world, change);
    if (change->kind == WORLD_LISTING_BEGIN)
        buf_char(&fixture->order, 'B');
    else if (change->kind == WORLD_LISTING_END)
        buf_char(&fixture->order, 'E');
    else if (change->kind == WORLD_INSTANCE)
        buf_char(&fixture->order, 'I');
    else if (change->kind == WORLD_CONTAINER_STOPPING)
        buf_char(&fixture->order, 'S');
    else if (change->kind == WORLD_EFFORT)
        buf_char(&fixture->order, "rdf"[change->effort.state]);
}

static void on_done(struct driver_call *call, const struct err *failure)
{
    struct recorded *recorded = call->context;

    recorded->done++;
    if (failure != NULL) {
        assert_int_not_equal(failure->code, ERR_OK);
        assert_true(failure->text[0] != '\0');
        recorded->failure = *failure;
    }
    buf_char(&recorded->fixture->order, '.');
}

typedef bool condition_fn(const struct fixture *fixture);

static void wait_until(struct fixture *fixture, condition_fn *condition)
{
    const struct conformance *with = fixture->with;
    int64_t deadline_ms = with->now_ms(with->context) + WAIT_MS;

    while (!condition(fixture)) {
        if (with->now_ms(with->context) > deadline_ms)
            fail_msg("waited too long; so far: %s", buf_text(&fixture->order));
        with->turn(with->context);
    }
}

static bool is_complete(const struct fixture *fixture)
{
    const struct world_instance *instance = world_instance(fixture->world, fixture->with->instance);
    return instance != NULL && instance->complete;
}

static bool all_done(const struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->call_count; i++) {
        if (fixture->calls[i].done == 0)
            return false;
    }
    return true;
}

static bool has_network(const struct fixture *fixture)
{
    const struct world_instance *instance = world_instance(fixture->world, fixture->with->instance);
    return world_network(instance, fixture->network) != NULL;
}

static void target_make_one(struct fixture *fixture)
{
    const struct conformance *with = fixture->with;

    fixture->definition.name = "main";
    fixture->definition.image = with->image;
    fixture->definition.essential = true;
    fixture->definition.command = with->command;
    while (with->command != NULL && with->command[fixture->definition.command_count] != NULL)
        fixture->definition.command_count++;
    fixture->task.container_definitions = &fixture->definition;
    fixture->task.container_definitions_count = 1;
    fixture->task.memory = 64;
    fixture->image.kind = TARGET_IMAGE_REFERENCE;
    fixture->image.reference = with->image;
    fixture->target = (struct target){ .cluster = CLUSTER,
                                       .service = "conformance",
                                       .spec = &fixture->spec,
                                       .task = &fixture->task,
                                       .task_name = "conformance",
                                       .images = &fixture->image };
    text_copy(fixture->target.revision, sizeof(fixture->target.revision), "1");
}

/* Accepted, and recorded; its result comes later. */
static struct recorded *apply(struct fixture *fixture, const struct action *action)
{
    struct err err = { 0 };
    ASSERT(fixture->call_count < CALLS_MAX);
    struct recorded *recorded = &fixture->calls[fixture->call_count++];

    *recorded = (struct recorded){ .fixture = fixture, .action = *action };
    recorded->action.instance = fixture->with->instance;
    recorded->call = (struct driver_call){
        .action = &recorded->action, .timeout_ms = TIMEOUT_MS, .done = on_done, .context = recorded
    };
    if (driver_apply(fixture->driver, &recorded->call, &err) < 0)
        fail_msg("refused: %s", err.text);
    assert_int_equal(recorded->done, 0);
    return recorded;
}

static struct recorded *finish(struct fixture *fixture, const struct action *action)
{
    struct recorded *recorded = apply(fixture, action);
    wait_until(fixture, all_done);
    assert_int_equal(recorded->done, 1);
    fixture->call_count = 0; /* `recorded` stays readable until the next apply() */
    return recorded;
}

static void succeeds(struct fixture *fixture, const struct action *action)
{
    const struct recorded *recorded = finish(fixture, action);
    if (recorded->failure.code != ERR_OK)
        fail_msg("%s: %s", action_kind_text(action->kind), recorded->failure.text);
}

static void fails(struct fixture *fixture, const struct action *action, enum err_code code)
{
    assert_int_equal(finish(fixture, action)->failure.code, code);
}

static int setup(void **state)
{
    const struct conformance *with = *state;
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    const struct driver_sink sink = { .change = on_change, .context = fixture };

    fixture->with = with;
    buf_init(&fixture->order, 1024 * 1024);
    fixture->world = world_new(NULL, NULL);
    target_make_one(fixture);
    fixture->driver = with->open(with->context, &sink);
    driver_start(fixture->driver);
    wait_until(fixture, is_complete);
    *state = fixture;
    return 0;
}

static void cleanup(struct fixture *fixture)
{
    while (fixture->world->containers != NULL) {
        const char *id = fixture->world->containers->id;
        fixture->with->remove_by_hand(fixture->with->context, id);
        const struct world_change gone = { .kind = WORLD_CONTAINER_GONE,
                                           .named = { .instance = fixture->with->instance,
                                                      .name = id } };
        (void)world_apply(fixture->world, &gone);
    }
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    const struct conformance *with = fixture->with;

    cleanup(fixture);
    driver_free(fixture->driver);
    if (with->close != NULL)
        with->close(with->context);
    world_free(fixture->world);
    buf_release(&fixture->order);
    free(fixture);
    return 0;
}

/* ---- Actions ---- */

static const struct world_instance *seen_instance(const struct fixture *fixture)
{
    return world_instance(fixture->world, fixture->with->instance);
}

static struct action create_action(const struct fixture *fixture, const char *task)
{
    const struct world_image *image = world_image(seen_instance(fixture), fixture->with->image);
    assert_non_null(image);
    struct action action = { .kind = ACTION_CONTAINER_CREATE,
                             .target = &fixture->target,
                             .image_id = image->id,
                             .digest = "sha256:pinned",
                             .network = fixture->network,
                             .object = "the container" };

    text_copy(action.identity.task, sizeof(action.identity.task), task);
    action.identity.deployment = "d";
    action.identity.commit = "c";
    action.identity.attempt = 1;
    return action;
}

static struct action container_action(enum action_kind kind, const char *id, uint32_t grace_s)
{
    return (struct action){
        .kind = kind, .object = "the container", .container_id = id, .stop_timeout_s = grace_s
    };
}

static struct action named_action(enum action_kind kind, const char *name)
{
    return (struct action){
        .kind = kind, .object = name, .name = name, .cluster = CLUSTER, .service = "s"
    };
}

static void make_network(struct fixture *fixture)
{
    fixture->network = "berth-conformance-net";
    const struct action action = named_action(ACTION_NETWORK_CREATE, fixture->network);
    succeeds(fixture, &action);
    assert_true(has_network(fixture));
}

static void drop_network(struct fixture *fixture)
{
    const struct action action = named_action(ACTION_NETWORK_REMOVE, fixture->network);
    succeeds(fixture, &action);
    assert_false(has_network(fixture));
}

/* The engine's id of the one container of the task, copied: the world may forget it. */
struct made {
    char id[80];
};

static struct made make_container(struct fixture *fixture)
{
    struct made made;
    const struct action action = create_action(fixture, TASK_A);

    succeeds(fixture, &action);
    const struct world_task *task = world_task(fixture->world, TASK_A);
    assert_non_null(task); /* reported before done() */
    text_copy(made.id, sizeof(made.id), task->containers[0]->id);
    return made;
}

static void drop_container(struct fixture *fixture, const char *id)
{
    const struct action stop = container_action(ACTION_CONTAINER_STOP, id, 1);
    const struct action remove = container_action(ACTION_CONTAINER_REMOVE, id, 0);
    succeeds(fixture, &stop);
    succeeds(fixture, &remove);
    assert_null(world_container(fixture->world, id));
}

/* ---- Tests ---- */

static void connects_and_lists(void **state)
{
    const struct fixture *fixture = *state;
    const struct world_instance *instance = seen_instance(fixture);

    assert_int_equal(instance->state, INSTANCE_ACTIVE);
    assert_non_null(instance->engine_id);
    assert_true(instance->cpu_units > 0 && instance->memory_mib > 0);
    assert_non_null(world_image(instance, fixture->with->image));
    assert_true(text_starts(buf_text(&fixture->order), "IBE"));
}

static void observe_begins_and_ends(void **state)
{
    struct fixture *fixture = *state;
    struct recorded *recorded = &fixture->calls[0];
    struct err err = { 0 };

    buf_reset(&fixture->order);
    *recorded = (struct recorded){ .fixture = fixture };
    recorded->call =
        (struct driver_call){ .timeout_ms = TIMEOUT_MS, .done = on_done, .context = recorded };
    fixture->call_count = 1;
    assert_int_equal(
        driver_observe(fixture->driver, fixture->with->instance, &recorded->call, &err), 0);
    assert_int_equal(recorded->done, 0);
    wait_until(fixture, all_done);
    assert_int_equal(recorded->done, 1);
    assert_int_equal(recorded->failure.code, ERR_OK);
    assert_string_equal(buf_text(&fixture->order), "BE.");
}

static void a_container_lives_and_ends(void **state)
{
    struct fixture *fixture = *state;

    make_network(fixture);
    const struct made made = make_container(fixture);
    const struct world_container *container = world_container(fixture->world, made.id);
    assert_int_equal(container->status, CONTAINER_CREATED);
    assert_true(container->inspected);
    assert_string_equal(container->container, "main");
    assert_string_equal(container->digest, "sha256:pinned");
    assert_string_equal(container->name, "berth-0123456789ab-main");
    assert_string_equal(container->task->service->key, CLUSTER "/conformance");
    assert_int_equal(container->task->expected, 1);
    assert_null(container->drift);

    const struct action start = container_action(ACTION_CONTAINER_START, made.id, 0);
    succeeds(fixture, &start);
    container = world_container(fixture->world, made.id);
    assert_int_equal(container->status, CONTAINER_RUNNING);
    assert_true(container->inspected && container->started_ms > 0);
    assert_non_null(container->address);

    buf_reset(&fixture->order);
    const struct action stop = container_action(ACTION_CONTAINER_STOP, made.id, 1);
    succeeds(fixture, &stop);
    container = world_container(fixture->world, made.id);
    assert_int_equal(container->status, CONTAINER_EXITED);
    assert_int_equal(container->exit_code, 137);
    assert_false(container->stopping);
    assert_string_equal(buf_text(&fixture->order), "S."); /* seen while its grace ran */

    const struct action read = container_action(ACTION_CONTAINER_LAST_LINES, made.id, 0);
    assert_false(container->lines_asked);
    succeeds(fixture, &read);
    assert_true(world_container(fixture->world, made.id)->lines_asked); /* before done() */

    drop_container(fixture, made.id);
    drop_network(fixture);
}

static void what_is_done_already_succeeds(void **state)
{
    struct fixture *fixture = *state;

    make_network(fixture);
    make_network(fixture);
    const struct made made = make_container(fixture);
    const struct action start = container_action(ACTION_CONTAINER_START, made.id, 0);
    const struct action stop = container_action(ACTION_CONTAINER_STOP, made.id, 1);
    const struct action remove = container_action(ACTION_CONTAINER_REMOVE, made.id, 0);
    succeeds(fixture, &stop); /* never started */
    succeeds(fixture, &start);
    succeeds(fixture, &start);
    succeeds(fixture, &stop);
    succeeds(fixture, &stop);
    succeeds(fixture, &remove);
    succeeds(fixture, &remove);
    succeeds(fixture, &stop); /* of what is gone */
    drop_network(fixture);
    drop_network(fixture);

    const struct action volume = named_action(ACTION_VOLUME_CREATE, "berth-conformance-volume");
    const struct action no_volume = named_action(ACTION_VOLUME_REMOVE, volume.name);
    succeeds(fixture, &volume);
    succeeds(fixture, &volume);
    const struct world_named *seen = world_volume(seen_instance(fixture), volume.name);
    assert_non_null(seen);
    assert_string_equal(seen->owner, fixture->with->owner);
    assert_string_equal(seen->cluster, CLUSTER);
    assert_string_equal(seen->service, "s");
    succeeds(fixture, &no_volume);
    succeeds(fixture, &no_volume);
    assert_null(world_volume(seen_instance(fixture), volume.name));
}

static void the_same_create_makes_one_container(void **state)
{
    struct fixture *fixture = *state;

    make_network(fixture);
    const struct made made = make_container(fixture);
    const struct made again = make_container(fixture);
    assert_string_equal(made.id, again.id);
    assert_int_equal(world_task(fixture->world, TASK_A)->container_count, 1);
    drop_container(fixture, made.id);

    /* Both at the same time. */
    const struct action create = create_action(fixture, TASK_A);
    const struct recorded *first = apply(fixture, &create);
    const struct recorded *second = apply(fixture, &create);
    wait_until(fixture, all_done);
    assert_int_equal(first->failure.code, ERR_OK);
    assert_int_equal(second->failure.code, ERR_OK);
    fixture->call_count = 0;
    assert_int_equal(world_task(fixture->world, TASK_A)->container_count, 1);
    struct made last;
    text_copy(last.id, sizeof(last.id), world_task(fixture->world, TASK_A)->containers[0]->id);
    drop_container(fixture, last.id);
    drop_network(fixture);
}

static void another_create_of_that_name_is_a_conflict(void **state)
{
    struct fixture *fixture = *state;

    make_network(fixture);
    const struct made made = make_container(fixture);
    const struct action other = create_action(fixture, TASK_B);
    fails(fixture, &other, ERR_CONFLICT);
    assert_null(world_task(fixture->world, TASK_B));
    assert_non_null(world_container(fixture->world, made.id));
    drop_container(fixture, made.id);
    drop_network(fixture);
}

static void what_cannot_be_done_fails(void **state)
{
    struct fixture *fixture = *state;

    make_network(fixture);
    struct action create = create_action(fixture, TASK_A);
    create.image_id = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    fails(fixture, &create, ERR_NOT_FOUND);
    assert_null(world_task(fixture->world, TASK_A));

    const struct made made = make_container(fixture);
    const struct action start = container_action(ACTION_CONTAINER_START, made.id, 0);
    const struct action remove = container_action(ACTION_CONTAINER_REMOVE, made.id, 0);
    succeeds(fixture, &start);
    fails(fixture, &remove, ERR_CONFLICT); /* it runs */
    assert_int_equal(world_container(fixture->world, made.id)->status, CONTAINER_RUNNING);
    drop_container(fixture, made.id);
    fails(fixture, &start, ERR_NOT_FOUND);
    drop_network(fixture);
}

static void a_claim_tells_the_repository(void **state)
{
    struct fixture *fixture = *state;
    AUTO(buf) name = { 0 };

    buf_init(&name, 100);
    buf_printf(&name, "berth-%s", fixture->with->owner);
    struct action claim = named_action(ACTION_CLAIM, buf_text(&name));
    claim.cluster = NULL;
    claim.service = NULL;
    succeeds(fixture, &claim);
    succeeds(fixture, &claim);
    const struct world_named *seen = world_volume(seen_instance(fixture), buf_text(&name));
    assert_non_null(seen);
    assert_string_equal(seen->owner, fixture->with->owner);
    assert_string_equal(seen->root, fixture->with->root);
    const struct action release = named_action(ACTION_VOLUME_REMOVE, buf_text(&name));
    succeeds(fixture, &release);
}

static bool is_stopping(const struct fixture *fixture)
{
    const struct world_task *task = world_task(fixture->world, TASK_A);
    return task != NULL && task->containers[0]->stopping;
}

static void a_cancelled_call_is_done_once(void **state)
{
    struct fixture *fixture = *state;

    make_network(fixture);
    const struct made made = make_container(fixture);
    const struct action start = container_action(ACTION_CONTAINER_START, made.id, 0);
    const struct action stop = container_action(ACTION_CONTAINER_STOP, made.id, LONG_GRACE);
    succeeds(fixture, &start);
    struct recorded *recorded = apply(fixture, &stop);
    wait_until(fixture, is_stopping);
    assert_int_equal(recorded->done, 0);
    driver_cancel(fixture->driver, &recorded->call);
    assert_int_equal(recorded->done, 0);
    wait_until(fixture, all_done);
    assert_int_equal(recorded->failure.code, ERR_CANCELLED);

    /* A whole other call later it is still done once only. */
    const struct action volume = named_action(ACTION_VOLUME_REMOVE, "berth-conformance-none");
    (void)apply(fixture, &volume);
    wait_until(fixture, all_done);
    assert_int_equal(recorded->done, 1);
    fixture->call_count = 0;
    fixture->with->remove_by_hand(fixture->with->context, made.id);
}

static bool is_gone(const struct fixture *fixture)
{
    return world_task(fixture->world, TASK_A) == NULL;
}

static void what_others_do_is_seen(void **state)
{
    struct fixture *fixture = *state;

    make_network(fixture);
    const struct made made = make_container(fixture);
    const struct action start = container_action(ACTION_CONTAINER_START, made.id, 0);
    succeeds(fixture, &start);
    buf_reset(&fixture->order);
    fixture->with->remove_by_hand(fixture->with->context, made.id);
    wait_until(fixture, is_gone);
    assert_string_equal(buf_text(&fixture->order), ""); /* by an event: nothing was listed */
    drop_network(fixture);
}

static void freeing_ends_what_is_in_flight(void **state)
{
    struct fixture *fixture = *state;

    make_network(fixture);
    const struct made made = make_container(fixture);
    const struct action start = container_action(ACTION_CONTAINER_START, made.id, 0);
    const struct action stop = container_action(ACTION_CONTAINER_STOP, made.id, LONG_GRACE);
    succeeds(fixture, &start);
    struct recorded *recorded = apply(fixture, &stop);
    wait_until(fixture, is_stopping);
    fixture->with->remove_by_hand(fixture->with->context, made.id);
    const struct recorded *second = apply(fixture, &start);
    driver_free(TAKE(fixture->driver));
    wait_until(fixture, all_done);
    assert_int_equal(recorded->done, 1);
    assert_int_equal(second->done, 1);
    assert_int_equal(second->failure.code, ERR_CANCELLED);
}

static void a_pull_is_an_effort(void **state)
{
    struct fixture *fixture = *state;
    const struct conformance *with = fixture->with;

    if (with->pull == NULL)
        skip();
    assert_null(world_image(seen_instance(fixture), with->pull));
    const struct action pull = { .kind = ACTION_IMAGE_PULL,
                                 .object = with->pull,
                                 .reference = with->pull };
    buf_reset(&fixture->order);
    succeeds(fixture, &pull);
    const char *order = buf_text(&fixture->order);
    assert_true(text_starts(order, "r") && text_ends(order, "d."));
    assert_int_equal(strcspn(order, "d."), strlen(order) - 2);

    AUTO(buf) key = { 0 };
    buf_init(&key, 1024);
    action_effort_key(ACTION_IMAGE_PULL, with->pull, &key);
    const struct world_effort *effort = world_effort(seen_instance(fixture), buf_text(&key));
    assert_non_null(effort);
    assert_int_equal(effort->state, EFFORT_DONE);
    assert_true(text_starts(effort->digest, "sha256:"));
    assert_string_equal(world_image(seen_instance(fixture), with->pull)->id, effort->image_id);
    assert_true(effort->is_new && effort->is_named);
    succeeds(fixture, &pull); /* what was there before was not brought */
    effort = world_effort(seen_instance(fixture), buf_text(&key));
    assert_false(effort->is_new || effort->is_named);

    const struct action other = { .kind = ACTION_IMAGE_REMOVE,
                                  .object = with->pull,
                                  .reference = with->pull,
                                  .image_id = "sha256:of-another-image" };
    succeeds(fixture, &other); /* the name means this image now, and that stays */
    assert_non_null(world_image(seen_instance(fixture), with->pull));
    const struct action remove = { .kind = ACTION_IMAGE_REMOVE,
                                   .object = with->pull,
                                   .reference = with->pull,
                                   .image_id = effort->image_id };
    succeeds(fixture, &remove);
    assert_null(world_image(seen_instance(fixture), with->pull));
    succeeds(fixture, &remove);
}

static void a_pull_that_fails_says_why(void **state)
{
    struct fixture *fixture = *state;
    const struct conformance *with = fixture->with;

    if (with->missing == NULL)
        skip();
    const struct action pull = { .kind = ACTION_IMAGE_PULL,
                                 .object = with->missing,
                                 .reference = with->missing };
    buf_reset(&fixture->order);
    const struct recorded *recorded = finish(fixture, &pull);
    assert_int_not_equal(recorded->failure.code, ERR_OK);
    assert_true(text_ends(buf_text(&fixture->order), "f."));
    AUTO(buf) key = { 0 };
    buf_init(&key, 1024);
    action_effort_key(ACTION_IMAGE_PULL, with->missing, &key);
    const struct world_effort *effort = world_effort(seen_instance(fixture), buf_text(&key));
    assert_int_equal(effort->state, EFFORT_FAILED);
    assert_int_equal(effort->failures, 1);
    assert_int_equal(effort->failure.code, recorded->failure.code);
}

int conformance_run(const struct conformance *conformance)
{
    static const struct {
        const char *name;
        CMUnitTestFunction run;
    } rows[] = {
        { "connects_and_lists", connects_and_lists },
        { "observe_begins_and_ends", observe_begins_and_ends },
        { "a_container_lives_and_ends", a_container_lives_and_ends },
        { "what_is_done_already_succeeds", what_is_done_already_succeeds },
        { "the_same_create_makes_one_container", the_same_create_makes_one_container },
        { "another_create_of_that_name_is_a_conflict", another_create_of_that_name_is_a_conflict },
        { "what_cannot_be_done_fails", what_cannot_be_done_fails },
        { "a_claim_tells_the_repository", a_claim_tells_the_repository },
        { "a_cancelled_call_is_done_once", a_cancelled_call_is_done_once },
        { "what_others_do_is_seen", what_others_do_is_seen },
        { "freeing_ends_what_is_in_flight", freeing_ends_what_is_in_flight },
        { "a_pull_is_an_effort", a_pull_is_an_effort },
        { "a_pull_that_fails_says_why", a_pull_that_fails_says_why },
    };
    struct CMUnitTest tests[ARRAY_COUNT(rows)];
    struct conformance given = *conformance;

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ .name = rows[i].name,
                                        .test_func = rows[i].run,
                                        .setup_func = setup,
                                        .teardown_func = teardown,
                                        .initial_state = &given };
    return cmocka_run_group_tests_name(conformance->name, tests, NULL, NULL);
}
