/*
 * A service is told of again when its text changed, but only once a second; an image, whose text
 * changes all the time, every five.
 */
#include "reconciler/run/told.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/text.h"

#define SERVICE_EACH_MS 1000
#define OBJECT_EACH_MS  5000

static void drop(struct told_list *list, struct told *told)
{
    HASH_DELETE(by_key, list->items, told);
    free(told->key);
    free(told->object);
    free(told->text);
    free(told->said);
    free(told);
}

void told_forget(struct told_list *list)
{
    while (list->items != NULL)
        drop(list, list->items);
}

void told_release(struct told_list *list)
{
    told_forget(list);
}

void told_begin(struct told_list *list)
{
    for (struct told *at = list->items; at != NULL; at = at->by_key.next)
        at->seen = false;
}

/* What a failure quotes comes after its first line. */
static char *first_line(const char *text, size_t size)
{
    size_t length = strcspn(text, "\n");
    bool is_whole = length >= size || text[length] == '\0';
    AUTO(buf) line = { 0 };

    if (length > size)
        length = size;
    buf_init(&line, length + sizeof(" ..."));
    buf_printf(&line, "%.*s%s", (int)length, text, is_whole ? "" : " ...");
    return mem_text(buf_text(&line));
}

struct told *told_note(struct told_list *list, const char *key, const char *text, size_t size,
                       int64_t now_ms)
{
    struct told *told;

    HASH_FIND(by_key, list->items, key, strlen(key), told);
    if (told == NULL) {
        told = mem_alloc(sizeof(*told));
        told->key = mem_text(key);
        HASH_ADD_KEYPTR(by_key, list->items, told->key, strlen(told->key), told);
    }
    if (told->text == NULL)
        told->since_ms = now_ms;
    free(told->text);
    told->text = first_line(text, size);
    told->seen = true;
    return told;
}

bool told_is_current(const struct told *told)
{
    return told->text != NULL && text_equal(told->text, told->said);
}

static bool is_due(const struct told *told, int64_t now_ms)
{
    int64_t each_ms = told->object == NULL ? SERVICE_EACH_MS : OBJECT_EACH_MS;

    return now_ms - told->since_ms >= TOLD_FIRST_MS &&
           (told->said == NULL || now_ms - told->said_ms >= each_ms);
}

bool told_end(struct told_list *list, int64_t now_ms, told_say_fn *say, void *context)
{
    bool more = false;

    for (struct told *at = list->items; at != NULL; at = at->by_key.next) {
        if (!at->seen)
            free(TAKE(at->text));
        if (at->text == NULL || told_is_current(at))
            continue;
        if (!is_due(at, now_ms)) {
            more = true;
            continue;
        }
        free(at->said);
        at->said = mem_text(at->text);
        at->said_ms = now_ms;
        at->id = ++list->last_id;
        say(context, at);
    }
    return more;
}
