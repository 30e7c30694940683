/*
 * The parent's side of a fetch, and the child's main: a request of NUL-terminated fields goes in on
 * standard input, an answer of such fields comes back on standard output, and whatever ssh has to
 * say is on standard error.
 */
#include "reconciler/source/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reconciler/source/url.h"
#include "spec/base/buf.h"
#include "spec/base/redact.h"
#include "spec/base/text.h"

enum { PIPE_IN, PIPE_OUT, PIPE_ERR, PIPE_COUNT };

#define STATE_TEXT(name, text) [SOURCE_##name] = text,
static const char *const state_texts[] = { SOURCE_STATES(STATE_TEXT) };
#undef STATE_TEXT

/* A child and our ends of its pipes. */
struct child {
    pid_t pid;   /* 0: none */
    int exit_fd; /* readable when it has ended */
    int pipes[PIPE_COUNT];
    struct buf answer;
    struct buf words;
};

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void child_init(struct child *child)
{
    *child = (struct child){ .exit_fd = -1, .pipes = { -1, -1, -1 } };
    buf_init(&child->answer, FETCH_RECORD_MAX);
    buf_init(&child->words, FETCH_RECORD_MAX);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* The child leads a process group of its own: all that it started goes with it. */
static void child_release(struct child *child)
{
    if (child->pid > 0) {
        (void)kill(-child->pid, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    close_fd(&child->exit_fd);
    for (int i = 0; i < PIPE_COUNT; i++)
        close_fd(&child->pipes[i]);
    buf_release(&child->answer);
    buf_release(&child->words);
}
DEFINE_AUTO_VALUE(child, child_release)

/* A session of its own: no terminal, so that nothing can ask for a password there. */
static int spawn_self(int ends[PIPE_COUNT], pid_t *out_pid)
{
    char name[] = "berth";
    char verb[] = SOURCE_FETCH_VERB;
    char *const arguments[] = { name, verb, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    int code;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    for (int i = 0; i < PIPE_COUNT; i++)
        (void)posix_spawn_file_actions_adddup2(&actions, ends[i], i);
    (void)posix_spawnattr_setflags(
        &attributes, (short)(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    code = posix_spawn(out_pid, "/proc/self/exe", &actions, &attributes, arguments, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return code;
}

static int child_start(struct child *child, struct err *err)
{
    int theirs[PIPE_COUNT] = { -1, -1, -1 };
    int code = 0;

    for (int i = 0; i < PIPE_COUNT && code == 0; i++) {
        int both[2];

        if (pipe2(both, O_CLOEXEC) < 0) {
            code = errno;
            break;
        }
        theirs[i] = both[i == PIPE_IN ? 0 : 1];
        child->pipes[i] = both[i == PIPE_IN ? 1 : 0];
        (void)fcntl(child->pipes[i], F_SETFL, O_NONBLOCK);
    }
    if (code == 0)
        code = spawn_self(theirs, &child->pid);
    for (int i = 0; i < PIPE_COUNT; i++)
        close_fd(&theirs[i]);
    if (code != 0) {
        child->pid = 0;
        return err_set_errno(err, ERR_CAPACITY, code, "a fetch can't be started");
    }
    child->exit_fd = pidfd_open(child->pid, 0);
    if (child->exit_fd < 0)
        return err_set_errno(err, ERR_CAPACITY, errno, "a fetch can't be watched");
    return 0;
}

static void put_field(struct buf *record, const char *text)
{
    buf_add(record, text, strlen(text) + 1);
}

/* Small enough for the pipe, which is empty: it never blocks. */
static int child_ask(struct child *child, const struct fetch_request *request, struct err *err)
{
    AUTO(buf) record;
    ssize_t written;

    buf_init(&record, FETCH_RECORD_MAX);
    put_field(&record, request->location);
    put_field(&record, request->directory);
    put_field(&record, request->afresh ? "afresh" : "");
    buf_printf(&record, "%lld%c", (long long)request->timeout_ms, 0);
    if (request->branch != NULL)
        put_field(&record, request->branch);
    written = write(child->pipes[PIPE_IN], record.data, record.size);
    close_fd(&child->pipes[PIPE_IN]);
    if (record.truncated || written != (ssize_t)record.size)
        return err_set(err, ERR_INTERNAL, "a fetch can't be told what to do");
    return 0;
}

/* At most what a pipe holds, so that one who never stops talking can't keep us from the clock. */
static void take_output(int fd, struct buf *into)
{
    char chunk[4096];

    for (int i = 0; i < 16; i++) {
        ssize_t size = read(fd, chunk, sizeof(chunk));

        if (size <= 0)
            return;
        buf_add(into, chunk, (size_t)size);
    }
}

/* Until the process has ended.  The ends of the pipes say less: a shared ssh connection that stays
 * behind for the next one (ControlPersist) keeps standard error open. */
static int child_wait(struct child *child, int64_t timeout_ms, struct err *err)
{
    int64_t deadline_ms = now_ms() + timeout_ms;
    bool ended = false;

    while (!ended) {
        struct pollfd fds[] = { { .fd = child->exit_fd, .events = POLLIN },
                                { .fd = child->pipes[PIPE_OUT], .events = POLLIN },
                                { .fd = child->pipes[PIPE_ERR], .events = POLLIN } };
        int64_t left_ms = deadline_ms - now_ms();

        if (left_ms <= 0)
            return err_set(err, ERR_TIMEOUT, "no complete answer within %lld ms",
                           (long long)timeout_ms);
        if (poll(fds, ARRAY_COUNT(fds), left_ms > 60000 ? 60000 : (int)left_ms) < 0 &&
            errno != EINTR)
            return err_set_errno(err, ERR_INTERNAL, errno, "poll");
        ended = fds[0].revents != 0;
        take_output(child->pipes[PIPE_OUT], &child->answer);
        take_output(child->pipes[PIPE_ERR], &child->words);
        for (int i = PIPE_OUT; i < PIPE_COUNT; i++)
            if ((fds[i].revents & (POLLHUP | POLLERR | POLLIN)) == POLLHUP)
                close_fd(&child->pipes[i]); /* else poll() would return at once from now on */
    }
    return 0;
}

/* Field number `index` of NUL-terminated fields, or NULL. */
static const char *field_of(const struct buf *record, size_t index)
{
    size_t at = 0;

    for (; index > 0 && at < record->size; index--)
        at += strlen(record->data + at) + 1;
    return at < record->size ? record->data + at : NULL;
}

/* The last line that ssh or git said, without "fatal: " and the like; heap text. */
static char *last_words(const struct buf *words)
{
    AUTO_TEXT char *clean = url_redact(buf_text(words));
    size_t size = strlen(clean);
    const char *line;

    while (size > 0 && strchr("\r\n \t", clean[size - 1]) != NULL)
        clean[--size] = '\0';
    line = strrchr(clean, '\n');
    return mem_text(line != NULL ? line + 1 : clean);
}

static bool says_denied(const char *words)
{
    return strstr(words, "Permission denied") != NULL ||
           strstr(words, "Host key verification failed") != NULL;
}

static int read_failure(const struct child *child, struct err *err)
{
    AUTO_TEXT char *words = last_words(&child->words);
    const char *code = field_of(&child->answer, 1);
    const char *text = field_of(&child->answer, 2);

    for (int i = ERR_OK + 1; code != NULL && text != NULL && i < ERR_CODE_COUNT; i++) {
        enum err_code found = (enum err_code)i;

        if (!text_equal(code, err_code_text(found)))
            continue;
        if (found == ERR_UNREACHABLE && says_denied(buf_text(&child->words)))
            found = ERR_DENIED;
        return err_set(err, found, "%s%s%s", text, words[0] != '\0' ? ": " : "", words);
    }
    return err_set(err, ERR_FAILED, "the fetch ended without an answer%s%s",
                   words[0] != '\0' ? ": " : "", words);
}

static bool copy_field(const char *field, char *out, size_t size)
{
    return field != NULL && (size_t)snprintf(out, size, "%s", field) < size;
}

static int read_answer(const struct child *child, struct source_tip *out, struct err *err)
{
    const char *state = field_of(&child->answer, 0);
    struct source_tip tip = { 0 };

    for (int i = 0; i < SOURCE_STATE_COUNT; i++) {
        if (!text_equal(state, state_texts[i]))
            continue;
        tip.state = (enum source_state)i;
        if (!copy_field(field_of(&child->answer, 1), tip.commit, sizeof(tip.commit)) ||
            !copy_field(field_of(&child->answer, 2), tip.ref, sizeof(tip.ref)) ||
            !copy_field(field_of(&child->answer, 3), tip.text, sizeof(tip.text)))
            break;
        *out = tip;
        return 0;
    }
    return read_failure(child, err);
}

int fetch_run(const struct fetch_request *request, struct source_tip *out, struct err *err)
{
    AUTO(child) child;

    child_init(&child);
    if (child_start(&child, err) < 0 || child_ask(&child, request, err) < 0)
        return -1;
    if (child_wait(&child, request->timeout_ms, err) < 0) {
        AUTO_TEXT char *words = last_words(&child.words);

        if (words[0] != '\0')
            return err_wrap(err, "%s", words);
        return -1;
    }
    return read_answer(&child, out, err);
}

/* ---- The child ----------------------------------------------------------------------------- */

static void put_answer(struct buf *record, const struct source_tip *tip)
{
    put_field(record, state_texts[tip->state]);
    put_field(record, tip->commit);
    put_field(record, tip->ref);
    put_field(record, tip->text);
}

static void write_all(int fd, const struct buf *record)
{
    size_t at = 0;

    while (at < record->size) {
        ssize_t written = write(fd, record->data + at, record->size - at);

        if (written <= 0)
            return; /* nobody listens any more */
        at += (size_t)written;
    }
}

int source_fetch_main(void)
{
    AUTO(buf) question;
    AUTO(buf) answer;
    struct fetch_request request;
    struct source_tip tip = { 0 };
    struct err err = { 0 };
    int result = -1;

    /* When our parent is killed nobody wants the answer any more. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    buf_init(&question, FETCH_RECORD_MAX);
    buf_init(&answer, FETCH_RECORD_MAX);
    take_output(STDIN_FILENO, &question);
    request = (struct fetch_request){ .location = field_of(&question, 0),
                                      .directory = field_of(&question, 1),
                                      .afresh = text_equal(field_of(&question, 2), "afresh"),
                                      .branch = field_of(&question, 4) };
    if (request.location == NULL || request.directory == NULL || field_of(&question, 3) == NULL ||
        !text_parse_i64(field_of(&question, 3), &request.timeout_ms))
        (void)err_set(&err, ERR_INVALID, "this is not for people: it is how berth fetches");
    else
        result = fetch_perform(&request, &tip, &err);
    if (result == 0) {
        put_answer(&answer, &tip);
    } else {
        put_field(&answer, "error");
        put_field(&answer, err_code_text(err.code));
        put_field(&answer, err.text);
    }
    write_all(STDOUT_FILENO, &answer);
    return result == 0 ? 0 : 1;
}
