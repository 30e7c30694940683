/*
 * The two actions.  Each looks first and goes by what it sees, so that it may come again at any
 * time: an APPLY that was cut short anywhere is completed by the next.
 *
 * A new configuration is tried by `haproxy -c` under another name before it takes the place of the
 * one that works; that one comes back when HAProxy then cannot start with the new one.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "drivers/haproxy/lb.h"
#include "drivers/haproxy/lb_tls.h"
#include "drivers/haproxy/render.h"
#include "drivers/io/process.h"
#include "spec/base/text.h"

#define CONFIG_MAX   ((size_t)64 * 1024 * 1024)
#define CHECK_MS     60000
#define START_MS     10000 /* the shell only */
#define WAIT_MS      10    /* from one look at what starts to the next */
#define STOPPING_MS  100
#define SETTLE_MS    20
#define SETTLE_QUICK 4 /* so many rounds without a pause */
#define RELOAD_MS    10000
#define MAXCONN      20000
#define SPARE_FILES  500

/* $1 is the folder, $2 the program.  HAProxy's own way into the background (-D) throws away what it
 * writes, and with it why a reload failed; so the shell leaves it behind.  What it writes while it
 * runs is bounded by folder_trim(). */
#define START_SCRIPT                                                                               \
    "umask 077\n"                                                                                  \
    "cd /\n"                                                                                       \
    "\"$2\" -W -S \"$1/" LB_SOCKET "\" -p \"$1/" LB_PID "\" -f \"$1/" LB_CONFIG "\" "              \
    "</dev/null >/dev/null 2>>\"$1/" LB_ERRORS "\" &\n"                                            \
    "echo $!\n"

enum phase {
    PHASE_LOOK,   /* how is it? */
    PHASE_CHECK,  /* haproxy -c */
    PHASE_START,  /* the shell */
    PHASE_RELOAD, /* the master was told */
    PHASE_WAIT,   /* until a worker answers with the new shape */
    PHASE_SETTLE, /* members */
    PHASE_STOP,   /* until it says that it stops */
    PHASE_OVER,   /* done() follows */
};

struct lb_action {
    struct lb *lb;
    struct driver_call *call;
    enum phase phase;
    struct timer deadline;
    struct process *process;
    bool is_start;   /* else a reload */
    uint32_t pid;    /* of what was started */
    uint32_t failed; /* reloads that had, before ours */
    uint32_t rounds; /* of settling */
    struct err failure;
};

