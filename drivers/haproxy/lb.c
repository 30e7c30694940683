/*
 * Looks, and what follows from them.  Nothing is asked while nothing happens: HAProxy tells of each
 * change by its log, and of its end by the end of a connection that is only held.
 */
#include "drivers/haproxy/lb.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/haproxy/lb_tls.h"
#include "spec/base/text.h"

#define LOOK_TIMEOUT_MS 10000
#define EVENT_MS        5     /* several lines of the log come at once */
#define BUSY_MS         200   /* something drains, ends, or is to be removed */
#define CALM_MS         30000 /* a line of the log may be lost */
#define FAILED_MS       1000  /* after a look that failed */
#define REFUSED_MS      100   /* while it is not sure that it is dead, */
#define REFUSED_MAX_MS  5000  /* which is so when nobody listened for so long */
#define ERRORS_MAX      ((size_t)256 * 1024)
#define CHUNK_MAX       ((size_t)8 * 1024) /* HAProxy takes 16 KiB in one line */
#define SCRIPT_MAX      ((size_t)64 * 1024 * 1024)
#define LINES_MAX       1000 /* of the log, at once */
#define PATH_SIZE       512

static void on_due(void *context);

/* ---- Life ------------------------------------------------------------------------------------ */

/* 0: it says none.  Only whether it lives is asked of it. */
static uint32_t read_pid(const char *folder)
{
    AUTO(buf) text = { 0 };
    uint32_t pid = 0;

    buf_init(&text, 64);
    folder_read_end(folder, LB_PID, 32, &text);
    if (text.size == 0)
        return 0;
    text.data[strspn(text.data, "0123456789")] = '\0';
    return text_parse_u32(text.data, &pid) ? pid : 0;
}

struct lb *lb_new(const struct lb_shared *shared, const char *folder, const char *name)
{
    struct lb *lb = mem_alloc(sizeof(*lb));
    AUTO(buf) path = { 0 };

    lb->shared = shared;
    lb->name = name == NULL ? NULL : mem_text(name);
    buf_init(&path, PATH_SIZE);
    buf_printf(&path, "%s/%s", shared->directory, folder);
    lb->folder = mem_text(buf_text(&path));
    buf_text_add(&path, "/" LB_SOCKET);
    lb->socket_path = buf_take(&path);
    lb->log_fd = -1;
    lb->tls = lb_tls_new();
    lb->master = name == NULL ? read_pid(lb->folder) : 0;
    buf_init(&lb->script, SCRIPT_MAX);
    buf_init(&lb->told_text, SCRIPT_MAX);
    return lb;
}

static void stop_attending(struct lb *lb)
{
    socket_free(TAKE(lb->watch));
    loop_unwatch(TAKE(lb->log_watch));
    if (lb->log_fd >= 0)
        (void)close(lb->log_fd);
    lb->log_fd = -1;
}

void lb_free(struct lb *lb)
{
    ASSERT(lb->action == NULL);
    timer_stop(&lb->timer);
    cli_free(lb->cli);
    stop_attending(lb);
    lb_tls_free(lb->tls);
    arena_release(&lb->arena);
    arena_release(&lb->told);
    buf_release(&lb->script);
    buf_release(&lb->told_text);
    free(lb->name);
    free(lb->folder);
    free(lb->socket_path);
    free(lb);
}

/* ---- Attention ------------------------------------------------------------------------------- */

static void on_watch_data(void *context, const char *data, size_t size)
{
    (void)context;
    (void)data;
    (void)size;
}

static void on_watch_end(void *context, const struct err *failure)
{
    struct lb *lb = context;

    (void)failure;
    socket_free(TAKE(lb->watch));
    lb_look(lb, EVENT_MS);
}

static void on_log(void *context, int fd, unsigned events)
{
    struct lb *lb = context;
    char line[64]; /* which one it is does not matter */

    (void)events;
    for (int i = 0; i < LINES_MAX && recv(fd, line, sizeof(line), MSG_DONTWAIT) >= 0; i++)
        continue;
    lb_look(lb, EVENT_MS);
}

