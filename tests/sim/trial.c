/*
 * Lives in processes of their own, and the search for the least that still fails.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/text.h"
#include "tests/sim/life.h"

#define CPU_SECONDS 300 /* a life takes a twentieth of one */

static void child_run(uint64_t seed, const struct switches *switches, int out)
{
    const struct rlimit limit = { .rlim_cur = CPU_SECONDS, .rlim_max = CPU_SECONDS };
    struct outcome outcome = { 0 };

    (void)setrlimit(RLIMIT_CPU, &limit);
    life_run(seed, switches, /* log= */ NULL, &outcome);
    /* Less than a pipe holds: written at once. */
    exit(write(out, &outcome, sizeof(outcome)) == (ssize_t)sizeof(outcome) ? 0 : 1);
}

void trial_run(uint64_t seed, const struct switches *switches, struct outcome *out)
{
    int ends[2];
    int status = 0;

    *out = (struct outcome){ 0 };
    (void)fflush(NULL);
    int made = pipe2(ends, O_CLOEXEC);
    ASSERT(made == 0);
    pid_t child = fork();
    ASSERT(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        child_run(seed, switches, ends[1]);
    }
    (void)close(ends[1]);
    ssize_t size = read(ends[0], out, sizeof(*out));
    (void)close(ends[0]);
    pid_t ended = waitpid(child, &status, 0);
    ASSERT(ended == child);
    if (size == (ssize_t)sizeof(*out) && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    *out = (struct outcome){ .failed = true, .rule = "aborted" };
    text_copy(out->text, sizeof(out->text),
              !WIFSIGNALED(status)          ? "it ended early"
              : WTERMSIG(status) == SIGXCPU ? "it hangs"
                                            : "it was aborted");
}

static bool still_fails(uint64_t seed, const struct switches *less, struct outcome *outcome)
{
    struct outcome found;

    trial_run(seed, less, &found);
    if (!found.failed || !text_equal(found.rule, outcome->rule))
        return false;
    *outcome = found;
    return true;
}

/* The lowest limit that still fails, of those tried from below. */
static bool lower(uint64_t seed, struct switches *switches, enum switch_limit limit,
                  struct outcome *outcome)
{
    uint32_t now = outcome->counts[limit];

    if (switches->limits[limit] < now)
        now = switches->limits[limit];
    for (uint32_t count = limit == LIMIT_services; count < now; count++) {
        struct switches less = *switches;

        less.limits[limit] = count;
        if (!still_fails(seed, &less, outcome))
            continue;
        *switches = less;
        return true;
    }
    return false;
}

struct switches trial_shrink(uint64_t seed, const struct switches *from, struct outcome *outcome)
{
    struct switches least = *from;
    bool changed = true;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < SWITCH_COUNT; i++) {
            struct switches less = least;

            less.off |= 1U << i;
            if (less.off == least.off || !still_fails(seed, &less, outcome))
                continue;
            least = less;
            changed = true;
        }
        for (size_t i = 0; i < SWITCH_LIMIT_COUNT; i++)
            changed |= lower(seed, &least, (enum switch_limit)i, outcome);
    }
    return least;
}
