/*
 * berth exec [-it] SERVICE|TASK|CONTAINER COMMAND...: a command in a container that runs.
 *
 * Standard input goes to the command only with --interactive; with --tty this terminal is raw while
 * it runs, and its size follows.  Ends as the command does.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reconciler/api/frame.h"
#include "reconciler/cli/targets.h"
#include "reconciler/cli/terminal.h"
#include "reconciler/cli/upgrade.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/text.h"

/* More than this unsent: standard input waits. */
#define UNSENT_ENOUGH ((size_t)256 * 1024)
#define UNSENT_MAX    ((size_t)1024 * 1024)
#define READ_SIZE     ((size_t)16 * 1024)

struct session {
    struct cli *cli;
    int fd;
    struct terminal terminal;
    struct buf unsent;
    struct frame_reader reader;
    bool reads_input;
    bool has_output; /* some came, so the command has begun */
    bool is_over;
    int code; /* of the command */
    struct err err;
    bool failed;
};

static void fail(struct session *session, enum err_code code, const char *text)
{
    session->failed = true;
    session->is_over = true;
    (void)err_set(&session->err, code, "%s", text);
}

/* ---- To the command -------------------------------------------------------------------------- */

static void send_frame(struct session *session, enum frame_kind kind, const void *data, size_t size)
{
    unsigned char head[FRAME_HEAD];

    frame_head(head, kind, (uint32_t)size);
    buf_add(&session->unsent, head, sizeof(head));
    buf_add(&session->unsent, data, size);
    ASSERT(!session->unsent.truncated);
}

static void send_size(struct session *session)
{
    uint16_t rows;
    uint16_t columns;

    if (!session->cli->options.tty || !terminal_size(STDIN_FILENO, &rows, &columns))
        return;
    const unsigned char bytes[4] = { (unsigned char)(rows >> 8), (unsigned char)rows,
                                     (unsigned char)(columns >> 8), (unsigned char)columns };
    send_frame(session, FRAME_RESIZE, bytes, sizeof(bytes));
}

static void read_input(struct session *session)
{
    char data[READ_SIZE];
    ssize_t size = read(STDIN_FILENO, data, sizeof(data));

    if (size > 0) {
        send_frame(session, FRAME_IN, data, (size_t)size);
    } else if (size == 0 || (errno != EINTR && errno != EAGAIN)) {
        session->reads_input = false;
        send_frame(session, FRAME_IN_END, NULL, 0);
    }
}

