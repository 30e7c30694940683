/*
 * Bodies for the Engine, compared with files that a person can read: tests/golden/engine/.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/write.h"
#include "spec/base/text.h"
#include "spec/kinds/kinds.h"
#include "spec/target.h"
#include "tests/unit/golden.h"
#include "tests/unit/unit.h"

#define BODY_MAX (1024 * 1024)

static int read_secret(void *context, const char *value_from, struct buf *out, struct err *err)
{
    (void)context;
    if (text_equal(value_from, "env:PASSWORD")) {
        buf_text_add(out, "se\"cret");
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "%s is not there", value_from);
}

static const struct writer writer = { .owner = "demo",
                                      .root_commit = "00112233445566778899aabbccddeeff00112233",
                                      .secret = read_secret };

/* A task of two containers that use every field that an engine gets to see. */
static const char *const health_command[] = { "CMD", "/check", "--fast" };
static const struct health_check health = { .command = (const char **)(uintptr_t)health_command,
                                            .command_count = 3,
                                            .interval = 5,
                                            .timeout = 2,
                                            .retries = 4,
                                            .start_period = 7 };
static const char *const entry_point[] = { "/web" };
static const char *const command[] = { "serve", "--all" };
static const char *const add[] = { "SYS_PTRACE" };
static const char *const drop[] = { "CHOWN", "KILL" };
static const struct kernel_capabilities capabilities = { .add = (const char **)(uintptr_t)add,
                                                         .add_count = 1,
                                                         .drop = (const char **)(uintptr_t)drop,
                                                         .drop_count = 2 };
static const char *const mount_options[] = { "noexec", "mode=1777" };
static struct tmpfs tmpfs[] = { { .container_path = "/run",
                                  .size = 16,
                                  .mount_options = (const char **)(uintptr_t)mount_options,
                                  .mount_options_count = 2 } };
static enum device_cgroup_permission permissions[] = { DEVICE_CGROUP_PERMISSION_READ,
                                                       DEVICE_CGROUP_PERMISSION_MKNOD };
static struct device devices[] = {
    { .host_path = "/dev/fuse", .permissions = permissions, .permissions_count = 2 },
    { .host_path = "/dev/null", .container_path = "/dev/zero" }
};
static const struct linux_parameters linux_parameters = { .capabilities = &capabilities,
                                                          .tmpfs = tmpfs,
                                                          .tmpfs_count = 1,
                                                          .devices = devices,
                                                          .devices_count = 2,
                                                          .init_process_enabled = true,
                                                          .shared_memory_size = 128,
                                                          .max_swap = 64,
                                                          .swappiness = 10 };
static struct pair environment[] = { { "COLOR", "blue" }, { "PASSWORD", "written" } };
static struct pair options[] = { { "max-size", "10m" } };
static const struct log_configuration json_file = { .log_driver = LOG_DRIVER_JSON_FILE,
                                                    .options = options,
                                                    .options_count = 1 };
static const struct log_configuration awslogs = { .log_driver = LOG_DRIVER_AWSLOGS,
                                                  .options = options,
                                                  .options_count = 1 };
static struct pair docker_labels[] = { { "berth.owner", "thief" }, { "team", "shop" } };
static struct ulimit ulimits[] = { { ULIMIT_NAME_NOFILE, 1024, 4096 } };
static struct system_control controls[] = { { "net.core.somaxconn", "1024" } };
static struct secret secrets[] = { { "PASSWORD", "env:PASSWORD" } };
static struct port_mapping ports[] = {
    { .container_port = 8080 }, { .container_port = 53, .protocol = TRANSPORT_PROTOCOL_UDP }
};
static struct mount_point mounts[] = { { "data", "/data", false }, { "conf", "/conf", true } };
static struct volume_from volumes_from[] = { { "web", true } };
static struct volume volumes[] = { { .name = "conf" }, { .name = "data" } };

static struct container_definition definitions[] = {
    { .name = "web",
      .image = "hello",
      .cpu = 512,
      .memory = 256,
      .memory_reservation = 128,
      .entry_point = (const char **)(uintptr_t)entry_point,
      .entry_point_count = 1,
      .command = (const char **)(uintptr_t)command,
      .command_count = 2,
      .working_directory = "/srv",
      .user = "1000:1000",
      .environment = environment,
      .environment_count = 2,
      .secrets = secrets,
      .secrets_count = 1,
      .port_mappings = ports,
      .port_mappings_count = 2,
      .health_check = &health,
      .stop_timeout = 20,
      .mount_points = mounts,
      .mount_points_count = 2,
      .log_configuration = &json_file,
      .linux_parameters = &linux_parameters,
      .ulimits = ulimits,
      .ulimits_count = 1,
      .system_controls = controls,
      .system_controls_count = 1,
      .readonly_root_filesystem = true,
      .interactive = true,
      .pseudo_terminal = true,
      .docker_labels = docker_labels,
      .docker_labels_count = 2 },
    { .name = "log",
      .image = "log",
      .stop_timeout = 30,
      .volumes_from = volumes_from,
      .volumes_from_count = 1,
      .log_configuration = &awslogs },
};
static const struct task_spec task = { .cpu = 1024,
                                       .memory = 512,
                                       .pid_mode = PID_MODE_TASK,
                                       .container_definitions = definitions,
                                       .container_definitions_count = 2,
                                       .volumes = volumes,
                                       .volumes_count = 2 };
