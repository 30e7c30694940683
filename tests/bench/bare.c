/*
 * The bare side of the benchmark: the Engine calls that any program would have to make, through our
 * own client and with nothing around them.
 *
 *     bare HOST up NAME COUNT < BODY          creates and starts NAME-0 ..., 4 at a time
 *     bare HOST replace OLD NEW COUNT < BODY  likewise NEW-*; OLD-i goes when NEW-i is healthy
 *     bare HOST revive OLD NEW < BODY         waits for the end of OLD, then makes NEW
 *     bare HOST look                          asks for facts, lists, and inspects every container
 *     bare HOST clean                         removes every container
 *
 * BODY is what POST /containers/create takes.  Prints "BEGAN CPU": when the first call was made, in
 * nanoseconds since 1970, and the CPU time of the whole in nanoseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "drivers/docker/client.h"
#include "spec/base/json.h"
#include "spec/base/text.h"

#define LANES       4 /* where the Engine saturates on two cores */
#define LOOK_LANES  8
#define COUNT_MAX   1000
#define PATH_SIZE   400
#define DEADLINE_MS (10 * 60 * 1000)

struct bare;

struct pair {
    struct bare *bare;
    uint32_t index;
};

struct bare {
    struct loop *loop;
    struct http *http;
    struct docker *docker;
    struct docker_call *events;
    const char *body;
    const char *old_name; /* NULL: nothing is taken away */
    const char *new_name;
    uint32_t count;
    uint32_t next;     /* first that is not begun */
    uint32_t left;     /* whose last call is not answered */
    struct json *list; /* of containers to be looked at */
    int64_t began_ns;
    bool awaits_health;
    bool failed;
    struct pair pairs[COUNT_MAX];
};

static void give_up(struct bare *bare, const struct err *failure)
{
    (void)fprintf(stderr, "bare: %s\n", failure->text);
    bare->failed = true;
    loop_stop(bare->loop);
}

static void one_done(struct bare *bare)
{
    ASSERT(bare->left > 0);
    if (--bare->left == 0)
        loop_stop(bare->loop);
}

static void send(struct bare *bare, const struct docker_request *request, docker_done_fn *done,
                 void *ctx)
{
    (void)docker_call(bare->docker, request, done, ctx);
}

/* ---- Take one down ---- */

static void on_removed(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct pair *pair = ctx;

    (void)answer;
    if (failure != NULL)
        give_up(pair->bare, failure);
    else
        one_done(pair->bare);
}

static void on_stopped(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct pair *pair = ctx;
    char path[PATH_SIZE];

    (void)answer;
    if (failure != NULL) {
        give_up(pair->bare, failure);
        return;
    }
    (void)snprintf(path, sizeof(path), "/containers/%s-%u", pair->bare->old_name, pair->index);
    send(pair->bare,
         &(struct docker_request){ .method = "DELETE", .path = path, .deadline_ms = DEADLINE_MS },
         on_removed, pair);
}

static void take_down(struct pair *pair)
{
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "/containers/%s-%u/stop", pair->bare->old_name, pair->index);
    send(pair->bare,
         &(struct docker_request){
             .method = "POST", .path = path, .deadline_ms = DEADLINE_MS, .is_long = true },
         on_stopped, pair);
}

/* ---- Bring one up ---- */

static void next(struct bare *bare);

static void on_started(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct pair *pair = ctx;

    (void)answer;
    if (failure != NULL) {
        give_up(pair->bare, failure);
        return;
    }
    if (!pair->bare->awaits_health)
        one_done(pair->bare);
    next(pair->bare);
}

static void on_created(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct pair *pair = ctx;
    char path[PATH_SIZE];

    if (failure != NULL) {
        give_up(pair->bare, failure);
        return;
    }
    AUTO(json) *value = json_parse(answer->body, answer->size, NULL);
    (void)snprintf(path, sizeof(path), "/containers/%s/start",
                   json_as_text(json_get(value, "Id"), "?"));
    send(pair->bare,
         &(struct docker_request){ .method = "POST", .path = path, .deadline_ms = DEADLINE_MS },
         on_started, pair);
}

static void next(struct bare *bare)
{
    struct pair *pair = &bare->pairs[bare->next];
    char query[PATH_SIZE];

    if (bare->next == bare->count)
        return;
    *pair = (struct pair){ bare, bare->next++ };
    (void)snprintf(query, sizeof(query), "name=%s-%u", bare->new_name, pair->index);
    send(bare,
         &(struct docker_request){ .method = "POST",
                                   .path = "/containers/create",
                                   .query = query,
                                   .json = bare->body,
                                   .deadline_ms = DEADLINE_MS },
         on_created, pair);
}

static void bring_up(struct bare *bare)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_REALTIME, &now);
    bare->began_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    bare->left = bare->count;
    for (uint32_t i = 0; i < LANES; i++)
        next(bare);
}

/* ---- Events ---- */

static void on_event(void *ctx, const char *text, size_t size)
{
    struct bare *bare = ctx;
    AUTO(json) *event = json_parse(text, size, NULL);
    const char *action = json_as_text(json_get(event, "Action"), "");
    const char *name = json_as_text(json_path(event, "Actor.Attributes.name"), "");
    size_t prefix = strlen(bare->new_name);
    uint32_t index;

    if (text_equal(action, "die") && text_equal(name, bare->old_name) && bare->next == 0)
        bring_up(bare);
    if (text_equal(action, "health_status: healthy") &&
        strncmp(name, bare->new_name, prefix) == 0 && name[prefix] == '-' &&
        text_parse_u32(name + prefix + 1, &index) && index < bare->next)
        take_down(&bare->pairs[index]);
}

