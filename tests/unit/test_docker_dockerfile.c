/*
 * Which Dockerfiles go to BuildKit at once.
 */
#include <string.h>

#include "drivers/docker/dockerfile.h"
#include "spec/base/base.h"
#include "tests/unit/unit.h"

static void flags_that_only_buildkit_knows(void **state)
{
    static const struct {
        const char *text;
        const char *flag;
    } cases[] = {
        { "", NULL },
        { "FROM scratch", NULL },
        { "FROM scratch\nRUN --mount=type=cache,target=/c make\n", "--mount" },
        { "FROM scratch\nrun --network=none make", "--network" },
        { "FROM scratch\nCOPY --from=0 --chmod=755 a /a\n", "--chmod" },
        { "FROM scratch\r\nCOPY --link a /a\r\n", "--link" },
        { "FROM scratch\nADD \\\n  --checksum=sha256:00 \\\n  a /a\n", "--checksum" },
        { "FROM scratch\nCOPY \\\n# between\n  --chmod=1 a /a\n", "--chmod" },
        { "# escape=`\nFROM scratch\nCOPY `\n  --chmod=1 a /a\n", "--chmod" },
        { "#escape=`\nFROM scratch\nCOPY `\n  --chmod=1 a /a\n", "--chmod" },
        { "FROM scratch\nONBUILD RUN --mount=type=cache,target=/c make\n", "--mount" },
        /* Not flags of the instruction. */
        { "FROM scratch\nRUN mount --mount=x\n", NULL },
        { "FROM scratch\n# RUN --mount=type=cache make\n", NULL },
        { "FROM scratch\nRUN one \\\n  RUN --mount=type=cache\n", NULL },
        { "FROM scratch\nRUN one\\\n  RUN --mount=type=cache\n", NULL },
        { "FROM scratch\nRUN\\ \n  RUN --mount=type=cache\n", NULL },
        { "FROM scratch\nRUN one \\\n# comment\n  RUN --mount=x\n", NULL },
        { "FROM --platform=linux/amd64 scratch\nCOPY --chown=1 --from=0 a /a\n", NULL },
        { "FROM scratch\nCOPY --chmodding=1 a /a\n", NULL },
        { "FROM scratch\nLABEL RUN --mount=1\n", NULL },
        { "FROM scratch\nRUN --", NULL },
        { "FROM scratch\nRUN \\", NULL },
        { "\\\n#", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const char *flag = dockerfile_buildkit_flag(cases[i].text, strlen(cases[i].text));

        if (cases[i].flag == NULL)
            assert_null(flag);
        else
            assert_string_equal(flag, cases[i].flag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_that_only_buildkit_knows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
