/*
 * Simulated lives of the program.
 *
 *     sim FIRST COUNT [FILE] [WORD...]   runs the seeds of the file, then those; the last line is
 *                                        `N passed, N failed`
 *     sim SEED [WORD...]                 runs one, and tells what happens
 *
 * Words: `stop` ends with the first that fails, as it is; `trace` prints a sum of what each
 * decided, to compare builds; `large` makes each as large as it gets (scale.h);
 * `without=meddle,crash`, `commits=3` and the like (switches.h) leave out some of what was drawn.
 * The first life that fails is made smaller, and the command that replays it is printed.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "tests/sim/life.h"

#define COMMAND_MAX 4096
#define SEEDS_MAX   1000 /* of a file */

/* Of a file. */
struct kept {
    uint32_t seed;
    bool large;
};

struct totals {
    uint64_t steps;
    uint64_t calls;
};

struct runs {
    const char *program;
    struct switches switches;
    bool stop;
    bool trace;
    size_t run;
    size_t failed;
    struct totals totals;
};

static void print_replay(const struct runs *runs, uint64_t seed, const struct switches *switches)
{
    AUTO(buf) words = { 0 };

    buf_init(&words, COMMAND_MAX);
    switches_print(switches, &words);
    (void)printf("    again: %s %llu%s\n", runs->program, (unsigned long long)seed,
                 buf_text(&words));
}

static void add_totals(struct totals *totals, const struct outcome *outcome)
{
    totals->steps += outcome->steps;
    totals->calls += outcome->trace.calls;
}

/* False: no other life is wanted. */
static bool life_is_over(void *context, uint64_t seed, const struct switches *switches,
                         struct outcome *outcome)
{
    struct runs *runs = context;

    runs->run++;
    add_totals(&runs->totals, outcome);
    if (runs->trace)
        (void)printf("%llu: %016llx of %llu calls and %llu facts in %llu steps\n",
                     (unsigned long long)seed, (unsigned long long)outcome->trace.sum,
                     (unsigned long long)outcome->trace.calls,
                     (unsigned long long)outcome->trace.facts, (unsigned long long)outcome->steps);
    if (!outcome->failed)
        return true;
    (void)printf("seed %llu: %s\n", (unsigned long long)seed, outcome->text);
    print_replay(runs, seed, switches);
    if (runs->failed++ > 0 || runs->stop)
        return !runs->stop;
    struct switches least = trial_shrink(seed, switches, outcome);
    (void)printf("  the least of it: %s\n", outcome->text);
    print_replay(runs, seed, &least);
    return true;
}

/* Seeds of a file: a line begins with one, or with '#'; "large" after it says that the life is.
 * It is read to its end first: a process that ends would set an open file back for all. */
static int run_file(struct runs *runs, const char *path)
{
    FILE *file = fopen(path, "re");
    AUTO(arena) arena = { 0 };
    struct kept *seeds = arena_array(&arena, struct kept, SEEDS_MAX);
    size_t count = 0;
    char line[256];

    if (file == NULL) {
        perror(path);
        return -1;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        char *rest = line + strcspn(line, " \n");

        ASSERT(count < SEEDS_MAX);
        seeds[count].large = text_starts(rest + strspn(rest, " "), "large ");
        *rest = '\0';
        count += text_parse_u32(line, &seeds[count].seed);
    }
    (void)fclose(file);
    for (size_t i = 0; i < count && !(runs->stop && runs->failed > 0); i++) {
        struct switches switches = runs->switches;

        switches.large |= seeds[i].large;
        trial_run_all(seeds[i].seed, 1, &switches, life_is_over, runs);
    }
    return 0;
}

static void print_totals(const struct runs *runs)
{
    struct rusage used;

    (void)getrusage(RUSAGE_CHILDREN, &used);
    (void)printf("%zu lives, %llu steps, %llu calls, %lld.%03ld s\n", runs->run,
                 (unsigned long long)runs->totals.steps, (unsigned long long)runs->totals.calls,
                 (long long)(used.ru_utime.tv_sec + used.ru_stime.tv_sec),
                 (long)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000 % 1000);
}

static int usage(const char *program)
{
    (void)fprintf(
        stderr,
        "usage: %s SEED [WORD...] | FIRST COUNT [FILE] [WORD...]\n"
        "words: stop, trace, large, without=NAME,..., commits=N crashes=N services=N minutes=N\n",
        program);
    return 2;
}

static int run_one(const struct runs *runs, uint32_t seed)
{
    struct outcome outcome;

    life_run(seed, &runs->switches, stdout, &outcome);
    if (outcome.failed)
        (void)printf("seed %u: %s\n", seed, outcome.text);
    (void)printf("%d passed, %d failed\n", !outcome.failed, outcome.failed);
    return outcome.failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct runs runs = { .program = argv[0], .switches = switches_all() };
    const char *file = NULL;
    uint32_t first = 1;
    uint32_t count = 0;

    char unused[SHA256_HEX_SIZE];

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    sha256_hex("", 0,
               unused); /* once, and not in each process: libcrypto takes its time to begin */
    if (argc < 2 || !text_parse_u32(argv[1], &first))
        return usage(argv[0]);
    for (int i = 2; i < argc; i++) {
        if (text_equal(argv[i], "stop"))
            runs.stop = true;
        else if (text_equal(argv[i], "trace"))
            runs.trace = true;
        else if (i == 2 && text_parse_u32(argv[i], &count))
            ;
        else if (switches_parse(argv[i], &runs.switches))
            ;
        else if (i == 3 && count > 0 && strchr(argv[i], '=') == NULL)
            file = argv[i];
        else
            return usage(argv[0]);
    }
    if (count == 0)
        return run_one(&runs, first);
    if (file != NULL && run_file(&runs, file) < 0)
        return 2;
    if (!(runs.stop && runs.failed > 0))
        trial_run_all(first, count, &runs.switches, life_is_over, &runs);
    print_totals(&runs);
    (void)printf("%zu passed, %zu failed\n", runs.run - runs.failed, runs.failed);
    return runs.failed == 0 ? 0 : 1;
}
