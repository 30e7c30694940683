/*
 * Whole plans as text: tests/golden/plan/NAME holds the commits 1.yaml, 2.yaml ... and plan.txt,
 * what the planner said while they were applied one after the other.
 */
#include <stdio.h>

#include "spec/base/text.h"
#include "tests/unit/golden.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define FOLDER "tests/golden/plan"

struct life {
    struct scene scene;
    const char *name;
    struct buf trace;
};

static void begin(struct life *life, const char *name)
{
    life->name = name;
    life->trace = (struct buf){ 0 };
    buf_init(&life->trace, 1024 * 1024);
    scene_open(&life->scene);
    life->scene.trace = &life->trace;
}

static const char *read_file(struct scene *scene, const char *path)
{
    AUTO(buf) text = { 0 };
    char block[4096];
    FILE *file = fopen(path, "re");

    if (file == NULL)
        fail_msg("%s cannot be read", path);
    buf_init(&text, 64 * 1024);
    for (size_t size; (size = fread(block, 1, sizeof(block), file)) > 0;)
        buf_add(&text, block, size);
    fclose(file);
    return arena_text(&scene->arena, buf_text(&text));
}

static void commit(struct life *life, unsigned number)
{
    struct arena *arena = &life->scene.arena;
    const char *path = arena_printf(arena, FOLDER "/%s/%u.yaml", life->name, number);

    buf_printf(&life->trace, "---- commit %u ----\n", number);
    scene_commit(&life->scene, arena_printf(arena, "commit%u", number),
                 read_file(&life->scene, path));
}

static void end(struct life *life)
{
    const char *path = arena_printf(&life->scene.arena, FOLDER "/%s/plan.txt", life->name);

    golden_check(path, buf_text(&life->trace));
    buf_release(&life->trace);
    scene_close(&life->scene);
}

static void a_first_commit(void **unused)
{
    (void)unused;
    struct life life;

    begin(&life, "first-commit");
    commit(&life, 1);
    scene_run(&life.scene, 60 * 1000);
    end(&life);
}

static void an_image_changes(void **unused)
{
    (void)unused;
    struct life life;

    begin(&life, "image-change");
    commit(&life, 1);
    scene_run(&life.scene, 60 * 1000);
    commit(&life, 2);
    scene_run(&life.scene, 60 * 1000);
    end(&life);
}

static void a_revision_fails_and_is_rolled_back(void **unused)
{
    (void)unused;
    struct life life;

    begin(&life, "rollback");
    commit(&life, 1);
    scene_run(&life.scene, 60 * 1000);
    life.scene.exits_on_start = true;
    commit(&life, 2);
    scene_run(&life.scene, 60 * 1000);
    end(&life);
}

static void a_removal_is_held_and_confirmed(void **unused)
{
    (void)unused;
    struct life life;

    begin(&life, "held-removal");
    commit(&life, 1);
    scene_run(&life.scene, 60 * 1000);
    commit(&life, 2);
    scene_run(&life.scene, 60 * 1000);
    buf_text_add(&life.trace, "---- confirmed ----\n");
    life.scene.prune_allowed = true;
    scene_run(&life.scene, 60 * 1000);
    end(&life);
}

static void a_task_finds_no_room(void **unused)
{
    (void)unused;
    struct life life;

    begin(&life, "no-room");
    scene_engine(&life.scene, 2048, 1024);
    commit(&life, 1);
    scene_run(&life.scene, 60 * 1000);
    end(&life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_commit),
        cmocka_unit_test(an_image_changes),
        cmocka_unit_test(a_revision_fails_and_is_rolled_back),
        cmocka_unit_test(a_removal_is_held_and_confirmed),
        cmocka_unit_test(a_task_finds_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
