#include "tests/sim/switches.h"

#include <string.h>

#include "spec/base/text.h"

#define NAME_ROW(name) #name,
static const char *const names[] = { SWITCH_FAULTS(NAME_ROW) SWITCH_OTHERS(NAME_ROW) };
static const char *const limit_names[] = { SWITCH_LIMITS(NAME_ROW) };
#undef NAME_ROW

#define OFFSET_ROW(name) offsetof(struct sim_faults, name),
static const size_t fault_offsets[] = { SWITCH_FAULTS(OFFSET_ROW) };
#undef OFFSET_ROW
_Static_assert(sizeof(struct sim_faults) == ARRAY_COUNT(fault_offsets) * sizeof(uint32_t),
               "a switch for each fault");

struct switches switches_all(void)
{
    struct switches switches = { 0 };

    for (size_t i = 0; i < SWITCH_LIMIT_COUNT; i++)
        switches.limits[i] = UINT32_MAX;
    return switches;
}

bool switch_is_on(const struct switches *switches, enum switch_name name)
{
    return (switches->off >> name & 1) == 0;
}

void switches_apply(const struct switches *switches, struct sim_faults *faults)
{
    for (size_t i = 0; i < ARRAY_COUNT(fault_offsets); i++) {
        if (!switch_is_on(switches, (enum switch_name)i))
            memset((char *)faults + fault_offsets[i], 0, sizeof(uint32_t));
    }
}

void switches_print(const struct switches *switches, struct buf *out)
{
    const char *before = " without=";

    if (switches->large)
        buf_text_add(out, " large");
    for (size_t i = 0; i < SWITCH_COUNT; i++) {
        if (switch_is_on(switches, (enum switch_name)i))
            continue;
        buf_printf(out, "%s%s", before, names[i]);
        before = ",";
    }
    for (size_t i = 0; i < SWITCH_LIMIT_COUNT; i++) {
        if (switches->limits[i] != UINT32_MAX)
            buf_printf(out, " %s=%u", limit_names[i], switches->limits[i]);
    }
}

static bool parse_names(const char *list, struct switches *switches)
{
    while (*list != '\0') {
        size_t size = strcspn(list, ",");
        size_t found = 0;

        while (found < SWITCH_COUNT &&
               (strlen(names[found]) != size || strncmp(names[found], list, size) != 0))
            found++;
        if (found == SWITCH_COUNT)
            return false;
        switches->off |= 1U << found;
        list += size + (list[size] == ',');
    }
    return true;
}

bool switches_parse(const char *word, struct switches *switches)
{
    static const char without[] = "without=";
    size_t size = strcspn(word, "=");

    if (text_equal(word, "large"))
        return switches->large = true;
    if (text_starts(word, without))
        return parse_names(word + sizeof(without) - 1, switches);
    for (size_t i = 0; i < SWITCH_LIMIT_COUNT; i++) {
        if (word[size] == '=' && strlen(limit_names[i]) == size &&
            strncmp(limit_names[i], word, size) == 0)
            return text_parse_u32(word + size + 1, &switches->limits[i]);
    }
    return false;
}
