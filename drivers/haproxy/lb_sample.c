/*
 * The process in force is asked, and those that a reload replaced as long as they are there: each
 * counts for itself.
 */
#include "drivers/haproxy/lb_sample.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/haproxy/stat.h"

#define STAT         "show stat -1 6 -1" /* of all proxies: backends and servers */
#define COMMAND_SIZE 64

struct asked {
    struct lb_sample *sample;
    char *name;
    char *socket_path;
    struct cli *cli; /* NULL: all is answered */
    int64_t taken_ms;
    struct arena arena;
    struct answers processes;
    size_t old_asked;
    struct stat_table table;
};

struct lb_sample {
    const struct lb_shared *shared;
    struct driver_call *call;
    void (*over)(void *context);
    void *context;
    struct asked *asked;
    size_t count;
    size_t waiting;
};

static void release(struct lb_sample *sample)
{
    for (size_t i = 0; i < sample->count; i++) {
        struct asked *asked = &sample->asked[i];

        cli_free(asked->cli);
        arena_release(&asked->arena);
        free(asked->name);
        free(asked->socket_path);
    }
    free(sample->asked);
    free(sample);
}

static void report(const struct asked *asked)
{
    const struct driver_sink *sink = &asked->sample->shared->sink;
    const struct sample_report report = { .instance = BALANCER_HOST,
                                          .balancer = asked->name,
                                          .taken_ms = asked->taken_ms,
                                          .targets = asked->table.targets,
                                          .target_count = asked->table.target_count,
                                          .groups = asked->table.groups,
                                          .group_count = asked->table.group_count };

    if (sink->sample != NULL && report.group_count > 0)
        sink->sample(sink->context, &report);
}

static void one_is_over(struct asked *asked)
{
    struct lb_sample *sample = asked->sample;
    struct driver_call *call = sample->call;

    report(asked);
    if (--sample->waiting > 0)
        return;
    sample->over(sample->context);
    release(sample);
    call->state = NULL;
    call->done(call, NULL);
}

static void ask_old(struct asked *asked);

static void on_old(void *context, const char *answer, const struct err *failure)
{
    struct asked *asked = context;

    asked->cli = NULL;
    /* One that ended meanwhile counts no more. */
    if (failure == NULL)
        stat_parse(&asked->table, asked->processes.old_workers[asked->old_asked],
                   arena_text(&asked->arena, answer));
    asked->old_asked++;
    ask_old(asked);
}

static void ask_old(struct asked *asked)
{
    struct lb_sample *sample = asked->sample;
    AUTO(buf) command = { 0 };

    if (asked->old_asked >= asked->processes.old_worker_count) {
        one_is_over(asked);
        return;
    }
    buf_init(&command, COMMAND_SIZE);
    buf_printf(&command, "@!%u " STAT, asked->processes.old_workers[asked->old_asked]);
    asked->cli = cli_ask(sample->shared->loop, asked->socket_path, buf_text(&command),
                         sample->call->timeout_ms, on_old, asked);
}

static void on_current(void *context, const char *answer, const struct err *failure)
{
    struct asked *asked = context;
    char *text = failure != NULL ? NULL : arena_text(&asked->arena, answer);
    char *table = text == NULL ? NULL : strstr(text, "# pxname,");

    asked->cli = NULL;
    if (table != NULL) {
        char *processes = arena_text_n(&asked->arena, text, (size_t)(table - text));

        answers_parse(processes, &asked->arena, &asked->processes);
        stat_parse(&asked->table, asked->processes.worker, table);
    }
    ask_old(asked);
}

static void ask(struct asked *asked, const struct lb *lb)
{
    struct lb_sample *sample = asked->sample;

    asked->name = mem_text(lb->name);
    asked->socket_path = mem_text(lb->socket_path);
    asked->taken_ms = loop_steady_ms();
    asked->table.arena = &asked->arena;
    sample->waiting++;
    asked->cli = cli_ask(sample->shared->loop, asked->socket_path, "show proc;@1 " STAT,
                         sample->call->timeout_ms, on_current, asked);
}

static bool runs(const struct lb *lb)
{
    return lb->is_told && lb->name != NULL && !lb->is_held;
}

struct lb_sample *lb_sample_start(const struct lb_shared *shared, const struct lb *lbs,
                                  struct driver_call *call, void (*over)(void *context),
                                  void *context)
{
    struct lb_sample *sample;
    size_t count = 0;

    for (const struct lb *lb = lbs; lb != NULL; lb = lb->next)
        count += runs(lb);
    if (count == 0)
        return NULL;
    sample = mem_alloc(sizeof(*sample));
    sample->shared = shared;
    sample->call = call;
    sample->over = over;
    sample->context = context;
    sample->asked = mem_alloc(count * sizeof(*sample->asked));
    for (const struct lb *lb = lbs; lb != NULL; lb = lb->next) {
        if (!runs(lb))
            continue;
        sample->asked[sample->count].sample = sample;
        ask(&sample->asked[sample->count++], lb);
    }
    call->state = sample;
    return sample;
}

void lb_sample_cancel(struct lb_sample *sample)
{
    struct driver_call *call = sample->call;
    struct err failure = { 0 };

    (void)err_set(&failure, ERR_CANCELLED, "the driver is shut down");
    release(sample);
    call->state = NULL;
    call->done(call, &failure);
}
