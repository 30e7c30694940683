/*
 * Which instances there are: those of the commit, and those that left it and are not empty.
 */
#include <string.h>

#include "reconciler/run/fleet_members.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

#define TWO                                                                                        \
    "apiVersion: berth/v1\nkind: Cluster\nmetadata: {name: edge}\n"                                \
    "spec:\n  launchType: EC2\n  instances:\n"                                                     \
    "    - {name: a, host: 10.0.0.1, user: deploy, hostKeys: ACCEPT_NEW}\n"                        \
    "    - {name: b, host: 10.0.0.2, port: 22, dockerHost: \"unix:///run/b.sock\"}\n"
#define ONE                                                                                        \
    "apiVersion: berth/v1\nkind: Cluster\nmetadata: {name: edge}\n"                                \
    "spec:\n  launchType: EC2\n  instances:\n    - {name: a, host: 10.0.0.9}\n"

static struct generation *generation_of(const char *text)
{
    const struct file_change change = {
        .path = "a.yaml", .blob = "1", .bytes = text, .size = strlen(text)
    };
    struct generation *generation = NULL;
    AUTO(diag_list) diags = { 0 };
    struct err err = { 0 };

    assert_int_equal(generation_derive(NULL, "commit", &change, 1, &diags, &generation, &err), 0);
    return generation;
}

static void apply_named(struct world *world, enum world_change_kind kind, const char *instance)
{
    (void)world_apply(world,
                      &(struct world_change){ .kind = kind, .named = { .instance = instance } });
}

static void list_empty(struct world *world, const char *instance)
{
    (void)world_apply(world, &(struct world_change){ .kind = WORLD_INSTANCE,
                                                     .instance = { .instance = instance } });
    apply_named(world, WORLD_LISTING_BEGIN, instance);
    apply_named(world, WORLD_LISTING_END, instance);
}

static const struct ec2_instance *find(const struct ec2_instance *list, size_t count,
                                       const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(list[i].name, name))
            return &list[i];
    }
    return NULL;
}

static void what_is_declared_is_how_it_is_reached(void **state)
{
    struct generation *generation = generation_of(TWO);
    AUTO(world) *world = world_new(NULL, NULL);
    AUTO(memory) *memory = memory_new();
    AUTO(arena) arena = { 0 };
    struct members members = { 0 };
    struct members none = { 0 };
    struct ec2_instance *list;
    const struct ec2_instance *a;
    const struct ec2_instance *b;

    (void)state;
    members_next(&none, &(struct members_known){ generation, world, memory }, &members);
    assert_int_equal(members_list(&members, &arena, &list), 2);
    a = find(list, 2, "a");
    b = find(list, 2, "b");
    assert_string_equal(a->target.host, "10.0.0.1");
    assert_string_equal(a->target.user, "deploy");
    assert_string_equal(a->target.engine_socket, "/var/run/docker.sock");
    assert_true(a->target.accepts_new);
    assert_int_equal(a->target.timeout_s, 15);
    assert_int_equal(a->target.port, 0);
    assert_string_equal(b->target.engine_socket, "/run/b.sock");
    assert_int_equal(b->target.port, 22);
    assert_false(b->target.accepts_new || b->is_leaving);
    members_release(&members);
    generation_unref(generation);
}

static void one_that_left_stays_until_it_is_seen_empty(void **state)
{
    struct generation *before = generation_of(TWO);
    struct generation *after = generation_of(ONE);
    AUTO(world) *world = world_new(NULL, NULL);
    AUTO(memory) *memory = memory_new();
    AUTO(arena) arena = { 0 };
    struct members old = { 0 };
    struct members next = { 0 };
    struct members last = { 0 };
    struct members none = { 0 };
    struct ec2_instance *list;

    (void)state;
    members_next(&none, &(struct members_known){ before, world, memory }, &old);
    members_next(&old, &(struct members_known){ after, world, memory },
                 &next); /* nobody has seen b yet */
    assert_int_equal(members_list(&next, &arena, &list), 2);
    assert_true(find(list, 2, "b")->is_leaving);
    assert_string_equal(find(list, 2, "b")->target.host, "10.0.0.2");
    assert_string_equal(find(list, 2, "a")->target.host, "10.0.0.9"); /* the new way to it */
    list_empty(world, "b");
    members_next(&next, &(struct members_known){ after, world, memory }, &last);
    assert_int_equal(members_list(&last, &arena, &list), 1);
    assert_string_equal(list[0].name, "a");
    members_release(&old);
    members_release(&next);
    members_release(&last);
    generation_unref(before);
    generation_unref(after);
}

/* Killed before the fleet was told, the next process leaves it too. */
static void one_that_left_and_was_given_up_is_none(void **state)
{
    struct generation *before = generation_of(TWO);
    struct generation *after = generation_of(ONE);
    AUTO(world) *world = world_new(NULL, NULL);
    AUTO(memory) *memory = memory_new();
    AUTO(arena) arena = { 0 };
    const struct host_record b = { .instance = "b", .forgotten_ms = 1 };
    const struct fact fact = { .kind = FACT_HOST, .host = &b };
    struct members none = { 0 };
    struct members old = { 0 };
    struct members next = { 0 };
    struct members listed = { 0 };
    struct members without = { 0 };
    struct ec2_instance *list;

    (void)state;
    members_next(&none, &(struct members_known){ before, world, memory }, &old);
    members_without(&old, "a", &without);
    assert_int_equal(members_list(&without, &arena, &list), 1);
    assert_string_equal(list[0].name, "b");
    memory_apply(memory, &fact);
    members_next(&old, &(struct members_known){ after, world, memory }, &next);
    assert_int_equal(members_list(&next, &arena, &list), 1);
    assert_string_equal(list[0].name, "a");
    /* What a commit lists is dialled. */
    members_next(&old, &(struct members_known){ before, world, memory }, &listed);
    assert_int_equal(members_list(&listed, &arena, &list), 2);
    members_release(&old);
    members_release(&next);
    members_release(&listed);
    members_release(&without);
    generation_unref(before);
    generation_unref(after);
}

static void the_next_process_knows_them(void **state)
{
    struct generation *generation = generation_of(TWO);
    AUTO(world) *world = world_new(NULL, NULL);
    AUTO(memory) *memory = memory_new();
    AUTO(arena) arena = { 0 };
    struct members members = { 0 };
    struct members none = { 0 };
    struct members read = { 0 };
    struct ec2_instance *list;
    struct ec2_instance *again;

    (void)state;
    members_next(&none, &(struct members_known){ generation, world, memory }, &members);
    AUTO(json) *json = members_json(&members);
    members_read(json, &read);
    assert_int_equal(members_list(&members, &arena, &list), 2);
    assert_int_equal(members_list(&read, &arena, &again), 2);
    for (size_t i = 0; i < 2; i++) {
        const struct ec2_instance *same = find(again, 2, list[i].name);

        assert_non_null(same);
        assert_true(ssh_target_equal(&same->target, &list[i].target));
    }
    members_release(&members);
    members_release(&read);
    generation_unref(generation);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_declared_is_how_it_is_reached),
        cmocka_unit_test(one_that_left_stays_until_it_is_seen_empty),
        cmocka_unit_test(one_that_left_and_was_given_up_is_none),
        cmocka_unit_test(the_next_process_knows_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
