/*
 * HAProxy 2.6 answers one line and then closes, but for a worker behind the master, whose answer
 * ends only when our side of the stream has: so it is ended at once.
 */
#include "drivers/haproxy/cli.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/io/socket.h"
#include "spec/base/buf.h"

#define ANSWER_MAX ((size_t)32 * 1024 * 1024)

struct cli {
    struct socket *socket;
    struct timer timer;
    struct buf answer;
    struct err failure;
    cli_done_fn *done;
    void *context;
};

void cli_free(struct cli *cli)
{
    if (cli == NULL)
        return;
    timer_stop(&cli->timer);
    socket_free(cli->socket);
    buf_release(&cli->answer);
    free(cli);
}

static void finish(struct cli *cli, const struct err *failure)
{
    cli_done_fn *done = cli->done;
    void *context = cli->context;
    struct err copy = { 0 };
    AUTO_TEXT char *answer = NULL;

    if (failure != NULL)
        copy = *failure;
    else
        answer = cli->answer.size > 0 ? buf_take(&cli->answer) : mem_text("");
    cli_free(cli);
    done(context, answer, failure != NULL ? &copy : NULL);
}

static void on_data(void *context, const char *data, size_t size)
{
    struct cli *cli = context;

    buf_add(&cli->answer, data, size);
    if (cli->answer.truncated) {
        (void)err_set(&cli->failure, ERR_CAPACITY, "an answer of HAProxy is too long");
        finish(cli, &cli->failure);
    }
}

static void on_end(void *context, const struct err *failure)
{
    finish(context, failure);
}

/* The time is over, or it could not begin. */
static void on_timer(void *context)
{
    struct cli *cli = context;

    finish(cli, &cli->failure);
}

struct cli *cli_ask(struct loop *loop, const char *path, const char *commands, int64_t timeout_ms,
                    cli_done_fn *done, void *context)
{
    struct cli *cli = mem_alloc(sizeof(*cli));
    const struct socket_options options = {
        .unix_path = path, .on_data = on_data, .on_end = on_end, .ctx = cli
    };

    cli->done = done;
    cli->context = context;
    buf_init(&cli->answer, ANSWER_MAX);
    cli->socket = socket_connect(loop, &options, &cli->failure);
    if (cli->socket == NULL) {
        timer_start(loop, &cli->timer, 0, on_timer, cli);
        return cli;
    }
    socket_write(cli->socket, commands, strlen(commands));
    socket_write(cli->socket, "\n", 1);
    socket_finish(cli->socket);
    (void)err_set(&cli->failure, ERR_TIMEOUT, "HAProxy does not answer");
    timer_start(loop, &cli->timer, timeout_ms, on_timer, cli);
    return cli;
}
