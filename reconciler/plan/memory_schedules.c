#include "reconciler/plan/memory_schedules.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/text.h"

#define TEXT_ROW(name, text) text,
static const char *const result_texts[] = { SCHEDULE_RESULTS(TEXT_ROW) };
#undef TEXT_ROW

const char *schedule_result_text(enum schedule_result result)
{
    ASSERT(result < SCHEDULE_RESULT_COUNT);
    return result_texts[result];
}

bool schedule_result_parse(const char *text, enum schedule_result *out)
{
    for (unsigned i = 0; i < SCHEDULE_RESULT_COUNT; i++) {
        if (text_equal(text, result_texts[i])) {
            *out = (enum schedule_result)i;
            return true;
        }
    }
    return false;
}

static void fill(struct schedule_record *record, struct arena *arena)
{
    record->name = arena_text(arena, record->name);
    record->timing = arena_text(arena, record->timing);
    record->suspended =
        text_is_empty(record->suspended) ? NULL : arena_text(arena, record->suspended);
    record->reason = text_is_empty(record->reason) ? NULL : arena_text(arena, record->reason);
    record->missed = text_is_empty(record->missed) ? NULL : arena_text(arena, record->missed);
}

struct schedule_record *schedule_record_copy(const struct schedule_record *from,
                                             struct arena *arena)
{
    struct schedule_record *copy = arena_copy(arena, from, sizeof(*from));

    fill(copy, arena);
    return copy;
}

static struct memory_schedule *schedule_find(const struct memory *memory, const char *name)
{
    struct memory_schedule *entry = NULL;

    HASH_FIND(by_name, memory->schedules, name, strlen(name), entry);
    return entry;
}

static void schedule_free(struct memory *memory, struct memory_schedule *entry)
{
    ASSERT(memory->schedules != NULL);
    HASH_DELETE(by_name, memory->schedules, entry);
    arena_release(&entry->arena);
    free(entry);
}

/* The record may be the one that is there, or lead into it. */
void schedules_apply(struct memory *memory, const struct schedule_record *record)
{
    struct memory_schedule *before = schedule_find(memory, record->name);
    struct memory_schedule *entry = NULL;

    if (record->timing != NULL) {
        entry = mem_alloc(sizeof(*entry));
        entry->record = *record;
        fill(&entry->record, &entry->arena);
    }
    if (before != NULL)
        schedule_free(memory, before);
    if (entry != NULL)
        HASH_ADD_KEYPTR(by_name, memory->schedules, entry->record.name, strlen(entry->record.name),
                        entry);
}

void schedules_free(struct memory *memory)
{
    while (memory->schedules != NULL)
        schedule_free(memory, memory->schedules);
}

const struct schedule_record *memory_schedule(const struct memory *memory, const char *name)
{
    const struct memory_schedule *entry = schedule_find(memory, name);

    return entry == NULL ? NULL : &entry->record;
}
