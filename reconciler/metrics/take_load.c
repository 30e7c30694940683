/*
 * What load balancers count of each target.  A process counts from 0: one that was not there at the
 * sample before, of a load balancer that was, has counted since.
 */
#include <math.h>
#include <string.h>

#include "reconciler/metrics/metrics_int.h"

#define KEY_SIZE 1024

/* Of "CLUSTER:SERVICE:CONTAINER:PORT" the first two, as "CLUSTER/SERVICE"; false: it is no group of
 * a service. */
static bool service_key(const char *group, char out[KEY_SIZE])
{
    size_t cluster = strcspn(group, ":");
    size_t service = group[cluster] == ':' ? strcspn(group + cluster + 1, ":") : 0;
    size_t size = cluster + 1 + service;

    if (cluster == 0 || service == 0 || group[size] != ':' || size + 1 > KEY_SIZE)
        return false;
    memcpy(out, group, size);
    out[cluster] = '/';
    out[size] = '\0';
    return true;
}

static struct measured_target *target_of(struct metrics *metrics, const char *balancer,
                                         const struct target_sample *sample, bool *is_new)
{
    AUTO(buf) key = { 0 };
    struct measured_target *target;

    buf_init(&key, (size_t)4 * KEY_SIZE);
    buf_printf(&key, "%s %llu %s %s", balancer, (unsigned long long)sample->process, sample->group,
               sample->task);
    HASH_FIND(by_key, metrics->targets, buf_text(&key), key.size, target);
    *is_new = target == NULL;
    if (target == NULL) {
        target = mem_alloc(sizeof(*target));
        target->key = mem_text(buf_text(&key));
        HASH_ADD_KEYPTR(by_key, metrics->targets, target->key, key.size, target);
    }
    return target;
}

/* A counter that went back began anew. */
static uint64_t since(uint64_t now, uint64_t before)
{
    return now < before ? now : now - before;
}

static void add_target(struct measured_service *service, const struct target_sample *sample,
                       const struct measured_target *before)
{
    struct series_load *load = &service->load;
    uint64_t requests = since(sample->requests, before->requests);

    load->requests += requests;
    for (size_t i = 0; i < SAMPLE_ANSWERS; i++)
        load->answers[i] += since(sample->answers[i], before->answers[i]);
    load->connection_errors += since(sample->connection_errors, before->connection_errors);
    if (requests > 0) {
        double sum = isnan(load->response_s) ? 0 : load->response_s * service->response_weight;

        service->response_weight += (double)requests;
        load->response_s =
            (sum + sample->response_ms / 1000.0 * (double)requests) / service->response_weight;
    }
}

static struct measured_service *touch(struct metrics *metrics, const char *group)
{
    char key[KEY_SIZE];
    struct measured_service *service = service_key(group, key) ? metrics_need(metrics, key) : NULL;

    if (service != NULL && !service->is_touched) {
        service->is_touched = true;
        service->load = (struct series_load){ .response_s = NAN };
        service->response_weight = 0;
    }
    return service;
}

static void take_target(struct metrics *metrics, const struct sample_report *report,
                        const struct target_sample *sample, bool is_counted, int64_t wall_ms)
{
    struct measured_service *service = touch(metrics, sample->group);
    struct measured_target *target;
    bool is_new;

    if (service == NULL)
        return;
    target = target_of(metrics, report->balancer, sample, &is_new);
    if (is_counted)
        add_target(service, sample, target);
    /* Of old processes too: they only finish what they have begun. */
    service->load.targets += sample->in_service && sample->process == report->targets[0].process;
    target->requests = sample->requests;
    memcpy(target->answers, sample->answers, sizeof(target->answers));
    target->connection_errors = sample->connection_errors;
    target->wall_ms = wall_ms;
}

static struct measured_balancer *balancer_of(struct metrics *metrics, const char *name)
{
    struct measured_balancer *balancer;

    HASH_FIND(by_name, metrics->balancers, name, strlen(name), balancer);
    if (balancer == NULL) {
        balancer = mem_alloc(sizeof(*balancer));
        balancer->name = mem_text(name);
        HASH_ADD_KEYPTR(by_name, metrics->balancers, balancer->name, strlen(name), balancer);
    }
    return balancer;
}

void metrics_take_load(struct metrics *metrics, const struct sample_report *sample, int64_t wall_ms)
{
    struct measured_balancer *balancer = balancer_of(metrics, sample->balancer);
    int64_t elapsed_ms = sample->taken_ms - balancer->taken_ms;
    bool is_counted = balancer->taken_ms > 0 && elapsed_ms > 0 && elapsed_ms <= METRICS_GAP_MS;

    for (size_t i = 0; i < sample->target_count; i++)
        take_target(metrics, sample, &sample->targets[i], is_counted, wall_ms);
    for (size_t i = 0; i < sample->group_count; i++) {
        struct measured_service *service = touch(metrics, sample->groups[i].group);

        if (service != NULL)
            service->load.queue += sample->groups[i].queued;
    }
    for (struct measured_service *at = metrics->services; at != NULL; at = at->by_key.next) {
        bool had_load = series_has_load(at->series);

        if (at->is_touched && is_counted && wall_ms > elapsed_ms) {
            series_add_load(at->series, wall_ms - elapsed_ms, wall_ms, &at->load);
            metrics_grown(metrics, at, had_load);
        }
        at->is_touched = false;
    }
    balancer->taken_ms = sample->taken_ms;
    balancer->wall_ms = wall_ms;
}
