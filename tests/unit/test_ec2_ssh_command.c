/*
 * What ssh is asked, and what is made of its words.
 */
#include <string.h>

#include "drivers/ec2/ssh_command.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

static const struct ssh_target plain = { .host = "10.0.0.1",
                                         .engine_socket = "/var/run/docker.sock",
                                         .timeout_s = 15 };

static size_t find(const char *const *arguments, const char *wanted)
{
    size_t i = 0;

    while (arguments[i] != NULL && !text_equal(arguments[i], wanted))
        i++;
    return arguments[i] == NULL ? SIZE_MAX : i;
}

static bool has(const char *const *arguments, const char *wanted)
{
    return find(arguments, wanted) != SIZE_MAX;
}

static void a_session_keeps_the_socket(void **state)
{
    AUTO(arena) arena = { 0 };
    const char *const *arguments = ssh_arguments(&plain, "/run/b/0", true, &arena);
    size_t end = find(arguments, "--");

    (void)state;
    assert_string_equal(arguments[0], "ssh");
    assert_string_equal(arguments[1], "-T");
    assert_true(has(arguments, "BatchMode=yes"));
    assert_true(has(arguments, "StrictHostKeyChecking=yes"));
    assert_true(has(arguments, "ServerAliveInterval=5"));
    assert_true(has(arguments, "ServerAliveCountMax=2"));
    assert_string_equal(arguments[find(arguments, "-L") + 1], "/run/b/0:/var/run/docker.sock");
    assert_string_equal(arguments[end + 1], "10.0.0.1");
    assert_string_equal(arguments[end + 2], "cat");
    assert_null(arguments[end + 3]);
    assert_false(has(arguments, "-l") || has(arguments, "-p") || has(arguments, "-i"));
}

static void it_is_shared_with_commands(void **state)
{
    AUTO(arena) arena = { 0 };
    const char *const *keeps = ssh_arguments(&plain, "/run/b/0", true, &arena);
    const char *const *runs = ssh_run_arguments(&plain, "/run/b/0", &arena);
    size_t end = find(runs, "--");
    char local[101];

    (void)state;
    assert_true(has(keeps, "ControlMaster=yes"));
    assert_true(has(keeps, "ControlPersist=no"));
    assert_string_equal(keeps[find(keeps, "-S") + 1], "/run/b/0.c");
    assert_string_equal(runs[find(runs, "-S") + 1], "/run/b/0.c");
    assert_true(has(runs, "ControlMaster=no"));
    assert_true(has(runs, "BatchMode=yes"));
    assert_true(has(runs, "ClearAllForwardings=yes"));
    assert_false(has(runs, "-L"));
    assert_string_equal(runs[end + 1], "10.0.0.1");
    assert_string_equal(runs[end + 2], "/bin/sh");
    assert_null(runs[end + 3]);
    runs = ssh_run_arguments(&plain, "/run/100%/0", &arena);
    assert_string_equal(runs[find(runs, "-S") + 1], "/run/100%%/0.c");
    memset(local, 'x', sizeof(local) - 1);
    local[sizeof(local) - 1] = '\0';
    assert_null(ssh_control_path(local, &arena));
    keeps = ssh_arguments(&plain, local, true, &arena);
    assert_true(has(keeps, "ControlMaster=no"));
    assert_string_equal(keeps[find(keeps, "-S") + 1], "none");
}

static void without_a_session_a_shell_ends_it(void **state)
{
    AUTO(arena) arena = { 0 };
    const char *const *arguments = ssh_arguments(&plain, "/run/b/0", false, &arena);

    (void)state;
    assert_string_equal(arguments[0], "/bin/sh");
    assert_string_equal(arguments[4], "ssh");
    assert_string_equal(arguments[5], "-N");
    assert_string_equal(arguments[find(arguments, "--") + 1], "10.0.0.1");
    assert_null(arguments[find(arguments, "--") + 2]);
}

static void all_that_is_said_of_a_host_is_passed_on(void **state)
{
    const struct ssh_target target = { .host = "edge",
                                       .user = "deploy",
                                       .identity_file = "/keys/a b",
                                       .port = 2222,
                                       .engine_socket = "/run/x:y/100%/s\\k",
                                       .accepts_new = true,
                                       .timeout_s = 2 };
    AUTO(arena) arena = { 0 };
    const char *const *arguments = ssh_arguments(&target, "/run/b/1", true, &arena);

    (void)state;
    assert_string_equal(arguments[find(arguments, "-l") + 1], "deploy");
    assert_string_equal(arguments[find(arguments, "-p") + 1], "2222");
    assert_string_equal(arguments[find(arguments, "-i") + 1], "/keys/a b");
    assert_true(has(arguments, "IdentitiesOnly=yes"));
    assert_true(has(arguments, "StrictHostKeyChecking=accept-new"));
    assert_true(has(arguments, "ServerAliveInterval=1"));
    assert_string_equal(arguments[find(arguments, "-L") + 1], "/run/b/1:/run/x\\:y/100%%/s\\\\k");
}

