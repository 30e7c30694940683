#include "drivers/ec2/host_sample.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/docker/cgroup.h"
#include "drivers/docker/stats.h"
#include "drivers/ec2/remote.h"
#include "spec/base/arena.h"

#define AT_ONCE     500 /* containers: their IDs fit into a script (remote_script.h) */
#define LINES_EACH  16  /* of a container; there are four or five */
#define LINES_OTHER 64

/* For /bin/sh, with the IDs behind it.
 *
 * $cpu and $memory: where the groups are mounted, of version 1 when it has both, else of version 2.
 * $before and $after: how the folder of the last container was named around its ID; only when
 * neither that nor what engines do by default is there, all folders are gone through, at most once.
 * The uptime is the clock by which the differences of two readings are taken.
 */
static const char script[] =
    "cpu= memory= second= vain=\n"
    "while read -r _ folder type options _; do\n"
    "    case $type,$options, in\n"
    "    cgroup2,*) second=${second:-$folder} ;;\n"
    "    cgroup,*) case ,$options, in *,cpuacct,*) cpu=${cpu:-$folder} ;; esac\n"
    "        case ,$options, in *,memory,*) memory=${memory:-$folder} ;; esac ;;\n"
    "    esac\n"
    "done </proc/mounts\n"
    "of_cpu=cpuacct.usage of_memory=memory.usage_in_bytes\n"
    "if [ -z \"$cpu\" ] || [ -z \"$memory\" ]; then\n"
    "    cpu=$second memory=$second of_cpu=cpu.stat of_memory=memory.current\n"
    "fi\n"
    "[ -n \"$memory\" ] || exit 0\n"
    "ids=$*\n"
    "set --\n"
    "before=/docker/ after=\n"
    "for id in $ids; do\n"
    "    if [ ! -d \"$memory$before$id$after\" ]; then\n"
    "        if [ -d \"$memory/docker/$id\" ]; then\n"
    "            before=/docker/ after=\n"
    "        elif [ -d \"$memory/system.slice/docker-$id.scope\" ]; then\n"
    "            before=/system.slice/docker- after=.scope\n"
    "        elif [ -n \"$vain\" ]; then\n"
    "            continue\n"
    "        else\n"
    "            vain=1\n"
    "            at=$(find \"$memory\" -type d -name \"*$id*\" -prune 2>/dev/null | head -n 1)\n"
    "            [ -n \"$at\" ] || continue\n"
    "            at=${at#\"$memory\"}\n"
    "            before=${at%%\"$id\"*} after=${at#*\"$id\"}\n"
    "        fi\n"
    "    fi\n"
    "    set -- \"$@\" \"$cpu$before$id$after/$of_cpu\" \"$memory$before$id$after/$of_memory\" \\\n"
    "        \"$memory$before$id$after/memory.stat\"\n"
    "done\n"
    "[ $# -gt 0 ] || exit 0\n"
    "exec grep -E '^((usage_usec|(total_)?inactive_file) )?[0-9]+$|^[0-9]+[.][0-9]+ [0-9.]+$' "
    "/proc/uptime \"$@\" 2>/dev/null\n";

struct host_sample {
    struct host_sample_options options;
    struct ssh_target target; /* its texts are the arena's, */
    const char *local_socket; /* and so is this, */
    struct arena arena;
    const char **ids; /* and these, sorted */
    size_t count;
    size_t begun; /* of the ids, with the command that runs */
    size_t found;
    struct cgroup_listing listing; /* of that command */
    size_t lines;
    struct driver_call *call;
    struct remote *remote; /* NULL: none runs */
};

static void release(struct host_sample *sample)
{
    remote_free(sample->remote);
    arena_release(&sample->arena);
    free(sample);
}

static void on_line(void *ctx, bool is_error, const char *line, size_t size)
{
    struct host_sample *sample = ctx;

    if (is_error || size == 0 ||
        sample->lines++ >= sample->listing.count * LINES_EACH + LINES_OTHER)
        return;
    cgroup_listing_line(&sample->listing, line);
}

