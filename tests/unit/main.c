/*
 * All unit programs in one file, as linking them one by one took longer than most of them run: the
 * name by which it is called says which of them it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/source/source.h"
#include "spec/base/base.h"
#include "spec/base/text.h"

/* The main of each, which is called as the C library would: it may do without the parameters. */
#define UNIT(name) int name##_main(int argc, char **argv);
#include "build/gen/units.def"
#undef UNIT

struct unit {
    const char *name;
    int (*main)(int argc, char **argv);
};

static const struct unit units[] = {
#define UNIT(name) { #name, name##_main },
#include "build/gen/units.def"
#undef UNIT
};

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *called = slash != NULL ? slash + 1 : argv[0];

    if (argc == 2 && text_equal(argv[1], SOURCE_FETCH_VERB)) /* its own child, as berth is */
        return source_fetch_main();
    for (size_t i = 0; i < ARRAY_COUNT(units); i++)
        if (text_equal(called, units[i].name))
            return units[i].main(argc, argv);
    (void)fprintf(stderr, "%s is no unit program\n", called);
    return EXIT_FAILURE;
}