static void on_events_end(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct bare *bare = ctx;

    (void)answer;
    bare->events = NULL;
    if (failure != NULL && failure->code != ERR_CANCELLED)
        give_up(bare, failure);
}

static void listen_to(struct bare *bare, const char *filters)
{
    bare->events = docker_call(bare->docker,
                               &(struct docker_request){ .method = "GET",
                                                         .path = "/events",
                                                         .query = filters,
                                                         .is_long = true,
                                                         .on_line = on_event },
                               on_events_end, bare);
}

/* ---- Clean ---- */

static void on_cleaned(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    (void)answer;
    (void)failure; /* it may be on its way out already */
    one_done(ctx);
}

static void on_listed(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct bare *bare = ctx;
    AUTO(json) *list = json_parse(answer->body, answer->size, NULL);

    if (failure != NULL) {
        give_up(bare, failure);
        return;
    }
    bare->left = (uint32_t)json_count(list) + 1;
    for (size_t i = 0; i < json_count(list); i++) {
        char path[PATH_SIZE];

        (void)snprintf(path, sizeof(path), "/containers/%s", json_text(json_at(list, i), "Id"));
        send(bare,
             &(struct docker_request){ .method = "DELETE",
                                       .path = path,
                                       .query = "force=1&v=1",
                                       .deadline_ms = DEADLINE_MS },
             on_cleaned, bare);
    }
    one_done(bare);
}

/* ---- Look ---- */

static void look_at_next(struct bare *bare);

static void on_looked_at(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct bare *bare = ctx;

    (void)answer;
    if (failure != NULL) {
        give_up(bare, failure);
        return;
    }
    look_at_next(bare);
    one_done(bare);
}

static void look_at_next(struct bare *bare)
{
    char path[PATH_SIZE];

    if (bare->next == bare->count)
        return;
    (void)snprintf(path, sizeof(path), "/containers/%s/json",
                   json_text(json_at(bare->list, bare->next++), "Id"));
    send(bare,
         &(struct docker_request){ .method = "GET", .path = path, .deadline_ms = DEADLINE_MS },
         on_looked_at, bare);
}

static void on_seen(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct bare *bare = ctx;

    if (failure != NULL) {
        give_up(bare, failure);
        return;
    }
    bare->list = json_parse(answer->body, answer->size, NULL);
    bare->count = (uint32_t)json_count(bare->list);
    bare->left = bare->count + 1;
    for (uint32_t i = 0; i < LOOK_LANES; i++)
        look_at_next(bare);
    one_done(bare);
}

static void on_facts(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct bare *bare = ctx;

    (void)answer;
    if (failure != NULL) {
        give_up(bare, failure);
        return;
    }
    send(bare,
         &(struct docker_request){ .method = "GET",
                                   .path = "/containers/json",
                                   .query = "all=1",
                                   .deadline_ms = DEADLINE_MS },
         on_seen, bare);
}

/* ---- Main ---- */

static bool begin(struct bare *bare, int count, char **arguments)
{
    const char *verb = arguments[0];

    if (text_equal(verb, "clean") && count == 1) {
        send(bare,
             &(struct docker_request){ .method = "GET",
                                       .path = "/containers/json",
                                       .query = "all=1",
                                       .deadline_ms = DEADLINE_MS },
             on_listed, bare);
        return true;
    }
    if (text_equal(verb, "look") && count == 1) {
        send(bare,
             &(struct docker_request){
                 .method = "GET", .path = "/info", .deadline_ms = DEADLINE_MS },
             on_facts, bare);
        return true;
    }
    if (text_equal(verb, "up") && count == 3) {
        bare->new_name = arguments[1];
    } else if (text_equal(verb, "replace") && count == 4) {
        bare->old_name = arguments[1];
        bare->new_name = arguments[2];
        bare->awaits_health = true;
        listen_to(bare, "filters=%7B%22event%22%3A%5B%22health_status%22%5D%7D");
    } else if (text_equal(verb, "revive") && count == 3) {
        bare->old_name = arguments[1];
        bare->new_name = arguments[2];
        bare->count = 1;
        listen_to(bare, "filters=%7B%22event%22%3A%5B%22die%22%5D%7D");
        return true;
    } else {
        return false;
    }
    if (!text_parse_u32(arguments[count - 1], &bare->count) || bare->count == 0 ||
        bare->count > COUNT_MAX)
        return false;
    bring_up(bare);
    return true;
}

static char *read_body(void)
{
    struct buf text;
    char part[4096];
    ssize_t size;

    buf_init(&text, 1024 * 1024);
    while ((size = read(STDIN_FILENO, part, sizeof(part))) > 0)
        buf_add(&text, part, (size_t)size);
    return buf_take(&text);
}

int main(int argc, char **argv)
{
    static struct bare bare;
    struct err err = { 0 };
    struct rusage usage;
    AUTO_TEXT char *body = argc > 3 ? read_body() : NULL;

    bare.body = body;
    bare.loop = argc < 3 ? NULL : loop_new(&err);
    bare.http = bare.loop == NULL ? NULL : http_new(bare.loop, &err);
    bare.docker = bare.http == NULL ? NULL : docker_new(bare.http, argv[1], &err);
    if (bare.docker == NULL || !begin(&bare, argc - 2, argv + 2)) {
        (void)fprintf(stderr, "bare: %s\n", err.code == ERR_OK ? "see its source" : err.text);
        return 2;
    }
    loop_run(bare.loop);
    json_free(bare.list);
    docker_free(bare.docker);
    http_free(bare.http);
    loop_free(bare.loop);
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("%lld %lld\n", (long long)bare.began_ns,
                 ((long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                  usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) *
                     1000);
    return bare.failed ? 1 : 0;
}
