/*
 * What was measured comes back as it was written, and no longer than a day.
 */
#include <string.h>

#include "reconciler/memory/store.h"
#include "spec/base/buf.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

static char *directory;

static int setup(void **unused)
{
    (void)unused;
    directory = scratch_make();
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    scratch_remove(directory);
    return 0;
}

static struct store *open_store(void)
{
    struct store_identity identity = { .command = "berth test" };
    struct err err = { 0 };
    struct store *store = store_open(directory, "tester", &identity, &err);

    assert_non_null(store);
    return store;
}

static void on_number(void *context, uint32_t number, const char *service)
{
    buf_printf(context, "%u=%s ", number, service);
}

static void on_minute(void *context, int64_t minute, const void *data, size_t size)
{
    buf_printf(context, "%lld:%.*s ", (long long)minute, (int)size, (const char *)data);
}

static void assert_read(struct store *store, const char *expected)
{
    AUTO(buf) text = { 0 };
    const struct store_metrics_reader reader = { on_number, on_minute, &text };
    struct err err = { 0 };

    buf_init(&text, 4096);
    assert_int_equal(store_metrics_read(store, &reader, &err), 0);
    assert_string_equal(buf_text(&text), expected);
}

static void write_minute(struct store *store, int64_t minute, const char *data,
                         const struct store_number *numbers, size_t count)
{
    const struct store_minute row = {
        .minute = minute, .data = data, .size = strlen(data), .oldest = minute - 3
    };
    struct err err = { 0 };

    assert_int_equal(store_metrics_write(store, &row, numbers, count, &err), 0);
}

static void a_day(void **unused)
{
    static const struct store_number numbers[] = { { 1, "c/web" }, { 7, "c/db" } };
    AUTO(store) *store = open_store();

    (void)unused;
    assert_read(store, "");
    write_minute(store, 10, "ten", numbers, 2);
    write_minute(store, 11, "eleven", NULL, 0);
    write_minute(store, 12, "", NULL, 0); /* nothing was measured */
    assert_read(store, "1=c/web 7=c/db 10:ten 11:eleven ");
    write_minute(store, 14, "f", NULL, 0);
    write_minute(store, 14, "fourteen", NULL, 0); /* once more */
    store_close(TAKE(store));
    store = open_store();
    assert_read(store, "1=c/web 7=c/db 11:eleven 14:fourteen ");
    write_minute(store, 20, "", &numbers[1], 1);
    assert_read(store, "7=c/db ");
    write_minute(store, 21, "", numbers, 0); /* none are left */
    assert_read(store, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(a_day, setup, teardown) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
