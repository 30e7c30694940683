/*
 * Any JSON as what an Engine answers.  The first line chooses what was asked; what is read goes
 * into a world, as it would.
 */
#include <string.h>

#include "drivers/docker/client.h"
#include "drivers/docker/read.h"
#include "spec/action.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "tests/fuzz/fuzz.h"

static const struct reader reader = { .instance = "local", .owner = "demo" };

static void check_label(const char *text, size_t max)
{
    ASSERT(text == NULL || strlen(text) <= max);
}

static void take_container(struct world *world, const struct container_report *report)
{
    struct world_change change = { .kind = WORLD_CONTAINER, .container = *report };
    char expected[CONTAINER_NAME_SIZE];

    container_name(report->task, report->container, expected);
    ASSERT(strcmp(report->name, expected) == 0);
    ASSERT(strlen(report->task) == TASK_ID_SIZE - 1 && report->id[0] != '\0');
    check_label(report->cluster, LIMIT_NAME);
    check_label(report->service, LIMIT_NAME);
    check_label(report->commit, COMMIT_SIZE - 1);
    check_label(report->revision, SHA256_HEX_SIZE - 1);
    check_label(report->deployment, DEPLOYMENT_ID_SIZE - 1);
    (void)world_apply(world, &change);
    bool changed = world_apply(world, &change);
    ASSERT(!changed); /* a repeated report is no change */
}

static void take_element(struct world *world, uint32_t what, const struct json *value)
{
    struct world_change change = { 0 };
    struct container_report container;
    struct image_names names;

    if (what == 0 && read_container_summary(&reader, value, &container))
        take_container(world, &container);
    if (what == 1 && read_container(&reader, value, &container))
        take_container(world, &container);
    change.kind = WORLD_IMAGE;
    if (what == 2 && read_image(&reader, value, &names, &change.image))
        (void)world_apply(world, &change);
    change.kind = WORLD_NETWORK;
    if (what == 3 && read_network(&reader, value, &change.named))
        (void)world_apply(world, &change);
    change.kind = WORLD_VOLUME;
    if (what == 4 && read_volume(&reader, value, &change.named))
        (void)world_apply(world, &change);
}

static void take_info(const struct json *value)
{
    struct reader facilities = reader;
    struct instance_report report = { 0 };

    read_info(value, 1700000000000, &report);
    read_facilities(value, &facilities);
}

static void take_event(const struct json *value)
{
    struct event_report event = read_event(&reader, value);

    ASSERT(event.type == EVENT_OTHER || event.type == EVENT_NETWORK_GONE ||
           !text_is_empty(event.id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    uint32_t what = fuzz_choice(&input, 8);
    size_t text_size;
    AUTO_TEXT char *text = fuzz_rest(&input, &text_size);
    AUTO(json) *value = read_json(text, text_size, NULL);
    AUTO(world) *world = world_new(NULL, NULL);
    struct world_change change = { .kind = WORLD_INSTANCE, .instance.instance = "local" };
    struct err err = { 0 };

    (void)world_apply(world, &change);
    if (what == 5)
        take_info(value);
    if (what == 6)
        take_event(value);
    if (what == 7) {
        int result = docker_answer_err(500, text, text_size, &err);
        ASSERT(result == -1 && err.text[0] != '\0');
    }
    if (json_is_array(value))
        for (size_t i = 0; i < json_count(value) && i < 1000; i++)
            take_element(world, what, json_at(value, i));
    else
        take_element(world, what, value);
    return 0;
}
