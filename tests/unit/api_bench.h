/*
 * A server of the API with routes that try everything a handler can do, for tests.
 */
#ifndef TESTS_UNIT_API_BENCH_H
#define TESTS_UNIT_API_BENCH_H

#include "spec/base/base.h"

/* What GET /v1/big sends. */
#define API_BENCH_BIG ((size_t)3 * 1024 * 1024)

/* Serves on the socket `path` and on TCP, writes the TCP port (two bytes) to `report` and runs
 * until SIGTERM. Then the process ends: 0, unless the sanitizer finds a leak. */
NO_RETURN void api_bench_serve(const char *path, int report);

#endif
