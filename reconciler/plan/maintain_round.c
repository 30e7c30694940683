/*
 * Which instances of a cluster are maintained next: what a round is called, and whose turn it is.
 */
#include <stdlib.h>

#include "reconciler/plan/maintain.h"
#include "reconciler/plan/maintain_int.h"
#include "reconciler/plan/window.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"

#define ORDER_NAMES 8 /* that are told */
#define ORDER_BYTES 4096

const char *maintain_round_name(const struct cluster_maintenance *wanted, struct arena *arena)
{
    char hex[SHA256_HEX_SIZE];
    struct sha256 *hash = sha256_new();

    /* Not the script of upgradePackages: another Berth may have another one. */
    sha256_add_text(hash, wanted->command == NULL ? "" : wanted->command);
    sha256_add_text(hash, enumeration_text(&reboot_values, wanted->reboot));
    sha256_add_text(hash, wanted->rerun == NULL ? "" : wanted->rerun);
    sha256_finish(hash, hex);
    return arena_printf(arena, "%.*s", MAINTENANCE_ROUND_SIZE - 1, hex);
}

struct candidate {
    int64_t done_ms; /* when it was maintained last; 0: never */
    size_t index;
};

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *left = a;
    const struct candidate *right = b;

    if (left->done_ms != right->done_ms)
        return left->done_ms < right->done_ms ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

static const struct maintenance *known_of(const struct plan_input *input,
                                          const struct container_instance *listed)
{
    const struct host_record *record = memory_host(input->memory, listed->name);

    return record == NULL ? NULL : record->maintenance;
}

/* Why one of them is out, of the cluster's view; NULL: it is not. */
static const char *why_out(struct planner *planner, const struct host *host)
{
    const struct maintenance *known = known_of(planner->input, host->listed);
    const char *name = host->listed->name;

    if (known != NULL && known->step == MAINTENANCE_FAILED)
        return arena_printf(planner->arena, "instance %s, whose maintenance failed", name);
    if (maintenance_is_open(known))
        return arena_printf(planner->arena, "instance %s, which is being maintained", name);
    if (host->why_not != NULL)
        return arena_printf(planner->arena, "instance %s, which %s", name, host->why_not);
    return NULL;
}

/* It is being worked on, or that has failed, whatever a person does with it then. */
static bool is_out_for(const struct maintenance *known, const char *due)
{
    return maintenance_is_open(known) &&
           (known->step != MAINTENANCE_FAILED || text_equal(known->round, due));
}

static void look_at_windows(struct planner *planner, const struct pool *pool, struct round *round)
{
    struct window_look look;

    window_look(pool->spec->maintenance, planner->input->desired, planner->input->now_ms, &look);
    round->is_shut = !look.is_open;
    round->opens_ms = look.opens_ms;
    round->opens = window_opens_text(&look, planner->arena);
}

struct round *maintain_round(struct planner *planner, const struct pool *pool, const char *due)
{
    struct round *round = arena_new(planner->arena, struct round);
    struct candidate *candidates = arena_array(planner->arena, struct candidate, pool->count + 1);
    size_t room = pool->spec->maintenance->max_unavailable;
    size_t standing = 0; /* that take tasks */
    size_t all = 0;
    size_t count = 0;

    round->begins = arena_array(planner->arena, bool, pool->count + 1);
    for (size_t i = 0; i < pool->count; i++) {
        const struct host *host = &pool->hosts[i];
        const struct maintenance *known = known_of(planner->input, host->listed);
        const char *out;

        if (host->listed->state == CONTAINER_INSTANCE_DRAINING && !is_out_for(known, due))
            continue; /* a person took it out, and it is nobody else's business */
        out = why_out(planner, host);
        all++;
        standing += out == NULL;
        if (out == NULL && (known == NULL || !text_equal(known->round, due)))
            candidates[count++] = (struct candidate){ known == NULL ? 0 : known->since_ms, i };
        if (out == NULL)
            continue;
        round->in_the_way = round->in_the_way == NULL ? out : round->in_the_way;
        room -= room > 0;
        if (known != NULL && known->step == MAINTENANCE_FAILED) {
            round->is_stopped = true;
            return round;
        }
    }
    if (all > 1 && room >= standing) /* tasks must find a place; a single host is its own matter */
        room = standing > 0 ? standing - 1 : 0;
    qsort(candidates, count, sizeof(*candidates), compare_candidates);
    look_at_windows(planner, pool, round);
    for (size_t i = 0; i < count && i < room && !round->is_shut; i++)
        round->begins[candidates[i].index] = true;
    if (round->in_the_way == NULL && count > room)
        round->in_the_way = arena_printf(planner->arena, "instance %s, which comes before",
                                         pool->hosts[candidates[0].index].listed->name);
    return round;
}

const char *maintain_order(const struct plan_input *input, const struct resource *cluster,
                           struct arena *arena)
{
    const struct cluster_spec *spec = resource_cluster(cluster);
    struct candidate *due = arena_array(arena, struct candidate, spec->instances_count + 1);
    AUTO(buf) text = { 0 };
    size_t count = 0;

    for (size_t i = 0; spec->maintenance != NULL && i < spec->instances_count; i++) {
        const struct maintenance *known = known_of(input, &spec->instances[i]);

        if (spec->instances[i].state == CONTAINER_INSTANCE_DRAINING ||
            (known != NULL &&
             text_equal(known->round, maintain_round_name(spec->maintenance, arena))))
            continue;
        due[count++] = (struct candidate){ known == NULL ? 0 : known->since_ms, i };
    }
    if (count == 0)
        return NULL;
    qsort(due, count, sizeof(*due), compare_candidates);
    buf_init(&text, ORDER_BYTES);
    for (size_t i = 0; i < count && i < ORDER_NAMES; i++)
        buf_printf(&text, "%s%s", i == 0 ? "" : ", ", spec->instances[due[i].index].name);
    if (count > ORDER_NAMES)
        buf_printf(&text, " and %zu more", count - ORDER_NAMES);
    return arena_text(arena, buf_text(&text));
}