/* Without either it is looked at more rarely; the next look tries again. */
void lb_attend(struct lb *lb)
{
    const struct socket_options options = {
        .unix_path = lb->socket_path, .on_data = on_watch_data, .on_end = on_watch_end, .ctx = lb
    };

    if (lb->log_fd < 0) {
        lb->log_fd = folder_log_socket(lb->folder, LB_LOG, NULL);
        if (lb->log_fd >= 0)
            lb->log_watch =
                loop_watch_fd(lb->shared->loop, lb->log_fd, LOOP_READABLE, on_log, lb, NULL);
    }
    if (lb->watch == NULL && lb->is_ours)
        lb->watch = socket_connect(lb->shared->loop, &options, NULL);
}

bool lb_is_dead(const struct lb *lb)
{
    if (!folder_is_refused(lb->socket_path))
        return false;
    if (lb->master == 0 && lb->name != NULL)
        return true; /* none was ever seen */
    if (lb->master != 0 && !folder_is_alive(lb->master))
        return true;
    /* Its number is another process's now: a master that reloads is back sooner. */
    return lb->refused_ms > 0 && loop_now_ms(lb->shared->loop) - lb->refused_ms >= REFUSED_MAX_MS;
}

/* ---- Reports --------------------------------------------------------------------------------- */

static int compare_target(const struct target_report *target, const char *group, const char *task)
{
    int order = strcmp(target->group, group);

    return order != 0 ? order : strcmp(target->task, task);
}

/* The state that was reported last; TARGET_STATE_COUNT: none. */
static enum target_state told_state(const struct lb *lb, const char *group, const char *task)
{
    size_t low = 0;
    size_t high = lb->target_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_target(&lb->targets[middle], group, task);

        if (order == 0)
            return lb->targets[middle].state;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return TARGET_STATE_COUNT;
}

bool lb_was_healthy(const struct lb *lb, const char *group, const struct balancer_member *member)
{
    enum target_state state = told_state(lb, group, member->task);

    if (state != TARGET_STATE_COUNT)
        return state == TARGET_HEALTHY;
    for (size_t i = 0; i < lb->target_count; i++) {
        const struct target_report *target = &lb->targets[i];

        if (target->state == TARGET_HEALTHY && strcmp(target->task, member->task) == 0 &&
            strcmp(target->address, member->address) == 0 && target->port == member->port)
            return true;
    }
    return false;
}

static void describe(const struct lb *lb, const struct answer_server *server, struct arena *arena,
                     struct target_report *out)
{
    const struct answer_server *probe =
        answers_find(&lb->current, server->group, server->name, true);
    uint64_t connections = server->connections;

    out->group = arena_text(arena, server->group);
    out->task = arena_text(arena, server->name);
    out->address = arena_text(arena, server->address);
    out->port = server->port;
    out->check_port = server->check_port;
    out->state = drift_state(server);
    if (out->state == TARGET_INITIAL || out->state == TARGET_UNHEALTHY) {
        out->reason = answer_reason(server, arena);
        if (out->reason == NULL && probe != NULL)
            out->reason = answer_reason(probe, arena);
        if (out->reason == NULL && out->state == TARGET_UNHEALTHY)
            out->reason = "Health checks failed"; /* before a reload */
    }
    for (size_t i = 0; i < lb->old_read; i++) {
        const struct answer_server *old =
            answers_find(&lb->old[i], server->group, server->name, false);

        connections += old == NULL ? 0 : old->connections;
    }
    out->connections = connections > UINT32_MAX ? UINT32_MAX : (uint32_t)connections;
}

static void describe_all(const struct lb *lb, struct arena *arena, struct balancer_report *out,
                         struct target_report **targets)
{
    size_t count = 0;