static void report(struct host_sample *sample)
{
    const struct cgroup_listing *listing = &sample->listing;
    AUTO(arena) scratch = { 0 };
    struct container_sample *samples =
        arena_array(&scratch, struct container_sample, listing->count + 1);
    size_t count = 0;

    for (size_t i = 0; i < listing->count && listing->taken_ms > 0; i++) {
        samples[count].id = listing->groups[i].id;
        count += cgroup_sample(&listing->groups[i].reading, &samples[count]);
    }
    sample->found += count;
    engine_report_sample(sample->options.engine, listing->taken_ms, samples, count);
}

/* The engine is asked only where nothing at all can be read: one that was not found has ended. */
static void finish(struct host_sample *sample)
{
    struct driver_call *call = sample->call;
    bool is_vain = sample->found == 0 && sample->count > 0;

    call->state = NULL;
    sample->options.over(sample->options.ctx, sample);
    if (is_vain)
        engine_stats(sample->options.engine, sample->ids, sample->count, call);
    release(sample);
    if (!is_vain)
        call->done(call, NULL);
}

static void next(void *ctx);

static void on_done(void *ctx, int exit_code, const struct err *failure)
{
    struct host_sample *sample = ctx;

    (void)exit_code; /* of grep: one of many files was gone */
    remote_free(TAKE(sample->remote));
    if (failure == NULL)
        report(sample);
    else
        sample->begun = sample->count;
    next(sample);
}

static void next(void *ctx)
{
    struct host_sample *sample = ctx;
    size_t left = sample->count - sample->begun;
    size_t count = left < AT_ONCE ? left : AT_ONCE;
    AUTO(arena) scratch = { 0 };
    const char **words = arena_array(&scratch, const char *, count + 5);
    const struct remote_options options = { .words = words,
                                            .deadline_ms = sample->call->timeout_ms,
                                            .on_line = on_line,
                                            .done = on_done,
                                            .ctx = sample };

    if (count == 0) {
        finish(sample);
        return;
    }
    words[0] = "/bin/sh";
    words[1] = "-c";
    words[2] = script;
    words[3] = "sh";
    sample->listing =
        (struct cgroup_listing){ .groups = arena_array(&sample->arena, struct cgroup_group, count),
                                 .count = count };
    sample->lines = 0;
    for (size_t i = 0; i < count; i++) {
        words[4 + i] = sample->ids[sample->begun + i];
        sample->listing.groups[i].id = sample->ids[sample->begun + i];
    }
    sample->begun += count;
    sample->remote =
        remote_start(sample->options.loop, &sample->target, sample->local_socket, &options, NULL);
    if (sample->remote == NULL)
        finish(sample);
}

static const char *copy(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_text(arena, text);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct host_sample *host_sample_start(const struct host_sample_options *options,
                                      struct driver_call *call)
{
    struct host_sample *sample = mem_alloc(sizeof(*sample));
    const char *const *ids;

    sample->options = *options;
    sample->target = *options->target;
    sample->target.host = copy(&sample->arena, options->target->host);
    sample->target.user = copy(&sample->arena, options->target->user);
    sample->target.identity_file = copy(&sample->arena, options->target->identity_file);
    sample->target.engine_socket = copy(&sample->arena, options->target->engine_socket);
    sample->local_socket = copy(&sample->arena, options->local_socket);
    sample->call = call;
    sample->count = engine_running(options->engine, &sample->arena, &ids);
    sample->ids = arena_copy(&sample->arena, ids, (sample->count + 1) * sizeof(*ids));
    qsort(sample->ids, sample->count, sizeof(*sample->ids), by_text);
    call->state = sample;
    loop_defer(options->loop, next, sample);
    return sample;
}

void host_sample_leave(struct host_sample *sample)
{
    struct driver_call *call = sample->call;
    struct err failure = { 0 };

    loop_defer_cancel(sample->options.loop, next, sample);
    release(sample);
    (void)err_set(&failure, ERR_CANCELLED, "the connection was given up");
    call->state = NULL;
    call->done(call, &failure);
}