static void flush_unsent(struct session *session)
{
    ssize_t size =
        send(session->fd, session->unsent.data, session->unsent.size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (size > 0)
        buf_drop_front(&session->unsent, (size_t)size);
    else if (size < 0 && errno != EAGAIN && errno != EINTR)
        buf_reset(&session->unsent); /* reading says what came before the end */
}

/* ---- From the command ------------------------------------------------------------------------ */

static void print(struct session *session, FILE *out, const char *data, size_t size)
{
    if (fwrite(data, 1, size, out) == size && fflush(out) == 0)
        return;
    if (errno == EPIPE && out == session->cli->out) { /* who reads it has read enough */
        session->is_over = true;
        session->code = CLI_UNREAD;
        return;
    }
    fail(session, ERR_FAILED, "the output cannot be written");
}

static void on_frame(void *context, enum frame_kind kind, const char *data, uint32_t size)
{
    struct session *session = context;
    const unsigned char *bytes = (const unsigned char *)data;

    if (session->is_over)
        return;
    /* What was said of the size before the command had begun may be lost. */
    if (kind == FRAME_OUT && !session->has_output) {
        session->has_output = true;
        send_size(session);
    }
    switch (kind) {
    case FRAME_OUT: print(session, session->cli->out, data, size); return;
    case FRAME_ERRORS: print(session, session->cli->errors, data, size); return;
    case FRAME_EXIT:
        session->is_over = true;
        session->code = size == 4 ? bytes[3] : CLI_NOT_RUN;
        return;
    case FRAME_ERROR:
        session->failed = true;
        session->is_over = true;
        (void)err_set(&session->err, ERR_FAILED, "%.*s", (int)size, data);
        return;
    case FRAME_IN:
    case FRAME_IN_END:
    case FRAME_RESIZE: return; /* these are ours */
    }
}

static void feed(struct session *session, const char *data, size_t size)
{
    if (frame_feed(&session->reader, data, size, on_frame, session, &session->err) < 0) {
        session->failed = true;
        session->is_over = true;
    }
}

static void receive(struct session *session)
{
    char data[READ_SIZE];
    ssize_t size = recv(session->fd, data, sizeof(data), MSG_DONTWAIT);

    if (size > 0)
        feed(session, data, (size_t)size);
    else if (size == 0 || (errno != EAGAIN && errno != EINTR))
        fail(session, ERR_UNREACHABLE, "the running Berth closed the connection");
}

/* ---- Both ------------------------------------------------------------------------------------ */

/* As a shell would say it: 128 and the signal. */
static void on_signals(struct session *session)
{
    int number;

    while ((number = terminal_signal(&session->terminal)) != 0) {
        if (number == SIGWINCH) {
            send_size(session);
            continue;
        }
        session->is_over = true;
        session->code = 128 + number;
    }
}

static void pump(struct session *session)
{
    while (!session->is_over) {
        bool takes_input = session->reads_input && session->unsent.size < UNSENT_ENOUGH;
        struct pollfd polls[] = {
            { .fd = session->fd,
              .events = (short)(POLLIN | (session->unsent.size > 0 ? POLLOUT : 0)) },
            { .fd = session->terminal.signals_fd, .events = POLLIN },
            { .fd = takes_input ? STDIN_FILENO : -1, .events = POLLIN },
        };

        if (poll(polls, ARRAY_COUNT(polls), -1) < 0) {
            if (errno != EINTR)
                fail(session, ERR_INTERNAL, "poll failed");
            continue;
        }
        if ((polls[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
            receive(session);
        if ((polls[0].revents & POLLOUT) != 0)
            flush_unsent(session);
        if (polls[1].revents != 0)
            on_signals(session);
        if (polls[2].revents != 0)
            read_input(session);
    }
}

static int run(struct session *session, const struct buf *early)
{
    const struct cli_options *options = &session->cli->options;

    if (terminal_open(&session->terminal, STDIN_FILENO, options->tty && options->interactive,
                      &session->err) < 0)
        return -1;
    buf_init(&session->unsent, UNSENT_MAX);
    session->reads_input = options->interactive;
    if (!options->interactive)
        send_frame(session, FRAME_IN_END, NULL, 0);
    if (early->size > 0)
        feed(session, early->data, early->size);
    pump(session);
    terminal_close(&session->terminal);
    return session->failed ? -1 : 0;
}

/* ---- Which container ------------------------------------------------------------------------- */

/* The first that runs.  Of a service any will do: people who care name the task. */
static const struct target *choose(const struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (text_equal(json_text(targets->items[i].task, "status"), "RUNNING"))
            return &targets->items[i];
    }
    return NULL;
}

/* Where the command begins: a "--" before it is a habit from elsewhere. */
static size_t command_of(const struct cli *cli)
{
    return text_equal(cli->operands[1], "--") ? 2 : 1;
}

static int make_body(struct cli *cli, struct json *body, struct err *err)
{
    AUTO(client) *client = NULL;
    AUTO(json) *listing = NULL;
    struct json *command = json_array();
    struct targets targets;
    uint16_t rows;
    uint16_t columns;

    for (size_t i = command_of(cli); i < cli->operand_count; i++)
        json_append_text(command, cli->operands[i]);
    json_set(body, "command", command);
    if (client_new(&cli->options, &client, err) < 0 ||
        client_call(client, "GET", "/v1/tasks", NULL, &listing, err) < 0)
        return -1;
    targets_find(cli->arena, listing, cli->operands[0], cli->options.container, &targets);
    const struct target *target = choose(&targets);
    if (target == NULL)
        return targets_none(cli, client, listing, err);
    json_set_text(body, "task", target->id);
    json_set_text(body, "container", target->container);
    json_set_bool(body, "tty", cli->options.tty);
    json_set_text(body, "user", cli->options.user);
    json_set_text(body, "workdir", cli->options.workdir);
    if (cli->options.tty && terminal_size(STDIN_FILENO, &rows, &columns)) {
        json_set_int(body, "rows", rows);
        json_set_int(body, "columns", columns);
    }
    return 0;
}

static int not_run(struct cli *cli, const struct err *err)
{
    (void)cli_failed(cli, err);
    return CLI_NOT_RUN;
}

int cmd_exec(struct cli *cli)
{
    struct session session = { .cli = cli };
    AUTO(json) *body = json_object();
    const struct upgrade_request request = { "/v1/exec", EXEC_PROTOCOL, body };
    AUTO(buf) early = { 0 };
    AUTO_FD int fd = -1;
    struct err err = { 0 };

    if (command_of(cli) == cli->operand_count)
        return cli_usage(cli, "no command is given");
    if (cli->operands[command_of(cli)][0] == '-' && command_of(cli) == 1)
        return cli_usage(cli,
                         "'%s' comes after '%s', where the command begins: options of "
                         "`berth exec` stand before it",
                         cli->operands[1], cli->operands[0]);
    if (cli->options.tty && isatty(STDIN_FILENO) != 1)
        return cli_usage(cli, "--tty needs a terminal, which standard input is not");
    buf_init(&early, UNSENT_MAX);
    if (make_body(cli, body, &err) < 0 ||
        upgrade_open(&cli->options, &request, &fd, &early, &err) < 0)
        return not_run(cli, &err);
    session.fd = fd;
    int result = run(&session, &early);
    buf_release(&session.unsent);
    frame_reader_release(&session.reader);
    return result < 0 ? not_run(cli, &session.err) : session.code;
}
