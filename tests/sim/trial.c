/*
 * Lives in processes of their own, and the search for the least that still fails.
 */
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/text.h"
#include "tests/sim/life.h"

#define CPU_SECONDS 60 /* a life takes some thousandths of one */
#define BATCH       500

/* The limit is of the process, in whole seconds: from here on. */
static void limit_life(void)
{
    struct rusage used;
    struct rlimit limit;

    (void)getrusage(RUSAGE_SELF, &used);
    (void)getrlimit(RLIMIT_CPU, &limit);
    limit.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + CPU_SECONDS;
    (void)setrlimit(RLIMIT_CPU, &limit);
}

static void child_run(uint64_t first, uint64_t count, const struct switches *switches, int out)
{
    /* What one life frees the next one takes: nothing goes back to the kernel in between. */
    (void)mallopt(M_MMAP_THRESHOLD, INT_MAX);
    (void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
    for (uint64_t i = 0; i < count; i++) {
        struct outcome outcome = { 0 };

        limit_life();
        life_run(first + i, switches, /* log= */ NULL, &outcome);
        /* Less than PIPE_BUF: written at once. */
        if (write(out, &outcome, sizeof(outcome)) != (ssize_t)sizeof(outcome))
            exit(1);
    }
    exit(0);
}
_Static_assert(sizeof(struct outcome) <= PIPE_BUF, "an outcome is written at once");

static pid_t child_start(uint64_t first, uint64_t count, const struct switches *switches,
                         int *out_results)
{
    int ends[2];

    (void)fflush(NULL);
    int made = pipe2(ends, O_CLOEXEC);
    ASSERT(made == 0);
    pid_t child = fork();
    ASSERT(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        child_run(first, count, switches, ends[1]);
    }
    (void)close(ends[1]);
    *out_results = ends[0];
    return child;
}

/* False: the process ended before it said so. */
static bool outcome_read(int results, struct outcome *out)
{
    size_t size = 0;

    while (size < sizeof(*out)) {
        ssize_t more = read(results, (char *)out + size, sizeof(*out) - size);
        if (more <= 0)
            return false;
        size += (size_t)more;
    }
    return true;
}

static void outcome_of_end(pid_t child, struct outcome *out)
{
    int status = 0;
    pid_t ended = waitpid(child, &status, 0);

    ASSERT(ended == child);
    *out = (struct outcome){ .failed = true, .rule = "aborted" };
    text_copy(out->text, sizeof(out->text),
              !WIFSIGNALED(status)          ? "it ended early"
              : WTERMSIG(status) == SIGXCPU ? "it hangs"
                                            : "it was aborted");
}

/* How many of them are over; *wanted becomes false when no other one is. */
static uint64_t batch_run(uint64_t first, uint64_t count, const struct switches *switches,
                          trial_over_fn *over, void *context, bool *wanted)
{
    struct outcome outcome;
    uint64_t done = 0;
    int results;
    pid_t child = child_start(first, count, switches, &results);

    while (done < count && *wanted) {
        bool told = outcome_read(results, &outcome);

        if (!told)
            outcome_of_end(child, &outcome);
        *wanted = over(context, first + done, switches, &outcome);
        done++;
        if (!told) {
            child = -1;
            break;
        }
    }
    (void)close(results);
    if (child >= 0) {
        int status = 0;

        if (!*wanted)
            (void)kill(child, SIGKILL);
        (void)waitpid(child, &status, 0);
    }
    return done;
}

void trial_run_all(uint64_t first, uint64_t count, const struct switches *switches,
                   trial_over_fn *over, void *context)
{
    bool wanted = true;

    while (count > 0 && wanted) {
        uint64_t done =
            batch_run(first, count < BATCH ? count : BATCH, switches, over, context, &wanted);
        first += done;
        count -= done;
    }
}

static bool keep_outcome(void *context, uint64_t seed, const struct switches *switches,
                         struct outcome *outcome)
{
    (void)seed;
    (void)switches;
    *(struct outcome *)context = *outcome;
    return true;
}

void trial_run(uint64_t seed, const struct switches *switches, struct outcome *out)
{
    trial_run_all(seed, 1, switches, keep_outcome, out);
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
