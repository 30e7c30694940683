/*
 * A smart subtransport over `ssh HOST git-upload-pack 'PATH'`.  Which program that is the user says
 * as for git itself: GIT_SSH_COMMAND, core.sshCommand, GIT_SSH, else `ssh`.
 */
#include "reconciler/source/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/buf.h"
#include "spec/base/text.h"

#define SSH_ARGUMENTS_MAX 16
#define SSH_COMMAND_MAX   8192

struct ssh_stream {
    git_smart_subtransport_stream base; /* first: libgit2 hands out its address */
    struct ssh *ssh;
    int in;
    int out;
};

struct ssh_subtransport {
    git_smart_subtransport base; /* first, likewise */
    struct ssh *ssh;
    struct ssh_stream *stream; /* NULL: not connected */
};

/* ---- The stream ---------------------------------------------------------------------------- */

static int stream_read(git_smart_subtransport_stream *base, char *out, size_t size,
                       size_t *out_size)
{
    struct ssh_stream *stream = (struct ssh_stream *)(void *)base;
    ssize_t got;

    do {
        got = read(stream->out, out, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        git_error_set_str(GIT_ERROR_NET, "the connection of ssh can't be read");
        return -1;
    }
    *out_size = (size_t)got;
    return 0;
}

static int stream_write(git_smart_subtransport_stream *base, const char *data, size_t size)
{
    struct ssh_stream *stream = (struct ssh_stream *)(void *)base;

    while (size > 0) {
        ssize_t written = write(stream->in, data, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            git_error_set_str(GIT_ERROR_NET, "ssh has ended");
            return -1;
        }
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

static void stream_free(git_smart_subtransport_stream *base)
{
    struct ssh_stream *stream = (struct ssh_stream *)(void *)base;
    struct ssh *ssh = stream->ssh;

    (void)close(stream->in);
    (void)close(stream->out);
    free(stream);
    if (ssh->pid > 0)
        while (waitpid(ssh->pid, &ssh->status, 0) < 0 && errno == EINTR)
            continue;
    ssh->pid = 0;
}

/* ---- Starting ssh -------------------------------------------------------------------------- */

/* 'text' for a shell, whatever is in it. */
static char *shell_quote(const char *text)
{
    AUTO(buf) quoted;

    buf_init(&quoted, SSH_COMMAND_MAX);
    buf_char(&quoted, '\'');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'')
            buf_text_add(&quoted, "'\\''");
        else
            buf_char(&quoted, *c);
    }
    buf_char(&quoted, '\'');
    return buf_take(&quoted);
}

/* Heap text of core.sshCommand in the user's configuration, or NULL. */
static char *configured_command(void)
{
    git_config *config = NULL;
    git_buf value = { 0 };
    char *command = NULL;

    if (git_config_open_default(&config) == 0 &&
        git_config_get_string_buf(&value, config, "core.sshcommand") == 0)
        command = mem_text(value.ptr);
    git_buf_dispose(&value);
    git_config_free(config);
    return command;
}

struct arguments {
    const char *items[SSH_ARGUMENTS_MAX];
    size_t count;
};

static void add(struct arguments *arguments, const char *text)
{
    ASSERT(arguments->count < SSH_ARGUMENTS_MAX - 1);
    arguments->items[arguments->count++] = text;
}

/* The program and its options; *command keeps the text that they point into. */
static void add_program(struct arguments *arguments, char **command)
{
    const char *given = getenv("GIT_SSH_COMMAND");
    const char *program = getenv("GIT_SSH");

    *command = NULL;
    if (!text_is_empty(given))
        *command = mem_text(given);
    else if (text_is_empty(program))
        *command = configured_command();
    if (*command != NULL) { /* shell text, as git has it */
        AUTO(buf) line;

        buf_init(&line, SSH_COMMAND_MAX);
        buf_printf(&line, "%s \"$@\"", *command);
        free(*command);
        *command = buf_take(&line);
        add(arguments, "/bin/sh");
        add(arguments, "-c");
        add(arguments, *command);
        add(arguments, "ssh");
    } else if (!text_is_empty(program)) {
        add(arguments, program);
    } else {
        add(arguments, "ssh");
        add(arguments, "-oBatchMode=yes"); /* nobody is there to answer a question */
    }
}

static int spawn(const struct arguments *arguments, int in, int out, pid_t *out_pid)
{
    posix_spawn_file_actions_t actions;
    char *list[SSH_ARGUMENTS_MAX] = { NULL };
    int code;

    for (size_t i = 0; i < arguments->count; i++)
        list[i] = mem_text(arguments->items[i]);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    code = posix_spawnp(out_pid, list[0], &actions, NULL, list, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; i < arguments->count; i++)
        free(list[i]);
    return code;
}

/* Two pipes with ssh between them; [0] is what we write to, [1] what we read from. */
static int start(struct ssh *ssh, int ends[2])
{
    struct arguments arguments = { .count = 0 };
    AUTO_TEXT char *command = NULL;
    AUTO_TEXT char *path = shell_quote(ssh->url->path);
    AUTO(buf) remote;
    AUTO(buf) host;
    int in[2];
    int out[2];
    int code;

    buf_init(&remote, SSH_COMMAND_MAX);
    buf_init(&host, SSH_COMMAND_MAX);
    buf_printf(&remote, "git-upload-pack %s", path);
    if (ssh->url->user != NULL)
        buf_printf(&host, "%s@", ssh->url->user);
    buf_text_add(&host, ssh->url->host);
    add_program(&arguments, &command);
    if (ssh->url->port != NULL) {
        add(&arguments, "-p");
        add(&arguments, ssh->url->port);
    }
    add(&arguments, buf_text(&host));
    add(&arguments, buf_text(&remote));

    if (pipe2(in, O_CLOEXEC) < 0)
        return errno;
    if (pipe2(out, O_CLOEXEC) < 0) {
        (void)close(in[0]);
        (void)close(in[1]);
        return EMFILE;
    }
    code = spawn(&arguments, in[0], out[1], &ssh->pid);
    (void)close(in[0]);
    (void)close(out[1]);
    ends[0] = in[1];
    ends[1] = out[0];
    if (code != 0) {
        (void)close(in[1]);
        (void)close(out[0]);
        ssh->pid = 0;
    }
    return code;
}

/* ---- The subtransport ---------------------------------------------------------------------- */

static int connect_stream(struct ssh_subtransport *transport)
{
    struct ssh_stream *stream;
    int ends[2] = { -1, -1 };

    transport->ssh->used = true;
    transport->ssh->status = 0;
    if (start(transport->ssh, ends) != 0) {
        git_error_set_str(GIT_ERROR_NET, "the program ssh can't be started");
        return -1;
    }
    stream = mem_alloc(sizeof(*stream));
    stream->base.subtransport = &transport->base;
    stream->base.read = stream_read;
    stream->base.write = stream_write;
    stream->base.free = stream_free;
    stream->ssh = transport->ssh;
    stream->in = ends[0];
    stream->out = ends[1];
    transport->stream = stream;
    return 0;
}

static int subtransport_action(git_smart_subtransport_stream **out, git_smart_subtransport *base,
                               const char *url, git_smart_service_t action)
{
    struct ssh_subtransport *transport = (struct ssh_subtransport *)(void *)base;

    (void)url; /* stands for ssh->url */
    switch (action) {
    case GIT_SERVICE_UPLOADPACK_LS:
        if (connect_stream(transport) < 0)
            return -1;
        break;
    case GIT_SERVICE_UPLOADPACK: break; /* goes on with the same connection */
    case GIT_SERVICE_RECEIVEPACK_LS:
    case GIT_SERVICE_RECEIVEPACK:
        git_error_set_str(GIT_ERROR_NET, "nothing is ever pushed through this");
        return -1;
    }
    if (transport->stream == NULL) {
        git_error_set_str(GIT_ERROR_NET, "ssh is not connected");
        return -1;
    }
    *out = &transport->stream->base;
    return 0;
}

/* libgit2 frees the stream itself. */
static int subtransport_close(git_smart_subtransport *base)
{
    ((struct ssh_subtransport *)(void *)base)->stream = NULL;
    return 0;
}

static void subtransport_free(git_smart_subtransport *base)
{
    free(base);
}

static int subtransport_new(git_smart_subtransport **out, git_transport *owner, void *ssh)
{
    struct ssh_subtransport *transport = mem_alloc(sizeof(*transport));

    (void)owner;
    transport->base.action = subtransport_action;
    transport->base.close = subtransport_close;
    transport->base.free = subtransport_free;
    transport->ssh = ssh;
    *out = &transport->base;
    return 0;
}

int ssh_register(struct ssh *ssh, const struct url *url, struct err *err)
{
    int code;

    *ssh = (struct ssh){ .url = url };
    ssh->definition =
        (git_smart_subtransport_definition){ .callback = subtransport_new, .param = ssh };
    code = git_transport_register(SSH_TRANSPORT, git_transport_smart, &ssh->definition);
    return code < 0 ? git_fail(err, code, "ssh") : 0;
}

void ssh_explain(const struct ssh *ssh, struct err *err)
{
    if (!ssh->used || !WIFEXITED(ssh->status))
        return;
    switch (WEXITSTATUS(ssh->status)) {
    case 0: return;
    case 255:
        (void)err_set(err, ERR_UNREACHABLE, "ssh does not get to '%s'", ssh->url->host);
        return;
    case 127: (void)err_set(err, ERR_FAILED, "'%s' has no git-upload-pack", ssh->url->host); return;
    default:
        (void)err_set(err, ERR_NOT_FOUND, "'%s' does not give the repository '%s'", ssh->url->host,
                      ssh->url->path);
    }
}
