/*
 * The few macros that every file may use.  Nothing here knows the product.
 */
#ifndef SPEC_BASE_BASE_H
#define SPEC_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE                 __attribute__((warn_unused_result))
#define NO_RETURN                __attribute__((noreturn))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* AUTO(name) releases a local variable at the end of its scope with name_auto(), which DEFINE_AUTO
 * makes. */
#define AUTO(name) __attribute__((cleanup(name##_auto))) struct name

/* DEFINE_AUTO(thing, release): `AUTO(thing) *x` calls release(x) when x leaves its scope.
 * DEFINE_AUTO_VALUE does the same for a struct held by value: release(&x). */
#define DEFINE_AUTO(name, release)                                                                 \
    static inline void name##_auto(struct name **slot)                                             \
    {                                                                                              \
        release(*slot);                                                                            \
    }
#define DEFINE_AUTO_VALUE(name, release)                                                           \
    static inline void name##_auto(struct name *slot)                                              \
    {                                                                                              \
        release(slot);                                                                             \
    }

/* Heap text released at the end of its scope: AUTO_TEXT char *text = ... */
#define AUTO_TEXT __attribute__((cleanup(text_auto)))
void text_auto(char **slot);

/* File descriptor closed at the end of its scope; -1 is none: AUTO_FD int fd = ... */
#define AUTO_FD __attribute__((cleanup(fd_auto)))
void fd_auto(int *slot);
int fd_take(int *slot); /* what TAKE is for pointers */

/* Moves a pointer out of an AUTO variable: the scope no longer releases it. */
#define TAKE(slot)                                                                                 \
    __extension__({                                                                                \
        __typeof__(slot) taken_ = (slot);                                                          \
        (slot) = NULL;                                                                             \
        taken_;                                                                                    \
    })

/* For errors of the programmer only, never for input.  On in release builds too. */
#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            assert_failed(#condition, __FILE__, __LINE__);                                         \
    } while (0)
NO_RETURN void assert_failed(const char *condition, const char *file, int line);

/* Heap allocation that aborts with the size when memory is out (inputs are bounded: limits.h). */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *mem_resize(void *memory, size_t size) __attribute__((returns_nonnull));
char *mem_text(const char *text) __attribute__((malloc, returns_nonnull)); /* a copy */

#endif
