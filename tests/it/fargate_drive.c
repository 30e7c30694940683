/*
 * The drivers on real engines, led by a shell script: commands come on standard input, one a line;
 * what the driver reports and how calls end goes to standard output, one event a line.
 *
 *     fargate_drive HOST OWNER       FARGATE
 *     fargate_drive ec2:FILE OWNER   EC2, with the instances of FILE, each a line:
 *                                    NAME HOST PORT IDENTITY SOCKET KEYS TIMEOUT
 *                                    where "-" is nothing and KEYS is "new" or "strict"
 *
 * "set FILE" reads another file of instances, "on NAME" chooses one for what follows, and each
 * event begins with its instance's name then.  "time COUNT PATH" asks the engine so often.
 * "quit" ends it when all calls are over.
 *
 * Containers are named "SLOT/CONTAINER".  The Dockerfile of builds is $DRIVE_DOCKERFILE.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "drivers/docker/client.h"
#include "drivers/docker/sandbox_image.h"
#include "drivers/ec2/ec2.h"
#include "drivers/fargate/fargate.h"
#include "spec/base/arena.h"
#include "spec/base/text.h"
#include "spec/names.h"
#include "spec/target.h"

#define CLUSTER    "blue"
#define SERVICE    "shop"
#define COMMIT     "abcdefabcdefabcdefabcdefabcdefabcdefabcd"
#define TIMEOUT_MS 60000
#define LINE_MAX   4096
#define FILE_MAX   (8 * 1024 * 1024)

struct drive {
    struct loop *loop;
    struct driver *driver;
    struct world *world;
    bool is_ec2;
    const char *instance;
    const char *owner;
    const char *network;
    char sandbox[SANDBOX_TAG_SIZE];
    struct arena arena;
    struct loop_watch *input;
    size_t calls;
    bool ended;
    char line[LINE_MAX];
    size_t line_size;
    char *busybox;
    size_t busybox_size;
};

struct command {
    struct drive *drive;
    struct driver_call call;
    struct action action;
    char *word;
    /* Of "time": */
    const char *path;
    uint32_t count;
    uint32_t wanted;
    int64_t began_us;
    int64_t *took_us;
};

/* ---- What tasks there are ------------------------------------------------------------------- */

static const char *const web_command[] = { "/bin/busybox", "httpd", "-f", "-p", "8080" };
static const char *const side_command[] = {
    "/bin/busybox", "sh", "-c",
    ("trap 'exit 3' TERM; while :; do /bin/busybox sleep 1 & "
     "wait; done")
};
static const char *const bad_command[] = { "/nothing/here" };
static const char *const check_command[] = { "CMD", "/bin/busybox", "wget", "-qO-",
                                             "http://127.0.0.1:8080/bin/busybox" };
static const struct health_check check = { .command = (const char **)(uintptr_t)check_command,
                                           .command_count = ARRAY_COUNT(check_command),
                                           .interval = 1,
                                           .timeout = 2,
                                           .retries = 3 };
static struct mount_point mounts[] = { { "data", "/data", false } };
static struct secret secrets[] = { { "PASSWORD", "env:DRIVE_SECRET" } };
static struct volume volumes[] = { { .name = "data" } };

#define WEB                                                                                        \
    {                                                                                              \
        .name = "web", .memory = 32, .entry_point = (const char **)(uintptr_t)web_command,         \
        .entry_point_count = ARRAY_COUNT(web_command), .health_check = &check, .stop_timeout = 1,  \
        .secrets = secrets, .secrets_count = 1, .mount_points = mounts, .mount_points_count = 1    \
    }
static struct container_definition alone[] = { WEB };
static struct container_definition pair[] = {
    WEB,
    { .name = "side",
      .memory = 32,
      .entry_point = (const char **)(uintptr_t)side_command,
      .entry_point_count = ARRAY_COUNT(side_command),
      .stop_timeout = 5 },
};
static struct container_definition bad[] = {
    { .name = "bad",
      .entry_point = (const char **)(uintptr_t)bad_command,
      .entry_point_count = ARRAY_COUNT(bad_command) },
};

static const struct runtime_platform platform = {
#ifdef __aarch64__
    .cpu_architecture = CPU_ARCHITECTURE_ARM64,
#else
    .cpu_architecture = CPU_ARCHITECTURE_X86_64,
#endif
};