    *targets = arena_array(arena, struct target_report, lb->current.server_count + 1);
    for (size_t i = 0; i < lb->current.server_count; i++) {
        const struct answer_server *server = &lb->current.servers[i];

        if (!server->is_probe && !server->is_in_maint)
            describe(lb, server, arena, &(*targets)[count++]);
    }
    out->name = lb->name;
    out->shape = lb->shape == NULL ? NULL : arena_text(arena, lb->shape);
    out->warning = lb_tls_warning(lb);
    out->stopping = lb->current.is_stopping;
    out->targets = *targets;
    out->target_count = count;
}

static void print(const struct balancer_report *report, struct buf *out)
{
    buf_printf(out, "%s %d %s\n", report->shape == NULL ? "" : report->shape, report->stopping,
               report->warning == NULL ? "" : report->warning);
    for (size_t i = 0; i < report->target_count; i++) {
        const struct target_report *target = &report->targets[i];

        buf_printf(out, "%s %s %s %u %u %d %u %s\n", target->group, target->task, target->address,
                   target->port, target->check_port, (int)target->state, target->connections,
                   target->reason == NULL ? "" : target->reason);
    }
}

void lb_report(struct lb *lb, bool applied)
{
    struct world_change change = { .kind = WORLD_BALANCER };
    struct arena arena = { 0 };
    struct target_report *targets;
    struct buf text = { 0 };

    buf_init(&text, SCRIPT_MAX);
    describe_all(lb, &arena, &change.balancer, &targets);
    change.balancer.applied = applied;
    print(&change.balancer, &text);
    if (lb->is_told && !applied && text_equal(buf_text(&text), buf_text(&lb->told_text))) {
        buf_release(&text);
        arena_release(&arena);
        return;
    }
    arena_release(&lb->told);
    buf_release(&lb->told_text);
    lb->told = arena;
    lb->targets = targets;
    lb->target_count = change.balancer.target_count;
    lb->told_text = text;
    lb->is_told = true;
    lb->shared->sink.change(lb->shared->sink.context, &change);
}

void lb_gone(struct lb *lb)
{
    struct world_change change = { .kind = WORLD_BALANCER_GONE };

    stop_attending(lb);
    lb_tls_forget(lb);
    lb->master = 0;
    lb->refused_ms = 0;
    lb->is_ours = false;
    lb->shape = NULL;
    memset(&lb->current, 0, sizeof(lb->current));
    lb->old_read = 0;
    if (lb->is_leaving) {
        folder_remove(lb->folder);
        lb->target_count = 0;
    }
    lb->is_over = lb->is_leaving;
    lb->is_leaving = false;
    if (lb->name == NULL)
        return;
    lb->is_told = false;
    change.named.instance = BALANCER_HOST;
    change.named.name = lb->name;
    lb->shared->sink.change(lb->shared->sink.context, &change);
}

/* ---- Commands -------------------------------------------------------------------------------- */

static void say(struct lb *lb, uint32_t worker, const struct drift *drift)
{
    for (size_t i = 0; i < drift->count; i++)
        buf_printf(&lb->script, "@!%u %s\n", worker, drift->commands[i]);
}

static bool is_complaint(const char *line)
{
    return line[0] != '\0' && !text_starts(line, "New server registered") &&
           !text_starts(line, "Server deleted");
}

static void send_next(struct lb *lb);

static void on_sent(void *context, const char *answer, const struct err *failure)
{
    struct lb *lb = context;

    lb->cli = NULL;
    if (failure != NULL) {
        buf_reset(&lb->script);
        lb->sent(lb, failure);
        return;
    }
    for (const char *line = answer; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        char text[sizeof(lb->complaint)];

        (void)text_copy(text, size + 1 < sizeof(text) ? size + 1 : sizeof(text), line);
        if (is_complaint(text))
            text_copy(lb->complaint, sizeof(lb->complaint), text);
        line += size;
        line += *line == '\n';
    }
    send_next(lb);
}

