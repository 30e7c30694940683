/*
 * Secrets whose value cannot be read: what that changes, and what not.
 */
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define WEB    "c/web"
#define SECRET "}, secrets: [{name: P, valueFrom: 'env:P'}], dockerLabels: {A: b"

/* NULL: it cannot be read. */
struct value {
    const char *digest;
};

static const char *digest(void *context, const char *value_from)
{
    const struct value *value = context;

    (void)value_from;
    return value->digest;
}

static struct desired *desire(const struct scene *scene, const struct desired *before,
                              const char *digest_or_null)
{
    struct value value = { digest_or_null };
    struct desired *desired = desired_make(scene->generation, before, NULL, digest, &value, NULL);

    assert_non_null(desired);
    return desired;
}

static const struct goal *goal_in(const struct desired *desired)
{
    return desired_service(desired, WEB)->goal;
}

static void a_value_that_cannot_be_read_is_taken_for_the_same(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red" SECRET, "desiredCount: 2"));
    AUTO(desired) *before = desire(&scene, NULL, "one");
    AUTO(desired) *blind = desire(&scene, before, NULL);
    AUTO(desired) *other = desire(&scene, before, "two");
    assert_false(desired_service(before, WEB)->is_blind);
    assert_true(desired_service(blind, WEB)->is_blind);
    assert_ptr_not_equal(goal_in(blind), goal_in(before));
    desired_trust(blind, before, NULL);
    assert_ptr_equal(goal_in(blind), goal_in(before));
    desired_trust(other, before, NULL);
    assert_ptr_not_equal(goal_in(other), goal_in(before));
    scene_close(&scene);
}

static void a_change_of_anything_else_is_one(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red" SECRET, "desiredCount: 2"));
    AUTO(desired) *before = desire(&scene, NULL, "one");
    scene_commit(&scene, "c2", scene_service(&scene, "web", "tan" SECRET, "desiredCount: 2"));
    AUTO(desired) *after = desire(&scene, before, NULL);
    desired_trust(after, before, NULL);
    assert_ptr_not_equal(goal_in(after), goal_in(before));
    scene_close(&scene);
}

static void what_is_remembered_counts_as_well(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red" SECRET, "desiredCount: 2"));
    scene_run(&scene, 60 * 1000);
    AUTO(desired) *blind = desire(&scene, NULL, NULL);
    assert_ptr_not_equal(goal_in(blind), scene_primary(&scene, WEB)->goal);
    desired_trust(blind, NULL, scene.memory);
    assert_ptr_equal(goal_in(blind), scene_primary(&scene, WEB)->goal);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_that_cannot_be_read_is_taken_for_the_same),
        cmocka_unit_test(a_change_of_anything_else_is_one),
        cmocka_unit_test(what_is_remembered_counts_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
