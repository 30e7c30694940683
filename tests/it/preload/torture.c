/*
 * Loaded into berth by tests/it/torture.sh (LD_PRELOAD): lets one call that may fail do so.
 *
 * Calls are known by the function, by who calls it, and by how many times that one did so before:
 * "open64 libgit2.so.1.5+24f7 2", much the same in every run.  What calls itself is not seen where
 * it is a matter within the C library.  "short" ones are no failures: only a part is done.
 *
 *     TORTURE_LOG=FILE   at the end, a line for each "FUNCTION CALLER COUNT"
 *     TORTURE_AT=CALL    that one fails; without a number, each of them does
 *     TORTURE_TOLD=FILE  is made when it has
 *
 * Errors are those that come when there is no more memory, disk, descriptor or peer.
 */
#undef _FORTIFY_SOURCE /* its inline versions of these functions would be in the way */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT    __attribute__((visibility("default")))
#define SITES_MAX 16384 /* a power of two */
#define NAME_SIZE 160

struct site {
    const char *function; /* a literal; NULL: the place is free */
    void *caller;
    unsigned count;
    bool is_target;
};

static struct site sites[SITES_MAX];
static atomic_flag lock = ATOMIC_FLAG_INIT;
static bool is_ready;
static char target[NAME_SIZE];    /* "FUNCTION CALLER" */
static const char *target_number; /* of its calls the one that fails; NULL: each */
static const char *told;
static const char *log_path;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("TORTURE_AT");
    const char *number;

    log_path = getenv("TORTURE_LOG");
    told = getenv("TORTURE_TOLD");
    if (at != NULL) {
        number = strrchr(at, ' ');
        if (number != NULL && strspn(number + 1, "0123456789") == strlen(number + 1))
            target_number = number + 1;
        else
            number = at + strlen(at);
        (void)snprintf(target, sizeof(target), "%.*s", (int)(number - at), at);
    }
    (void)unsetenv("LD_PRELOAD"); /* not for its children */
    is_ready = true;
}

static void name_site(const struct site *site, char out[NAME_SIZE])
{
    Dl_info info;
    const char *file;

    if (dladdr(site->caller, &info) == 0 || info.dli_fname == NULL) {
        (void)snprintf(out, NAME_SIZE, "%s ?", site->function);
        return;
    }
    file = strrchr(info.dli_fname, '/');
    (void)snprintf(out, NAME_SIZE, "%s %s+%zx", site->function,
                   file != NULL ? file + 1 : info.dli_fname,
                   (size_t)((char *)site->caller - (char *)info.dli_fbase));
}

__attribute__((destructor)) static void end(void)
{
    FILE *file;
    char name[NAME_SIZE];

    is_ready = false;
    if (log_path == NULL)
        return;
    file = fopen(log_path, "we");
    for (size_t i = 0; file != NULL && i < SITES_MAX; i++) {
        if (sites[i].function == NULL)
            continue;
        name_site(&sites[i], name);
        (void)fprintf(file, "%s %u\n", name, sites[i].count);
    }
    if (file == NULL || fclose(file) != 0)
        abort();
}

/* The literal of a function is one for all of its calls. */
static struct site *site_of(const char *function, void *caller)
{
    size_t at = ((size_t)caller ^ (size_t)function >> 3) * (size_t)0x9E3779B97F4A7C15 >> 40;
    char name[NAME_SIZE];

    for (at &= SITES_MAX - 1; sites[at].function != NULL; at = (at + 1) & (SITES_MAX - 1)) {
        if (sites[at].caller == caller && sites[at].function == function)
            return &sites[at];
    }
    sites[at].function = function;
    sites[at].caller = caller;
    if (target[0] != '\0') {
        name_site(&sites[at], name);
        sites[at].is_target = strcmp(name, target) == 0;
    }
    return &sites[at];
}

static void tell(void)
{
    int fd = told == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, told, O_WRONLY | O_CREAT, 0600);

    if (fd >= 0)
        (void)syscall(SYS_close, fd);
}

static bool is_number(unsigned count)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%u", count);
    return target_number == NULL || strcmp(text, target_number) == 0;
}