/* As many lines as one of HAProxy's may be long. */
static void send_next(struct lb *lb)
{
    AUTO(buf) chunk = { 0 };
    size_t taken = 0;

    buf_init(&chunk, 2 * CHUNK_MAX);
    while (taken < lb->script.size) {
        const char *line = lb->script.data + taken;
        size_t size = strcspn(line, "\n");

        if (chunk.size > 0 && chunk.size + size > CHUNK_MAX)
            break;
        if (chunk.size > 0)
            buf_char(&chunk, ';');
        buf_add(&chunk, line, size);
        taken += size + 1;
    }
    if (taken == 0) {
        lb->sent(lb, NULL);
        return;
    }
    buf_drop_front(&lb->script, taken);
    lb->cli =
        cli_ask(lb->shared->loop, lb->socket_path, buf_text(&chunk), LOOK_TIMEOUT_MS, on_sent, lb);
}

void lb_send(struct lb *lb, lb_sent_fn *sent)
{
    ASSERT(lb->cli == NULL && lb->script.size > 0);
    lb->sent = sent;
    lb->complaint[0] = '\0';
    send_next(lb);
}

static bool was_unhealthy(void *context, const char *group, const char *task)
{
    return told_state(context, group, task) == TARGET_UNHEALTHY;
}

bool lb_settle(struct lb *lb, const struct balancer *wanted, bool is_fresh)
{
    struct drift drift = { .arena = &lb->arena,
                           .current = &lb->current,
                           .wanted = wanted,
                           .is_fresh = is_fresh,
                           .was_unhealthy = was_unhealthy,
                           .context = lb };
    bool is_needed;

    buf_reset(&lb->script);
    drift_current(&drift);
    say(lb, lb->current.worker, &drift);
    is_needed = drift.is_needed;
    for (size_t i = 0; i < lb->old_read; i++) {
        struct drift old = drift;

        old.commands = NULL;
        old.count = old.capacity = 0;
        old.is_needed = false;
        drift_old(&old, &lb->old[i], lb->worker != lb->current.worker || is_needed);
        say(lb, lb->current.old_workers[i], &old);
        is_needed = is_needed || old.is_needed;
    }
    lb->worker = lb->current.worker;
    return is_needed;
}

/* ---- Looks ----------------------------------------------------------------------------------- */

static bool is_busy(const struct lb *lb)
{
    if (lb->current.is_stopping || lb->is_leaving)
        return true;
    for (size_t i = 0; i < lb->target_count; i++) {
        if (lb->targets[i].state == TARGET_DRAINING && lb->targets[i].connections > 0)
            return true;
    }
    for (size_t i = 0; i < lb->current.server_count; i++) {
        if (lb->current.servers[i].is_in_maint)
            return true;
    }
    return false;
}

static void on_settled(struct lb *lb, const struct err *failure)
{
    lb_look(lb, failure != NULL ? FAILED_MS : BUSY_MS);
}

static void on_needed_settled(struct lb *lb, const struct err *failure)
{
    lb_look(lb, failure != NULL ? FAILED_MS : EVENT_MS);
}

/* Between actions.  What a check found out is acted on here: a target that passed gets its weight.
 */
static void idle(struct lb *lb)
{
    bool is_needed;

    if (!lb->is_ours)
        return;
    lb_attend(lb);
    folder_trim(lb->folder, LB_ERRORS, ERRORS_MAX);
    lb_report(lb, /* applied= */ false);
    is_needed = !lb->current.is_stopping && lb_settle(lb, NULL, /* is_fresh= */ false);
    if (!lb->current.is_stopping && lb->script.size > 0)
        lb_send(lb, is_needed ? on_needed_settled : on_settled);
    else if (lb->current.is_stopping || !lb_tls_check(lb))
        lb_look(lb, is_busy(lb) ? BUSY_MS : CALM_MS);
}

