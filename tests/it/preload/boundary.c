/*
 * Loaded into berth by tests/it/test_crash.sh (LD_PRELOAD): names the boundaries of what it does,
 * and kills it at one of them.
 *
 * A process is known by the bytes that leave it only, and Berth's that matter are the requests that
 * change an engine and the transactions of its database.  So these are all moments at which dying
 * makes a difference:
 *
 *     METHOD PATH  before    nothing of the request was sent
 *                  partly    a part of it; only where it takes several calls
 *                  sent      all of it; no answer was waited for
 *                  begun     a part of the answer has come; only where it comes in parts
 *                  answered  all of it has; Berth did not see the last part
 *     facts        before    nothing of the transaction was written
 *                  after     it is committed
 *
 * Each is named by its kind, how many of that kind there were, and the moment, such as
 * "POST containers/create 2 sent": much the same in every run, where one number for all would
 * depend on which of the things that go on at once is faster.
 *
 *     BOUNDARY_LOG=FILE   gets a line for each: its name, a tab, the path in full
 *     BOUNDARY_AT=NAME    dies there
 *
 * Berth does all of this in one thread.
 */
#undef _FORTIFY_SOURCE /* its inline versions of these functions would be in the way */
#include <ctype.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EXPORT    __attribute__((visibility("default")))
#define FDS_MAX   1024
#define KINDS_MAX 64
#define NAME_SIZE 256

/* A request or an answer, as its parts go over a connection. */
struct message {
    bool open; /* more of it comes */
    bool chunked;
    size_t missing; /* of its body, unless chunked */
};

struct connection {
    char kind[NAME_SIZE]; /* of the last request */
    char path[NAME_SIZE];
    unsigned ordinal; /* among its kind; 0: it is answered, or changes nothing */
    struct message request;
    struct message answer;
};

static struct connection connections[FDS_MAX];

static struct {
    char name[NAME_SIZE];
    unsigned count;
} kinds[KINDS_MAX];

static int log_fd = -1;
static const char *death;

static ssize_t (*real_send)(int, const void *, size_t, int);
static ssize_t (*real_recv)(int, void *, size_t, int);
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("BOUNDARY_LOG");

    *(void **)&real_send = dlsym(RTLD_NEXT, "send");
    *(void **)&real_recv = dlsym(RTLD_NEXT, "recv");
    *(void **)&real_pwrite64 = dlsym(RTLD_NEXT, "pwrite64");
    death = getenv("BOUNDARY_AT");
    if (path != NULL)
        log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0 || real_send == NULL || real_recv == NULL || real_pwrite64 == NULL)
        abort();
    (void)unsetenv("LD_PRELOAD"); /* not for its children */
}

static void boundary(const char *kind, unsigned ordinal, const char *moment, const char *path)
{
    char name[NAME_SIZE + 32];

    (void)snprintf(name, sizeof(name), "%s %u %s", kind, ordinal, moment);
    (void)dprintf(log_fd, "%s\t%s\n", name, path);
    if (death != NULL && strcmp(name, death) == 0)
        (void)kill(getpid(), SIGKILL);
}

static unsigned count(const char *kind)
{
    for (size_t i = 0; i < KINDS_MAX; i++) {
        if (kinds[i].count == 0)
            (void)snprintf(kinds[i].name, sizeof(kinds[i].name), "%s", kind);
        if (strcmp(kinds[i].name, kind) == 0)
            return ++kinds[i].count;
    }
    abort();
}

/* ---- Requests and answers ---- */

/* A last chunk comes with the end of a part. */
static bool ends_chunks(const char *data, size_t size)
{
    return size >= 5 && memcmp(data + size - 5, "0\r\n\r\n", 5) == 0;
}

static size_t content_length(const char *head, size_t size)
{
    static const char name[] = "\r\nContent-Length: ";
    const char *at = memmem(head, size, name, strlen(name));
    size_t length = 0;

    if (at == NULL)
        return 0;
    for (at += strlen(name); at < head + size && isdigit((unsigned char)*at); at++)
        length = length * 10 + (size_t)(*at - '0');
    return length;
}

static void message_begin(struct message *message, const char *data, size_t size)
{
    static const char chunked[] = "\r\nTransfer-Encoding: chunked";
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    size_t head = end == NULL ? size : (size_t)(end - data) + 4;
    size_t body = content_length(data, head);

    message->chunked = memmem(data, head, chunked, strlen(chunked)) != NULL;
    message->missing = body > size - head ? body - (size - head) : 0;
    message->open =
        message->chunked ? !ends_chunks(data + head, size - head) : message->missing > 0;
}

static void message_go_on(struct message *message, const char *data, size_t size)
{
    message->missing -= size < message->missing ? size : message->missing;
    message->open = message->chunked ? !ends_chunks(data, size) : message->missing > 0;
}

/* "POST /v1.41/containers/4f5a/start?t=1" is of the kind "POST containers/?/start": what is no word
 * of the API is a name. */