static const struct target target = {
    .cluster = "local",
    .service = "shop",
    .task = &task,
    .task_name = "shop-task",
    .revision = "1111111111111111111111111111111111111111111111111111111111111111",
};

static struct action creation(size_t container, const char *sandbox)
{
    return (struct action){
        .kind = ACTION_CONTAINER_CREATE,
        .target = &target,
        .identity = { .task = "0123456789abcdef0123456789abcdef",
                      .deployment = "fedcba9876543210fedcba9876543210",
                      .commit = "abcdefabcdefabcdefabcdefabcdefabcdefabcd",
                      .slot = 2,
                      .attempt = 3 },
        .container = container,
        .image_id = "sha256:2222222222222222222222222222222222222222222222222222222222222222",
        .digest = "sha256:3333333333333333333333333333333333333333333333333333333333333333",
        .sandbox_id = sandbox,
        .network = "berth-demo-local",
    };
}

static void check(const struct action *action, const char *path)
{
    AUTO(buf) body = { 0 };
    struct err err = { 0 };

    buf_init(&body, BODY_MAX);
    assert_int_equal(write_container(&writer, action, &body, &err), 0);
    AUTO(json) *value = json_parse(buf_text(&body), body.size, &err);
    assert_non_null(value);
    AUTO_TEXT char *pretty = json_print_text(value, JSON_STYLE_PRETTY);
    golden_check(path, pretty);
}

static void every_field(void **state)
{
    struct action action = creation(0, "5555555555555555");

    (void)state;
    check(&action, "tests/golden/engine/container-every-field.json");
}

static void second_container_gets_what_the_first_left(void **state)
{
    struct action action = creation(1, "5555555555555555");

    (void)state;
    check(&action, "tests/golden/engine/container-defaults.json");
}

static void sandbox_holds_names_and_ports(void **state)
{
    struct action action = creation(SANDBOX_INDEX, NULL);

    (void)state;
    check(&action, "tests/golden/engine/sandbox.json");
}

static void single_container_is_its_own_sandbox(void **state)
{
    struct container_definition only = { .name = "web", .image = "hello", .stop_timeout = 30 };
    struct task_spec small = {
        .cpu = 2, .memory = 64, .container_definitions = &only, .container_definitions_count = 1
    };
    struct target alone = target;
    struct action action = creation(0, NULL);

    (void)state;
    alone.task = &small;
    action.target = &alone;
    check(&action, "tests/golden/engine/container-alone.json");
}

/* By no name others find it, and its labels say which family it is of. */
static void a_job_has_a_group_and_no_alias(void **state)
{
    struct container_definition only = { .name = "web", .image = "hello", .stop_timeout = 30 };
    struct task_spec small = { .container_definitions = &only, .container_definitions_count = 1 };
    struct target job = target;
    struct action action = creation(0, NULL);
    AUTO(buf) body = { 0 };
    struct err err = { 0 };

    (void)state;
    job.task = &small;
    job.service = "family:report/0123456789abcdef0123456789abcdef";
    action.target = &job;
    buf_init(&body, BODY_MAX);
    assert_int_equal(write_container(&writer, &action, &body, &err), 0);
    AUTO(json) *value = json_parse(body.data, body.size, &err);
    const struct json *labels = json_get(value, "Labels");
    assert_string_equal(json_as_text(json_get(labels, "berth.group"), ""), "family:report");
    assert_null(json_get(labels, "berth.service"));
    assert_null(strstr(body.data, "Aliases"));
}

/* What a task of these ports says of its network in a mode. */
static const char *network_of(enum network_mode mode, size_t container, const char *sandbox,
                              struct arena *arena)
{
    static struct port_mapping mapped[] = {
        { .container_port = 80, .host_port = 8080 },
        { .container_port = 53, .protocol = TRANSPORT_PROTOCOL_UDP },
        { .container_port_range = "90-91" },
    };
    struct container_definition all[] = {
        { .name = "web", .port_mappings = mapped, .port_mappings_count = 3 }, { .name = "side" }
    };
    const struct task_spec spec = { .container_definitions = all,
                                    .container_definitions_count = sandbox != NULL ? 2 : 1,
                                    .network_mode = mode };
    struct target of = target;
    struct action action = creation(container, sandbox);
    AUTO(buf) text = { 0 };
    struct err err = { 0 };

