/*
 * The other programs of the sample, in one file:
 *
 *     tools counter    counts visits; the number is kept in /data, a volume
 *     tools proxy      hands requests on to the service UPSTREAM: the sidecar of `report`
 *     tools report     asks the proxy beside it every few seconds and prints what it says
 *     tools check      whether the server in this container is well
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "http.h"

#define COUNTER_FILE   "/data/visits"
#define REPORT_SECONDS 5

static int say(char *out, int status, const char *text)
{
    snprintf(out, HTTP_TEXT_SIZE, "%s\n", text);
    return status;
}

/* ---- counter --------------------------------------------------------------------------------- */

/* Requests run in processes of their own: the lock makes them count one after the other. */
static int count_visit(char *out)
{
    char text[32] = "";
    unsigned long visits = 0;
    int fd = open(COUNTER_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0 || flock(fd, LOCK_EX) < 0 || pread(fd, text, sizeof(text) - 1, 0) < 0)
        return say(out, 500, COUNTER_FILE " cannot be read");
    sscanf(text, "%lu", &visits);
    int size = snprintf(text, sizeof(text), "%lu\n", visits + 1);
    if (pwrite(fd, text, (size_t)size, 0) != size)
        return say(out, 500, COUNTER_FILE " cannot be written");
    close(fd);
    snprintf(out, HTTP_TEXT_SIZE, "%s", text);
    return 200;
}

static int counter_answer(const char *path, char *out)
{
    if (strcmp(path, "/healthz") == 0)
        return say(out, 200, "ok");
    return strcmp(path, "/add") == 0 ? count_visit(out) : say(out, 404, "there is nothing here");
}

/* ---- proxy ----------------------------------------------------------------------------------- */

static int proxy_answer(const char *path, char *out)
{
    const char *upstream = getenv("UPSTREAM");

    if (strcmp(path, "/healthz") == 0)
        return say(out, 200, "ok");
    int status = http_get(upstream != NULL ? upstream : "web", "8080", path, out);
    return status >= 0 ? status : say(out, 502, "upstream does not answer");
}

/* ---- report ---------------------------------------------------------------------------------- */

static int report(void)
{
    struct timespec pause = { .tv_sec = REPORT_SECONDS };
    sigset_t signals;
    char text[HTTP_TEXT_SIZE];

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    do {
        int status = http_get("127.0.0.1", "8080", "/", text);
        if (status < 0)
            printf("no answer\n");
        else
            printf("%d %s", status, text);
    } while (sigtimedwait(&signals, NULL, &pause) < 0);
    printf("stopped\n");
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = argc == 2 ? argv[1] : "";
    char text[HTTP_TEXT_SIZE];

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(name, "counter") == 0)
        return http_serve(8080, counter_answer);
    if (strcmp(name, "proxy") == 0)
        return http_serve(8080, proxy_answer);
    if (strcmp(name, "report") == 0)
        return report();
    if (strcmp(name, "check") == 0)
        return http_get("127.0.0.1", "8080", "/healthz", text) == 200 ? 0 : 1;
    fprintf(stderr, "usage: tools counter|proxy|report|check\n");
    return 2;
}
