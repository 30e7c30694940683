/*
 * What the verbs make of the answers of a Berth.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/cli/cli.h"
#include "reconciler/cli/through.h"
#include "spec/base/text.h"
#include "tests/unit/io_server.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

static const char deployments[] =
    "{\"deployments\": ["
    "{\"id\": \"dddddddddddddddd\", \"cluster\": \"c\", \"service\": \"web\","
    " \"status\": \"PRIMARY\", \"rolloutState\": \"IN_PROGRESS\","
    " \"rolloutStateReason\": \"under way\"},"
    "{\"id\": \"cccccccccccccccc\", \"cluster\": \"c\", \"service\": \"web\","
    " \"status\": \"ACTIVE\", \"replacedBy\": \"dddddddddddddddd\","
    " \"rolloutState\": \"IN_PROGRESS\", \"rolloutStateReason\": \"under way\"},"
    "{\"id\": \"bbbbbbbbbbbbbbbb\", \"cluster\": \"c\", \"service\": \"web\","
    " \"status\": \"INACTIVE\", \"replacedBy\": \"cccccccccccccccc\","
    " \"rolloutState\": \"FAILED\", \"rolloutStateReason\": \"it broke\"},"
    "{\"id\": \"aaaaaaaaaaaaaaaa\", \"cluster\": \"c\", \"service\": \"web\","
    " \"status\": \"INACTIVE\", \"replacedBy\": \"bbbbbbbbbbbbbbbb\","
    " \"rolloutState\": \"COMPLETED\", \"rolloutStateReason\": \"done\"},"
    "{\"id\": \"9999999999999999\", \"cluster\": \"c\", \"service\": \"old\","
    " \"status\": \"INACTIVE\", \"rolloutState\": \"IN_PROGRESS\"}]}";
static const char commits[] =
    "{\"commits\": [{\"id\": \"aaaaaaaaaaaaaaaa\", \"outcome\": \"rejected\","
    " \"summary\": \"a.yaml:1:1: no\\nb.yaml:2:2: nor this\\n\"}]}";

static const char resumed[] = "{\"cluster\": \"c\", \"service\": \"web\", \"resumed\": false}";
static const char status_answer[] =
    "{\"repository\": \"/\", \"path\": \"\", \"branch\": \"main\", \"owner\": \"me\"}";

static void serve(void *ctx, struct io_server_peer *peer, const struct io_server_request *request)
{
    (void)ctx;
    const char *answer = text_starts(request->path, "/v1/commits")  ? commits
                         : text_starts(request->path, "/v1/resume") ? resumed
                         : text_starts(request->path, "/v1/status") ? status_answer
                                                                    : deployments;
    io_server_answer(peer, 200, answer);
}

static char *folder;
static char socket_path[512];
static pid_t server;

static int set_up(void **state)
{
    struct err err = { 0 };
    struct stat status;

    (void)state;
    folder = scratch_make();
    (void)snprintf(socket_path, sizeof(socket_path), "%s/berth.sock", folder);
    server = fork();
    if (server == 0) {
        struct loop *loop = loop_new(&err);
        (void)io_server_new(loop, socket_path, serve, NULL);
        loop_run(loop);
        _exit(0);
    }
    for (int waited = 0; stat(socket_path, &status) < 0 && waited < 30000; waited += 5)
        (void)poll(NULL, 0, 5);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    scratch_remove(folder);
    return 0;
}

static const char *nothing(const char *name)
{
    (void)name;
    return NULL;
}

/* What is printed; the caller frees it. */
static char *printed(const char *verb, const char *operand, const char *option)
{
    const char *words[5] = { verb, "--state", folder };
    struct cli_start start = { .words = words, .word_count = 3, .sources.environment = nothing };
    char *out = NULL;
    size_t size = 0;

    if (operand != NULL)
        words[start.word_count++] = operand;
    if (option != NULL)
        words[start.word_count++] = option;
    start.out = open_memstream(&out, &size);
    start.errors = stderr;
    assert_int_equal(cli_run(&start), 0);
    fclose(start.out);
    return out;
}

static void what_was_replaced_is_not_in_progress(void **state)
{
    AUTO_TEXT char *out = printed("history", NULL, NULL);

    (void)state;
    assert_string_equal(
        out,
        "AGE  SERVICE  ROLLOUT      REVISION  COMMIT  AUTHOR  SUBJECT  REASON\n"
        "-    c/web    IN_PROGRESS  -         -       -       -        under way\n"
        "-    c/web    ACTIVE       -         -       -       -        replaced by deployment "
        "dddddddddddd before it was completed\n"
        "-    c/web    FAILED       -         -       -       -        it broke\n"
        "-    c/web    COMPLETED    -         -       -       -        -\n"
        "-    c/old    INACTIVE     -         -       -       -        its service was removed "
        "before it was completed\n");
}

static void lines_of_commits_end_without_blanks(void **state)
{
    AUTO_TEXT char *out = printed("history", NULL, "--commits");

    (void)state;
    assert_string_equal(out, "AGE  COMMIT    OUTCOME   AUTHOR  SUBJECT  SUMMARY\n"
                             "-    aaaaaaaa  rejected  -       -        a.yaml:1:1: no ...\n");
}

static void resuming_what_runs_is_told(void **state)
{
    AUTO_TEXT char *out = printed("resume", "web", NULL);
    AUTO_TEXT char *again = printed("resume", "web", "--retry");

    (void)state;
    assert_string_equal(out, "c/web was not suspended\n");
    assert_string_equal(again, "c/web tries again what failed\n");
}

static int find(uint64_t given, const char *branch, const char *owner, struct err *err)
{
    struct cli_options options = { .given = given };
    AUTO(client) *client = NULL;

    options.run.repo = "/";
    options.run.state_dir = folder;
    options.run.branch = branch;
    options.run.owner = owner;
    options.run.docker_host = "tcp://elsewhere:2375";
    return through_find(&options, &client, err) < 0 ? -1 : client != NULL;
}

static void what_only_a_run_obeys_is_refused(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_int_equal(find(0, NULL, "default", &err), 1);
    assert_int_equal(find(OPT(BRANCH) | OPT(OWNER), "main", "me", &err), 1);
    assert_int_equal(find(OPT(DOCKER_HOST), NULL, "default", &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.text, "with its own --docker-host: leave that out"));
    assert_int_equal(find(OPT(BRANCH), "next", "me", &err), -1);
    assert_non_null(strstr(err.text, "--branch"));
    assert_int_equal(find(OPT(OWNER), NULL, "you", &err), -1);
    assert_non_null(strstr(err.text, "--owner"));
    assert_int_equal(find(OPT(TAKE_OVER), NULL, "default", &err), -1);
    assert_non_null(strstr(err.text, "--take-over"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_replaced_is_not_in_progress),
        cmocka_unit_test(resuming_what_runs_is_told),
        cmocka_unit_test(what_only_a_run_obeys_is_refused),
        cmocka_unit_test(lines_of_commits_end_without_blanks),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