static void name_request(struct connection *connection, const char *method, const char *path)
{
    char copy[NAME_SIZE];
    char *rest = copy;
    const char *part;
    size_t used = (size_t)snprintf(connection->kind, NAME_SIZE, "%s", method);

    (void)snprintf(connection->path, NAME_SIZE, "%s", path);
    (void)snprintf(copy, NAME_SIZE, "%.*s", (int)strcspn(path, "?"), path);
    while ((part = strsep(&rest, "/")) != NULL) {
        if (part[0] == '\0' || (part[0] == 'v' && isdigit((unsigned char)part[1])))
            continue;
        if (part[strspn(part, "abcdefghijklmnopqrstuvwxyz")] != '\0')
            part = "?";
        used += (size_t)snprintf(connection->kind + used, NAME_SIZE - used, "%c%s",
                                 used == strlen(method) ? ' ' : '/', part);
    }
}

/* Whether a request begins with these bytes, and which. */
static bool parse_request(const char *data, size_t size, char method[NAME_SIZE],
                          char path[NAME_SIZE])
{
    static const char *const methods[] = { "GET ", "HEAD ", "POST ", "PUT ", "DELETE " };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        size_t length = strlen(methods[i]);
        const char *end;

        if (size <= length || memcmp(data, methods[i], length) != 0)
            continue;
        end = memchr(data + length, ' ', size - length);
        if (end == NULL || data[length] != '/')
            return false;
        (void)snprintf(method, NAME_SIZE, "%.*s", (int)length - 1, data);
        (void)snprintf(path, NAME_SIZE, "%.*s", (int)(end - data - (ptrdiff_t)length),
                       data + length);
        return true;
    }
    return false;
}

EXPORT ssize_t send(int fd, const void *data, size_t size, int flags)
{
    struct connection *connection = fd >= 0 && fd < FDS_MAX ? &connections[fd] : NULL;
    char method[NAME_SIZE];
    char path[NAME_SIZE];
    ssize_t sent;

    if (connection == NULL)
        return real_send(fd, data, size, flags);
    if (parse_request(data, size, method, path)) {
        *connection = (struct connection){ 0 };
        if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
            name_request(connection, method, path);
            connection->ordinal = count(connection->kind);
            boundary(connection->kind, connection->ordinal, "before", path);
        }
    }
    sent = real_send(fd, data, size, flags);
    if (connection->ordinal == 0 || sent <= 0)
        return sent;
    if (!connection->request.open) {
        message_begin(&connection->request, data, (size_t)sent);
        if (connection->request.open)
            boundary(connection->kind, connection->ordinal, "partly", connection->path);
    } else {
        message_go_on(&connection->request, data, (size_t)sent);
    }
    if (!connection->request.open)
        boundary(connection->kind, connection->ordinal, "sent", connection->path);
    return sent;
}

EXPORT ssize_t recv(int fd, void *data, size_t size, int flags)
{
    struct connection *connection = fd >= 0 && fd < FDS_MAX ? &connections[fd] : NULL;
    ssize_t got = real_recv(fd, data, size, flags);

    if (connection == NULL || connection->ordinal == 0 || got <= 0 ||
        memmem(data, (size_t)got, "HTTP/1.1 100 ", 13) == data)
        return got;
    if (!connection->answer.open) {
        message_begin(&connection->answer, data, (size_t)got);
        if (connection->answer.open)
            boundary(connection->kind, connection->ordinal, "begun", connection->path);
    } else {
        message_go_on(&connection->answer, data, (size_t)got);
    }
    if (!connection->answer.open) {
        boundary(connection->kind, connection->ordinal, "answered", connection->path);
        connection->ordinal = 0;
    }
    return got;
}

/* ---- Transactions ---- */

static bool is_log_of_database(int fd)
{
    char link[64];
    char path[4096];
    ssize_t size;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    size = readlink(link, path, sizeof(path));
    return size > 4 && memcmp(path + size - 4, "-wal", 4) == 0;
}

/* SQLite writes a transaction as frames: a head of 24 bytes each, then a page.  The head of the
 * last says, in the second of its numbers, how large the database is now; in the others that is
 * zero (https://www.sqlite.org/fileformat2.html#walformat).  What was written is there after a
 * kill, whether or not it is on the disk already. */
EXPORT ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    static const char zero[4];
    static unsigned ordinal; /* of the transaction that is being written */
    static bool is_last;
    ssize_t wrote;

    if (!is_log_of_database(fd))
        return real_pwrite64(fd, data, size, offset);
    if (ordinal == 0) {
        ordinal = count("facts");
        boundary("facts", ordinal, "before", "");
    }
    wrote = real_pwrite64(fd, data, size, offset);
    if (size == 24) {
        is_last = memcmp((const char *)data + 4, zero, sizeof(zero)) != 0;
    } else if (is_last) {
        boundary("facts", ordinal, "after", "");
        ordinal = 0;
        is_last = false;
    }
    return wrote;
}
