/*
 * The words of actions, and the names that are derived from what a thing is.
 */
#include "spec/action.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/digest.h"
#include "spec/base/limits.h"

struct action_word {
    const char *text;
    const char *mark;
    bool is_long;
};

#define ACTION_WORD(name, text, mark, is_long) { text, mark, is_long },
static const struct action_word action_words[] = { ACTION_KINDS(ACTION_WORD) };
#undef ACTION_WORD

static const struct action_word *action_word(enum action_kind kind)
{
    ASSERT((size_t)kind < ARRAY_COUNT(action_words));
    return &action_words[kind];
}

const char *action_kind_text(enum action_kind kind)
{
    return action_word(kind)->text;
}

const char *action_kind_mark(enum action_kind kind)
{
    return action_word(kind)->mark;
}

bool action_kind_is_long(enum action_kind kind)
{
    return action_word(kind)->is_long;
}

void action_effort_key(enum action_kind kind, const char *object, struct buf *out)
{
    const char *text = action_kind_text(kind);

    buf_add(out, text, strcspn(text, " "));
    buf_char(out, ' ');
    buf_text_add(out, object);
}

bool action_effort_is_long(const char *key)
{
    size_t size = strcspn(key, " ");

    for (size_t i = 0; i < ARRAY_COUNT(action_words); i++) {
        const struct action_word *word = &action_words[i];

        if (word->is_long && i != ACTION_HOST_RUN && strncmp(word->text, key, size) == 0 &&
            word->text[size] == ' ')
            return true;
    }
    return false;
}

void container_name(const char *task, const char *container, char out[CONTAINER_NAME_SIZE])
{
    static const char prefix[] = "berth-";
    size_t digits = strnlen(task, 12);
    size_t size = strlen(container) + 1;
    char *at = out;

    ASSERT(size <= LIMIT_NAME + 1);
    at = mempcpy(at, prefix, sizeof(prefix) - 1);
    at = mempcpy(at, task, digits);
    *at++ = '-';
    memcpy(at, container, size);
}

void task_id_make(const char *deployment, uint32_t slot, uint32_t attempt, const char *instance,
                  char out[TASK_ID_SIZE])
{
    char number[11];
    char hex[SHA256_HEX_SIZE];
    struct sha256 *hash = sha256_new();

    sha256_add_text(hash, deployment);
    (void)snprintf(number, sizeof(number), "%u", slot);
    sha256_add_text(hash, number);
    (void)snprintf(number, sizeof(number), "%u", attempt);
    sha256_add_text(hash, number);
    if (instance != NULL)
        sha256_add_text(hash, instance);
    sha256_finish(hash, hex);
    memcpy(out, hex, TASK_ID_SIZE - 1);
    out[TASK_ID_SIZE - 1] = '\0';
}
