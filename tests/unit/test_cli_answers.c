/*
 * What the verbs make of the answers of a running Berth: texts of several lines, names that nothing
 * has, and what an apply leaves undone.  The other side is a server with fixed answers.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/cli/cli.h"
#include "reconciler/cli/through.h"
#include "reconciler/run/app.h"
#include "spec/base/text.h"
#include "tests/unit/io_server.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#define PATIENCE_MS 30000

/* ---- The other side -------------------------------------------------------------------------- */

#define GONE                                                                                       \
    "{\"events\": [{\"id\": 1, \"time\": \"2026-11-22T19:02:42Z\", \"cluster\": \"local\","        \
    " \"service\": \"gone\", \"text\": \"it was\\nremoved\"}]}"

/* By the beginning of their path; the first that fits. */
static const struct {
    const char *path;
    const char *body;
} answers[] = {
    { "/v1/status",
      "{\"looks\": 2, \"inFlight\": 0, \"converged\": true,"
      " \"commit\": {\"id\": \"6f86de7e00\", \"author\": \"Test\", \"subject\": \"x\"},"
      " \"instances\": [{\"name\": \"local\", \"state\": \"ACTIVE\"}],"
      " \"maintenance\": [{\"instance\": \"b\", \"step\": \"FAILED\","
      " \"text\": \"maintenance failed: exit code 1\"},"
      " {\"text\": \"cluster edge: maintenance of c waits for a window\"}],"
      " \"verdict\": {\"services\": 2, \"pending\": 0, \"failed\": 0, \"blocked\": 0,"
      " \"rolledBack\": 1, \"undone\": [{\"cluster\": \"local\", \"service\": \"web\","
      " \"standing\": \"rolledBack\", \"reason\": \"deployment 12 failed: exit code 1\","
      " \"lastLines\": [{\"task\": \"feedbeef00000000\", \"container\": \"main\","
      " \"text\": \"no route\\ngiving up\"}]}]},"
      " \"services\": ["
      "{\"cluster\": \"local\", \"service\": \"web\", \"declared\": true,"
      " \"waitsFor\": \"web is broken; last output:\\nstep 1\\nstep 2\"},"
      "{\"cluster\": \"local\", \"service\": \"old\", \"declared\": false,"
      " \"waitsFor\": \"its tasks are being stopped\"}]}" },
    { "/v1/reconcile", "{\"looks\": 2}" },
    { "/v1/why/web",
      "{\"kind\": \"service\", \"lines\": [{\"label\": \"status\", \"text\": \"one\"},"
      " {\"label\": \"waits for\", \"text\": \"first\\nsecond\\u001b[2J\\nthird\\n\"}]}" },
    { "/v1/why/page", "{\"kind\": \"service\", \"lines\": []}" },
    { "/v1/events?limit=1&service=gone", GONE },
    { "/v1/events?limit=50&service=gone", GONE },
    { "/v1/events", "{\"events\": []}" },
    { "/v1/history", "{\"deployments\": []}" },
    { "/v1/services", "{\"services\": [{\"cluster\": \"local\", \"service\": \"web\"}]}" },
    { "/v1/tasks?all=true",
      "{\"tasks\": [{\"id\": \"feedbeef00000000\", \"cluster\": \"local\", \"service\": \"old\","
      " \"status\": \"STOPPED\", \"stoppedAt\": \"2026-11-22T19:02:42Z\"}]}" },
    { "/v1/tasks/feedbeef00000000/logs?",
      "{\"container\": \"main\", \"stream\": \"stderr\", \"time\": \"2026-11-22T19:02:40Z\","
      " \"text\": \"no route\"}\n"
      "{\"container\": \"proxy\", \"stream\": \"stdout\", \"time\": \"2026-11-22T19:02:39Z\","
      " \"text\": \"listening\"}\n" },
    { "/v1/images",
      "{\"owner\": \"me\", \"instances\": [{\"name\": \"local\", \"images\": ["
      "{\"id\": \"sha256:aa\", \"name\": \"web\", \"origin\": \"built\", \"owner\": \"me\","
      " \"tags\": [\"berth/web:1\"], \"sizeBytes\": 1},"
      "{\"id\": \"sha256:bb\", \"name\": \"web\", \"origin\": \"built\", \"owner\": \"you\","
      " \"tags\": [\"berth/web:2\"], \"sizeBytes\": 1},"
      "{\"id\": \"sha256:cc\", \"origin\": \"pulled\", \"pulledAs\": \"redis:7\", \"tags\":"
      " [\"mine:1\"], \"sizeBytes\": 1},"
      "{\"id\": \"sha256:dd\", \"origin\": \"found\", \"tags\": [\"b:1\"], \"sizeBytes\": 1}],"
      " \"work\": []}]}" },
    { "/v1/tasks",
      "{\"tasks\": [{\"id\": \"0123456789abcdef\", \"cluster\": \"local\", \"service\": \"page\","
      " \"status\": \"ACTIVATING\", \"containers\": [{\"name\": \"_sandbox\"},"
      " {\"name\": \"proxy\"}, {\"name\": \"page\"}]}]}" },
};

