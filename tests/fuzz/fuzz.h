/*
 * What the targets share.  Each fuzz_NAME.c is a program of its own: linked with libFuzzer
 * (`make fuzz`), or with replay.c (`make test`).  A property that does not hold ends it with
 * ASSERT().
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "spec/base/base.h"
#include "spec/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* More than any target prints. */
#define FUZZ_PRINTED_MAX ((size_t)64 * 1024 * 1024)

/* What is left of an input. */
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

/* Up to and without the separator, which is dropped; all that is left when there is none.  Heap
 * text of exactly its bytes and a NUL, so that reading beyond it is seen. */
char *fuzz_take(struct fuzz_input *input, const char *separator, size_t *out_size);
/* All that is left. */
char *fuzz_rest(struct fuzz_input *input, size_t *out_size);
/* The first line as a number, modulo `limit`; 0 when it is none. */
uint32_t fuzz_choice(struct fuzz_input *input, uint32_t limit);

/* Sizes of the pieces that a stream comes in: the same for the same state. */
struct fuzz_cut {
    uint32_t state;
    size_t most;
};
size_t fuzz_piece(struct fuzz_cut *cut, size_t left);

/* A file that is only in memory, and a path under which it can be opened.  Zeroed is valid; made
 * once, kept until the end. */
struct fuzz_file {
    int fd;
    char path[40];
};
void fuzz_file_set(struct fuzz_file *file, const void *data, size_t size);

#endif