static const struct task_spec tasks[] = {
    { .family = "alone",
      .cpu = 256,
      .memory = 64,
      .container_definitions = alone,
      .container_definitions_count = 1,
      .volumes = volumes,
      .volumes_count = 1,
      .runtime_platform = &platform },
    { .family = "pair",
      .cpu = 256,
      .memory = 64,
      .pid_mode = PID_MODE_TASK,
      .container_definitions = pair,
      .container_definitions_count = 2,
      .volumes = volumes,
      .volumes_count = 1 },
    { .family = "bad",
      .cpu = 256,
      .memory = 64,
      .container_definitions = bad,
      .container_definitions_count = 1 },
};
static const struct target targets[] = {
    { .cluster = CLUSTER, .service = SERVICE, .task = &tasks[0], .task_name = "alone" },
    { .cluster = CLUSTER, .service = SERVICE, .task = &tasks[1], .task_name = "pair" },
    { .cluster = CLUSTER, .service = SERVICE, .task = &tasks[2], .task_name = "bad" },
};

static int read_secret(void *context, const char *value_from, struct buf *out, struct err *err)
{
    (void)context;
    (void)value_from;
    (void)err;
    buf_text_add(out, "s3cret");
    return 0;
}

/* ---- The build context: a Dockerfile and busybox -------------------------------------------- */

static int list_context(void *self, const struct action *action, struct context_list *out,
                        struct err *err)
{
    const char *dockerfile = getenv("DRIVE_DOCKERFILE");
    struct drive *drive = self;
    struct context_entry *entries = mem_alloc(2 * sizeof(*entries));

    (void)action;
    (void)err;
    entries[0] = (struct context_entry){ "Dockerfile", 0100644, strlen(dockerfile), dockerfile };
    entries[1] = (struct context_entry){ "busybox", 0100755, drive->busybox_size, drive->busybox };
    out->entries = entries;
    out->count = 2;
    out->build.dockerfile = "Dockerfile";
    return 0;
}

static int read_context(void *self, struct context_list *list, const struct context_entry *entry,
                        const void **out_bytes, struct err *err)
{
    (void)self;
    (void)list;
    (void)err;
    *out_bytes = entry->id;
    return 0;
}

static void release_context(void *self, struct context_list *list)
{
    (void)self;
    free(list->entries);
}

/* ---- Reports -------------------------------------------------------------------------------- */

static const char *shown(const char *text)
{
    return text == NULL || text[0] == '\0' ? "-" : text;
}

static void print_container(const struct container_report *report)
{
    printf("CONTAINER %u/%s id=%s status=%s inspected=%d health=%s exit=%d oom=%d address=%s "
           "drift=%s error=%s\n",
           report->slot, report->container, report->id, container_status_text(report->status),
           report->inspected, health_status_text(report->health), report->exit_code,
           report->oom_killed, shown(report->address), shown(report->drift), shown(report->error));
}

static void print_change(const struct world_change *change)
{
    static const char *const names[] = {
#define CHANGE_NAME(name, member) #name,
        WORLD_CHANGES(CHANGE_NAME)
#undef CHANGE_NAME
    };

    if (change->kind == WORLD_CONTAINER) {
        print_container(&change->container);
    } else if (change->kind == WORLD_INSTANCE) {
        printf("INSTANCE id=%s version=%s cpu=%u memory=%u\n", change->instance.engine_id,
               change->instance.engine_version, change->instance.cpu_units,
               change->instance.memory_mib);
    } else if (change->kind == WORLD_INSTANCE_LOST) {
        printf("INSTANCE_LOST %s\n", change->lost.failure);
    } else if (change->kind == WORLD_IMAGE) {
        printf("IMAGE id=%s tag=%s digest=%s name=%s\n", change->image.id,
               change->image.tag_count > 0 ? change->image.tags[0] : "-",
               change->image.digest_count > 0 ? change->image.digests[0] : "-",
               shown(change->image.name));
    } else if (change->kind == WORLD_EFFORT) {
        printf("EFFORT %s: %s image=%s digest=%s\n", change->effort.key,
               change->effort.state == EFFORT_RUNNING ? "running"
               : change->effort.state == EFFORT_DONE  ? "done"
                                                      : "failed",
               shown(change->effort.image_id), shown(change->effort.digest));
    } else {
        printf("%s %s owner=%s root=%s\n", names[change->kind], shown(change->named.name),
               shown(change->named.owner), shown(change->named.root));
    }
}

static void on_change(void *context, const struct world_change *change)
{
    struct drive *drive = context;

    if (drive->is_ec2) /* the first member of all */
        printf("%s ", change->instance.instance);
    print_change(change);
    (void)world_apply(drive->world, change);
}

