#include "reconciler/api/words.h"

#include <string.h>

#include "drivers/docker/progress.h"
#include "reconciler/plan/plan.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

#define EXIT_CODE "exit code "

/* Of "(web: exit code 1: no route to db)" the size of "(web: exit code 1", of any other text in
 * brackets that of "(web". */
static size_t harmless(const char *text)
{
    size_t name = strcspn(text, ":\n)");
    const char *rest = text + name;

    if (!text_starts(rest, ": " EXIT_CODE))
        return name;
    rest += strlen(": " EXIT_CODE);
    return (size_t)(rest - text) + strspn(rest, "-0123456789");
}

static void cut_checks(const char *text, struct buf *out)
{
    const char *at;

    while ((at = strstr(text, CHECK_FAILED)) != NULL) {
        at += strlen(CHECK_FAILED);
        buf_add(out, text, (size_t)(at - text));
        text = at;
        if (!text_starts(text, " ("))
            continue;
        buf_printf(out, " (%.*s)", (int)harmless(text + 2), text + 2);
        text += strcspn(text, "\n");
    }
    buf_text_add(out, text);
}

void words_cut_text(const char *text, struct buf *out)
{
    const char *printed = strstr(text, PROGRESS_LAST_OUTPUT);
    AUTO(buf) kept = { 0 };

    if (printed == NULL) {
        cut_checks(text, out);
        return;
    }
    buf_init(&kept, LIMIT_OUTPUT);
    buf_add(&kept, text, (size_t)(printed - text));
    cut_checks(buf_text(&kept), out);
}

static struct json *cut_text(const char *text)
{
    AUTO(buf) cut = { 0 };

    buf_init(&cut, LIMIT_OUTPUT);
    words_cut_text(text, &cut);
    return json_new_text(buf_text(&cut));
}

static struct json *cut_object(const struct json *object)
{
    struct json *copy = json_object();
    const struct json *value;
    const char *key;

    for (void *at = NULL; (at = json_next(object, at, &key, &value)) != NULL;) {
        bool is_check = text_equal(key, "failedCheck");
        struct json *check;

        if (text_equal(key, "lastLines"))
            continue;
        if (!is_check) {
            json_set(copy, key, words_cut_json(value));
            continue;
        }
        check = json_object();
        json_set_int(check, "exitCode", json_int(value, "exitCode", 0));
        json_set(copy, key, check);
    }
    return copy;
}

struct json *words_cut_json(const struct json *value)
{
    const char *text = json_as_text(value, NULL);
    struct json *list;

    if (text != NULL)
        return cut_text(text);
    if (json_is_object(value))
        return cut_object(value);
    if (!json_is_array(value))
        return json_copy(value);
    list = json_array();
    for (size_t i = 0; i < json_count(value); i++)
        json_append(list, words_cut_json(json_at(value, i)));
    return list;
}
