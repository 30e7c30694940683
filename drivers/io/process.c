/*
 * A child is over when it has exited and its outputs have ended; memory goes when libuv has closed
 * the last of its handles.
 */
#include "drivers/io/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "drivers/io/loop_int.h"
#include "spec/base/buf.h"

#define READ_SIZE ((size_t)16 * 1024)

/* One of the two outputs. */
struct output {
    uv_pipe_t pipe;
    struct process *process;
    struct buf text; /* what is captured, or the line that is arriving */
    process_line_fn *on_line;
    bool ended;
};

struct process {
    struct loop *loop;
    uv_process_t child;
    uv_pipe_t input;
    struct output out;
    struct output errors;
    struct timer deadline; /* until SIGTERM, then until SIGKILL */
    struct timer drain;
    int64_t grace_ms;
    process_done_fn *done;
    void *ctx;
    char *name;            /* argv[0] */
    struct buf last_error; /* the last line of standard error that says something */
    int exit_code;
    int signal_number;
    unsigned open; /* handles that libuv has not closed */
    bool has_input;
    bool started;
    bool exited;
    bool timed_out;
    bool killed;
    bool paused;
    bool freed; /* no callback any more */
    char chunk[READ_SIZE];
};

struct input_write {
    uv_write_t uv;
    char data[];
};

#define LAST_ERROR_MAX 300

static void destroy(struct process *process)
{
    buf_release(&process->out.text);
    buf_release(&process->errors.text);
    buf_release(&process->last_error);
    free(process->name);
    free(process);
}

static void handle_closed(uv_handle_t *handle)
{
    struct process *process = handle->data;

    process->open--;
    if (process->open == 0)
        destroy(process);
}

static void close_handle(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, handle_closed);
}

static void close_pipes(struct process *process)
{
    close_handle(&process->input);
    close_handle(&process->out.pipe);
    close_handle(&process->errors.pipe);
}

/* ---- The end ---- */

static void remember_error(struct process *process, const char *line, size_t size)
{
    if (size == 0)
        return;
    buf_reset(&process->last_error);
    buf_add(&process->last_error, line, size);
}

/* The last line of captured standard error, for the text of the failure. */
static void find_last_error(struct process *process)
{
    const char *text = buf_text(&process->errors.text);
    size_t end = process->errors.text.size;

    while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r' || text[end - 1] == ' '))
        end--;

    size_t start = end;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    remember_error(process, text + start, end - start);
}

static void describe_end(const struct process *process, struct err *failure)
{
    const char *said = buf_text(&process->last_error);
    const char *colon = said[0] == '\0' ? "" : ": ";

    if (process->timed_out)
        (void)err_set(failure, ERR_TIMEOUT, "'%s' did not end in time%s%s", process->name, colon,
                      said);
    else if (process->killed)
        (void)err_set(failure, ERR_CANCELLED, "'%s' was stopped", process->name);
    else if (process->signal_number != 0)
        (void)err_set(failure, ERR_FAILED, "'%s' was ended by signal %d%s%s", process->name,
                      process->signal_number, colon, said);
    else
        (void)err_set(failure, ERR_FAILED, "'%s' ended with exit code %d%s%s", process->name,
                      process->exit_code, colon, said);
}

static void finish(struct process *process)
{
    bool failed = process->timed_out || process->killed || process->signal_number != 0 ||
                  process->exit_code != 0;
    struct err failure = { 0 };
    struct process_result result = {
        .exit_code = process->exit_code,
        .signal_number = process->signal_number,
        .out = process->out.on_line == NULL ? buf_text(&process->out.text) : "",
        .out_size = process->out.on_line == NULL ? process->out.text.size : 0,
        .out_truncated = process->out.text.truncated,
        .errors = process->errors.on_line == NULL ? buf_text(&process->errors.text) : "",
        .errors_size = process->errors.on_line == NULL ? process->errors.text.size : 0,
        .errors_truncated = process->errors.text.truncated,
    };

    timer_stop(&process->deadline);
    timer_stop(&process->drain);
    close_pipes(process);
    process->freed = true;
    if (failed && process->errors.on_line == NULL)
        find_last_error(process);
    if (failed)
        describe_end(process, &failure);
    process->done(process->ctx, &result, failed ? &failure : NULL);
    close_handle(&process->child); /* last: its close callback may be the one that frees */
}

static void finish_if_over(struct process *process)
{
    if (process->exited && process->out.ended && process->errors.ended && !process->freed)
        finish(process);
}

/* ---- Output ---- */

static void emit_line(struct output *output)
{
    struct process *process = output->process;

    if (output->text.size > 0 && output->text.data[output->text.size - 1] == '\r')
        output->text.data[--output->text.size] = '\0';
    if (output == &process->errors)
        remember_error(process, buf_text(&output->text), output->text.size);
    output->on_line(process->ctx, buf_text(&output->text), output->text.size);
    buf_reset(&output->text);
}

