/*
 * The driver of load balancers on a real HAProxy, led by a shell script: commands come on standard
 * input, one a line; what the driver reports and how calls end goes to standard output, one event a
 * line.
 *
 *     haproxy_drive DIRECTORY OWNER
 *
 * How the balancer is to be, which "apply" then makes so:
 *     balancer NAME               begins another one, with nothing in it
 *     listen PORT [ADDRESS|tcp]   a listener
 *     certificate FILE KEY        of that listener, which is of HTTPS with it
 *     group NAME [PATH]           a group, by priority in this order; the default without a path
 *     source NAME TEXT            its condition sourceIp
 *     member GROUP TASK PORT      a task on 127.0.0.1
 *     drains TASK, stays TASK, leaves TASK
 * What is done: apply, stop, cancel (an apply, at once), observe, reopen (the driver is freed and
 * made anew), time COUNT TASK (so many changes of a member, measured).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "drivers/haproxy/haproxy.h"
#include "spec/base/arena.h"
#include "spec/base/text.h"

#define TIMEOUT_MS 20000
#define LINE_MAX   4096
#define PARTS_MAX  64
#define WORDS_MAX  4

struct drive {
    struct loop *loop;
    struct driver *driver;
    const char *directory;
    const char *owner;
    struct loop_watch *input;
    size_t calls;
    bool ended;
    char line[LINE_MAX];
    size_t line_size;

    struct arena arena; /* of what follows; nothing is freed */
    struct balancer balancer;
    struct load_balancer_spec spec;
    struct listener listeners[PARTS_MAX];
    struct balancer_group groups[PARTS_MAX];
    struct service_target targets[PARTS_MAX];
    struct balancer_member members[PARTS_MAX][PARTS_MAX];
};

struct command {
    struct drive *drive;
    struct driver_call call;
    struct action action;
    char *word;
    uint32_t wanted; /* of "time": how many changes, */
    uint32_t count;  /* how many there were, */
    int64_t began_us;
    int64_t *took_us; /* and how long each took */
    struct balancer_member *member;
};

static const struct target_health_check check = { .path = "/health",
                                                  .interval = 1,
                                                  .timeout = 2,
                                                  .healthy_threshold = 3,
                                                  .unhealthy_threshold = 2,
                                                  .matcher = "200" };

/* ---- Events ---------------------------------------------------------------------------------- */

static void print_balancer(const struct balancer_report *balancer)
{
    printf("BALANCER %s shape=%.8s stopping=%d applied=%d targets=%zu\n", balancer->name,
           balancer->shape, balancer->stopping, balancer->applied, balancer->target_count);
    if (balancer->warning != NULL)
        printf("WARNING %s: %s\n", balancer->name, balancer->warning);
    for (size_t i = 0; i < balancer->target_count; i++) {
        const struct target_report *target = &balancer->targets[i];

        printf("TARGET %s/%s %s:%u %s connections=%u reason=%s\n", target->group, target->task,
               target->address, target->port, target_state_text(target->state), target->connections,
               target->reason == NULL ? "-" : target->reason);
    }
}

static void on_change(void *ctx, const struct world_change *change)
{
    (void)ctx;
    if (change->kind == WORLD_BALANCER)
        print_balancer(&change->balancer);
    else if (change->kind == WORLD_BALANCER_GONE)
        printf("GONE %s\n", change->named.name);
    else if (change->kind == WORLD_BALANCER_FAILED)
        printf("FAILED %s: %s\n", change->lost.instance, change->lost.failure);
    else if (change->kind == WORLD_BALANCERS_KNOWN)
        printf("KNOWN\n");
}

/* ---- How it is to be ------------------------------------------------------------------------- */

static void begin_balancer(struct drive *drive, const char *name)
{
    memset(&drive->balancer, 0, sizeof(drive->balancer));
    memset(&drive->spec, 0, sizeof(drive->spec));
    drive->spec.listeners = drive->listeners;
    drive->spec.idle_timeout = 60;
    drive->balancer.name = arena_text(&drive->arena, name);
    drive->balancer.spec = &drive->spec;
    drive->balancer.groups = drive->groups;
}

static void add_listener(struct drive *drive, const char *port, const char *address)
{
    struct listener *listener = &drive->listeners[drive->spec.listeners_count++];
    bool is_tcp = text_equal(address, "tcp");

    memset(listener, 0, sizeof(*listener));
    ASSERT(drive->spec.listeners_count <= PARTS_MAX && text_parse_u32(port, &listener->port));
    listener->address =
        is_tcp || address == NULL ? "127.0.0.1" : arena_text(&drive->arena, address);
    listener->protocol = is_tcp ? LISTENER_PROTOCOL_TCP : LISTENER_PROTOCOL_HTTP;
}

