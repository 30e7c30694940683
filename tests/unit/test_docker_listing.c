/*
 * Connecting to an engine: what is asked for before its facts are known, and told after them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/docker/engine.h"
#include "spec/action.h"
#include "spec/base/text.h"
#include "tests/unit/io_server.h"
#include "tests/unit/unit.h"

#define TASK "0123456789abcdef0123456789abcdef"
#define ONE  "1111111111111111111111111111111111111111111111111111111111111111"
#define TWO  "2222222222222222222222222222222222222222222222222222222222222222"
#define INFO "{\"ID\":\"engine\",\"ServerVersion\":\"20.10\",\"NCPU\":2,\"MemTotal\":1073741824}"
#define LABELS                                                                                     \
    "{\"berth.owner\":\"it\",\"berth.cluster\":\"c\",\"berth.service\":\"s\","                     \
    "\"berth.task\":\"" TASK "\",\"berth.container\":\"%s\"}"
#define ENOUGH_MS 20000

struct scene {
    struct loop *loop;
    struct http *http;
    struct io_server *server;
    struct engine *engine;
    struct timer patience;
    char directory[40];
    char socket[64];
    char host[80];
    struct io_server_peer *info;   /* waits for its answer */
    struct io_server_peer *images; /* likewise */
    struct io_server_peer *events; /* of containers: what happens is sent there */
    unsigned infos;
    unsigned inspects;
    unsigned exited;     /* so many inspects say that it has, not that it runs */
    unsigned gone_after; /* the container is removed after so many */
    unsigned info_after; /* answered once so many inspects were */
    unsigned info_fails; /* so many are answered with a failure */
    unsigned info_waits; /* so many are not answered before the engine is lost */
    bool info_at_loss;   /* but then, at once */
    bool images_fail;    /* once, when /info was asked for */
    bool two_is_gone;
    bool has_network;
    struct buf told; /* what was reported, a word each */
};

static void give_up(void *ctx)
{
    (void)ctx;
    fail_msg("nothing happens any more");
}

static const char *const kinds[] = {
    [WORLD_INSTANCE] = "instance",         [WORLD_INSTANCE_LOST] = "lost",
    [WORLD_LISTING_BEGIN] = "begin",       [WORLD_LISTING_END] = "end",
    [WORLD_CONTAINER_GONE] = "gone",       [WORLD_CONTAINER_SIGNALLED] = "signalled",
    [WORLD_NETWORK_GONE] = "network-gone",
};

static void answer_info(struct scene *scene)
{
    struct io_server_peer *peer = scene->info;

    if (peer == NULL || scene->inspects < scene->info_after || scene->infos <= scene->info_waits)
        return;
    scene->info = NULL;
    if (scene->infos <= scene->info_fails)
        io_server_answer(peer, 500, "{\"message\":\"not now\"}");
    else
        io_server_answer(peer, 200, INFO);
}

static void on_change(void *ctx, const struct world_change *change)
{
    struct scene *scene = ctx;

    if (change->kind == WORLD_INSTANCE_LOST && scene->info_at_loss) {
        scene->info_waits = 0;
        answer_info(scene);
    }
    if (change->kind == WORLD_CONTAINER)
        buf_printf(&scene->told, "%s:%s ", change->container.inspected ? "inspected" : "listed",
                   change->container.container);
    else
        buf_printf(&scene->told, "%s ", kinds[change->kind]);
    if (change->kind == WORLD_LISTING_END || change->kind == WORLD_CONTAINER_GONE)
        loop_stop(scene->loop);
}

static void answer_images(struct scene *scene)
{
    struct io_server_peer *peer = scene->images;

    if (peer == NULL || (scene->images_fail && scene->infos == 0))
        return;
    scene->images = NULL;
    if (scene->images_fail)
        io_server_answer(peer, 500, "{\"message\":\"no space left on device\"}");
    else
        io_server_answer(peer, 200, "[]");
    scene->images_fail = false;
}

