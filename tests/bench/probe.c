/*
 * What a shell cannot measure finely enough.  All times are wall clock nanoseconds since 1970.
 *
 *     probe cpu PID            CPU time of a running process, all its threads, in nanoseconds
 *     probe ref FILE COMMIT    moves a ref as git does, and prints when
 *     probe run COMMAND...     runs it; prints "WALL CPU STATUS", in nanoseconds, as its last line
 *     probe tap LISTEN SOCKET  carries connections to LISTEN on to SOCKET; prints "TIME LINE" for
 *                              each request that a client begins to send
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "spec/base/base.h"
#include "spec/base/text.h"

#define NS_PER_S  ((int64_t)1000 * 1000 * 1000)
#define PAIRS_MAX 64

static int64_t clock_ns(clockid_t clock)
{
    struct timespec time = { 0 };

    (void)clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

static int fail(const char *what)
{
    perror(what);
    return 1;
}

static int verb_cpu(const char *text)
{
    uint32_t pid = 0;
    clockid_t clock;

    if (!text_parse_u32(text, &pid) || clock_getcpuclockid((pid_t)pid, &clock) != 0)
        return fail(text);
    (void)printf("%lld\n", (long long)clock_ns(clock));
    return 0;
}

static int verb_ref(const char *path, const char *commit)
{
    char lock[4096];
    int64_t moved_ns;
    int fd;

    (void)snprintf(lock, sizeof(lock), "%s.lock", path);
    fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || dprintf(fd, "%s\n", commit) < 0 || close(fd) < 0)
        return fail(lock);
    moved_ns = clock_ns(CLOCK_REALTIME);
    if (rename(lock, path) < 0)
        return fail(path);
    (void)printf("%lld\n", (long long)moved_ns);
    return 0;
}

static int verb_run(char **command)
{
    int64_t began_ns = clock_ns(CLOCK_MONOTONIC);
    struct rusage usage;
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        (void)execvp(command[0], command);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child)
        return fail(command[0]);
    (void)printf("%lld %lld %d\n", (long long)(clock_ns(CLOCK_MONOTONIC) - began_ns),
                 (long long)(((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                              usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) *
                             1000),
                 WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return 0;
}

/* ---- Tap ---- */

static int unix_socket(const char *path, bool listens)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    text_copy(address.sun_path, sizeof(address.sun_path), path);
    if (fd < 0)
        return -1;
    if (listens ? bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 64) == 0
                : connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* False at the end of the stream. */
static bool carry(int from, int to, bool is_client)
{
    char data[65536];
    ssize_t size = read(from, data, sizeof(data));
    ssize_t sent = 0;

    if (size <= 0)
        return false;
    if (is_client && (strncmp(data, "GET ", 4) == 0 || strncmp(data, "POST ", 5) == 0 ||
                      strncmp(data, "DELETE ", 7) == 0 || strncmp(data, "HEAD ", 5) == 0))
        (void)printf("%lld %.*s\n", (long long)clock_ns(CLOCK_REALTIME), (int)strcspn(data, "\r"),
                     data);
    while (sent < size) {
        ssize_t part = write(to, data + sent, (size_t)(size - sent));

        if (part <= 0)
            return false;
        sent += part;
    }
    return true;
}

static int verb_tap(const char *listen_path, const char *engine_path)
{
    struct pollfd fds[1 + 2 * PAIRS_MAX] = { { .fd = unix_socket(listen_path, true),
                                               .events = POLLIN } };
    nfds_t count = 1;

    if (fds[0].fd < 0)
        return fail(listen_path);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (;;) {
        if (poll(fds, count, -1) < 0)
            return fail("poll");
        for (nfds_t i = 1; i < count; i++) {
            nfds_t first = i - (i - 1) % 2;
            nfds_t other = i == first ? first + 1 : first;

            if (fds[i].revents == 0 || carry(fds[i].fd, fds[other].fd, i == first))
                continue;
            (void)close(fds[first].fd);
            (void)close(fds[first + 1].fd);
            fds[first] = fds[count - 2];
            fds[first + 1] = fds[count - 1];
            count -= 2;
            break; /* the rest is still there in the next round */
        }
        if (fds[0].revents == 0 || count + 2 > ARRAY_COUNT(fds))
            continue;
        fds[count] = (struct pollfd){ .fd = accept(fds[0].fd, NULL, NULL), .events = POLLIN };
        fds[count + 1] = (struct pollfd){ .fd = unix_socket(engine_path, false), .events = POLLIN };
        if (fds[count].fd < 0 || fds[count + 1].fd < 0)
            return fail(engine_path);
        count += 2;
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && text_equal(argv[1], "cpu"))
        return verb_cpu(argv[2]);
    if (argc == 4 && text_equal(argv[1], "ref"))
        return verb_ref(argv[2], argv[3]);
    if (argc > 2 && text_equal(argv[1], "run"))
        return verb_run(argv + 2);
    if (argc == 4 && text_equal(argv[1], "tap"))
        return verb_tap(argv[2], argv[3]);
    (void)fprintf(stderr, "probe: see its source\n");
    return 2;
}