static void read_lines(struct output *output, const char *data, size_t size)
{
    const char *end = data + size;

    while (data < end && !output->process->freed) {
        const char *newline = memchr(data, '\n', (size_t)(end - data));
        size_t part = (size_t)((newline != NULL ? newline : end) - data);
        size_t room = PROCESS_LINE_MAX - output->text.size;

        if (part > room) {
            part = room;
            newline = NULL;
        }
        buf_add(&output->text, data, part);
        data += part;
        if (newline != NULL)
            data++;
        if (newline != NULL || output->text.size == PROCESS_LINE_MAX)
            emit_line(output);
    }
}

static void output_ended(struct output *output)
{
    output->ended = true;
    (void)uv_read_stop((uv_stream_t *)&output->pipe);
    if (output->on_line != NULL && output->text.size > 0)
        emit_line(output);
    finish_if_over(output->process);
}

static void on_chunk_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct process *process = handle->data;

    (void)suggested;
    *out = uv_buf_init(process->chunk, (unsigned)sizeof(process->chunk));
}

static void on_read(struct output *output, ssize_t count, const char *data)
{
    if (count == 0)
        return;
    if (count < 0)
        output_ended(output);
    else if (output->on_line != NULL)
        read_lines(output, data, (size_t)count);
    else
        buf_add(&output->text, data, (size_t)count);
}

static void on_out_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct process *process = stream->data;

    on_read(&process->out, count, buf->base);
}

static void on_errors_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct process *process = stream->data;

    on_read(&process->errors, count, buf->base);
}

static void drain_over(void *ctx)
{
    struct process *process = ctx;

    process->out.ended = true;
    process->errors.ended = true;
    finish_if_over(process);
}

static void on_exit_status(uv_process_t *child, int64_t exit_status, int term_signal)
{
    struct process *process = child->data;

    process->exited = true;
    process->signal_number = term_signal;
    process->exit_code = term_signal != 0 ? -1 : (int)exit_status;
    timer_stop(&process->deadline);
    if (process->freed) {
        close_handle(&process->child);
        return;
    }
    if (process->out.ended && process->errors.ended)
        finish(process);
    else if (!process->paused)
        timer_start(process->loop, &process->drain, PROCESS_DRAIN_MS, drain_over, process);
}

static void output_pause(struct output *output, bool paused, uv_read_cb on_chunk)
{
    if (output->ended)
        return;
    if (paused)
        (void)uv_read_stop((uv_stream_t *)&output->pipe);
    else
        (void)uv_read_start((uv_stream_t *)&output->pipe, on_chunk_wanted, on_chunk);
}

void process_pause(struct process *process, bool paused)
{
    if (process->freed || process->paused == paused)
        return;
    process->paused = paused;
    output_pause(&process->out, paused, on_out_read);
    output_pause(&process->errors, paused, on_errors_read);
    if (!process->exited)
        return;
    if (paused)
        timer_stop(&process->drain);
    else
        timer_start(process->loop, &process->drain, PROCESS_DRAIN_MS, drain_over, process);
}

/* ---- Signals ---- */

static void signal_group(const struct process *process, int signal_number)
{
    (void)uv_kill(-process->child.pid, signal_number);
}

static void kill_hard(void *ctx)
{
    struct process *process = ctx;

    signal_group(process, SIGKILL);
}

static void kill_soft(struct process *process)
{
    signal_group(process, SIGTERM);
    timer_start(process->loop, &process->deadline, process->grace_ms, kill_hard, process);
}

static void deadline_over(void *ctx)
{
    struct process *process = ctx;

    process->timed_out = true;
    kill_soft(process);
}

void process_kill(struct process *process)
{
    if (process->exited || process->killed || process->timed_out)
        return;
    process->killed = true;
    kill_soft(process);
}

void process_free(struct process *process)
{
    if (process == NULL || process->freed)
        return;

    process->freed = true;
    timer_stop(&process->deadline);
    timer_stop(&process->drain);
    close_pipes(process);
    /* The handle of the child is closed after its exit: until then there is a process to wait
     * for. */
    if (process->exited)
        close_handle(&process->child);
    else
        signal_group(process, SIGKILL);
}

/* ---- Input ---- */

static void on_written(uv_write_t *request, int status)
{
    (void)status; /* a child that does not read its input ends as it likes; its exit tells */
    free(request->data);
}

static void write_input(struct process *process, const void *data, size_t size)
{
    struct input_write *write = mem_alloc(sizeof(*write) + size);

    memcpy(write->data, data, size);
    write->uv.data = write;

    uv_buf_t buf = uv_buf_init(write->data, (unsigned)size);
    if (uv_write(&write->uv, (uv_stream_t *)&process->input, &buf, 1, on_written) < 0)
        free(write);
}