static void event_text(const char *action, const char *signal, struct buf *out)
{
    buf_printf(out,
               "{\"Type\":\"container\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"" ONE
               "\",\"Attributes\":{\"berth.owner\":\"it\",\"berth.task\":\"" TASK
               "\",\"signal\":\"%s\"}}}\n",
               action, signal);
}

static void happens(const struct scene *scene, const char *action, const char *signal)
{
    AUTO(buf) text = { 0 };

    buf_init(&text, 1000);
    event_text(action, signal, &text);
    io_server_send_text(scene->events, buf_text(&text));
}

/* Both are read before anything that the first one causes is answered. */
static void happen_at_once(const struct scene *scene, const char *first, const char *second)
{
    AUTO(buf) text = { 0 };

    buf_init(&text, 1000);
    event_text(first, "", &text);
    event_text(second, "", &text);
    io_server_send_text(scene->events, buf_text(&text));
}

static void answer_inspect(struct scene *scene, struct io_server_peer *peer, const char *path)
{
    bool is_one = strstr(path, ONE) != NULL;
    const char *name = is_one ? "one" : "two";
    char text[1000];

    if (!is_one && scene->two_is_gone) {
        io_server_answer(peer, 404, "{\"message\":\"No such container\"}");
    } else {
        (void)snprintf(text, sizeof(text),
                       "{\"Id\":\"%s\",\"Name\":\"/berth-0123456789ab-%s\",\"State\":{\"Status\":"
                       "\"%s\"},\"Config\":{\"StopSignal\":\"SIGUSR1\",\"Labels\":" LABELS "}}",
                       is_one ? ONE : TWO, name, scene->exited > 0 ? "exited" : "running", name);
        io_server_answer(peer, 200, text);
        if (scene->exited > 0)
            scene->exited--;
    }
    scene->inspects++;
    if (scene->inspects == scene->gone_after)
        happens(scene, "destroy", "");
    answer_info(scene);
}

static void answer_list(struct io_server_peer *peer)
{
    char text[2000];

    (void)snprintf(
        text, sizeof(text),
        "[{\"Id\":\"" ONE "\",\"Names\":[\"/berth-0123456789ab-one\"],\"State\":"
        "\"running\",\"Labels\":" LABELS "},{\"Id\":\"" TWO
        "\",\"Names\":[\"/berth-0123456789ab-two\"],\"State\":\"running\",\"Labels\":" LABELS "}]",
        "one", "two");
    io_server_answer(peer, 200, text);
}