static void add_certificate(struct drive *drive, const char *file, const char *key)
{
    struct listener *listener = &drive->listeners[drive->spec.listeners_count - 1];
    struct listener_certificate *grown =
        arena_array(&drive->arena, struct listener_certificate, listener->certificates_count + 1);

    for (size_t i = 0; i < listener->certificates_count; i++)
        grown[i] = listener->certificates[i];
    grown[listener->certificates_count++] = (struct listener_certificate){
        .certificate_file = arena_text(&drive->arena, file),
        .private_key_file = arena_text(&drive->arena, key),
    };
    listener->certificates = grown;
    listener->protocol = LISTENER_PROTOCOL_HTTPS;
}

static void add_group(struct drive *drive, const char *name, const char *path)
{
    size_t index = drive->balancer.group_count++;
    struct service_target *target = &drive->targets[index];

    ASSERT(index < PARTS_MAX);
    memset(target, 0, sizeof(*target));
    target->load_balancer = drive->balancer.name;
    target->container_name = "web";
    target->container_port = 80;
    target->health_check = &check;
    target->deregistration_delay = 5;
    if (path != NULL) {
        target->path_pattern = arena_array(&drive->arena, const char *, 1);
        target->path_pattern[0] = arena_text(&drive->arena, path);
        target->path_pattern_count = 1;
        target->priority = (uint32_t)index + 1;
    }
    drive->groups[index] = (struct balancer_group){ .name = arena_text(&drive->arena, name),
                                                    .target = target,
                                                    .members = drive->members[index] };
}

static size_t group_index(const struct drive *drive, const char *name)
{
    size_t index = 0;

    while (index < drive->balancer.group_count && !text_equal(drive->groups[index].name, name))
        index++;
    ASSERT(index < drive->balancer.group_count);
    return index;
}

static int by_task(const void *a, const void *b)
{
    return strcmp(((const struct balancer_member *)a)->task,
                  ((const struct balancer_member *)b)->task);
}

static void add_member(struct drive *drive, const char *group, const char *task, const char *port)
{
    size_t index = group_index(drive, group);
    struct balancer_member *member = &drive->members[index][drive->groups[index].member_count++];

    ASSERT(drive->groups[index].member_count <= PARTS_MAX);
    *member =
        (struct balancer_member){ .task = arena_text(&drive->arena, task), .address = "127.0.0.1" };
    ASSERT(text_parse_u32(port, &member->port));
    member->check_port = member->port;
    qsort(drive->members[index], drive->groups[index].member_count, sizeof(struct balancer_member),
          by_task);
}

static struct balancer_member *member_of(struct drive *drive, const char *task, size_t *group)
{
    for (size_t i = 0; i < drive->balancer.group_count; i++) {
        for (size_t j = 0; j < drive->groups[i].member_count; j++) {
            *group = i;
            if (text_equal(drive->members[i][j].task, task))
                return &drive->members[i][j];
        }
    }
    assert_failed("there is such a task", __FILE__, __LINE__);
}

static void remove_member(struct drive *drive, const char *task)
{
    size_t group;
    struct balancer_member *member = member_of(drive, task, &group);
    size_t index = (size_t)(member - drive->members[group]);
    size_t behind = drive->groups[group].member_count - index - 1;

    memmove(member, member + 1, behind * sizeof(*member));
    drive->groups[group].member_count--;
}

/* True: it was one of these. */
static bool change_wish(struct drive *drive, char **words, size_t count)
{
    const char *verb = words[0];
    size_t group;

    if (text_equal(verb, "balancer") && count == 2) {
        begin_balancer(drive, words[1]);
    } else if (text_equal(verb, "listen") && count >= 2) {
        add_listener(drive, words[1], words[2]);
    } else if (text_equal(verb, "certificate") && count == 3) {
        add_certificate(drive, words[1], words[2]);
    } else if (text_equal(verb, "group") && count >= 2) {
        add_group(drive, words[1], words[2]);
    } else if (text_equal(verb, "source") && count == 3) {
        struct service_target *target = &drive->targets[group_index(drive, words[1])];

        target->source_ip = arena_array(&drive->arena, const char *, 1);
        target->source_ip[0] = arena_text(&drive->arena, words[2]);
        target->source_ip_count = 1;
    } else if (text_equal(verb, "member") && count == 4) {
        add_member(drive, words[1], words[2], words[3]);
    } else if (text_equal(verb, "drains") && count == 2) {
        member_of(drive, words[1], &group)->drains = true;
    } else if (text_equal(verb, "stays") && count == 2) {
        member_of(drive, words[1], &group)->drains = false;
    } else if (text_equal(verb, "leaves") && count == 2) {
        remove_member(drive, words[1]);
    } else {
        return false;
    }
    return true;
}

/* ---- What is done ---------------------------------------------------------------------------- */

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

static void forget(struct command *command)
{
    struct drive *drive = command->drive;

    free(command->took_us);
    free(command->word);
    free(command);
    drive->calls--;
    if (drive->ended && drive->calls == 0)
        loop_stop(drive->loop);
}

