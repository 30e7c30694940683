/*
 * Answers of an HTTP server from a script, in place of drivers/io/http.c behind the same header: a
 * target that is linked with it reaches whatever reads answers, without a socket.
 *
 * The script is text, one answer after the other, in the order in which requests are made:
 *
 *     200 7 Api-Version: 1.41     status, most bytes of a piece of a stream, one header
 *     {"any": "body"}
 *     --                          on a line of its own between two answers
 *
 * Status 0 is a connection that failed.  "+200" leaves a stream open after its body, until it is
 * cancelled.  Requests beyond the end of the script fail.
 */
#ifndef TESTS_FUZZ_FAKE_HTTP_H
#define TESTS_FUZZ_FAKE_HTTP_H

#include "drivers/io/http.h"
#include "tests/fuzz/fuzz.h"

/* For all requests from now on; the bytes must live as long.  may_stay_open false: "+" means
 * nothing, for those who wait until a stream ends. */
void fake_http_script(const uint8_t *data, size_t size, bool may_stay_open);
/* Runs the loop until all that waits for nothing but its turn had it. */
void fake_http_settle(struct loop *loop);
/* Requests that were made and have not ended. */
size_t fake_http_open(void);

#endif
