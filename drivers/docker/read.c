/*
 * Engine JSON is foreign: other versions, other implementations, objects that others labelled.  So
 * every value is looked up with a fallback, and what would not fit our own fields is not taken.
 */
#include "drivers/docker/read.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "drivers/docker/labels.h"
#include "spec/action.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/port.h"

#define NS_PER_MS ((int64_t)1000 * 1000)

/* Linux's, as the engine counts them. */
#define SIGNALS_NAMED_END 32
#define SIGNAL_RTMIN      34
#define SIGNALS_END       65

struct json *read_json(const char *text, size_t size, struct err *err)
{
    static const char nul[] = "\\u0000";
    static const char replacement[] = "\\ufffd";
    struct json *value = json_parse(text, size, err);
    bool escaped = false;

    if (value != NULL || memmem(text, size, nul, strlen(nul)) == NULL)
        return value;
    AUTO_TEXT char *clean = mem_alloc(size + 1);
    memcpy(clean, text, size);
    for (size_t i = 0; i < size; i++) {
        if (!escaped && size - i >= strlen(nul) && memcmp(clean + i, nul, strlen(nul)) == 0)
            memcpy(clean + i, replacement, strlen(replacement));
        escaped = !escaped && clean[i] == '\\';
    }
    return json_parse(clean, size, err);
}

/* A label, or NULL when it is absent or longer than `max` bytes. */
static const char *label_of(const struct json *labels, const char *key, size_t max)
{
    const char *text = json_as_text(json_get(labels, key), /* fallback= */ NULL);

    return text != NULL && strlen(text) <= max ? text : NULL;
}

static uint32_t label_number(const struct json *labels, const char *key)
{
    const char *text = json_as_text(json_get(labels, key), "");
    uint32_t number = 0;

    return text_parse_u32(text, &number) ? number : 0;
}

static bool is_task_id(const char *text)
{
    return text != NULL && strlen(text) == TASK_ID_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == TASK_ID_SIZE - 1;
}

static const char *without_slash(const char *name)
{
    return name != NULL && name[0] == '/' ? name + 1 : name;
}

/* All that the labels say; false when they do not say that the container is ours. */
static bool read_labels(const struct reader *reader, const struct json *labels,
                        struct container_report *out)
{
    if (!text_equal(label_of(labels, LABEL_OWNER, LIMIT_NAME), reader->owner))
        return false;

    out->task = label_of(labels, LABEL_TASK, TASK_ID_SIZE - 1);
    out->container = label_of(labels, LABEL_CONTAINER, LIMIT_NAME);
    out->cluster = label_of(labels, LABEL_CLUSTER, LIMIT_NAME);
    if (!is_task_id(out->task) || text_is_empty(out->container) || !text_is_name(out->cluster))
        return false;

    out->instance = reader->instance;
    out->service = label_of(labels, LABEL_SERVICE, LIMIT_NAME);
    out->group = label_of(labels, LABEL_GROUP, LIMIT_NAME * 2);
    out->family = label_of(labels, LABEL_FAMILY, LIMIT_NAME);
    out->revision = label_of(labels, LABEL_REVISION, SHA256_HEX_SIZE - 1);
    out->deployment = label_of(labels, LABEL_DEPLOYMENT, DEPLOYMENT_ID_SIZE - 1);
    out->digest = label_of(labels, LABEL_DIGEST, LIMIT_NAME * 2);
    out->commit = label_of(labels, LABEL_COMMIT, COMMIT_SIZE - 1);
    out->containers = label_number(labels, LABEL_CONTAINERS);
    out->slot = label_number(labels, LABEL_SLOT);
    out->attempt = label_number(labels, LABEL_ATTEMPT);
    out->memory_mib = label_number(labels, LABEL_MEMORY);
    out->cpu_units = label_number(labels, LABEL_CPU);
    out->host_ports = label_of(labels, LABEL_PORTS, LIMIT_HOST_PORTS);
    return true;
}

bool read_container_summary(const struct reader *reader, const struct json *value,
                            struct container_report *out)
{
    struct container_report report = { 0 };
    const struct json *names = json_get(value, "Names");
    char expected[CONTAINER_NAME_SIZE];

