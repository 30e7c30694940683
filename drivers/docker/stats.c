#include "drivers/docker/stats.h"

#include <stdlib.h>

#include "drivers/docker/engine_int.h"
#include "spec/base/text.h"

#define AT_ONCE   4
#define EVERY_MS  60000
#define EARLY_MS  2000 /* of a minute: who asks is not punctual */
#define PATH_SIZE (ENGINE_ID_SIZE + 32)

struct stats {
    struct engine *engine;
    struct driver_call *call;
    struct arena arena;
    const char **ids;
    size_t count;
    size_t next;
    size_t in_flight;
    struct container_sample *samples;
    size_t found;
};

/* One of its requests. */
struct asking {
    struct stats *stats;
    const char *id;
};

size_t engine_running(const struct engine *engine, struct arena *arena, const char *const **out)
{
    size_t count = 0;
    const char **ids;

    for (const struct tracked *at = engine->containers; at != NULL; at = at->by_id.next)
        count += !at->gone && at->status == CONTAINER_RUNNING;
    ids = arena_array(arena, const char *, count + 1);
    count = 0;
    for (const struct tracked *at = engine->containers; at != NULL; at = at->by_id.next) {
        if (!at->gone && at->status == CONTAINER_RUNNING)
            ids[count++] = arena_text(arena, at->id);
    }
    *out = ids;
    return count;
}

void engine_report_sample(const struct engine *engine, int64_t taken_ms,
                          const struct container_sample *samples, size_t count)
{
    const struct sample_report report = { .instance = engine->reader.instance,
                                          .taken_ms = taken_ms,
                                          .containers = samples,
                                          .container_count = count };

    if (engine->sink.sample != NULL && count > 0)
        engine->sink.sample(engine->sink.context, &report);
}

bool stats_read(const struct json *answer, struct container_sample *out)
{
    int64_t cpu_ns = json_int(answer, "cpu_stats.cpu_usage.total_usage", -1);
    int64_t memory = json_int(answer, "memory_stats.usage", -1);
    int64_t inactive =
        json_int(answer, "memory_stats.stats.total_inactive_file",
                 json_int(answer, "memory_stats.stats.inactive_file", /* fallback= */ 0));

    if (cpu_ns <= 0 || memory <= 0)
        return false; /* it has ended */
    out->cpu_ns = (uint64_t)cpu_ns;
    out->memory_bytes = inactive > 0 && inactive < memory ? (uint64_t)(memory - inactive)
                        : inactive >= memory              ? 0
                                                          : (uint64_t)memory;
    return true;
}

static void finish(struct stats *stats)
{
    struct engine *engine = stats->engine;
    struct driver_call *call = stats->call;

    if (!engine->freeing)
        engine_report_sample(engine, loop_steady_ms(), stats->samples, stats->found);
    call->state = NULL;
    call->done(call, NULL);
    arena_release(&stats->arena);
    free(stats);
    engine_job_done(engine);
}

static void ask_next(struct stats *stats);

static void on_stats(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct asking *asking = ctx;
    struct stats *stats = asking->stats;
    AUTO(json) *value = failure != NULL ? NULL : json_parse(answer->body, answer->size, NULL);
    struct container_sample *sample = &stats->samples[stats->found];

    sample->id = asking->id;
    stats->found += stats_read(value, sample);
    free(asking);
    stats->in_flight--;
    ask_next(stats);
}

static void ask_next(struct stats *stats)
{
    if (stats->engine->freeing || !stats->engine->connected)
        stats->next = stats->count;
    while (stats->in_flight < AT_ONCE && stats->next < stats->count) {
        struct asking *asking = mem_alloc(sizeof(*asking));
        AUTO(buf) path = { 0 };
        struct docker_request request = { .method = "GET",
                                          .query = "stream=false&one-shot=true",
                                          .deadline_ms = stats->call->timeout_ms };

        asking->stats = stats;
        asking->id = stats->ids[stats->next++];
        buf_init(&path, PATH_SIZE);
        buf_printf(&path, "/containers/%s/stats", asking->id);
        request.path = buf_text(&path);
        stats->in_flight++;
        (void)docker_call(stats->engine->docker, &request, on_stats, asking);
    }
    if (stats->in_flight == 0)
        finish(stats);
}

static void begin(void *ctx)
{
    ask_next(ctx);
}

void engine_stats(struct engine *engine, const char *const *ids, size_t count,
                  struct driver_call *call)
{
    struct stats *stats = mem_alloc(sizeof(*stats));
    int64_t now_ms = loop_steady_ms();
    bool is_due = engine->connected && count > 0 && now_ms >= engine->stats_due_ms;

    stats->engine = engine;
    stats->call = call;
    stats->ids = arena_array(&stats->arena, const char *, count + 1);
    stats->samples = arena_array(&stats->arena, struct container_sample, count + 1);
    for (size_t i = 0; is_due && i < count; i++)
        stats->ids[stats->count++] = arena_text(&stats->arena, ids[i]);
    call->state = stats;
    engine->jobs++; /* it stays until this is over */
    if (is_due) {
        engine->stats_due_ms = now_ms + EVERY_MS - EARLY_MS;
        if (!engine->stats_noted && engine->sink.note != NULL)
            engine->sink.note(engine->sink.context, engine->reader.instance,
                              "its control groups cannot be read: CPU and memory are asked of the "
                              "engine, once a minute");
        engine->stats_noted = true;
    }
    loop_defer(engine->loop, begin, stats);
}