static const struct balancer *wanted(const struct lb_action *action)
{
    return action->call->action->balancer;
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void release(struct lb_action *action)
{
    timer_stop(&action->deadline);
    process_free(TAKE(action->process));
}

static void report_failure(struct lb *lb, const struct err *failure)
{
    struct world_change change = { .kind = WORLD_BALANCER_FAILED };

    change.lost.instance = lb->name;
    change.lost.failure = failure->text;
    change.lost.at_ms = loop_wall_ms();
    lb->shared->sink.change(lb->shared->sink.context, &change);
}

/* From the loop only. */
static void finish(struct lb_action *action, const struct err *failure)
{
    struct lb *lb = action->lb;
    struct driver_call *call = action->call;
    struct err copy = { 0 };

    if (failure != NULL)
        copy = *failure;
    release(action);
    lb->is_held = false;
    lb->action = NULL;
    free(action);
    call->state = NULL;
    if (failure != NULL && copy.code != ERR_CANCELLED)
        report_failure(lb, &copy);
    lb_look(lb, 0);
    call->done(call, failure != NULL ? &copy : NULL);
    lb->shared->looked(lb->shared->context);
}

static void fail(struct lb_action *action)
{
    ASSERT(action->failure.code != ERR_OK);
    (void)err_wrap(&action->failure, "LoadBalancer '%s'", action->lb->name);
    finish(action, &action->failure);
}

static void on_cancelled(void *context)
{
    struct lb_action *action = context;

    finish(action, &action->failure);
}

static void on_deadline(void *context)
{
    struct lb_action *action = context;
    struct lb *lb = action->lb;

    cli_free(TAKE(lb->cli));
    lb->is_looking = false;
    (void)err_set(&action->failure, ERR_TIMEOUT, "it is not as it should be in time%s%s",
                  lb->complaint[0] != '\0' ? ": " : "", lb->complaint);
    fail(action);
}

void lb_action_cancel(struct lb *lb)
{
    struct lb_action *action = lb->action;

    if (action->phase == PHASE_OVER)
        return;
    action->phase = PHASE_OVER;
    release(action);
    cli_free(TAKE(lb->cli));
    lb->is_looking = false;
    (void)err_set(&action->failure, ERR_CANCELLED, "cancelled");
    timer_start(lb->shared->loop, &action->deadline, 0, on_cancelled, action);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static bool was_in_service(void *context, const char *group, const struct balancer_member *member)
{
    return lb_was_healthy(context, group, member);
}

/* A connection takes two descriptors, of those that the system allows; some are for the rest. */
static uint32_t maxconn(void)
{
    struct rlimit limit = { 0 };

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max >= 2 * MAXCONN + SPARE_FILES)
        return MAXCONN;
    return limit.rlim_max < 2 * SPARE_FILES ? SPARE_FILES
                                            : (uint32_t)(limit.rlim_max - SPARE_FILES) / 2;
}

static int write_config(struct lb_action *action, struct err *err)
{
    struct lb *lb = action->lb;
    AUTO(buf) log = { 0 };
    AUTO(buf) text = { 0 };

    buf_init(&log, CONFIG_MAX);
    buf_init(&text, CONFIG_MAX);
    buf_printf(&log, "%s/" LB_LOG, lb->folder);
    const struct render_options options = { .owner = lb->shared->owner,
                                            .folder = lb->folder,
                                            .log = buf_text(&log),
                                            .maxconn = maxconn(),
                                            .user = folder_has_user() ? FOLDER_USER : NULL,
                                            .is_in_service = was_in_service,
                                            .context = lb };
    if (folder_make(lb->folder, err) < 0)
        return -1;
    if (render(wanted(action), &options, &text, err) < 0)
        return -1;
    return folder_write(lb->folder, LB_NEW, &text, err);
}

static void run(struct lb_action *action, const char *const *argv, int64_t deadline_ms,
                process_done_fn *done)
{
    const char *path = getenv("PATH");
    AUTO(buf) variable = { 0 };

    buf_init(&variable, CONFIG_MAX);
    buf_printf(&variable, "PATH=%s", path != NULL ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
    const char *const environment[] = { buf_text(&variable), NULL };
    const struct process_options options = { .argv = argv,
                                             .env = environment,
                                             .directory = "/",
                                             .input = PROCESS_INPUT_NONE,
                                             .deadline_ms = deadline_ms,
                                             .done = done,
                                             .ctx = action };

    action->process = process_start(action->lb->shared->loop, &options, &action->failure);
    if (action->process == NULL)
        fail(action);
}

/* ---- Starting and reloading ------------------------------------------------------------------ */

/* What HAProxy wrote says why; the file that works has its place again. */
static void fail_start(struct lb_action *action)
{
    struct lb *lb = action->lb;
    AUTO(arena) arena = { 0 };
    AUTO(buf) errors = { 0 };

    buf_init(&errors, CONFIG_MAX);
    folder_read_end(lb->folder, LB_ERRORS, (size_t)64 * 1024, &errors);
    if (!action->is_start)
        (void)folder_rename(lb->folder, LB_PREVIOUS, LB_CONFIG, NULL);
    (void)err_set(&action->failure, ERR_FAILED, "%s: %s",
                  action->is_start ? "HAProxy does not start"
                                   : "HAProxy goes on as it was, for the change does not start",
                  answer_alert(buf_text(&errors), &arena));
    fail(action);
}

static void on_started(void *context, const struct process_result *result,
                       const struct err *failure)
{
    struct lb_action *action = context;
    AUTO_TEXT char *pid = mem_text(result->out);

    action->process = NULL;
    if (failure != NULL) {
        action->failure = *failure;
        fail(action);
        return;
    }
    pid[strspn(pid, "0123456789")] = '\0';
    if (!text_parse_u32(pid, &action->pid))
        action->pid = 0;
    action->phase = PHASE_WAIT;
    action->lb->is_held = false;
    lb_attend(action->lb);
    lb_look(action->lb, WAIT_MS);
}

static void start(struct lb_action *action)
{
    struct lb *lb = action->lb;
    const char *const argv[] = { "/bin/sh",           "-c", START_SCRIPT, "sh", lb->folder,
                                 lb->shared->program, NULL };

    action->phase = PHASE_START;
    run(action, argv, START_MS, on_started);
}

/* It answers before it has begun, and hangs up: how it went is looked at. */
static void on_reloading(void *context, const char *answer, const struct err *failure)
{
    struct lb *lb = context;

    (void)answer;
    (void)failure;
    lb->cli = NULL;
    lb->is_held = false;
    lb->action->phase = PHASE_WAIT;
    lb_look(lb, WAIT_MS);
}

static void reload(struct lb_action *action)
{
    struct lb *lb = action->lb;

    action->phase = PHASE_RELOAD;
    action->failed = lb->current.failed;
    ASSERT(lb->cli == NULL);
    lb->cli = cli_ask(lb->shared->loop, lb->socket_path, "reload", RELOAD_MS, on_reloading, lb);
}

static void on_checked(void *context, const struct process_result *result,
                       const struct err *failure)
{
    struct lb_action *action = context;
    struct lb *lb = action->lb;
    AUTO(arena) arena = { 0 };

    action->process = NULL;
    if (failure != NULL && result->exit_code == 1) {
        (void)err_set(&action->failure, ERR_INVALID, "HAProxy refuses the configuration: %s",
                      answer_alert(result->errors, &arena));
        fail(action);
        return;
    }
    if (failure != NULL) {
        action->failure = *failure;
        fail(action);
        return;
    }
    folder_trim(lb->folder, LB_ERRORS, 0);
    if (!action->is_start)
        (void)folder_rename(lb->folder, LB_CONFIG, LB_PREVIOUS, NULL);
    if (folder_rename(lb->folder, LB_NEW, LB_CONFIG, &action->failure) < 0)
        fail(action);
    else if (action->is_start)
        start(action);
    else
        reload(action);
}

static void replace(struct lb_action *action, bool is_start)
{
    struct lb *lb = action->lb;
    AUTO(buf) path = { 0 };

    action->is_start = is_start;
    action->phase = PHASE_CHECK;
    lb->is_held = true;
    lb_tls_forget(lb);
    if (write_config(action, &action->failure) < 0 ||
        lb_tls_write(lb, wanted(action), &action->failure) < 0) {
        fail(action);
        return;
    }
    buf_init(&path, CONFIG_MAX);
    buf_printf(&path, "%s/" LB_NEW, lb->folder);
    const char *const argv[] = { lb->shared->program, "-c", "-f", buf_text(&path), NULL };
    run(action, argv, CHECK_MS, on_checked);
}

/* ---- Members --------------------------------------------------------------------------------- */

static void on_settled(struct lb *lb, const struct err *failure)
{
    struct lb_action *action = lb->action;

    (void)failure; /* the next look shows what was done */
    action->rounds++;
    lb_look(lb, action->rounds > SETTLE_QUICK ? SETTLE_MS : 0);
}

static void settle(struct lb_action *action)
{
    struct lb *lb = action->lb;
    bool is_fresh = action->phase == PHASE_WAIT;

    action->phase = PHASE_SETTLE;
    if (lb_settle(lb, wanted(action), is_fresh)) {
        lb_send(lb, on_settled);
        return;
    }
    action->phase = PHASE_OVER;
    lb_attend(lb);
    lb_report(lb, /* applied= */ true);
    finish(action, NULL);
}

/* The file first: what is added and not in it would be gone at a reload by hand, or at a crash. */
static void change_members(struct lb_action *action)
{
    if (write_config(action, &action->failure) < 0 ||
        folder_rename(action->lb->folder, LB_NEW, LB_CONFIG, &action->failure) < 0)
        fail(action);
    else
        settle(action);
}

/* ---- Looks ----------------------------------------------------------------------------------- */

static void refuse_foreign(struct lb_action *action)
{
    (void)err_set(&action->failure, ERR_CONFLICT, "another HAProxy runs in '%s'",
                  action->lb->folder);
    fail(action);
}

static void looked_apply(struct lb_action *action, bool is_good)
{
    struct lb *lb = action->lb;

    if (!is_good && lb_is_dead(lb)) {
        if (lb->is_told)
            lb_gone(lb);
        replace(action, /* is_start= */ true);
    } else if (!is_good || lb->current.is_stopping) {
        lb_look(lb, STOPPING_MS); /* until it answers, or has ended */
    } else if (!lb->is_ours) {
        refuse_foreign(action);
    } else if (text_equal(lb->shape, wanted(action)->shape)) {
        lb_report(lb, /* applied= */ false);
        change_members(action);
    } else {
        lb_report(lb, /* applied= */ false);
        replace(action, /* is_start= */ false);
    }
}

static void looked_wait(struct lb_action *action, bool is_good)
{
    struct lb *lb = action->lb;

    if (is_good && lb->is_ours && text_equal(lb->shape, wanted(action)->shape))
        settle(action);
    else if (is_good && !action->is_start && lb->current.failed > action->failed)
        fail_start(action);
    else if (!is_good && action->is_start && !folder_is_alive(action->pid))
        fail_start(action);
    else if (!is_good && !action->is_start && lb_is_dead(lb))
        fail_start(action);
    else
        lb_look(lb, WAIT_MS);
}

static void looked_stop(struct lb_action *action, bool is_good)
{
    struct lb *lb = action->lb;

    if (!is_good && lb_is_dead(lb)) {
        lb->is_leaving = true;
        action->phase = PHASE_OVER;
        lb_gone(lb);
        finish(action, NULL);
    } else if (!is_good) {
        lb_look(lb, STOPPING_MS);
    } else if (!lb->is_ours) {
        refuse_foreign(action);
    } else if (lb->current.is_stopping) {
        action->phase = PHASE_OVER;
        lb->is_leaving = true;
        lb_report(lb, /* applied= */ true);
        finish(action, NULL);
    } else {
        /* SIGUSR1: all workers end when nothing is open to them any more. */
        if (action->phase == PHASE_LOOK)
            (void)kill((pid_t)lb->current.master, SIGUSR1);
        action->phase = PHASE_STOP;
        lb_look(lb, SETTLE_MS);
    }
}

void lb_action_looked(struct lb *lb, bool is_good)
{
    struct lb_action *action = lb->action;

    switch (action->phase) {
    case PHASE_LOOK:
    case PHASE_STOP:
        if (action->call->action->kind == ACTION_BALANCER_STOP)
            looked_stop(action, is_good);
        else
            looked_apply(action, is_good);
        break;
    case PHASE_WAIT: looked_wait(action, is_good); break;
    case PHASE_SETTLE:
        if (is_good && lb->is_ours)
            settle(action);
        else
            lb_look(lb, SETTLE_MS);
        break;
    case PHASE_CHECK:
    case PHASE_START:
    case PHASE_RELOAD:
    case PHASE_OVER: break;
    }
}

void lb_action_begin(struct lb *lb, struct driver_call *call)
{
    struct lb_action *action = mem_alloc(sizeof(*action));

    ASSERT(lb->action == NULL);
    action->lb = lb;
    action->call = call;
    action->phase = PHASE_LOOK;
    lb->action = action;
    lb->complaint[0] = '\0';
    lb->is_over = false;
    call->state = lb;
    timer_start(lb->shared->loop, &action->deadline, call->timeout_ms, on_deadline, action);
    lb_look(lb, 0);
}
