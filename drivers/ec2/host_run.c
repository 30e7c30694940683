#include "drivers/ec2/host_run.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/ec2/host_lines.h"
#include "drivers/ec2/remote.h"
#include "spec/base/arena.h"
#include "spec/base/text.h"
#include "spec/host_script.h"

#define BOOT_SIZE 64
#define TIMED_OUT 124 /* what timeout(1) ends with */

/* How the host is, behind all else that is told. */
#define BOOT_LINE   "berth-boot "
#define REBOOT_LINE "berth-needs-reboot"

/* A command whose connection ended goes on: nothing else is begun beside it. */
#define LOCK_SCRIPT                                                                                \
    "lock=/run/berth-maintenance.lock\n"                                                           \
    "[ -w /run ] || lock=$HOME/.berth-maintenance.lock\n"                                          \
    "exec 9>>\"$lock\"\n"                                                                          \
    "command -v flock >/dev/null || { echo 'there is no flock(1)'; exit 6; }\n"                    \
    "flock -n 9 || { echo 'an earlier command still runs there'; exit 4; }\n"

/* $1 is the command and $2 its seconds.  What it writes is told when it is over.  The lock is its
 * shell's, not that of what it may leave behind. */
#define SCRIPT                                                                                     \
    LOCK_SCRIPT                                                                                    \
    "log=$(mktemp) || exit 126\n"                                                                  \
    "setsid sh -c 'timeout -k 10 \"$2\" /bin/sh -c \"$1\" 9>&-; exit $?' sh \"$1\" \"$2\" "        \
    ">\"$log\" 2>&1 </dev/null &\n"                                                                \
    "wait $!\n"                                                                                    \
    "status=$?\n"                                                                                  \
    "tail -n 20 \"$log\"\n"                                                                        \
    "rm -f \"$log\"\n"                                                                             \
    "[ $status = 0 ] || exit $status\n" LOOK_SCRIPT

/* The command may have left a line open. */
#define LOOK_SCRIPT                                                                                \
    "echo\n"                                                                                       \
    "echo \"" BOOT_LINE "$(cat /proc/sys/kernel/random/boot_id)\"\n"                               \
    "[ ! -e /run/reboot-required ] || echo " REBOOT_LINE "\n"

/* A moment later, so that its answer arrives. */
#define REBOOT_SCRIPT                                                                              \
    LOCK_SCRIPT                                                                                    \
    LOOK_SCRIPT                                                                                    \
    HOST_SCRIPT_PATH                                                                               \
    HOST_SCRIPT_AS_ROOT                                                                            \
    "command -v reboot >/dev/null || { echo 'there is no reboot(8)'; exit 6; }\n"                  \
    "setsid sh -c \"sleep 1; exec $as reboot\" >/dev/null 2>&1 </dev/null 9>&- &\n"

struct host_run {
    struct host_run_options options;
    struct driver_call *call;
    struct remote *remote; /* NULL: it is over, or left */
    char boot[BOOT_SIZE];  /* "": not told */
    bool needs_reboot;
    struct buf lines; /* of what it printed, the newest, with " / " between */
};

static void report(const struct host_run *run, enum effort_state state, const struct err *failure)
{
    const struct action *action = run->call->action;
    struct world_change change = { .kind = WORLD_EFFORT };
    AUTO(buf) key = { 0 };

    buf_init(&key, 1024);
    action_effort_key(action->kind, action->object, &key);
    change.effort.instance = action->instance;
    change.effort.key = buf_text(&key);
    change.effort.state = state;
    change.effort.at_ms = loop_wall_ms();
    change.effort.failure = failure;
    change.effort.boot = state == EFFORT_DONE && run->boot[0] != '\0' ? run->boot : NULL;
    change.effort.needs_reboot = state == EFFORT_DONE && run->needs_reboot;
    run->options.sink->change(run->options.sink->context, &change);
}

static void on_line(void *ctx, bool is_error, const char *line, size_t size)
{
    struct host_run *run = ctx;

    (void)is_error;
    if (size == 0)
        return;
    if (text_starts(line, BOOT_LINE)) {
        text_copy(run->boot, sizeof(run->boot), line + sizeof(BOOT_LINE) - 1);
        return;
    }
    if (text_equal(line, REBOOT_LINE)) {
        run->needs_reboot = true;
        return;
    }
    host_lines_add(&run->lines, line);
}

static void finish(struct host_run *run, const struct err *failure)
{
    struct driver_call *call = run->call;

    call->state = NULL;
    call->done(call, failure);
    run->options.over(run->options.ctx, run);
    remote_free(run->remote);
    buf_release(&run->lines);
    free(run);
}

/* False: it went well. */
static bool has_failed(struct host_run *run, int exit_code, const struct err *ended,
                       struct err *failure)
{
    if (ended != NULL)
        return err_set(failure, ERR_UNREACHABLE, "it is not known how the command ended: %s",
                       ended->text) < 0;
    if (exit_code == TIMED_OUT)
        return err_set(failure, ERR_FAILED, "the command did not end within %u s: %s",
                       run->call->action->timeout_s, buf_text(&run->lines)) < 0;
    if (exit_code != 0)
        return err_set(failure, ERR_FAILED, "the command ended with exit code %d: %s", exit_code,
                       buf_text(&run->lines)) < 0;
    return false;
}

static void on_done(void *ctx, int exit_code, const struct err *ended)
{
    struct host_run *run = ctx;
    struct err failure = { 0 };
    bool failed = has_failed(run, exit_code, ended, &failure);

    report(run, failed ? EFFORT_FAILED : EFFORT_DONE, failed ? &failure : NULL);
    finish(run, failed ? &failure : NULL);
}

struct host_run *host_run_start(const struct host_run_options *options, struct driver_call *call,
                                struct err *err)
{
    struct host_run *run = mem_alloc(sizeof(*run));
    AUTO(arena) scratch = { 0 };
    const char *const words[] = { "/bin/sh",
                                  "-c",
                                  call->action->reboots           ? REBOOT_SCRIPT
                                  : call->action->command == NULL ? LOOK_SCRIPT
                                                                  : SCRIPT,
                                  "sh",
                                  call->action->command == NULL ? "" : call->action->command,
                                  arena_printf(&scratch, "%u", call->action->timeout_s),
                                  NULL };
    const struct remote_options remote = { .words = words,
                                           .deadline_ms = call->timeout_ms,
                                           .on_line = on_line,
                                           .done = on_done,
                                           .ctx = run };

    run->options = *options;
    run->call = call;
    host_lines_init(&run->lines);
    run->remote = remote_start(options->loop, options->target, options->local_socket, &remote, err);
    if (run->remote == NULL) {
        buf_release(&run->lines);
        free(run);
        return NULL;
    }
    call->state = run;
    report(run, EFFORT_RUNNING, NULL);
    return run;
}

static void left(void *ctx)
{
    struct err failure = { 0 };

    (void)err_set(&failure, ERR_CANCELLED, "the connection was given up");
    finish(ctx, &failure);
}

void host_run_leave(struct host_run *run, bool is_told)
{
    struct err failure = { 0 };

    if (run->remote == NULL)
        return;
    remote_free(TAKE(run->remote));
    /* One that was CANCELLED would be forgotten, as if it had never been run. */
    (void)err_set(&failure, ERR_FAILED,
                  "it is not known how the command ended: the connection was given up");
    if (is_told)
        report(run, EFFORT_FAILED, &failure);
    loop_defer(run->options.loop, left, run);
}