    if (!read_labels(reader, json_get(value, "Labels"), &report))
        return false;
    container_name(report.task, report.container, expected);
    for (size_t i = 0; i < json_count(names) && report.name == NULL; i++) {
        const char *name = without_slash(json_as_text(json_at(names, i), /* fallback= */ NULL));
        if (text_equal(name, expected))
            report.name = name;
    }
    report.id = json_text(value, "Id");
    report.image_id = json_text(value, "ImageID");
    if (report.name == NULL || text_is_empty(report.id) ||
        !container_status_parse(json_as_text(json_get(value, "State"), ""), &report.status))
        return false;
    *out = report;
    return true;
}

/* One "Key=123" of LABEL_LIMITS; *text moves behind it. */
static bool next_limit(const char **text, char *key, size_t key_size, int64_t *out_value)
{
    char number[24];
    size_t length = strcspn(*text, "=");
    const char *digits = *text + length + 1;

    if ((*text)[length] != '=' || length >= key_size)
        return false;
    size_t digit_count = strcspn(digits, " ");
    if (digit_count >= sizeof(number))
        return false;
    memcpy(key, *text, length);
    key[length] = '\0';
    memcpy(number, digits, digit_count);
    number[digit_count] = '\0';
    *text = digits + digit_count + (digits[digit_count] == ' ' ? 1 : 0);
    return text_parse_i64(number, out_value);
}

/* The fields of HostConfig that `docker update` changes.  X(field, the reader lacks it) */
#define LIMIT_FIELDS(X)                                                                            \
    X("NanoCpus", lacks_cpu_quota)                                                                 \
    X("CpuShares", lacks_cpu_shares)                                                               \
    X("Memory", lacks_memory_limit)                                                                \
    X("MemoryReservation", lacks_memory_limit)                                                     \
    X("MemorySwap", lacks_swap_limit)

/* The name of the field in static memory; NULL when it is none that can be compared. */
static const char *comparable_field(const struct reader *reader, const char *key)
{
#define LIMIT_FIELD(name, lacks)                                                                   \
    if (text_equal(key, name))                                                                     \
        return reader->lacks ? NULL : (name);
    LIMIT_FIELDS(LIMIT_FIELD)
#undef LIMIT_FIELD
    return NULL;
}

static const char *limits_drift(const struct reader *reader, const struct json *host,
                                const char *limits)
{
    /* Never set by us, so anything in them came later.  Engines answer null, 0 or -1 for "none". */
    static const char *const unset[] = { "CpuPeriod", "CpuQuota", "PidsLimit", "BlkioWeight" };
    char key[32];
    int64_t asked = 0;

    while (limits != NULL && next_limit(&limits, key, sizeof(key), &asked)) {
        const char *field = comparable_field(reader, key);
        if (field != NULL && json_int(host, field, /* fallback= */ 0) != asked)
            return field;
    }
    for (size_t i = 0; i < ARRAY_COUNT(unset); i++) {
        if (json_int(host, unset[i], /* fallback= */ 0) > 0)
            return unset[i];
    }
    if (!text_is_empty(json_text(host, "CpusetCpus")))
        return "CpusetCpus";
    if (!text_is_empty(json_text(host, "RestartPolicy.Name")) &&
        !text_equal(json_text(host, "RestartPolicy.Name"), "no"))
        return "RestartPolicy";
    return NULL;
}

static bool has_text(const struct json *array, const char *text)
{
    for (size_t i = 0; i < json_count(array); i++) {
        if (text_equal(json_as_text(json_at(array, i), /* fallback= */ NULL), text))
            return true;
    }
    return false;
}

/* True for containers that join the namespace of another, or have no network at all. */
static bool has_no_network(const char *mode)
{
    return mode == NULL || text_starts(mode, "container:") || text_equal(mode, "none") ||
           text_equal(mode, "host");
}

static const char *networks_drift(const struct json *value, const char *service)
{
    const char *mode = json_text(value, "HostConfig.NetworkMode");
    const struct json *networks = json_path(value, "NetworkSettings.Networks");

    if (has_no_network(mode))
        return NULL;
    const struct json *network = json_get(networks, mode);
    if (json_count(networks) != 1 || !json_is_object(network))
        return "Networks";
    if (service != NULL && !has_text(json_get(network, "Aliases"), service))
        return "Aliases";
    return NULL;
}

static const char *drift_of(const struct reader *reader, const struct json *value,
                            const struct container_report *report)
{
    const struct json *labels = json_path(value, "Config.Labels");
    const char *drift;

    if (json_bool(value, "State.Paused", /* fallback= */ false))
        return "Paused";
    drift = limits_drift(reader, json_get(value, "HostConfig"),
                         json_as_text(json_get(labels, LABEL_LIMITS), /* fallback= */ NULL));
    return drift != NULL ? drift : networks_drift(value, report->service);
}

