/*
 * Waiting to dial, dialling, up, and again.
 *
 * The child's standard input is a pipe that we hold open: `cat` on the other side sends back the
 * line that we put into it, which says that the session is there, and ends with us.
 */
#include "drivers/ec2/connection.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/ec2/ssh_environment.h"
#include "drivers/io/process.h"
#include "spec/base/arena.h"
#include "spec/base/buf.h"
#include "spec/base/digest.h"
#include "spec/base/rng.h"
#include "spec/base/text.h"

#define PAUSE_MIN_MS  500
#define PAUSE_MAX_MS  (60 * 1000)
#define DENIED_MIN_MS (30 * 1000) /* a host may count refused logins, and shut us out */
#define DENIED_MAX_MS (300 * 1000)
#define LASTING_MS    (30 * 1000) /* one that was up for so long was a good one */
#define SESSION_MS    3000        /* from listening to the session; then it is taken as it is */
#define ERRORS_MAX    4096        /* bytes of ssh's words that are kept, the newest */
#define GRACE_MS      1000

struct connection {
    struct loop *loop;
    struct arena arena; /* texts of the target */
    struct ssh_target target;
    const char *socket_path;
    const char *control_path; /* NULL: it is not shared */
    struct connection_options options;
    struct dial dial;
    struct process *process;
    int input; /* our end of its standard input; -1: none */
    struct timer redial;
    struct timer deadline; /* of a dial; then of its session */
    struct rng rng;
    struct buf errors;
    const char *trouble; /* static text */
    int64_t pause_ms;    /* before the next dial */
    int64_t up_since_ms;
    bool is_forwarded;
    bool is_up;
    bool no_session; /* sessions are refused there */
    bool too_late;   /* the login took too long, and is being ended */
};

static void dial(void *ctx);

static void ask(void *ctx)
{
    struct connection *connection = ctx;

    dial_ask(connection->options.dials, &connection->dial, connection->target.host, dial,
             connection);
}

/* ---- The end of one -------------------------------------------------------------------------- */

static void close_input(struct connection *connection)
{
    if (connection->input >= 0)
        (void)close(connection->input);
    connection->input = -1;
}

/* One that was killed leaves them, and ssh makes no socket where there is one. */
static void remove_sockets(const struct connection *connection)
{
    (void)unlink(connection->socket_path);
    if (connection->control_path != NULL)
        (void)unlink(connection->control_path);
}

static void dial_later(struct connection *connection, enum err_code code)
{
    bool denied = code == ERR_DENIED;
    int64_t most = denied ? DENIED_MAX_MS : PAUSE_MAX_MS;
    int64_t pause = connection->pause_ms;

    if (denied && pause < DENIED_MIN_MS)
        pause = DENIED_MIN_MS;
    connection->pause_ms = pause * 2 < most ? pause * 2 : most;
    /* Half of it is drawn, so that many that lost one host do not come back at once. */
    timer_start(connection->loop, &connection->redial,
                pause / 2 + rng_between(&connection->rng, 0, pause / 2), ask, connection);
}

static void lost(struct connection *connection, const struct err *failure)
{
    if (connection->is_up && loop_now_ms(connection->loop) - connection->up_since_ms > LASTING_MS)
        connection->pause_ms = PAUSE_MIN_MS;
    connection->is_up = false;
    connection->trouble = NULL;
    connection->no_session = false; /* that may have been mended */
    dial_later(connection, failure->code);
    connection->options.on_down(connection->options.ctx, failure);
}

static void on_ended(void *ctx, const struct process_result *result, const struct err *ended)
{
    struct connection *connection = ctx;
    const struct ssh_target *target = &connection->target;
    struct err failure = { 0 };

    (void)result;
    connection->process = NULL;
    dial_over(&connection->dial);
    timer_stop(&connection->deadline);
    close_input(connection);
    remove_sockets(connection);
    if (connection->too_late)
        (void)err_set(&failure, ERR_UNREACHABLE, "%s: no login within %u s", target->host,
                      2 * target->timeout_s);
    else if (ended != NULL && ended->code == ERR_NOT_FOUND)
        failure = *ended;
    else
        ssh_failure(target, buf_text(&connection->errors), &failure);
    /* It let us in, and the socket was listening: without a session it may stay so. */
    if (connection->is_forwarded && !connection->is_up && !connection->no_session &&
        !connection->too_late) {
        connection->no_session = true;
        ask(connection);
        return;
    }
    lost(connection, &failure);
}

/* ---- One dial -------------------------------------------------------------------------------- */

static void up(struct connection *connection)
{
    if (connection->is_up)
        return;
    dial_over(&connection->dial);
    timer_stop(&connection->deadline);
    connection->is_up = true;
    connection->up_since_ms = loop_now_ms(connection->loop);
    connection->options.on_up(connection->options.ctx);
}