static void idle_failed(struct lb *lb)
{
    if (lb->refused_ms == 0) {
        lb_look(lb, FAILED_MS);
    } else if (!lb_is_dead(lb)) {
        lb_look(lb, REFUSED_MS);
    } else if (lb->name == NULL || lb->is_told) {
        lb->is_leaving = lb->is_leaving || lb->name == NULL; /* nothing of it is of use */
        lb_gone(lb);
    }
}

static void finish(struct lb *lb, bool is_good)
{
    lb->is_looking = false;
    if (is_good || !folder_is_refused(lb->socket_path))
        lb->refused_ms = 0;
    else if (lb->refused_ms == 0)
        lb->refused_ms = loop_now_ms(lb->shared->loop);
    if (lb->action != NULL)
        lb_action_looked(lb, is_good);
    else if (is_good)
        idle(lb);
    else
        idle_failed(lb);
    if (lb->is_wanted)
        lb_look(lb, EVENT_MS);
    if (lb->is_observing) {
        lb->is_observing = false;
        lb->is_unobserved = !is_good && lb->name == NULL && lb->refused_ms > 0;
    }
    lb->shared->looked(lb->shared->context);
}

static void ask_old(struct lb *lb);

static void on_old(void *context, const char *answer, const struct err *failure)
{
    struct lb *lb = context;

    lb->cli = NULL;
    /* One that ended meanwhile has nothing open. */
    answers_parse(failure != NULL ? "" : answer, &lb->arena, &lb->old[lb->old_read]);
    lb->old_read++;
    ask_old(lb);
}

static void ask_old(struct lb *lb)
{
    AUTO(buf) commands = { 0 };
    uint32_t worker;

    if (lb->old_read == lb->current.old_worker_count) {
        finish(lb, true);
        return;
    }
    worker = lb->current.old_workers[lb->old_read];
    buf_init(&commands, CHUNK_MAX);
    buf_printf(&commands, "@!%u show servers state;@!%u show stat -1 4 -1", worker, worker);
    lb->cli = cli_ask(lb->shared->loop, lb->socket_path, buf_text(&commands), LOOK_TIMEOUT_MS,
                      on_old, lb);
}

static void on_current(void *context, const char *answer, const struct err *failure)
{
    struct lb *lb = context;
    const char *name = NULL;

    lb->cli = NULL;
    lb->shape = NULL;
    lb->is_ours = false;
    answers_parse(failure != NULL ? "" : answer, &lb->arena, &lb->current);
    if (lb->current.master == 0 || lb->current.worker == 0 || lb->current.description == NULL) {
        finish(lb, false);
        return;
    }
    lb->is_ours = answer_description(lb->current.description, lb->shared->owner, &lb->arena, &name,
                                     &lb->shape) &&
                  (lb->name == NULL || text_equal(lb->name, name));
    if (lb->is_ours) {
        lb->master = lb->current.master;
        if (lb->name == NULL)
            lb->name = mem_text(name);
    }
    ask_old(lb);
}

static void on_due(void *context)
{
    struct lb *lb = context;

    if (lb->is_looking || lb->is_held || lb->cli != NULL) {
        lb->is_wanted = true;
        return;
    }
    lb->is_looking = true;
    lb->is_wanted = false;
    lb->is_observing = lb->is_unobserved;
    arena_reset(&lb->arena);
    lb->old_read = 0;
    lb->cli = cli_ask(lb->shared->loop, lb->socket_path,
                      "show proc;@1 show info;@1 show servers state;@1 show stat -1 4 -1",
                      LOOK_TIMEOUT_MS, on_current, lb);
}

void lb_look(struct lb *lb, int64_t delay_ms)
{
    int64_t due_ms = loop_now_ms(lb->shared->loop) + delay_ms;

    if (timer_is_running(&lb->timer) && lb->due_ms <= due_ms)
        return;
    lb->due_ms = due_ms;
    timer_start(lb->shared->loop, &lb->timer, delay_ms, on_due, lb);
}