/* It is applied again, changed once more, for as often as was asked. */
static bool goes_on(struct command *command)
{
    if (command->wanted == 0)
        return false;
    command->took_us[command->count++] = now_us() - command->began_us;
    if (command->count == command->wanted) {
        qsort(command->took_us, command->count, sizeof(int64_t), by_size);
        printf("TIME median %lld us, largest %lld us\n",
               (long long)command->took_us[command->count / 2],
               (long long)command->took_us[command->count - 1]);
        return false;
    }
    command->member->drains = !command->member->drains;
    command->began_us = now_us();
    return driver_apply(command->drive->driver, &command->call, NULL) == 0;
}

static void on_done(struct driver_call *call, const struct err *failure)
{
    struct command *command = call->context;

    if (failure == NULL && goes_on(command))
        return;
    if (failure != NULL)
        printf("DONE %s failed %s: %s\n", command->word, err_code_text(failure->code),
               failure->text);
    else
        printf("DONE %s ok\n", command->word);
    forget(command);
}

static struct command *command_new(struct drive *drive, const char *word)
{
    struct command *command = mem_alloc(sizeof(*command));

    command->drive = drive;
    command->word = mem_text(word);
    command->call =
        (struct driver_call){ .timeout_ms = TIMEOUT_MS, .done = on_done, .context = command };
    command->action.instance = BALANCER_HOST;
    command->action.object = drive->balancer.name;
    command->action.cause = "test";
    command->action.kind = text_equal(word, "stop") ? ACTION_BALANCER_STOP : ACTION_BALANCER_APPLY;
    command->action.balancer = &drive->balancer;
    drive->calls++;
    return command;
}

static void begin(struct command *command)
{
    struct drive *drive = command->drive;
    struct err err = { 0 };
    int result;

    if (text_equal(command->word, "observe")) {
        result = driver_observe(drive->driver, BALANCER_HOST, &command->call, &err);
    } else {
        command->call.action = &command->action;
        balancer_shape(&drive->balancer, drive->balancer.shape);
        result = driver_apply(drive->driver, &command->call, &err);
    }
    if (result == 0)
        return;
    printf("DONE %s refused: %s\n", command->word, err.text);
    forget(command);
}

static void open_driver(struct drive *drive)
{
    const struct haproxy_options options = { .loop = drive->loop,
                                             .directory = drive->directory,
                                             .owner = drive->owner,
                                             .sink = { .change = on_change, .context = drive } };
    struct err err = { 0 };

    if (haproxy_new(&options, &drive->driver, &err) < 0) {
        printf("REFUSED %s\n", err.text);
        exit(1);
    }
    driver_start(drive->driver);
}

static void do_word(struct drive *drive, char **words, size_t count)
{
    struct command *command;
    size_t group;

    if (text_equal(words[0], "reopen")) {
        driver_free(drive->driver);
        open_driver(drive);
        return;
    }
    command = command_new(drive, words[0]);
    if (text_equal(words[0], "time") && count == 3) {
        ASSERT(text_parse_u32(words[1], &command->wanted));
        command->took_us = mem_alloc(command->wanted * sizeof(int64_t));
        command->member = member_of(drive, words[2], &group);
        command->member->drains = !command->member->drains;
        command->began_us = now_us();
    }
    begin(command);
    if (text_equal(words[0], "cancel"))
        driver_cancel(drive->driver, &command->call);
}

static void run_line(struct drive *drive, char *line)
{
    char *words[WORDS_MAX + 1] = { NULL };
    size_t count = 0;

    for (char *at = line; *at != '\0' && count < WORDS_MAX;) {
        at += strspn(at, " ");
        if (*at == '\0')
            break;
        words[count++] = at;
        at += strcspn(at, " ");
        if (*at != '\0')
            *at++ = '\0';
    }
    if (count > 0 && !change_wish(drive, words, count))
        do_word(drive, words, count);
}

static void end_input(struct drive *drive)
{
    loop_unwatch(TAKE(drive->input));
    drive->ended = true;
    if (drive->calls == 0)
        loop_stop(drive->loop);
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
        run_line(drive, drive->line);
        drive->line_size -= (size_t)(end + 1 - drive->line);
        memmove(drive->line, end + 1, drive->line_size + 1);
    }
}

int main(int argc, char **argv)
{
    struct drive *drive = mem_alloc(sizeof(*drive));
    struct err err = { 0 };

    if (argc != 3)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    drive->directory = argv[1];
    drive->owner = argv[2];
    drive->loop = loop_new(&err);
    open_driver(drive);
    drive->input = loop_watch_fd(drive->loop, STDIN_FILENO, LOOP_READABLE, on_input, drive, &err);
    loop_run(drive->loop);
    driver_free(drive->driver);
    loop_free(drive->loop);
    arena_release(&drive->arena);
    free(drive);
    printf("END\n");
    return 0;
}
