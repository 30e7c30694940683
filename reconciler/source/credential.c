/*
 * Looks for a password without ever asking a person: nobody is there.
 */
#include "reconciler/source/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/source/login.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"

#define CREDENTIAL_BYTES_MAX (256UL * 1024)

static void read_all(int fd, struct buf *out)
{
    char chunk[4096];
    ssize_t size;

    while ((size = read(fd, chunk, sizeof(chunk))) > 0 || (size < 0 && errno == EINTR))
        if (size > 0)
            buf_add(out, chunk, (size_t)size);
    explicit_bzero(chunk, sizeof(chunk));
}

/* ---- ~/.netrc ------------------------------------------------------------------------------ */

static bool from_netrc(const struct url *url, const char *user, struct login *out)
{
    const char *given = getenv("NETRC");
    const char *home = getenv("HOME");
    AUTO_FD int fd = -1;
    AUTO(buf) path;
    AUTO(buf) text;
    bool found;

    buf_init(&path, 4096);
    buf_init(&text, CREDENTIAL_BYTES_MAX);
    buf_printf(&path, "%s%s",
               given != NULL  ? given
               : home != NULL ? home
                              : "",
               given != NULL ? "" : "/.netrc");
    fd = open(buf_text(&path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    read_all(fd, &text);
    found = login_from_netrc(buf_text(&text), url->host, user, out);
    if (text.data != NULL)
        explicit_bzero(text.data, text.size);
    return found;
}

/* ---- git credential fill --------------------------------------------------------------------- */

static pid_t spawn_helper(int in, int out)
{
    char program[] = "git";
    char verb[] = "credential";
    char operation[] = "fill";
    char *const arguments[] = { program, verb, operation, NULL };
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int code;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    code = posix_spawnp(&pid, program, &actions, NULL, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return code == 0 ? pid : -1;
}

/* Asks a question of at most a pipe's size; -1 when git is not there or knows no answer. */
static int ask_helper(const struct buf *question, struct buf *answer)
{
    int in[2];
    int out[2];
    int status = -1;
    pid_t pid;
    bool asked;

    if (pipe2(in, O_CLOEXEC) < 0)
        return -1;
    if (pipe2(out, O_CLOEXEC) < 0) {
        (void)close(in[0]);
        (void)close(in[1]);
        return -1;
    }
    asked = write(in[1], question->data, question->size) == (ssize_t)question->size;
    pid = asked ? spawn_helper(in[0], out[1]) : -1;
    (void)close(in[0]);
    (void)close(in[1]);
    (void)close(out[1]);
    if (pid > 0) {
        read_all(out[0], answer);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    (void)close(out[0]);
    return status == 0 ? 0 : -1;
}

static bool from_helper(const struct url *url, const char *user, struct login *out)
{
    AUTO(buf) question;
    AUTO(buf) answer;
    bool found;

    buf_init(&question, 8192);
    buf_init(&answer, CREDENTIAL_BYTES_MAX);
    buf_printf(&question, "protocol=%s\nhost=%s", url->scheme, url->host);
    if (url->port != NULL)
        buf_printf(&question, ":%s", url->port);
    buf_printf(&question, "\npath=%s\n", url->path[0] == '/' ? url->path + 1 : url->path);
    if (user != NULL)
        buf_printf(&question, "username=%s\n", user);
    buf_char(&question, '\n');
    if (question.truncated || ask_helper(&question, &answer) < 0)
        return false;
    found = login_from_helper(buf_text(&answer), out);
    if (answer.data != NULL)
        explicit_bzero(answer.data, answer.size);
    return found;
}

typedef bool login_source_fn(const struct url *url, const char *user, struct login *out);

int credential_acquire(git_credential **out, const char *url, const char *user, unsigned allowed,
                       void *payload)
{
    static login_source_fn *const sources[] = { from_netrc, from_helper };
    struct credential *credential = payload;

    (void)url; /* has no scheme, host and port apart; ours has */
    while ((allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT) != 0 &&
           credential->tried < ARRAY_COUNT(sources)) {
        AUTO(login) login = { 0 };

        if (sources[credential->tried++](credential->url, user, &login))
            return git_credential_userpass_plaintext_new(out, login.user, login.password);
    }
    git_error_set_str(GIT_ERROR_HTTP, "no user name and password that it accepts were found in the "
                                      "URL, ~/.netrc and git's credential helpers");
    return GIT_EAUTH;
}