static void on_input_shut(uv_shutdown_t *request, int status)
{
    struct process *process = request->data;

    (void)status;
    free(request);
    close_handle(&process->input);
}

/* After what is still to be written. */
static void close_input(struct process *process)
{
    uv_shutdown_t *request = mem_alloc(sizeof(*request));
    request->data = process;
    if (uv_shutdown(request, (uv_stream_t *)&process->input, on_input_shut) < 0) {
        free(request);
        close_handle(&process->input);
    }
}

/* ---- The start ---- */

static struct process *process_new(struct loop *loop, const struct process_options *options)
{
    struct process *process = mem_alloc(sizeof(*process));
    uv_loop_t *uv = loop_uv(loop);

    process->loop = loop;
    process->name = mem_text(options->argv[0]);
    process->done = options->done;
    process->ctx = options->ctx;
    process->grace_ms = options->grace_ms > 0 ? options->grace_ms : PROCESS_GRACE_MS;
    process->out.process = process;
    process->out.on_line = options->on_out_line;
    process->errors.process = process;
    process->errors.on_line = options->on_error_line;
    buf_init(&process->out.text, options->out_max > 0 ? options->out_max : PROCESS_OUTPUT_MAX);
    buf_init(&process->errors.text,
             options->errors_max > 0 ? options->errors_max : PROCESS_OUTPUT_MAX);
    if (process->out.on_line != NULL)
        process->out.text.max = PROCESS_LINE_MAX;
    if (process->errors.on_line != NULL)
        process->errors.text.max = PROCESS_LINE_MAX;
    buf_init(&process->last_error, LAST_ERROR_MAX);
    (void)uv_pipe_init(uv, &process->input, 0);
    (void)uv_pipe_init(uv, &process->out.pipe, 0);
    (void)uv_pipe_init(uv, &process->errors.pipe, 0);
    process->input.data = process;
    process->out.pipe.data = process;
    process->errors.pipe.data = process;
    process->open = 3;
    return process;
}

static void set_input(struct process *process, const struct process_options *options,
                      uv_stdio_container_t *out)
{
    switch (options->input) {
    case PROCESS_INPUT_NONE:
        out->flags = UV_IGNORE; /* libuv opens /dev/null for the three standard ones */
        break;
    case PROCESS_INPUT_FD:
        out->flags = UV_INHERIT_FD;
        out->data.fd = options->input_fd;
        break;
    case PROCESS_INPUT_DATA:
        out->flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
        out->data.stream = (uv_stream_t *)&process->input;
        process->has_input = true;
        break;
    }
}

/* libuv takes arrays of char *, which it does not write to. */
static char **unconst(const char *const *texts)
{
    union {
        const char *const *in;
        char **out;
    } cast = { .in = texts };

    return cast.out;
}

static int spawn(struct process *process, const struct process_options *options, struct err *err)
{
    uv_stdio_container_t stdio[3] = {
        [1] = { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
                .data.stream = (uv_stream_t *)&process->out.pipe },
        [2] = { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
                .data.stream = (uv_stream_t *)&process->errors.pipe },
    };
    uv_process_options_t uv_options = {
        .exit_cb = on_exit_status,
        .file = options->argv[0],
        .args = unconst(options->argv),
        .env = unconst(options->env),
        .cwd = options->directory,
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3,
        .stdio = stdio,
    };

    set_input(process, options, &stdio[0]);

    int status = uv_spawn(loop_uv(process->loop), &process->child, &uv_options);
    process->child.data = process;
    process->open++;
    if (status < 0) {
        enum err_code code = status == UV_ENOENT                          ? ERR_NOT_FOUND
                             : status == UV_EACCES || status == UV_EPERM  ? ERR_DENIED
                             : status == UV_EMFILE || status == UV_EAGAIN ? ERR_CAPACITY
                                                                          : ERR_FAILED;
        return loop_err(err, code, status, "cannot start '%s'", process->name);
    }
    return 0;
}

struct process *process_start(struct loop *loop, const struct process_options *options,
                              struct err *err)
{
    ASSERT(options->argv != NULL && options->argv[0] != NULL);
    ASSERT(options->done != NULL);

    struct process *process = process_new(loop, options);
    if (spawn(process, options, err) < 0) {
        process->freed = true;
        close_pipes(process);
        close_handle(&process->child);
        return NULL;
    }
    (void)uv_read_start((uv_stream_t *)&process->out.pipe, on_chunk_wanted, on_out_read);
    (void)uv_read_start((uv_stream_t *)&process->errors.pipe, on_chunk_wanted, on_errors_read);
    if (options->input == PROCESS_INPUT_DATA) {
        if (options->input_size > 0)
            write_input(process, options->input_data, options->input_size);
        close_input(process);
    }
    if (options->deadline_ms > 0)
        timer_start(loop, &process->deadline, options->deadline_ms, deadline_over, process);
    return process;
}
