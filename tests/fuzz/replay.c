/*
 * The short form of a target, without clang and libFuzzer: linked in place of the fuzzer with any
 * build of the program.
 *
 *     NAME RUNS [FILE|FOLDER|DICTIONARY.dict]...   every input, then RUNS of them changed at random
 *     NAME growth [FILE|FOLDER]...       what costs more than in proportion to its size is a fault
 *
 * The same arguments do the same.  An input that ends the program is left in build/fuzz/found.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "spec/base/rng.h"
#include "spec/base/text.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX  ((size_t)64 * 1024)
#define INPUTS_MAX 1000
#define WORDS_MAX  400
#define CHANGES    6

/* For growth: what is compared, and when it is slow enough to be told. */
#define GROWTH_MIN  ((size_t)2 * 1024)
#define GROWTH_MAX  ((size_t)256 * 1024)
#define GROWTH_MS   25.0
#define GROWTH_MOST 3.2
#define GROWTH_TRY  5

struct piece {
    char *data;
    size_t size;
};

struct pool {
    struct piece inputs[INPUTS_MAX];
    size_t count;
    struct piece words[WORDS_MAX];
    size_t word_count;
};

/* ---- Inputs -------------------------------------------------------------------------------- */

static void read_input(struct pool *pool, const char *path)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *data = mem_alloc(INPUT_MAX + 1);
    size_t size = 0;
    ssize_t got;

    ASSERT(fd >= 0 && pool->count < INPUTS_MAX);
    while (size < INPUT_MAX && (got = read(fd, data + size, INPUT_MAX - size)) > 0)
        size += (size_t)got;
    pool->inputs[pool->count++] = (struct piece){ data, size };
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_folder(struct pool *pool, const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, by_name);

    for (int i = 0; i < count; i++) {
        char file[4096];

        (void)snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            read_input(pool, file);
        free(entries[i]);
    }
    free(entries);
}

/* Lines of "...", in which \xAB, \\ and \" stand for bytes. */
static void read_words(struct pool *pool, const char *path)
{
    struct pool file = { .count = 0 };
    char *at;

    read_input(&file, path);
    at = file.inputs[0].data;
    while ((at = strchr(at, '"')) != NULL && pool->word_count < WORDS_MAX) {
        struct piece word = { mem_alloc(strlen(at) + 1), 0 };

        for (at++; *at != '\0' && *at != '"'; at++) {
            char digits[3] = { 0 };

            if (*at != '\\') {
                word.data[word.size++] = *at;
            } else if (at[1] == 'x') {
                memcpy(digits, at + 2, 2);
                word.data[word.size++] =
                    (char)((strchr("0123456789ABCDEF", digits[0]) - "0123456789ABCDEF") * 16 +
                           (strchr("0123456789ABCDEF", digits[1]) - "0123456789ABCDEF"));
                at += 3;
            } else {
                word.data[word.size++] = *++at;
            }
        }
        pool->words[pool->word_count++] = word;
        at += *at == '"' ? 1 : 0;
    }
    free(file.inputs[0].data);
}

static void read_argument(struct pool *pool, const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return; /* a target without a dictionary */
    if (S_ISDIR(status.st_mode))
        read_folder(pool, path);
    else if (text_ends(path, ".dict"))
        read_words(pool, path);
    else
        read_input(pool, path);
}

static void pool_release(struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++)
        free(pool->inputs[i].data);
    for (size_t i = 0; i < pool->word_count; i++)
        free(pool->words[i].data);
}

/* ---- A run that does not come back ---------------------------------------------------------- */

static struct piece running;

/* Only what a signal handler may do. */
static void keep_input(int number)
{
    static const char text[] = "the input is in build/fuzz/found/replay\n";
    int fd = open("build/fuzz/found/replay", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd >= 0 && write(fd, running.data, running.size) == (ssize_t)running.size)
        (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void run(const char *data, size_t size)
{
    /* Of its own, so that reading beyond it is seen. */
    running = (struct piece){ mem_alloc(size), size };
    if (size > 0)
        memcpy(running.data, data, size);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)running.data, size);
    free(running.data);
}

/* ---- Changes at random ---------------------------------------------------------- */

static void put(struct piece *piece, size_t at, const char *data, size_t size)
{
    if (piece->size + size > INPUT_MAX)
        return;
    memmove(piece->data + at + size, piece->data + at, piece->size - at);
    memcpy(piece->data + at, data, size);
    piece->size += size;
}

static void change(struct piece *piece, const struct pool *pool, struct rng *rng)
{
    size_t at = (size_t)rng_below(rng, piece->size + 1);
    size_t left = piece->size - at;
    const struct piece *other = &pool->inputs[rng_below(rng, pool->count)];
    size_t from = (size_t)rng_below(rng, other->size + 1);
    size_t part = (size_t)rng_below(rng, (other->size - from < 64 ? other->size - from : 64) + 1);
    char byte = (char)rng_below(rng, 256);
    uint64_t kind = rng_below(rng, pool->word_count > 0 ? 7 : 6);

    if (kind == 0 && left > 0) {
        piece->data[at] = (char)(piece->data[at] ^ (1 << rng_below(rng, 8)));
    } else if (kind == 1 && left > 0) {
        piece->data[at] = byte;
    } else if (kind == 2) {
        put(piece, at, &byte, 1);
    } else if (kind == 3) {
        size_t size = (size_t)rng_below(rng, (left < 32 ? left : 32) + 1);

        memmove(piece->data + at, piece->data + at + size, left - size);
        piece->size -= size;
    } else if (kind == 4) {
        put(piece, at, other->data + from, part);
    } else if (kind == 5) {
        part = part < left ? part : left;
        memmove(piece->data + at, other->data + from, part);
    } else if (kind == 6) {
        const struct piece *word = &pool->words[rng_below(rng, pool->word_count)];
        put(piece, at, word->data, word->size);
    }
}