static void serve(void *ctx, struct io_server_peer *peer, const struct io_server_request *request)
{
    (void)ctx;
    for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
        if (text_starts(request->path, answers[i].path)) {
            io_server_answer(peer, 200, answers[i].body);
            return;
        }
    }
    io_server_answer(
        peer, 404, "{\"error\": {\"code\": \"not-found\", \"message\": \"nothing is so called\"}}");
}

struct fixture {
    char *folder;
    pid_t server;
    char *out;
    char *errors;
    int code;
};

/* The socket is there before anybody listens. */
static bool is_answered(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answered;

    text_copy(address.sun_path, sizeof(address.sun_path), path);
    answered = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    (void)close(fd);
    return answered;
}

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    char path[96];

    fixture->folder = scratch_make();
    (void)snprintf(path, sizeof(path), "%s/berth.sock", fixture->folder);
    fixture->server = fork();
    if (fixture->server == 0) {
        struct loop *loop = loop_new(NULL);

        (void)io_server_new(loop, path, serve, NULL);
        loop_run(loop);
        _exit(0);
    }
    for (int waited = 0; !is_answered(path) && waited < PATIENCE_MS; waited += 5)
        (void)poll(NULL, 0, 5);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    (void)kill(fixture->server, SIGKILL);
    (void)waitpid(fixture->server, NULL, 0);
    scratch_remove(fixture->folder);
    free(fixture->out);
    free(fixture->errors);
    free(fixture);
    return 0;
}

static const char *nothing(const char *name)
{
    (void)name;
    return NULL;
}

/* Words are one text split at blanks. */
static void run(struct fixture *fixture, const char *text)
{
    const char *words[16];
    AUTO_TEXT char *copy = mem_text(text);
    struct cli_start start = { .words = words, .sources.environment = nothing };
    size_t out_size;
    size_t errors_size;
    char *rest = copy;

    words[start.word_count++] = strsep(&rest, " ");
    words[start.word_count++] = "--state";
    words[start.word_count++] = fixture->folder;
    while (rest != NULL)
        words[start.word_count++] = strsep(&rest, " ");
    free(fixture->out);
    free(fixture->errors);
    start.out = open_memstream(&fixture->out, &out_size);
    start.errors = open_memstream(&fixture->errors, &errors_size);
    fixture->code = cli_run(&start);
    (void)fclose(start.out);
    (void)fclose(start.errors);
}

#define assert_has(text, part)                                                                     \
    do {                                                                                           \
        if (strstr((text), (part)) == NULL)                                                        \
            fail_msg("no '%s' in: %s", (part), (text));                                            \
    } while (0)

static void fails(struct fixture *fixture, const char *words, const char *message)
{
    run(fixture, words);
    assert_int_not_equal(fixture->code, CLI_DONE);
    assert_has(fixture->errors, message);
    assert_string_equal(fixture->out, "");
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void lines_stay_lines(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "why web");
    assert_int_equal(fixture->code, CLI_DONE);
    assert_string_equal(fixture->out, "status     one\n"
                                      "waits for  first\n"
                                      "           second?[2J\n"
                                      "           third\n");
    run(fixture, "events gone");
    assert_int_equal(fixture->code, CLI_DONE);
    assert_string_equal(fixture->out, "2026-11-22T19:02:42Z  local/gone        it was\n"
                                      "                      removed\n");
}

static void a_cell_has_the_first_line_and_says_where_the_others_are(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "status");
    assert_int_equal(fixture->code, CLI_DONE);
    assert_has(fixture->out, "web is broken; last output: ... (`berth why local/web`)\n");
    assert_null(strstr(fixture->out, "step 1"));
}