static int64_t time_of(const struct json *value, const char *path)
{
    int64_t ms = 0;

    return text_parse_time_ms(json_as_text(json_path(value, path), ""), &ms) ? ms : 0;
}

/* An engine that died during a start finds the container running afterwards and never learns when
 * it began: not before it was created, then. */
static int64_t start_of(const struct json *state, const struct container_report *report)
{
    int64_t ms = time_of(state, "StartedAt");
    bool is_up = report->status == CONTAINER_RUNNING || report->status == CONTAINER_PAUSED ||
                 report->status == CONTAINER_RESTARTING;

    return ms == 0 && is_up ? report->created_ms : ms;
}

static const char *address_of(const struct json *value)
{
    const char *mode = json_text(value, "HostConfig.NetworkMode");
    const struct json *networks = json_path(value, "NetworkSettings.Networks");

    return mode != NULL ? json_text(json_get(networks, mode), "IPAddress") : NULL;
}

static bool is_on_host(const struct json *value)
{
    return text_equal(json_text(value, "HostConfig.NetworkMode"), "host");
}

/* Of several addresses of the host with the same port one counts; which is never our choice. */
void read_bindings(const struct json *value, struct buf *out)
{
    const struct json *ports = json_path(value, "NetworkSettings.Ports");
    const struct json *places;
    const char *key;

    for (void *at = NULL; (at = json_next(ports, at, &key, &places)) != NULL;) {
        const struct json *place = json_count(places) == 0 ? NULL : json_at(places, 0);
        uint32_t host = 0;
        uint32_t container;
        bool is_udp;

        if (port_parse(key, &container, &is_udp) &&
            text_parse_u32(json_as_text(json_get(place, "HostPort"), ""), &host) && host > 0 &&
            host <= UINT16_MAX)
            buf_printf(out, "%s%u:%u/%s", out->size > 0 ? " " : "", host, container,
                       is_udp ? "udp" : "tcp");
    }
}

/* The last run of its check, if it failed; the engine keeps five, the newest at the end. */
static void read_check(const struct json *state, struct container_report *out)
{
    const struct json *runs = json_path(state, "Health.Log");
    const struct json *last = json_count(runs) == 0 ? NULL : json_at(runs, json_count(runs) - 1);
    int64_t exit_code = json_int(last, "ExitCode", /* fallback= */ 0);

    if (exit_code == 0)
        return;
    out->check_exit_code = exit_code >= INT32_MIN && exit_code <= INT32_MAX ? (int)exit_code : -1;
    out->check_output = json_text(last, "Output");
}

bool read_container(const struct reader *reader, const struct json *value,
                    struct container_report *out)
{
    struct container_report report = { .inspected = true };
    const struct json *state = json_get(value, "State");
    char expected[CONTAINER_NAME_SIZE];

    if (!read_labels(reader, json_path(value, "Config.Labels"), &report))
        return false;
    container_name(report.task, report.container, expected);
    report.name = without_slash(json_text(value, "Name"));
    report.id = json_text(value, "Id");
    if (!text_equal(report.name, expected) || text_is_empty(report.id) ||
        !container_status_parse(json_as_text(json_get(state, "Status"), ""), &report.status))
        return false;

    report.image_id = json_text(value, "Image");
    if (!health_status_parse(json_as_text(json_path(state, "Health.Status"), ""), &report.health))
        report.health = HEALTH_NONE;
    int64_t exit_code = json_int(state, "ExitCode", /* fallback= */ 0);
    int64_t restarts = json_int(value, "RestartCount", /* fallback= */ 0);
    report.exit_code = exit_code >= INT32_MIN && exit_code <= INT32_MAX ? (int)exit_code : -1;
    report.restarts = restarts > 0 && restarts <= UINT32_MAX ? (uint32_t)restarts : 0;
    report.oom_killed = json_bool(state, "OOMKilled", /* fallback= */ false);
    report.created_ms = time_of(value, "Created");
    report.started_ms = start_of(state, &report);
    report.finished_ms = time_of(state, "FinishedAt");
    report.address = address_of(value);
    report.on_host = is_on_host(value);
    report.error = json_text(state, "Error");
    read_check(state, &report);
    report.drift = drift_of(reader, value, &report);
    *out = report;
    return true;
}

