/*
 * The web service of the sample: says who it is and counts visits with the service `counter`.
 *
 * Change VERSION (or anything else here), commit, and the new version is built and rolled out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http.h"

#define VERSION "1"

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : otherwise;
}

static int answer(const char *path, char *out)
{
    char task[64] = "?";
    char visits[HTTP_TEXT_SIZE] = "";

    if (strcmp(path, "/healthz") == 0) {
        snprintf(out, HTTP_TEXT_SIZE, "ok\n");
        return 200;
    }
    if (strcmp(path, "/") != 0) {
        snprintf(out, HTTP_TEXT_SIZE, "there is nothing here\n");
        return 404;
    }
    const char *counter = setting("COUNTER", "counter"); /* none: it is not asked */
    gethostname(task, sizeof(task) - 1);
    if (strcmp(counter, "none") == 0 || http_get(counter, "8080", "/add", visits) != 200)
        snprintf(visits, sizeof(visits), "nobody counts");
    visits[strcspn(visits, "\n")] = '\0';
    snprintf(out, HTTP_TEXT_SIZE, "%s: version %s, %s, task %s, visit %.40s\n",
             setting("GREETING", "hello"), VERSION, setting("COLOR", "grey"), task, visits);
    return 200;
}

int main(int argc, char **argv)
{
    char text[HTTP_TEXT_SIZE];

    setvbuf(stdout, NULL, _IOLBF, 0);
    /* The health check of the container runs the program once more, as `web check`. */
    if (argc == 2 && strcmp(argv[1], "check") == 0)
        return http_get("127.0.0.1", "8080", "/healthz", text) == 200 ? 0 : 1;
    return http_serve(8080, answer);
}
