/*
 * One service with a task of two containers, in a cluster called "default".
 */
#include "tests/unit/goals.h"

#include <string.h>

#include "spec/base/limits.h"
#include "spec/generation.h"
#include "spec/target.h"

static const char manifest[] =
    "apiVersion: berth/v1\n"
    "kind: Cluster\n"
    "metadata: {name: default}\n"
    "spec: {launchType: FARGATE}\n"
    "---\n"
    "apiVersion: berth/v1\n"
    "kind: Task\n"
    "metadata: {name: %s}\n"
    "spec:\n"
    "  cpu: 256\n"
    "  memory: 512\n"
    "  networkMode: awsvpc\n"
    "  containerDefinitions:\n"
    "    - {name: main, image: example/main:1, environment: {COLOR: %s}}\n"
    "    - {name: side, image: example/side:1}\n"
    "---\n"
    "apiVersion: berth/v1\n"
    "kind: Service\n"
    "metadata: {name: %s}\n"
    "spec: {cluster: default, taskDefinition: %s, desiredCount: 2}\n";

struct goal *goal_for_test(const char *name, const char *color)
{
    AUTO(arena) arena = { 0 };
    AUTO(buf) text = { 0 };
    AUTO(diag_list) diags = { 0 };
    AUTO(generation) *generation = NULL;
    struct err err = { 0 };
    struct file_change file = { .path = "all.yaml", .blob = "1" };
    const struct target *target;
    struct goal *goal;

    file.bytes = arena_printf(&arena, manifest, name, color, name, name);
    file.size = strlen(file.bytes);
    ASSERT(generation_derive(NULL, "1", &file, 1, &diags, &generation, &err) == 0);
    target = target_make(generation, generation_find(generation, KIND_SERVICE, name), NULL, NULL,
                         &arena);
    ASSERT(target != NULL);
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    target_print(target, &text);
    goal = goal_parse(buf_text(&text), text.size, &err);
    ASSERT(goal != NULL);
    return goal;
}
