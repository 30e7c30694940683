/*
 * A file as bytes of the program; assembled once per file, with FILE its path and SYMBOL its name.
 * A NUL follows the last byte, so that text can be used as a C string:
 *
 *     extern const char SYMBOL[];      the first byte
 *     extern const char SYMBOL_end[];  behind the last; the size is SYMBOL_end - SYMBOL
 */
#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define END         JOIN(SYMBOL, _end)

    .section .rodata
    .balign 16
    .globl SYMBOL
    .hidden SYMBOL
    .globl END
    .hidden END
SYMBOL:
    .incbin FILE
END:
    .byte 0

    .section .note.GNU-stack, "", %progbits