    of.task = &spec;
    action.target = &of;
    if (mode == NETWORK_MODE_HOST || mode == NETWORK_MODE_NONE)
        action.network = NULL;
    buf_init(&text, BODY_MAX);
    assert_int_equal(write_container(&writer, &action, &text, &err), 0);
    AUTO(json) *body = json_parse(text.data, text.size, &err);
    AUTO(buf) bindings = { 0 };
    buf_init(&bindings, BODY_MAX);
    if (json_path(body, "HostConfig.PortBindings") != NULL)
        json_print(json_path(body, "HostConfig.PortBindings"), JSON_STYLE_COMPACT, &bindings);
    return arena_printf(arena, "%s %s %s", json_text(body, "HostConfig.NetworkMode"),
                        buf_text(&bindings),
                        json_as_text(json_get(json_get(body, "Labels"), "berth.ports"), "-"));
}

static void network_modes_and_published_ports(void **state)
{
    AUTO(arena) arena = { 0 };

    (void)state;
    assert_string_equal(network_of(NETWORK_MODE_AWSVPC, 0, NULL, &arena), "berth-demo-local  -");
    assert_string_equal(
        network_of(NETWORK_MODE_BRIDGE, 0, NULL, &arena),
        "berth-demo-local {\"80/tcp\":[{\"HostPort\":\"8080\"}],\"53/udp\":[{\"HostPort\":"
        "\"\"}],\"90/tcp\":[{\"HostPort\":\"\"}],\"91/tcp\":[{\"HostPort\":\"\"}]} "
        "8080/tcp");
    assert_string_equal(network_of(NETWORK_MODE_BRIDGE, 1, "S", &arena),
                        "container:S  8080/tcp"); /* the sandbox publishes */
    assert_string_equal(network_of(NETWORK_MODE_HOST, 0, NULL, &arena), "host  80/tcp 53/udp");
    assert_string_equal(network_of(NETWORK_MODE_HOST, 1, "S", &arena), "host  80/tcp 53/udp");
    assert_string_equal(network_of(NETWORK_MODE_NONE, 0, NULL, &arena), "none  -");
    assert_string_equal(network_of(NETWORK_MODE_NONE, 1, "S", &arena), "container:S  -");
}

static void check_log(const struct log_configuration *log, const char *expected)
{
    struct container_definition only = { .name = "web", .log_configuration = log };
    struct task_spec small = { .container_definitions = &only, .container_definitions_count = 1 };
    struct target alone = target;
    struct action action = creation(0, NULL);
    AUTO(buf) body = { 0 };
    struct err err = { 0 };

    alone.task = &small;
    action.target = &alone;
    buf_init(&body, BODY_MAX);
    assert_int_equal(write_container(&writer, &action, &body, &err), 0);
    AUTO(json) *value = json_parse(buf_text(&body), body.size, &err);
    const struct json *config = json_get(json_get(value, "HostConfig"), "LogConfig");
    AUTO_TEXT char *text = json_print_text(config, JSON_STYLE_COMPACT);
    assert_string_equal(text, expected);
}

static void logs_never_fill_the_disk_nor_hold_a_container_up(void **state)
{
    struct pair size[] = { { "max-size", "1m" } };
    struct pair blocking[] = { { "mode", "blocking" }, { "tag", "x" } };
    struct pair buffer[] = { { "max-buffer-size", "1m" } };
    struct log_configuration log = { .log_driver = LOG_DRIVER_JSON_FILE };

    (void)state;
    check_log(NULL, "{\"Type\":\"local\",\"Config\":{\"mode\":\"non-blocking\","
                    "\"max-buffer-size\":\"10m\"}}");
    check_log(&log, "{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"20m\",\"max-file\":\"5\","
                    "\"mode\":\"non-blocking\",\"max-buffer-size\":\"10m\"}}");
    log.options = size;
    log.options_count = 1;
    check_log(&log, "{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"1m\","
                    "\"mode\":\"non-blocking\",\"max-buffer-size\":\"10m\"}}");
    log = (struct log_configuration){ LOG_DRIVER_SYSLOG, blocking, 2 };
    check_log(&log, "{\"Type\":\"syslog\",\"Config\":{\"mode\":\"blocking\",\"tag\":\"x\"}}");
    log = (struct log_configuration){ LOG_DRIVER_GELF, buffer, 1 };
    check_log(&log, "{\"Type\":\"gelf\",\"Config\":{\"max-buffer-size\":\"1m\","
                    "\"mode\":\"non-blocking\"}}");
    log = (struct log_configuration){ .log_driver = LOG_DRIVER_NONE };
    check_log(&log, "{\"Type\":\"none\",\"Config\":{}}");
}