static void serve(void *ctx, struct io_server_peer *peer, const struct io_server_request *request)
{
    struct scene *scene = ctx;
    const char *path = request->path;

    if (strstr(path, "/_ping") != NULL) {
        io_server_send_text(peer,
                            "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK");
    } else if (strstr(path, "/info") != NULL) {
        scene->info = peer;
        scene->infos++;
        answer_info(scene);
        answer_images(scene);
    } else if (strstr(path, "/images/json") != NULL) {
        scene->images = peer;
        answer_images(scene);
    } else if (strstr(path, "/containers/json") != NULL) {
        answer_list(peer);
    } else if (strstr(path, "/start") != NULL) {
        io_server_answer(peer, 404, "{\"message\":\"network net not found\"}");
    } else if (strstr(path, "/networks/net") != NULL) {
        io_server_answer(peer, scene->has_network ? 200 : 404, "{\"message\":\"none\"}");
    } else if (strstr(path, "/containers/") != NULL) {
        answer_inspect(scene, peer, path);
    } else if (strstr(path, "/events") != NULL) {
        io_server_send_text(peer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
        if (strstr(path, "container") != NULL)
            scene->events = peer;
    } else {
        io_server_answer(peer, 200, strstr(path, "/volumes") != NULL ? "{\"Volumes\":[]}" : "[]");
    }
}

static int set_up(void **state)
{
    struct scene *scene = mem_alloc(sizeof(*scene));
    struct err err;

    *state = scene;
    buf_init(&scene->told, 4096);
    text_copy(scene->directory, sizeof(scene->directory), "/tmp/berth-unit-XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    (void)snprintf(scene->socket, sizeof(scene->socket), "%s/s", scene->directory);
    (void)snprintf(scene->host, sizeof(scene->host), "unix://%s", scene->socket);
    scene->loop = loop_new(&err);
    assert_non_null(scene->loop);
    scene->http = http_new(scene->loop, &err);
    assert_non_null(scene->http);
    scene->server = io_server_new(scene->loop, scene->socket, serve, scene);
    timer_start(scene->loop, &scene->patience, ENOUGH_MS, give_up, scene);
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    engine_free(scene->engine, NULL, NULL);
    timer_stop(&scene->patience);
    io_server_free(scene->server);
    http_free(scene->http);
    loop_free(scene->loop);
    assert_int_equal(rmdir(scene->directory), 0);
    buf_release(&scene->told);
    free(scene);
    return 0;
}

static void connect_and_list(struct scene *scene)
{
    const struct engine_options options = {
        .http = scene->http,
        .docker_host = scene->host,
        .instance = "local",
        .mandate = { .owner = "it", .sink = { .change = on_change, .context = scene } }
    };
    struct err err;

    assert_int_equal(engine_new(&options, &scene->engine, &err), 0);
    engine_start(scene->engine);
    loop_run(scene->loop);
}

static void nothing_is_told_before_the_facts(void **state)
{
    struct scene *scene = *state;

    scene->info_after = 2;
    connect_and_list(scene);
    assert_string_equal(buf_text(&scene->told), "instance begin listed:one listed:two inspected:one"
                                                " inspected:two end ");
    assert_int_equal(scene->inspects, 2); /* and nothing is asked twice */
}

static void what_comes_later_is_told_as_it_comes(void **state)
{
    struct scene *scene = *state;

    connect_and_list(scene);
    assert_true(text_starts(buf_text(&scene->told), "instance begin listed:one listed:two "));
    assert_non_null(strstr(buf_text(&scene->told), "inspected:one "));
    assert_non_null(strstr(buf_text(&scene->told), "inspected:two "));
    assert_int_equal(scene->inspects, 2);
}

static void what_was_gone_by_then_is_gone(void **state)
{
    struct scene *scene = *state;

    scene->two_is_gone = true;
    scene->info_after = 2;
    connect_and_list(scene);
    assert_string_equal(buf_text(&scene->told),
                        "instance begin listed:one listed:two inspected:one gone end ");
}

/* What was asked for ahead is of no use then, and asked for anew. */
static void without_facts_it_is_dialled_again(void **state)
{
    struct scene *scene = *state;

    scene->info_after = 2;
    scene->info_fails = 1;
    connect_and_list(scene);
    assert_string_equal(buf_text(&scene->told), "lost instance begin listed:one listed:two"
                                                " inspected:one inspected:two end ");
    assert_int_equal(scene->infos, 2);
    assert_int_equal(scene->inspects, 4);
}

static void assert_lost_once(const struct scene *scene)
{
    const char *told = buf_text(&scene->told);

    assert_true(text_starts(told, "lost instance begin listed:one listed:two "));
    assert_null(strstr(told + 1, "lost"));
    assert_int_equal(scene->infos, 2);
}

/* The listing that was asked for ahead has failed by then: the facts are of no use without it. */
static void facts_that_come_after_a_failure_are_none(void **state)
{
    struct scene *scene = *state;

    scene->images_fail = true;
    scene->info_waits = 1;
    scene->info_at_loss = true;
    connect_and_list(scene);
    assert_lost_once(scene);
}

static void a_failure_before_the_facts_ends_the_wait_for_them(void **state)
{
    struct scene *scene = *state;

    scene->images_fail = true;
    scene->info_waits = 1;
    connect_and_list(scene);
    assert_lost_once(scene);
}

/* A program that is told to read its configuration again is not told to end. */
static void only_some_signals_are_to_end_it(void **state)
{
    static const struct {
        const char *signal;
        bool ends;
    } cases[] = {
        { "1", false }, { "2", true },   { "3", true },  { "9", true },
        { "10", true }, { "12", false }, { "15", true }, { "28", false },
    };
    struct scene *scene = *state;
    AUTO(buf) expected = { 0 };

    buf_init(&expected, 1000);
    connect_and_list(scene);
    buf_reset(&scene->told);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        happens(scene, "kill", cases[i].signal);
        if (cases[i].ends)
            buf_text_add(&expected, "signalled ");
    }
    happens(scene, "destroy", "");
    buf_text_add(&expected, "gone ");
    loop_run(scene->loop);
    assert_string_equal(buf_text(&scene->told), buf_text(&expected));
}

/* Its own call's answer made us look. */
static void a_start_that_was_seen_is_not_looked_at_again(void **state)
{
    struct scene *scene = *state;

    connect_and_list(scene);
    buf_reset(&scene->told);
    happens(scene, "start", "");
    happens(scene, "destroy", "");
    loop_run(scene->loop);
    assert_string_equal(buf_text(&scene->told), "gone ");
    assert_int_equal(scene->inspects, 2);
}

/* The look that the end caused comes too early to show it, or just in time. */
static void a_start_after_an_end_is_seen(void **state)
{
    struct scene *scene = *state;

    connect_and_list(scene);
    buf_reset(&scene->told);
    scene->exited = 1;
    scene->gone_after = 4;
    happen_at_once(scene, "die", "start");
    loop_run(scene->loop);
    assert_string_equal(buf_text(&scene->told), "inspected:one inspected:one gone ");
}

static void one_look_is_enough_for_an_end_and_a_start(void **state)
{
    struct scene *scene = *state;

    connect_and_list(scene);
    buf_reset(&scene->told);
    scene->gone_after = 3;
    happen_at_once(scene, "die", "start");
    loop_run(scene->loop);
    assert_string_equal(buf_text(&scene->told), "inspected:one gone ");
}

/* ---- A start that misses something ---- */

static void on_started(struct driver_call *call, const struct err *failure)
{
    struct scene *scene = call->context;

    assert_non_null(failure);
    assert_int_equal(failure->code, ERR_NOT_FOUND);
    buf_text_add(&scene->told, "failed");
    loop_stop(scene->loop);
}

/* What is told when the start of a container that joined a network is refused. */
static const char *told_of_start(struct scene *scene, const char *network)
{
    const struct action action = { .kind = ACTION_CONTAINER_START,
                                   .instance = "local",
                                   .object = "berth-0123456789ab-one",
                                   .container_id = ONE,
                                   .network = network };
    struct driver_call call = {
        .action = &action, .timeout_ms = ENOUGH_MS, .done = on_started, .context = scene
    };
    struct err err = { 0 };

    connect_and_list(scene);
    buf_reset(&scene->told);
    assert_int_equal(engine_apply(scene->engine, &call, &err), 0);
    loop_run(scene->loop);
    return buf_text(&scene->told);
}

static void a_network_that_a_start_missed_is_told_first(void **state)
{
    assert_string_equal(told_of_start(*state, "net"), "network-gone inspected:one failed");
}

static void one_that_is_there_is_not(void **state)
{
    ((struct scene *)*state)->has_network = true;
    assert_string_equal(told_of_start(*state, "net"), "inspected:one failed");
}

static void without_a_network_none_is_looked_for(void **state)
{
    assert_string_equal(told_of_start(*state, NULL), "inspected:one failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_told_before_the_facts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_comes_later_is_told_as_it_comes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_gone_by_then_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_facts_it_is_dialled_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_some_signals_are_to_end_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_start_that_was_seen_is_not_looked_at_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_start_after_an_end_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_look_is_enough_for_an_end_and_a_start, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_network_that_a_start_missed_is_told_first, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_there_is_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_network_none_is_looked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(facts_that_come_after_a_failure_are_none, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_failure_before_the_facts_ends_the_wait_for_them, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