static void what_could_be_more_than_a_name_is_refused(void **state)
{
    static const char *const hosts[] = { "",     "-oProxyCommand=x", "a b", "a;b", "$(x)", "`x`",
                                         "a\nb", "user@host" };
    static const char *const sockets[] = { "docker.sock", "", "/a\nb", "/run/${X}/s" };
    struct ssh_target target = plain;
    struct err err;

    (void)state;
    assert_int_equal(ssh_target_check(&target, &err), 0);
    for (size_t i = 0; i < ARRAY_COUNT(hosts); i++) {
        target.host = hosts[i];
        assert_int_equal(ssh_target_check(&target, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
    }
    target.host = "fe80::1%eth0";
    target.user = "AD\\me@corp";
    assert_int_equal(ssh_target_check(&target, &err), 0);
    target.user = "-x";
    assert_int_equal(ssh_target_check(&target, &err), -1);
    target.user = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(sockets); i++) {
        target.engine_socket = sockets[i];
        assert_int_equal(ssh_target_check(&target, &err), -1);
    }
}

static void any_difference_is_one(void **state)
{
    const struct ssh_target others[] = {
        { .host = "b", .engine_socket = "/s", .timeout_s = 1 },
        { .host = "a", .user = "u", .engine_socket = "/s", .timeout_s = 1 },
        { .host = "a", .identity_file = "k", .engine_socket = "/s", .timeout_s = 1 },
        { .host = "a", .port = 1, .engine_socket = "/s", .timeout_s = 1 },
        { .host = "a", .engine_socket = "/t", .timeout_s = 1 },
        { .host = "a", .engine_socket = "/s", .accepts_new = true, .timeout_s = 1 },
        { .host = "a", .engine_socket = "/s", .timeout_s = 2 },
    };
    const struct ssh_target target = { .host = "a", .engine_socket = "/s", .timeout_s = 1 };

    (void)state;
    assert_true(ssh_target_equal(&target, &target));
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        assert_false(ssh_target_equal(&target, &others[i]));
}

static void its_words_become_plain_ones(void **state)
{
    static const struct {
        const char *errors;
        enum err_code code;
        const char *text;
    } examples[] = {
        { "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n...\n"
          "Host key verification failed.\r\n",
          ERR_DENIED,
          "10.0.0.1: it presents another host key than the one in known_hosts, and is not trusted; "
          "if it was made anew, take the old key out with ssh-keygen -R (ssh: Host key "
          "verification failed.)" },
        { "No ED25519 host key is known for 10.0.0.1 and you have requested strict checking.\n"
          "Host key verification failed.\n",
          ERR_DENIED,
          "10.0.0.1: its host key is not in known_hosts: compare it and add it there, or say "
          "hostKeys: ACCEPT_NEW (ssh: Host key verification failed.)" },
        { "root@10.0.0.1: Permission denied (publickey).\n", ERR_DENIED,
          "10.0.0.1: it accepts none of our keys (ssh: root@10.0.0.1: Permission denied "
          "(publickey).)" },
        { "ssh: connect to host 10.0.0.1 port 22: Connection timed out\n\n", ERR_UNREACHABLE,
          "10.0.0.1: it does not answer (ssh: connect to host 10.0.0.1 port 22: Connection "
          "timed out)" },
        { "Timeout, server 10.0.0.1 not responding.\n", ERR_UNREACHABLE,
          "10.0.0.1: it does not answer any more (ssh: Timeout, server 10.0.0.1 not responding.)" },
        { "something \033[31mnew\n", ERR_UNREACHABLE, "10.0.0.1: ssh: something ?[31mnew" },
        { "ssh: \n", ERR_UNREACHABLE, "10.0.0.1: ssh: ssh:" },
        { "", ERR_UNREACHABLE, "10.0.0.1: the connection ended" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(examples); i++) {
        struct err err = { 0 };

        ssh_failure(&plain, examples[i].errors, &err);
        assert_int_equal(err.code, examples[i].code);
        assert_string_equal(err.text, examples[i].text);
    }
}

static void a_channel_is_not_the_connection(void **state)
{
    const char *prohibited = "channel 3: open failed: administratively prohibited: open failed";

    (void)state;
    assert_true(ssh_is_about_channel(prohibited));
    assert_true(ssh_is_about_channel("channel 12: open failed: connect failed: open failed"));
    assert_false(ssh_is_about_channel("Connection closed by 10.0.0.1 port 22"));
    assert_non_null(strstr(ssh_channel_failure(prohibited), "AllowStreamLocalForwarding"));
    assert_non_null(strstr(ssh_channel_failure("channel 2: open failed: connect failed: x"),
                           "does the engine run"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_keeps_the_socket),
        cmocka_unit_test(it_is_shared_with_commands),
        cmocka_unit_test(without_a_session_a_shell_ends_it),
        cmocka_unit_test(all_that_is_said_of_a_host_is_passed_on),
        cmocka_unit_test(what_could_be_more_than_a_name_is_refused),
        cmocka_unit_test(any_difference_is_one),
        cmocka_unit_test(its_words_become_plain_ones),
        cmocka_unit_test(a_channel_is_not_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