static void session_is_late(void *ctx)
{
    up(ctx);
}

static void login_is_late(void *ctx)
{
    struct connection *connection = ctx;

    connection->too_late = true;
    process_kill(connection->process);
}

static void on_line(void *ctx, const char *line, size_t size)
{
    struct connection *connection = ctx;

    (void)size;
    if (text_equal(line, SSH_SAYS_FORWARDED) && !connection->is_forwarded &&
        !connection->too_late) {
        connection->is_forwarded = true;
        if (connection->no_session)
            up(connection);
        else
            timer_start(connection->loop, &connection->deadline, SESSION_MS, session_is_late,
                        connection);
    } else if (text_equal(line, SSH_SAYS_SESSION) && connection->is_forwarded) {
        up(connection);
    }
}

static void on_error_line(void *ctx, const char *line, size_t size)
{
    struct connection *connection = ctx;
    struct buf *errors = &connection->errors;

    if (connection->is_up && ssh_is_about_channel(line)) {
        connection->trouble = ssh_channel_failure(line);
        return;
    }
    if (size > ERRORS_MAX / 4)
        size = ERRORS_MAX / 4;
    if (errors->size + size + 1 > ERRORS_MAX)
        buf_drop_front(errors, errors->size + size + 1 - ERRORS_MAX);
    buf_add(errors, line, size);
    buf_char(errors, '\n');
}

static int start(struct connection *connection, struct err *err)
{
    AUTO(arena) scratch = { 0 };
    static const char hello[] = SSH_SAYS_SESSION "\n";
    int ends[2];
    struct process_options options = {
        .argv = ssh_arguments(&connection->target, connection->socket_path, !connection->no_session,
                              &scratch),
        .env = ssh_environment(&scratch),
        .input = PROCESS_INPUT_FD,
        .on_out_line = on_line,
        .on_error_line = on_error_line,
        .grace_ms = GRACE_MS,
        .done = on_ended,
        .ctx = connection,
    };

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, ERR_CAPACITY, "%s: no descriptor is left for its connection",
                       connection->target.host);
    options.input_fd = ends[0];
    connection->process = process_start(connection->loop, &options, err);
    (void)close(ends[0]);
    if (connection->process == NULL ||
        write(ends[1], hello, sizeof(hello) - 1) != (ssize_t)sizeof(hello) - 1) {
        (void)close(ends[1]);
        return connection->process == NULL ? -1 : 0; /* it ended: that is told by its end */
    }
    connection->input = ends[1];
    return 0;
}

static void dial(void *ctx)
{
    struct connection *connection = ctx;
    struct err failure = { 0 };

    connection->is_forwarded = false;
    connection->too_late = false;
    buf_reset(&connection->errors);
    if (start(connection, &failure) < 0) {
        dial_over(&connection->dial);
        lost(connection, &failure);
        return;
    }
    timer_start(connection->loop, &connection->deadline,
                (int64_t)2 * 1000 * connection->target.timeout_s, login_is_late, connection);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static const char *copy(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_text(arena, text);
}

struct connection *connection_new(const struct connection_options *options)
{
    struct connection *connection = mem_alloc(sizeof(*connection));
    struct arena *arena = &connection->arena;

    connection->loop = options->loop;
    connection->options = *options;
    connection->target = options->target;
    connection->target.host = copy(arena, options->target.host);
    connection->target.user = copy(arena, options->target.user);
    connection->target.identity_file = copy(arena, options->target.identity_file);
    connection->target.engine_socket = copy(arena, options->target.engine_socket);
    connection->socket_path = copy(arena, options->socket_path);
    connection->control_path = ssh_control_path(connection->socket_path, arena);
    connection->input = -1;
    connection->pause_ms = PAUSE_MIN_MS;
    buf_init(&connection->errors, ERRORS_MAX);
    random_bytes(&connection->rng.state, sizeof(connection->rng.state));
    ask(connection);
    return connection;
}

void connection_free(struct connection *connection)
{
    if (connection == NULL)
        return;
    dial_over(&connection->dial);
    timer_stop(&connection->redial);
    timer_stop(&connection->deadline);
    process_free(connection->process);
    close_input(connection);
    remove_sockets(connection);
    buf_release(&connection->errors);
    arena_release(&connection->arena);
    free(connection);
}

bool connection_is_up(const struct connection *connection)
{
    return connection->is_up;
}

const char *connection_take_trouble(struct connection *connection)
{
    return TAKE(connection->trouble);
}

const char *connection_note(const struct connection *connection)
{
    return connection->no_session && connection->is_up
               ? "its sshd allows no session: large answers take 40 ms longer"
               : NULL;
}