static bool fails(const char *function, void *caller)
{
    struct site *site;
    bool is_due;

    if (!is_ready)
        return false;
    while (atomic_flag_test_and_set(&lock))
        ;
    site = site_of(function, caller);
    site->count++;
    is_due = site->is_target && is_number(site->count);
    atomic_flag_clear(&lock);
    if (is_due)
        tell();
    return is_due;
}

/* ---- Memory ---- */

#define CALLER __builtin_return_address(0)

EXPORT void *malloc(size_t size)
{
    if (fails("malloc", CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    if (fails("calloc", CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_calloc(count, size);
}

EXPORT void *realloc(void *memory, size_t size)
{
    if (size > 0 && fails("realloc", CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(memory, size);
}

static char *copy_of(const char *text, size_t size)
{
    char *copy = __libc_malloc(size + 1);

    if (copy != NULL) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

EXPORT char *strdup(const char *text)
{
    if (fails("strdup", CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return copy_of(text, strlen(text));
}

EXPORT char *strndup(const char *text, size_t size)
{
    if (fails("strndup", CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return copy_of(text, strnlen(text, size));
}

/* ---- What the kernel does ---- */

#define REAL(name)                                                                                 \
    static __typeof__(&name) real;                                                                 \
    if (real == NULL)                                                                              \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

#define FAILING(type, name, parameters, arguments, bad, error)                                     \
    EXPORT type name parameters                                                                    \
    {                                                                                              \
        REAL(name);                                                                                \
        if (fails(#name, CALLER)) {                                                                \
            errno = (error);                                                                       \
            return bad;                                                                            \
        }                                                                                          \
        return real arguments;                                                                     \
    }

/* Counters and pipes of the kernel have neither a disk nor a peer beyond this machine: to read or
 * to write them does not fail, and libuv, which wakes its loop with them, has no answer to it. */
static bool is_sure(int fd)
{
    char path[32];
    char is[32] = "";

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    (void)syscall(SYS_readlinkat, AT_FDCWD, path, is, sizeof(is) - 1);
    return strcmp(is, "anon_inode:[eventfd]") == 0 || strncmp(is, "pipe:", 5) == 0;
}

/* Likewise, and a part of it may be all that is done. */
#define PARTLY(name, parameters, arguments, size, error)                                           \
    EXPORT ssize_t name parameters                                                                 \
    {                                                                                              \
        REAL(name);                                                                                \
        if (is_sure(fd))                                                                           \
            return real arguments;                                                                 \
        if (fails(#name, CALLER)) {                                                                \
            errno = (error);                                                                       \
            return -1;                                                                             \
        }                                                                                          \
        if (size > 1 && fails(#name "-short", CALLER))                                             \
            size = (size + 1) / 2;                                                                 \
        return real arguments;                                                                     \
    }

#define OPENING(name, before_type, before, before_names)                                           \
    EXPORT int name(before_type before const char *path, int flags, ...)                           \
    {                                                                                              \
        va_list list;                                                                              \
        unsigned mode = 0;                                                                         \
        REAL(name);                                                                                \
                                                                                                   \
        va_start(list, flags);                                                                     \
        if ((flags & (O_CREAT | O_TMPFILE)) != 0)                                                  \
            mode = va_arg(list, unsigned);                                                         \
        va_end(list);                                                                              \
        if (fails(#name, CALLER)) {                                                                \
            errno = EMFILE;                                                                        \
            return -1;                                                                             \
        }                                                                                          \
        return real(before_names path, flags, mode);                                               \
    }

#define AT       int directory,
#define AT_NAMES directory,
OPENING(open, , , )
OPENING(open64, , , )
OPENING(openat, , AT, AT_NAMES)
OPENING(openat64, , AT, AT_NAMES)

PARTLY(read, (int fd, void *to, size_t size), (fd, to, size), size, EIO)
PARTLY(pread, (int fd, void *to, size_t size, off_t at), (fd, to, size, at), size, EIO)
PARTLY(pread64, (int fd, void *to, size_t size, off64_t at), (fd, to, size, at), size, EIO)
PARTLY(write, (int fd, const void *from, size_t size), (fd, from, size), size, ENOSPC)
PARTLY(pwrite, (int fd, const void *from, size_t size, off_t at), (fd, from, size, at), size,
       ENOSPC)
PARTLY(pwrite64, (int fd, const void *from, size_t size, off64_t at), (fd, from, size, at), size,
       ENOSPC)
PARTLY(send, (int fd, const void *from, size_t size, int flags), (fd, from, size, flags), size,
       ECONNRESET)
PARTLY(recv, (int fd, void *to, size_t size, int flags), (fd, to, size, flags), size, ECONNRESET)

FAILING(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
FAILING(FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
FAILING(DIR *, opendir, (const char *path), (path), NULL, EMFILE)
FAILING(int, fsync, (int fd), (fd), -1, EIO)
FAILING(int, fdatasync, (int fd), (fd), -1, EIO)
FAILING(int, ftruncate, (int fd, off_t size), (fd, size), -1, ENOSPC)
FAILING(int, ftruncate64, (int fd, off64_t size), (fd, size), -1, ENOSPC)
FAILING(int, fstat, (int fd, struct stat *to), (fd, to), -1, EIO)
FAILING(int, fstat64, (int fd, struct stat64 *to), (fd, to), -1, EIO)
FAILING(int, stat, (const char *path, struct stat *to), (path, to), -1, EIO)
FAILING(int, stat64, (const char *path, struct stat64 *to), (path, to), -1, EIO)
FAILING(int, lstat, (const char *path, struct stat *to), (path, to), -1, EIO)
FAILING(int, lstat64, (const char *path, struct stat64 *to), (path, to), -1, EIO)
FAILING(int, access, (const char *path, int mode), (path, mode), -1, EIO)
FAILING(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, ENOSPC)
FAILING(int, rename, (const char *from, const char *to), (from, to), -1, ENOSPC)
FAILING(int, unlink, (const char *path), (path), -1, EIO)
FAILING(int, chmod, (const char *path, mode_t mode), (path, mode), -1, EIO)
FAILING(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, EIO)
FAILING(ssize_t, readlink, (const char *path, char *to, size_t size), (path, to, size), -1, EIO)
FAILING(char *, realpath, (const char *path, char *to), (path, to), NULL, EIO)
FAILING(char *, getcwd, (char *to, size_t size), (to, size), NULL, ENOENT)
FAILING(void *, mmap, (void *at, size_t size, int prot, int flags, int fd, off_t from),
        (at, size, prot, flags, fd, from), MAP_FAILED, ENOMEM)
FAILING(void *, mmap64, (void *at, size_t size, int prot, int flags, int fd, off64_t from),
        (at, size, prot, flags, fd, from), MAP_FAILED, ENOMEM)
FAILING(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1, EMFILE)
FAILING(int, socketpair, (int domain, int type, int protocol, int out[2]),
        (domain, type, protocol, out), -1, EMFILE)
FAILING(int, connect, (int fd, __CONST_SOCKADDR_ARG address, socklen_t size), (fd, address, size),
        -1, ECONNREFUSED)
FAILING(int, bind, (int fd, __CONST_SOCKADDR_ARG address, socklen_t size), (fd, address, size), -1,
        EADDRINUSE)
FAILING(int, listen, (int fd, int backlog), (fd, backlog), -1, EADDRINUSE)
FAILING(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
        (fd, level, name, value, size), -1, ENOBUFS)
FAILING(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size),
        (fd, level, name, value, size), -1, ENOBUFS)
FAILING(int, pipe2, (int out[2], int flags), (out, flags), -1, EMFILE)
FAILING(int, eventfd, (unsigned value, int flags), (value, flags), -1, EMFILE)
FAILING(int, epoll_create1, (int flags), (flags), -1, EMFILE)
FAILING(int, epoll_ctl, (int epoll, int op, int fd, struct epoll_event *event),
        (epoll, op, fd, event), -1, ENOSPC)
FAILING(int, inotify_init1, (int flags), (flags), -1, EMFILE)
FAILING(int, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask), -1,
        ENOSPC)
FAILING(ssize_t, getrandom, (void *to, size_t size, unsigned flags), (to, size, flags), -1, ENOSYS)
FAILING(void *, dlopen, (const char *path, int flags), (path, flags), NULL, ENOMEM)

EXPORT int pthread_create(pthread_t *out, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context)
{
    REAL(pthread_create);
    return fails("pthread_create", CALLER) ? EAGAIN : real(out, attributes, run, context);
}