static void a_maintenance_is_told(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "status");
    assert_has(fixture->out,
               "maintenance b: maintenance failed: exit code 1; see `berth hosts resume`\n"
               "            cluster edge: maintenance of c waits for a window\n");
}

static void what_is_not_there_is_called_so(void **state)
{
    struct fixture *fixture = *state;

    fails(fixture, "logs nosuch", "berth: nothing is so called\n");
    fails(fixture, "exec nosuch ls", "berth: nothing is so called\n");
    fails(fixture, "events nosuch", "berth: there is no service 'nosuch'\n");
    fails(fixture, "events --follow nosuch", "berth: there is no service 'nosuch'\n");
    fails(fixture, "history nosuch", "berth: there is no service 'nosuch'\n");
    run(fixture, "history web"); /* which was never deployed */
    assert_int_equal(fixture->code, CLI_DONE);
}

static void what_is_there_and_does_not_run_is_told_apart(void **state)
{
    struct fixture *fixture = *state;

    fails(fixture, "exec page ls", "nothing of 'page' runs: `berth why page` says why\n");
    fails(fixture, "exec -C page page ls", "nothing of 'page' runs: `berth why page` says why\n");
    fails(fixture, "exec -C nosuch page ls",
          "'page' has no container 'nosuch': it has proxy, page\n");
    fails(fixture, "logs -C nosuch page", "'page' has no container 'nosuch': it has proxy, page\n");
}

static void of_a_task_that_is_gone_the_last_lines_are_printed(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "logs feed");
    assert_int_equal(fixture->code, CLI_DONE);
    assert_string_equal(fixture->out, "feedbeef0000 proxy | listening\n"
                                      "feedbeef0000 main  | no route\n");
    assert_string_equal(fixture->errors, "berth: task feedbeef0000 stopped at 2026-11-22T19:02:42Z:"
                                         " these are the last lines kept of it\n");
    run(fixture, "logs --follow --timestamps feed"); /* nothing more comes */
    assert_int_equal(fixture->code, CLI_DONE);
    assert_has(fixture->out, "feedbeef0000 main  | 2026-11-22T19:02:40Z no route\n");
    fails(fixture, "logs old", "berth: nothing is so called\n"); /* the service has no task */
}

static void images_say_where_they_come_from(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "images");
    assert_int_equal(fixture->code, CLI_DONE);
    assert_string_equal(fixture->out, "INSTANCE  IMAGE  ID  SIZE   AGE  ORIGIN        REFERENCE\n"
                                      "local     web    aa  1 KiB  -    built         berth/web:1\n"
                                      "local     web    bb  1 KiB  -    built by you  berth/web:2\n"
                                      "local     -      cc  1 KiB  -    pulled        redis:7\n"
                                      "local     -      dd  1 KiB  -    found         b:1\n");
}

static void an_apply_says_what_it_leaves_undone(void **state)
{
    struct fixture *fixture = *state;
    AUTO(arena) arena = { 0 };
    AUTO(client) *client = NULL;
    AUTO_TEXT char *errors = NULL;
    struct cli cli = { .arena = &arena };
    struct app_end end = { 0 };
    struct err err = { 0 };
    size_t size;

    cli.options.run.state_dir = fixture->folder;
    cli.options.run.is_quiet = true;
    cli.errors = open_memstream(&errors, &size);
    assert_int_equal(client_new(&cli.options, &client, &err), 0);
    assert_int_equal(through_apply(&cli, client, &end, &err), 0);
    (void)fclose(cli.errors);
    assert_int_equal(end.outcome, APP_ROLLED_BACK);
    assert_string_equal(errors, "local/web: deployment 12 failed: exit code 1\n"
                                "local/web: task feedbeef0000, main wrote:\nno route\ngiving up\n"
                                "local/old: its tasks are being stopped\n");
    assert_int_equal(json_count(end.undone), 1);
    assert_string_equal(json_text(json_at(end.undone, 0), "standing"), "rolledBack");
    app_end_release(&end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_stay_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cell_has_the_first_line_and_says_where_the_others_are,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_maintenance_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_called_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_there_and_does_not_run_is_told_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(of_a_task_that_is_gone_the_last_lines_are_printed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(images_say_where_they_come_from, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_apply_says_what_it_leaves_undone, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