static void on_output(void *context, const char *object, const char *line)
{
    (void)context;
    printf("OUTPUT %s: %s\n", object, line);
}

static void on_note(void *context, const char *instance, const char *text)
{
    (void)context;
    printf("%s NOTE %s\n", instance, text);
}

/* ---- Commands ------------------------------------------------------------------------------- */

static void stop_if_over(struct drive *drive)
{
    if (drive->ended && drive->calls == 0)
        loop_stop(drive->loop);
}

static void on_done(struct driver_call *call, const struct err *failure)
{
    struct command *command = call->context;
    struct drive *drive = command->drive;

    printf("DONE %s%s%s%s%s\n", command->word, failure != NULL ? " failed " : " ok",
           failure != NULL ? err_code_text(failure->code) : "", failure != NULL ? ": " : "",
           failure != NULL ? failure->text : "");
    free(command->word);
    free(command);
    drive->calls--;
    stop_if_over(drive);
}

static const struct world_container *find(const struct drive *drive, unsigned slot,
                                          const char *container)
{
    const struct world_service *service = world_service(drive->world, CLUSTER, SERVICE);

    for (size_t i = 0; service != NULL && i < service->task_count; i++) {
        if (service->tasks[i]->slot == slot)
            return world_task_container(service->tasks[i], container);
    }
    return NULL;
}

static bool make_container(struct drive *drive, struct action *action, const char *kind,
                           const char *path)
{
    const struct world_container *sandbox;
    const char *name = strchr(path, '/');
    const struct world_image *image;
    uint32_t slot = 0;

    AUTO_TEXT char *number = mem_text(path);
    number[strcspn(number, "/")] = '\0';
    if (name == NULL || !text_parse_u32(number, &slot))
        return false;
    name++;
    for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
        if (text_equal(targets[i].task_name, kind))
            action->target = &targets[i];
    }
    action->container = SANDBOX_INDEX;
    for (size_t i = 0; i < action->target->task->container_definitions_count; i++) {
        if (text_equal(action->target->task->container_definitions[i].name, name))
            action->container = i;
    }
    bool is_sandbox = action->container == SANDBOX_INDEX;
    image = world_image(world_instance(drive->world, drive->instance),
                        is_sandbox ? drive->sandbox : "berth/web:0123456789ab");
    sandbox = is_sandbox ? NULL : find(drive, slot, SANDBOX_NAME);
    action->image_id = image != NULL ? arena_text(&drive->arena, image->id) : "sha256:00";
    action->sandbox_id = sandbox != NULL ? arena_text(&drive->arena, sandbox->id) : NULL;
    action->network = drive->network;
    action->identity.deployment = "00000000000000000000000000000007";
    action->identity.commit = COMMIT;
    action->identity.slot = slot;
    action->identity.attempt = 1;
    task_id_make(action->identity.deployment, slot, 1, NULL, action->identity.task);
    return true;
}

static bool fill(struct drive *drive, struct action *action, char *const words[3])
{
    static const struct {
        const char *word;
        enum action_kind kind;
    } kinds[] = {
        { "claim", ACTION_CLAIM },
        { "network", ACTION_NETWORK_CREATE },
        { "volume", ACTION_VOLUME_CREATE },
        { "unnetwork", ACTION_NETWORK_REMOVE },
        { "unvolume", ACTION_VOLUME_REMOVE },
        { "load", ACTION_SANDBOX_LOAD },
        { "build", ACTION_IMAGE_BUILD },
        { "pull", ACTION_IMAGE_PULL },
        { "push", ACTION_IMAGE_PUSH },
        { "rmi", ACTION_IMAGE_REMOVE },
        { "create", ACTION_CONTAINER_CREATE },
        { "start", ACTION_CONTAINER_START },
        { "stop", ACTION_CONTAINER_STOP },
        { "remove", ACTION_CONTAINER_REMOVE },
    };
    bool known = false;

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (text_equal(words[0], kinds[i].word)) {
            action->kind = kinds[i].kind;
            known = true;
        }
    }
    if (!known)
        return false;
    action->instance = arena_text(&drive->arena, drive->instance);
    action->cluster = CLUSTER;
    action->service = SERVICE;
    action->reference = words[1] != NULL ? arena_text(&drive->arena, words[1]) : drive->sandbox;
    action->object = action->reference;
    action->image_name = "web";
    action->build_key = "0123456789abcdef";
    action->commit = COMMIT;
    action->repository = action->reference;
    action->name = drive->network;
    if (action->kind == ACTION_IMAGE_PULL)
        action->target = &targets[0];
    if (action->kind == ACTION_CLAIM)
        action->name = claim_volume_name(&drive->arena, drive->owner);
    if (action->kind == ACTION_VOLUME_CREATE || action->kind == ACTION_VOLUME_REMOVE)
        action->name = service_volume_name(&drive->arena, drive->owner, CLUSTER, SERVICE, "data");
    if (action->kind == ACTION_CONTAINER_CREATE)
        action->reference = NULL; /* created from the image's id */
    if (action->kind == ACTION_CONTAINER_CREATE)
        return words[2] != NULL && make_container(drive, action, words[1], words[2]);
    if (action->kind > ACTION_CONTAINER_CREATE) {
        uint32_t slot = (uint32_t)(words[1][0] - '0');
        const struct world_container *container = find(drive, slot, words[1] + 2);
        action->container_id = container != NULL ? arena_text(&drive->arena, container->id) : NULL;
        action->stop_timeout_s = 1;
        return container != NULL;
    }
    return true;
}