static void run_changed(const struct pool *pool, uint32_t runs)
{
    struct rng rng = { .state = 1 };
    struct piece piece = { mem_alloc(INPUT_MAX), 0 };

    for (uint32_t i = 0; i < runs; i++) {
        const struct piece *from = &pool->inputs[rng_below(&rng, pool->count)];
        uint64_t changes = 1 + rng_below(&rng, CHANGES);

        memcpy(piece.data, from->data, from->size);
        piece.size = from->size;
        for (uint64_t c = 0; c < changes; c++)
            change(&piece, pool, &rng);
        run(piece.data, piece.size);
    }
    free(piece.data);
}

/* ---- Growth -------------------------------------------------------------------------------- */

/* Of this thread: what else the machine does is no matter. */
static double cpu_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double cost_ms(const char *data, size_t size)
{
    double begin = cpu_ms();

    run(data, size);
    return cpu_ms() - begin;
}

/* The first line, which may choose, and the rest of the input over and over. */
static size_t grow(const struct piece *from, size_t size, char *out)
{
    const char *line = memchr(from->data, '\n', from->size);
    size_t head = line != NULL ? (size_t)(line - from->data) + 1 : 0;
    size_t body = from->size - head;
    size_t at = 0;

    memcpy(out, from->data, head);
    for (at = head; at < size; at++)
        out[at] = body > 0 ? from->data[head + (at - head) % body] : '\n';
    return at;
}

/* Both are measured in turns, and the least of each counts: noise only adds. */
static double growth_of(const struct piece *from, size_t size, char *data, double *out_ms)
{
    double one = 1e9;
    double two = 1e9;

    for (int i = 0; i < GROWTH_TRY; i++) {
        double ms = cost_ms(data, grow(from, size, data));

        one = ms < one ? ms : one;
        ms = cost_ms(data, grow(from, 2 * size, data));
        two = ms < two ? ms : two;
        if (two <= GROWTH_MOST * one)
            break;
    }
    *out_ms = two;
    return two / one;
}

/* A square shows at the sizes where it costs most of the time: a few faults of the cache, or one
 * more level of a tree, do not double it again and again. */
static bool grows_too_fast(const struct piece *from, char *data)
{
    int steps = 0;

    for (size_t size = GROWTH_MIN; size <= GROWTH_MAX; size *= 2) {
        double ms;
        double growth;

        if (from->size > size || cost_ms(data, grow(from, 2 * size, data)) < GROWTH_MS)
            continue;
        growth = growth_of(from, size, data, &ms);
        steps = growth > GROWTH_MOST ? steps + 1 : 0;
        if (steps == 2 || (steps == 1 && ms > 2000)) {
            printf(
                "%.1f times as long for an input of %zu bytes (%.0f ms) as for half of it:\n%.*s\n",
                growth, 2 * size, ms, (int)(from->size < 200 ? from->size : 200), from->data);
            return true;
        }
        if (ms > 2000)
            return false;
    }
    return false;
}

static int check_growth(const struct pool *pool)
{
    char *data = mem_alloc(2 * GROWTH_MAX + INPUT_MAX);
    int faults = 0;

    for (size_t i = 0; i < pool->count; i++)
        faults += grows_too_fast(&pool->inputs[i], data) ? 1 : 0;
    free(data);
    return faults;
}

int main(int count, char **arguments)
{
    static const int deaths[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTERM };
    static struct pool pool;
    uint32_t runs = 0;
    bool is_growth = count > 1 && text_equal(arguments[1], "growth");

    if (count < 3 || (!is_growth && !text_parse_u32(arguments[1], &runs))) {
        fprintf(stderr, "usage: %s RUNS|growth INPUTS...\n", arguments[0]);
        return 2;
    }
    (void)mkdir("build/fuzz", 0755);
    (void)mkdir("build/fuzz/found", 0755);
    for (size_t i = 0; i < ARRAY_COUNT(deaths); i++)
        (void)signal(deaths[i], keep_input);
    for (int i = 2; i < count; i++)
        read_argument(&pool, arguments[i]);
    if (pool.count == 0) {
        fprintf(stderr, "there are no inputs\n");
        return 2;
    }
    int faults = 0;
    if (is_growth) {
        faults = check_growth(&pool);
    } else {
        for (size_t i = 0; i < pool.count; i++)
            run(pool.inputs[i].data, pool.inputs[i].size);
        run_changed(&pool, runs);
        printf("%zu inputs, %u changed ones\n", pool.count, runs);
    }
    pool_release(&pool);
    printf("%d passed, %d failed\n", faults == 0 ? 1 : 0, faults);
    return faults == 0 ? 0 : 1;
}
