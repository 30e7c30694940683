/*
 * The command is over when its shell says so, or when ssh ends: some leave a child behind that
 * holds the session open.
 */
#include "drivers/ec2/remote.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/ec2/remote_script.h"
#include "drivers/ec2/ssh_environment.h"
#include "drivers/io/process.h"
#include "spec/base/arena.h"
#include "spec/base/buf.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"

#define ERRORS_MAX 4096 /* bytes of ssh's words that are kept, the newest */
#define LINGER_MS  500  /* after the command's end, for what it wrote to standard error */
#define GRACE_MS   1000

struct remote {
    struct loop *loop;
    struct arena arena;
    struct ssh_target target; /* its texts are the arena's */
    struct remote_options options;
    struct process *process;
    struct timer linger;
    int input; /* our end of its standard input; -1: none */
    char mark[REMOTE_MARK_SIZE];
    struct buf errors;
    int exit_code;
    bool has_ended; /* its shell said so */
    bool has_blank; /* an empty line is kept back: it may be our own */
};

static void close_input(struct remote *remote)
{
    if (remote->input >= 0)
        (void)close(remote->input);
    remote->input = -1;
}

static void linger_over(void *ctx)
{
    struct remote *remote = ctx;

    close_input(remote);
    process_kill(remote->process);
}

static void tell_blank(struct remote *remote)
{
    if (remote->has_blank)
        remote->options.on_line(remote->options.ctx, /* is_error= */ false, "", 0);
    remote->has_blank = false;
}

static void on_out_line(void *ctx, const char *line, size_t size)
{
    struct remote *remote = ctx;

    if (!remote->has_ended && remote_is_end(line, remote->mark, &remote->exit_code)) {
        remote->has_ended = true;
        timer_start(remote->loop, &remote->linger, LINGER_MS, linger_over, remote);
        return;
    }
    tell_blank(remote);
    remote->has_blank = size == 0;
    if (size > 0)
        remote->options.on_line(remote->options.ctx, /* is_error= */ false, line, size);
}

static void on_error_line(void *ctx, const char *line, size_t size)
{
    struct remote *remote = ctx;
    struct buf *errors = &remote->errors;
    size_t kept = size < ERRORS_MAX / 4 ? size : ERRORS_MAX / 4;

    if (errors->size + kept + 1 > ERRORS_MAX)
        buf_drop_front(errors, errors->size + kept + 1 - ERRORS_MAX);
    buf_add(errors, line, kept);
    buf_char(errors, '\n');
    remote->options.on_line(remote->options.ctx, /* is_error= */ true, line, size);
}

static void on_ended(void *ctx, const struct process_result *result, const struct err *ended)
{
    struct remote *remote = ctx;
    struct err failure = { 0 };

    (void)result;
    remote->process = NULL;
    timer_stop(&remote->linger);
    close_input(remote);
    if (remote->has_ended) {
        remote->options.done(remote->options.ctx, remote->exit_code, NULL);
        return;
    }
    tell_blank(remote);
    if (ended == NULL)
        (void)err_set(&failure, ERR_FAILED, "%s: its shell did not say how the command ended",
                      remote->target.host);
    else if (ended->code == ERR_TIMEOUT)
        (void)err_set(&failure, ERR_TIMEOUT, "it did not end within %lld s",
                      (long long)(remote->options.deadline_ms / 1000));
    else if (ended->code == ERR_NOT_FOUND)
        failure = *ended;
    else
        ssh_failure(&remote->target, buf_text(&remote->errors), &failure);
    remote->options.done(remote->options.ctx, -1, &failure);
}

static const char *copy(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_text(arena, text);
}

static void make_mark(struct remote *remote)
{
    unsigned char bytes[REMOTE_MARK_SIZE - 1];
    char hex[SHA256_HEX_SIZE];

    random_bytes(bytes, sizeof(bytes));
    sha256_hex(bytes, sizeof(bytes), hex);
    memcpy(remote->mark, hex, REMOTE_MARK_SIZE - 1);
}

/* All of it fits into an empty pipe. */
static int start(struct remote *remote, const char *local_socket, const struct buf *script,
                 struct err *err)
{
    AUTO(arena) scratch = { 0 };
    int ends[2];
    struct process_options options = {
        .argv = ssh_run_arguments(&remote->target, local_socket, &scratch),
        .env = ssh_environment(&scratch),
        .input = PROCESS_INPUT_FD,
        .on_out_line = on_out_line,
        .on_error_line = on_error_line,
        .deadline_ms = remote->options.deadline_ms,
        .grace_ms = GRACE_MS,
        .done = on_ended,
        .ctx = remote,
    };

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, ERR_CAPACITY, "%s: no descriptor is left for a command",
                       remote->target.host);
    if (write(ends[1], script->data, script->size) != (ssize_t)script->size) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return err_set(err, ERR_CAPACITY, "%s: the command fits into no pipe", remote->target.host);
    }
    options.input_fd = ends[0];
    remote->process = process_start(remote->loop, &options, err);
    (void)close(ends[0]);
    remote->input = ends[1];
    return remote->process == NULL ? -1 : 0;
}

struct remote *remote_start(struct loop *loop, const struct ssh_target *target,
                            const char *local_socket, const struct remote_options *options,
                            struct err *err)
{
    struct remote *remote = mem_alloc(sizeof(*remote));
    AUTO(buf) script = { 0 };

    remote->loop = loop;
    remote->options = *options;
    remote->options.words = NULL;
    remote->target = *target;
    remote->target.host = copy(&remote->arena, target->host);
    remote->target.user = copy(&remote->arena, target->user);
    remote->target.identity_file = copy(&remote->arena, target->identity_file);
    remote->target.engine_socket = copy(&remote->arena, target->engine_socket);
    remote->input = -1;
    buf_init(&remote->errors, ERRORS_MAX);
    buf_init(&script, REMOTE_SCRIPT_MAX + 1);
    make_mark(remote);
    if (remote_script(options->words, remote->mark, &script, err) == 0 &&
        start(remote, local_socket, &script, err) == 0)
        return remote;
    remote_free(remote);
    return NULL;
}

void remote_pause(struct remote *remote, bool paused)
{
    if (remote->process != NULL)
        process_pause(remote->process, paused);
}

void remote_free(struct remote *remote)
{
    if (remote == NULL)
        return;
    timer_stop(&remote->linger);
    close_input(remote);
    process_free(remote->process);
    buf_release(&remote->errors);
    arena_release(&remote->arena);
    free(remote);
}