/* ---- Which instances there are --------------------------------------------------------------- */

#define INSTANCES_MAX 256

static const char *word_or_null(const char *word)
{
    return text_equal(word, "-") ? NULL : word;
}

static void set_instances(struct drive *drive, const char *path)
{
    struct ec2_instance *instances = arena_array(&drive->arena, struct ec2_instance, INSTANCES_MAX);
    FILE *file = fopen(path, "re");
    char line[LINE_MAX];
    size_t count = 0;

    while (file != NULL && count < INSTANCES_MAX && fgets(line, sizeof(line), file) != NULL) {
        struct ec2_instance *instance = &instances[count];
        char *rest = arena_text(&drive->arena, line);
        uint32_t number = 0;

        rest[strcspn(rest, "\n")] = '\0';
        instance->name = strsep(&rest, " ");
        instance->target.host = strsep(&rest, " ");
        if (text_parse_u32(strsep(&rest, " "), &number))
            instance->target.port = (uint16_t)number;
        instance->target.identity_file = word_or_null(strsep(&rest, " "));
        instance->target.engine_socket = strsep(&rest, " ");
        instance->target.accepts_new = text_equal(strsep(&rest, " "), "new");
        if (text_parse_u32(rest, &number))
            instance->target.timeout_s = number;
        count++;
    }
    if (file != NULL)
        (void)fclose(file);
    ec2_set(drive->driver, instances, count);
    printf("SET %zu\n", count);
}

/* ---- How long a call takes ------------------------------------------------------------------- */

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int compare_times(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a;
    int64_t second = *(const int64_t *)b;

    return (first > second) - (first < second);
}

static void time_one(struct command *command);

static void on_timed(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct command *command = ctx;

    command->took_us[command->count++] = now_us() - command->began_us;
    if (failure == NULL && command->count < command->wanted) {
        time_one(command);
        return;
    }
    qsort(command->took_us, command->count, sizeof(int64_t), compare_times);
    if (failure == NULL)
        printf("TIME %s bytes=%zu least_us=%lld median_us=%lld\n", command->path, answer->size,
               (long long)command->took_us[0], (long long)command->took_us[command->count / 2]);
    on_done(&command->call, failure);
}

static void time_one(struct command *command)
{
    const struct drive *drive = command->drive;
    const struct docker_request request = { .method = "GET",
                                            .path = command->path,
                                            .deadline_ms = TIMEOUT_MS };

    command->began_us = now_us();
    (void)docker_call(drive->is_ec2 ? ec2_docker(drive->driver, drive->instance)
                                    : fargate_docker(drive->driver),
                      &request, on_timed, command);
}

static bool time_calls(struct command *command, char *const words[3])
{
    struct arena *arena = &command->drive->arena;

    if (words[2] == NULL || !text_parse_u32(words[1], &command->wanted) || command->wanted == 0)
        return false;
    command->path = arena_text(arena, words[2]);
    command->took_us = arena_array(arena, int64_t, command->wanted);
    command->call.context = command;
    time_one(command);
    return true;
}

/* Those that no call follows. */
static bool run_setting(struct drive *drive, char *const words[3])
{
    if (text_equal(words[0], "set") && words[1] != NULL)
        set_instances(drive, words[1]);
    else if (text_equal(words[0], "on") && words[1] != NULL)
        drive->instance = arena_text(&drive->arena, words[1]);
    else
        return false;
    return true;
}