/* As a Dockerfile may name it: "SIGTERM", "term", "15", "SIGRTMIN+3".  0: not understood. */
static int signal_number(const char *text)
{
    uint32_t number = 0;

    if (text_parse_u32(text, &number))
        return number < SIGNALS_END ? (int)number : 0;
    if (strncasecmp(text, "SIG", strlen("SIG")) == 0)
        text += strlen("SIG");
    if (strncasecmp(text, "RTMIN+", strlen("RTMIN+")) == 0 &&
        text_parse_u32(text + strlen("RTMIN+"), &number) && number < SIGNALS_END - SIGNAL_RTMIN)
        return SIGNAL_RTMIN + (int)number;
    for (int i = 1; i < SIGNALS_NAMED_END; i++) {
        if (strcasecmp(text, sigabbrev_np(i)) == 0)
            return i;
    }
    return 0;
}

int read_stop_signal(const struct json *value)
{
    int number = signal_number(json_as_text(json_path(value, "Config.StopSignal"), ""));

    return number != 0 ? number : SIGTERM;
}

/* "<none>:<none>" stands for no name. */
static size_t read_names(const struct json *array, const char **out)
{
    size_t count = 0;

    for (size_t i = 0; i < json_count(array) && count < IMAGE_NAMES_MAX; i++) {
        const char *name = json_as_text(json_at(array, i), /* fallback= */ NULL);
        if (!text_is_empty(name) && !text_starts(name, "<none>"))
            out[count++] = name;
    }
    return count;
}

bool read_image(const struct reader *reader, const struct json *value, struct image_names *names,
                struct image_report *out)
{
    const struct json *labels = json_get(value, "Labels"); /* of a listing */
    const struct json *created = json_get(value, "Created");
    int64_t size = json_int(value, "Size", /* fallback= */ 0);
    const char *id = json_text(value, "Id");

    if (text_is_empty(id))
        return false;
    if (!json_is_object(labels))
        labels = json_path(value, "Config.Labels");

    *out = (struct image_report){
        .instance = reader->instance,
        .id = id,
        .tags = names->tags,
        .tag_count = read_names(json_get(value, "RepoTags"), names->tags),
        .digests = names->digests,
        .digest_count = read_names(json_get(value, "RepoDigests"), names->digests),
        .name = label_of(labels, LABEL_IMAGE_NAME, LIMIT_NAME),
        .owner = label_of(labels, LABEL_IMAGE_OWNER, LIMIT_NAME),
        .key = label_of(labels, LABEL_IMAGE_KEY, SHA256_HEX_SIZE - 1),
        .size_bytes = size > 0 ? (uint64_t)size : 0,
    };
    /* Seconds in a listing, text on inspect. */
    int64_t seconds = json_as_int(created, /* fallback= */ 0);
    if (json_as_text(created, /* fallback= */ NULL) != NULL)
        out->created_ms = time_of(value, "Created");
    else if (seconds > 0 && seconds < INT64_MAX / 1000)
        out->created_ms = seconds * 1000;
    return true;
}

bool read_network(const struct reader *reader, const struct json *value, struct named_report *out)
{
    const struct json *labels = json_get(value, "Labels");
    struct named_report report = {
        .instance = reader->instance,
        .name = json_text(value, "Name"),
        .owner = label_of(labels, LABEL_NETWORK_OWNER, LIMIT_NAME),
        .cluster = label_of(labels, LABEL_NETWORK_CLUSTER, LIMIT_NAME),
    };

    if (text_is_empty(report.name) || !text_equal(report.owner, reader->owner))
        return false;
    *out = report;
    return true;
}

bool read_volume(const struct reader *reader, const struct json *value, struct named_report *out)
{
    const struct json *labels = json_get(value, "Labels");
    struct named_report report = {
        .instance = reader->instance,
        .name = json_text(value, "Name"),
        .owner = label_of(labels, LABEL_VOLUME_OWNER, LIMIT_NAME),
        .cluster = label_of(labels, LABEL_VOLUME_CLUSTER, LIMIT_NAME),
        .service = label_of(labels, LABEL_VOLUME_SERVICE, LIMIT_NAME * 2),
        .root = label_of(labels, LABEL_VOLUME_ROOT, COMMIT_SIZE - 1),
    };

    if (text_is_empty(report.name))
        return false;
    *out = report;
    return true;
}

