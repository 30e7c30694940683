/*
 * See intern.h.
 */
#include "spec/base/intern.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/hash.h"

struct intern_text {
    UT_hash_handle by_text;
    size_t uses;
    char text[];
};

const char *intern(struct interned *interned, const char *text)
{
    struct intern_text *entry;
    size_t length;

    if (text == NULL)
        return NULL;
    length = strlen(text);
    HASH_FIND(by_text, interned->texts, text, length, entry);
    if (entry == NULL) {
        entry = mem_alloc(sizeof(*entry) + length + 1);
        memcpy(entry->text, text, length + 1);
        HASH_ADD_KEYPTR(by_text, interned->texts, entry->text, length, entry);
    }
    entry->uses++;
    return entry->text;
}

void intern_drop(struct interned *interned, const char *text)
{
    struct intern_text *entry;

    if (text == NULL)
        return;
    HASH_FIND(by_text, interned->texts, text, strlen(text), entry);
    ASSERT(entry != NULL && entry->text == text);
    if (--entry->uses > 0)
        return;
    HASH_DELETE(by_text, interned->texts, entry);
    free(entry);
}