/* What is mounted where in a container that takes the volumes of two others. */
static void a_place_is_mounted_once(void **state)
{
    struct mount_point first[] = { { "one", "/a", false }, { "one", "/b", false } };
    struct mount_point second[] = { { "two", "/b/", false }, { "two", "/c", false } };
    struct mount_point own[] = { { "own", "/c//", false } };
    struct volume_from from[] = { { "first", false }, { "second", true } };
    struct volume three[] = { { .name = "one" }, { .name = "two" }, { .name = "own" } };
    struct container_definition all[] = {
        { .name = "main",
          .mount_points = own,
          .mount_points_count = 1,
          .volumes_from = from,
          .volumes_from_count = 2 },
        { .name = "first", .mount_points = first, .mount_points_count = 2 },
        { .name = "second", .mount_points = second, .mount_points_count = 2 },
    };
    struct task_spec shared = { .container_definitions = all,
                                .container_definitions_count = 3,
                                .volumes = three,
                                .volumes_count = 3 };
    static const char *const expected[][2] = { { "/c//", "own" },
                                               { "/a", "one" },
                                               { "/b/", "two" } };
    struct target sharing = target;
    struct action action = creation(0, "5555555555555555");
    AUTO(buf) body = { 0 };
    struct err err = { 0 };

    (void)state;
    sharing.task = &shared;
    action.target = &sharing;
    buf_init(&body, BODY_MAX);
    assert_int_equal(write_container(&writer, &action, &body, &err), 0);
    AUTO(json) *value = json_parse(buf_text(&body), body.size, &err);
    const struct json *list = json_get(json_get(value, "HostConfig"), "Mounts");
    assert_int_equal(json_count(list), ARRAY_COUNT(expected));
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        const struct json *item = json_at(list, i);

        assert_string_equal(json_text(item, "Target"), expected[i][0]);
        assert_true(text_ends(json_text(item, "Source"), expected[i][1]));
    }
}

static void secret_that_cannot_be_read(void **state)
{
    struct secret missing = { "TOKEN", "file:/none" };
    struct container_definition only = { .name = "web", .secrets = &missing, .secrets_count = 1 };
    struct task_spec small = { .container_definitions = &only, .container_definitions_count = 1 };
    struct target alone = target;
    struct action action = creation(0, NULL);
    AUTO(buf) body = { 0 };
    struct err err = { 0 };

    (void)state;
    alone.task = &small;
    action.target = &alone;
    buf_init(&body, BODY_MAX);
    assert_int_equal(write_container(&writer, &action, &body, &err), -1);
    assert_string_equal(err.text, "secret 'TOKEN': file:/none is not there");
    assert_int_equal(body.size, 0);

    struct writer deaf = { .owner = "demo" };
    assert_int_equal(write_container(&deaf, &action, &body, &err), -1);
}

static void networks_and_volumes(void **state)
{
    struct action network = { .kind = ACTION_NETWORK_CREATE,
                              .name = "berth-demo-local",
                              .cluster = "local" };
    struct action claim = { .kind = ACTION_CLAIM, .name = "berth-demo" };
    struct action volume = { .kind = ACTION_VOLUME_CREATE,
                             .name = "berth-demo-local.shop.data",
                             .cluster = "local",
                             .service = "shop",
                             .volume = &volumes[1] };
    AUTO(buf) body = { 0 };

    (void)state;
    buf_init(&body, BODY_MAX);
    write_network(&writer, &network, &body);
    buf_char(&body, '\n');
    write_volume(&writer, &claim, &body);
    buf_char(&body, '\n');
    write_volume(&writer, &volume, &body);
    buf_char(&body, '\n');
    golden_check("tests/golden/engine/networks-and-volumes.json", buf_text(&body));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field),
        cmocka_unit_test(second_container_gets_what_the_first_left),
        cmocka_unit_test(sandbox_holds_names_and_ports),
        cmocka_unit_test(single_container_is_its_own_sandbox),
        cmocka_unit_test(a_job_has_a_group_and_no_alias),
        cmocka_unit_test(network_modes_and_published_ports),
        cmocka_unit_test(logs_never_fill_the_disk_nor_hold_a_container_up),
        cmocka_unit_test(a_place_is_mounted_once),
        cmocka_unit_test(secret_that_cannot_be_read),
        cmocka_unit_test(networks_and_volumes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