void read_info(const struct json *value, int64_t now_ms, struct instance_report *out)
{
    int64_t cpus = json_int(value, "NCPU", /* fallback= */ 0);
    int64_t memory_mib = json_int(value, "MemTotal", /* fallback= */ 0) / (1024 * 1024);
    int64_t engine_ms = time_of(value, "SystemTime");

    out->engine_id = json_text(value, "ID");
    out->engine_version = json_text(value, "ServerVersion");
    out->architecture = json_text(value, "Architecture");
    out->cpu_units = cpus > 0 && cpus <= UINT32_MAX / 1024 ? (uint32_t)cpus * 1024 : 0;
    out->memory_mib = memory_mib > 0 && memory_mib <= UINT32_MAX ? (uint32_t)memory_mib : 0;
    out->clock_skew_ms = engine_ms > 0 ? engine_ms - now_ms : 0;
}

void read_facilities(const struct json *value, struct reader *out)
{
    /* An engine that does not say has them. */
    out->lacks_memory_limit = !json_bool(value, "MemoryLimit", /* fallback= */ true);
    out->lacks_swap_limit = !json_bool(value, "SwapLimit", /* fallback= */ true);
    out->lacks_cpu_quota = !json_bool(value, "CpuCfsQuota", /* fallback= */ true);
    out->lacks_cpu_shares = !json_bool(value, "CPUShares", /* fallback= */ true);
}

/* About networks, volumes and images. */
static struct event_report read_ground_event(const struct json *value)
{
    static const struct {
        const char *type;
        const char *action;
        enum event_type event;
    } types[] = {
        { "network", "disconnect", EVENT_NETWORK_LEFT },
        { "network", "destroy", EVENT_NETWORK_GONE },
        { "volume", "destroy", EVENT_VOLUME_GONE },
        { "image", "delete", EVENT_IMAGE_GONE },
    };
    struct event_report report = { .id = json_text(value, "Actor.ID"),
                                   .name = json_text(value, "Actor.Attributes.name") };

    for (size_t i = 0; i < ARRAY_COUNT(types) && !text_is_empty(report.id); i++) {
        if (text_equal(json_text(value, "Type"), types[i].type) &&
            text_equal(json_text(value, "Action"), types[i].action))
            report.type = types[i].event;
    }
    if (report.type == EVENT_NETWORK_LEFT)
        report.id = json_text(value, "Actor.Attributes.container");
    if (text_is_empty(report.id))
        report.type = EVENT_OTHER;
    return report;
}

struct event_report read_event(const struct reader *reader, const struct json *value)
{
    /* What is not here changes nothing that we keep ("attach", "exec_start"), or comes together
     * with one that is ("stop" with "die"). */
    static const struct {
        const char *action; /* how it begins: "health_status: healthy" */
        enum event_type type;
    } types[] = {
        { "create", EVENT_CONTAINER_CREATED }, { "start", EVENT_CONTAINER_CHANGED },
        { "die", EVENT_CONTAINER_ENDED },      { "oom", EVENT_CONTAINER_CHANGED },
        { "pause", EVENT_CONTAINER_CHANGED },  { "unpause", EVENT_CONTAINER_CHANGED },
        { "rename", EVENT_CONTAINER_CHANGED }, { "update", EVENT_CONTAINER_CHANGED },
        { "kill", EVENT_CONTAINER_KILLED },    { "health_status", EVENT_CONTAINER_CHANGED },
        { "destroy", EVENT_CONTAINER_GONE },
    };
    const struct json *attributes = json_path(value, "Actor.Attributes");
    const char *action = json_as_text(json_get(value, "Action"), "");
    struct event_report report = {
        .id = json_text(value, "Actor.ID"),
        .name = json_as_text(json_get(attributes, "name"), /* fallback= */ NULL),
    };

    if (!text_equal(json_text(value, "Type"), "container"))
        return read_ground_event(value);
    report.is_start = text_equal(action, "start");
    report.signal = signal_number(json_as_text(json_get(attributes, "signal"), ""));
    report.time_ms = json_int(value, "timeNano", /* fallback= */ 0) / NS_PER_MS;
    if (text_is_empty(report.id) ||
        !text_equal(label_of(attributes, LABEL_OWNER, LIMIT_NAME), reader->owner) ||
        !is_task_id(label_of(attributes, LABEL_TASK, TASK_ID_SIZE - 1)))
        return report;
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        if (text_starts(action, types[i].action))
            report.type = types[i].type;
    }
    return report;
}
