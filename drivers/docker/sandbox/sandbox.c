/*
 * The program of a task's sandbox: it holds the namespaces that the task's containers share, reaps
 * the processes that are orphaned in them, and exits when it is told to.
 *
 * It stands alone, without a C library: a static program of a few hundred bytes of code, so that a
 * task costs no memory and its image needs no registry.
 */

#if defined(__x86_64__)
#    define SYS_RT_SIGPROCMASK  14
#    define SYS_WAIT4           61
#    define SYS_RT_SIGTIMEDWAIT 128
#    define SYS_EXIT_GROUP      231
#elif defined(__aarch64__)
#    define SYS_RT_SIGPROCMASK  135
#    define SYS_WAIT4           260
#    define SYS_RT_SIGTIMEDWAIT 137
#    define SYS_EXIT_GROUP      94
#else
#    error "the sandbox is written for x86-64 and aarch64"
#endif

#define SIGNAL_INT  2
#define SIGNAL_TERM 15
#define SIGNAL_CHLD 17
#define SIG_BLOCK   0
#define WNOHANG     1

#define BIT(signal) (1UL << ((signal)-1))

static long call(long number, long a, long b, long c, long d)
{
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#endif
}

/* NOLINTBEGIN(readability-identifier-naming): the linker's name */
__attribute__((noreturn, used)) void _start(void);

void _start(void)
/* NOLINTEND(readability-identifier-naming) */
{
    unsigned long wanted = BIT(SIGNAL_INT) | BIT(SIGNAL_TERM) | BIT(SIGNAL_CHLD);

    /* Blocked and waited for, so that none is lost between two looks. */
    (void)call(SYS_RT_SIGPROCMASK, SIG_BLOCK, (long)&wanted, 0, sizeof(wanted));
    for (;;) {
        long signal = call(SYS_RT_SIGTIMEDWAIT, (long)&wanted, 0, 0, sizeof(wanted));
        if (signal == SIGNAL_INT || signal == SIGNAL_TERM)
            break;
        while (call(SYS_WAIT4, -1, 0, WNOHANG, 0) > 0)
            ;
    }
    for (;;)
        (void)call(SYS_EXIT_GROUP, 0, 0, 0, 0);
}