static void end_input(struct drive *drive)
{
    loop_unwatch(TAKE(drive->input));
    drive->ended = true;
    stop_if_over(drive);
}

static void run_command(struct drive *drive, char *line)
{
    char *words[3] = { NULL };
    struct err err = { 0 };
    int status;

    struct command *command = mem_alloc(sizeof(*command));
    command->word = mem_text(line);
    char *rest = line;
    for (size_t i = 0; i < ARRAY_COUNT(words) && rest != NULL; i++)
        words[i] = strsep(&rest, " ");
    if (run_setting(drive, words)) {
        free(command->word);
        free(command);
        return;
    }
    command->drive = drive;
    command->call =
        (struct driver_call){ .timeout_ms = TIMEOUT_MS, .done = on_done, .context = command };
    drive->calls++;
    if (text_equal(words[0], "time")) {
        status = time_calls(command, words) ? 0 : err_set(&err, ERR_INVALID, "time COUNT PATH");
    } else if (text_equal(words[0], "observe")) {
        status = driver_observe(drive->driver, drive->instance, &command->call, &err);
    } else if (fill(drive, &command->action, words)) {
        command->call.action = &command->action;
        status = driver_apply(drive->driver, &command->call, &err);
    } else {
        status = err_set(&err, ERR_INVALID, "not understood, or no such container");
    }
    if (status < 0) {
        printf("DONE %s refused: %s\n", command->word, err.text);
        free(command->word);
        free(command);
        drive->calls--;
    }
}

static void on_input(void *ctx, int fd, unsigned events)
{
    struct drive *drive = ctx;
    ssize_t got = read(fd, drive->line + drive->line_size, LINE_MAX - 1 - drive->line_size);
    char *end;

    (void)events;
    if (got <= 0) {
        end_input(drive);
        return;
    }
    drive->line_size += (size_t)got;
    drive->line[drive->line_size] = '\0';
    while ((end = strchr(drive->line, '\n')) != NULL) {
        *end = '\0';
        if (text_equal(drive->line, "quit")) {
            end_input(drive); /* others may hold the pipe open */
            return;
        }
        run_command(drive, drive->line);
        drive->line_size -= (size_t)(end + 1 - drive->line);
        memmove(drive->line, end + 1, drive->line_size + 1);
    }
}

static void read_busybox(struct drive *drive)
{
    AUTO_FD int fd = open("/bin/busybox", O_RDONLY | O_CLOEXEC);

    drive->busybox = mem_alloc(FILE_MAX);
    for (ssize_t got = 1; fd >= 0 && got > 0; drive->busybox_size += (size_t)got)
        got = read(fd, drive->busybox + drive->busybox_size, FILE_MAX - drive->busybox_size);
}

static int make_driver(struct drive *drive, const char *host, struct err *err)
{
    const struct mandate mandate = {
        .owner = drive->owner,
        .root_commit = COMMIT,
        .reader = { list_context, read_context, release_context, drive },
        .secret = read_secret,
        .sink = { .change = on_change, .output = on_output, .note = on_note, .context = drive }
    };

    if (text_starts(host, "ec2:")) {
        const struct ec2_options options = { .loop = drive->loop, .mandate = mandate };

        drive->is_ec2 = true;
        if (ec2_new(&options, &drive->driver, err) < 0)
            return -1;
        set_instances(drive, host + strlen("ec2:"));
        return 0;
    }
    return fargate_new(
        &(struct fargate_options){ .loop = drive->loop, .docker_host = host, .mandate = mandate },
        &drive->driver, err);
}

int main(int argc, char **argv)
{
    struct drive drive = { 0 };
    struct err err = { 0 };

    if (argc != 3)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    read_busybox(&drive);
    drive.owner = argv[2];
    drive.instance = LOCAL_INSTANCE;
    drive.network = cluster_network_name(&drive.arena, drive.owner, CLUSTER);
    sandbox_image_tag(drive.sandbox);
    drive.loop = loop_new(&err);
    drive.world = world_new(NULL, NULL);
    if (make_driver(&drive, argv[1], &err) < 0) {
        printf("FAILED %s\n", err.text);
        return 1;
    }
    drive.input = loop_watch_fd(drive.loop, STDIN_FILENO, LOOP_READABLE, on_input, &drive, &err);
    driver_start(drive.driver);
    loop_run(drive.loop);
    driver_free(drive.driver);
    loop_free(drive.loop);
    world_free(drive.world);
    arena_release(&drive.arena);
    free(drive.busybox);
    printf("END\n");
    return 0;
}
