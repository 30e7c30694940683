/*
 * As much HTTP as the sample needs: GET, one request a connection, text answers.
 */
#ifndef APPS_HTTP_H
#define APPS_HTTP_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_TEXT_SIZE 1024

/* Writes the text of the answer to `path` into out (HTTP_TEXT_SIZE bytes) and returns its status.
 * Runs in a process of its own. */
typedef int http_answer_fn(const char *path, char *out);

/* Serves until SIGTERM or SIGINT, then lets requests in progress end.  Returns an exit code. */
int http_serve(uint16_t port, http_answer_fn *answer);

/* Asks host:port for a path; the text goes to out (HTTP_TEXT_SIZE bytes). Returns the status, or -1
 * when no answer came. */
int http_get(const char *host, const char *port, const char *path, char *out);

#endif
