/*
 * All load balancers of one folder.  What each does is in lb.c and lb_action.c.
 */
#include "drivers/haproxy/haproxy.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/haproxy/lb.h"
#include "drivers/haproxy/lb_sample.h"
#include "spec/base/text.h"

/* An observe() that waits for all to be looked at. */
struct observation {
    struct observation *next;
    struct driver_call *call;
    bool is_cancelled;
};

struct haproxy {
    struct driver driver; /* first: the driver is the haproxy */
    struct lb_shared shared;
    char *program;
    char *directory;
    char *owner;
    struct lb *lbs;
    struct observation *observations;
    struct lb_sample *sample; /* NULL: none is under way */
    bool is_started;
    bool is_known; /* told to be */
    bool is_freed;
};

static struct haproxy *of(struct driver *driver)
{
    return (struct haproxy *)driver;
}

static void destroy(struct haproxy *haproxy)
{
    while (haproxy->lbs != NULL) {
        struct lb *lb = haproxy->lbs;

        haproxy->lbs = lb->next;
        lb_free(lb);
    }
    free(haproxy->program);
    free(haproxy->directory);
    free(haproxy->owner);
    free(haproxy);
}

/* ---- All of them ----------------------------------------------------------------------------- */

static struct lb *add(struct haproxy *haproxy, const char *folder, const char *name)
{
    struct lb *lb = lb_new(&haproxy->shared, folder, name);

    lb->next = haproxy->lbs;
    haproxy->lbs = lb;
    return lb;
}

/* Those that are of no use any more. */
static void prune(struct haproxy *haproxy)
{
    for (struct lb **slot = &haproxy->lbs; *slot != NULL;) {
        struct lb *lb = *slot;

        if (lb->is_over && lb->action == NULL && lb->cli == NULL) {
            *slot = lb->next;
            lb_free(lb);
        } else {
            slot = &lb->next;
        }
    }
}

static bool all_are_observed(const struct haproxy *haproxy)
{
    for (const struct lb *lb = haproxy->lbs; lb != NULL; lb = lb->next) {
        if (lb->is_unobserved)
            return false;
    }
    return true;
}

static void tell_known(struct haproxy *haproxy)
{
    struct world_change change = { .kind = WORLD_BALANCERS_KNOWN };

    haproxy->is_known = true;
    change.named.instance = BALANCER_HOST;
    haproxy->shared.sink.change(haproxy->shared.sink.context, &change);
}

/* Of all, or of those that were cancelled. */
static void end_observations(struct haproxy *haproxy, bool all)
{
    struct observation *ended = NULL;

    for (struct observation **slot = &haproxy->observations; *slot != NULL;) {
        struct observation *observation = *slot;

        if (all || observation->is_cancelled) {
            *slot = observation->next;
            observation->next = ended;
            ended = observation;
        } else {
            slot = &observation->next;
        }
    }
    while (ended != NULL) {
        struct observation *observation = ended;
        struct driver_call *call = observation->call;
        struct err failure = { 0 };

        ended = ended->next;
        if (observation->is_cancelled)
            (void)err_set(&failure, ERR_CANCELLED, "cancelled");
        free(observation);
        call->state = NULL;
        call->done(call, failure.code != ERR_OK ? &failure : NULL);
    }
}

static bool has_actions(const struct haproxy *haproxy)
{
    for (const struct lb *lb = haproxy->lbs; lb != NULL; lb = lb->next) {
        if (lb->action != NULL)
            return true;
    }
    return false;
}

/* From the loop: after a look, and when something was cancelled. */
static void attend(void *context)
{
    struct haproxy *haproxy = context;

    if (haproxy->is_freed) {
        end_observations(haproxy, /* all= */ true);
        if (!has_actions(haproxy))
            destroy(haproxy);
        return;
    }
    prune(haproxy);
    end_observations(haproxy, /* all= */ false);
    if (!haproxy->is_started || !all_are_observed(haproxy))
        return;
    if (!haproxy->is_known || haproxy->observations != NULL)
        tell_known(haproxy);
    end_observations(haproxy, /* all= */ true);
}

static void attend_soon(void *context)
{
    struct haproxy *haproxy = context;

    loop_defer_cancel(haproxy->shared.loop, attend, haproxy);
    loop_defer(haproxy->shared.loop, attend, haproxy);
}

static void observe_all(struct haproxy *haproxy)
{
    for (struct lb *lb = haproxy->lbs; lb != NULL; lb = lb->next) {
        lb->is_unobserved = true;
        buf_reset(&lb->told_text); /* it is told whatever it was before */
        lb_look(lb, 0);
    }
    attend_soon(haproxy);
}

/* ---- The driver ------------------------------------------------------------------------------ */

static void haproxy_start(struct driver *driver)
{
    struct haproxy *haproxy = of(driver);
    DIR *dir = opendir(haproxy->directory);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < FOLDER_NAME_SIZE)
            (void)add(haproxy, entry->d_name, NULL);
    }
    if (dir != NULL)
        (void)closedir(dir);
    haproxy->is_started = true;
    observe_all(haproxy);
}

/* The one of that name; made when there is none. */
static struct lb *find(struct haproxy *haproxy, const char *name)
{
    char folder[FOLDER_NAME_SIZE];

    folder_name(name, folder);
    for (struct lb *lb = haproxy->lbs; lb != NULL; lb = lb->next) {
        if (!text_equal(strrchr(lb->folder, '/') + 1, folder))
            continue;
        if (lb->name == NULL)
            lb->name = mem_text(name);
        return lb;
    }
    return add(haproxy, folder, name);
}

static int haproxy_apply(struct driver *driver, struct driver_call *call, struct err *err)
{
    const struct action *action = call->action;
    struct lb *lb;

    if (action->kind != ACTION_BALANCER_APPLY && action->kind != ACTION_BALANCER_STOP)
        return err_set(err, ERR_INVALID, "'%s' is nothing for a load balancer",
                       action_kind_text(action->kind));
    lb = find(of(driver), action->object);
    if (lb->action != NULL)
        return err_set(err, ERR_CONFLICT, "LoadBalancer '%s' is being changed", action->object);
    lb_action_begin(lb, call);
    return 0;
}

static int haproxy_observe(struct driver *driver, const char *instance, struct driver_call *call,
                           struct err *err)
{
    struct haproxy *haproxy = of(driver);
    struct observation *observation = mem_alloc(sizeof(*observation));

    (void)instance; /* all of them run beside Berth */
    (void)err;
    observation->call = call;
    observation->next = haproxy->observations;
    haproxy->observations = observation;
    call->state = observation;
    observe_all(haproxy);
    return 0;
}

static void on_sample_over(void *context)
{
    struct haproxy *haproxy = context;

    haproxy->sample = NULL;
}

static int haproxy_sample(struct driver *driver, const char *instance, struct driver_call *call,
                          struct err *err)
{
    struct haproxy *haproxy = of(driver);

    (void)instance; /* all of them run beside Berth */
    if (haproxy->sample != NULL)
        return err_set(err, ERR_CONFLICT, "a sample of them is under way");
    haproxy->sample =
        lb_sample_start(&haproxy->shared, haproxy->lbs, call, on_sample_over, haproxy);
    if (haproxy->sample == NULL)
        return err_set(err, ERR_NOT_FOUND, "no load balancer runs");
    return 0;
}

static void haproxy_cancel(struct driver *driver, struct driver_call *call)
{
    struct haproxy *haproxy = of(driver);

    if (call->action != NULL) {
        struct lb *lb = call->state;

        lb_action_cancel(lb);
        return;
    }
    for (struct observation *one = haproxy->observations; one != NULL; one = one->next) {
        if (one->call == call)
            one->is_cancelled = true;
    }
    attend_soon(haproxy);
}

static void haproxy_free(struct driver *driver)
{
    struct haproxy *haproxy = of(driver);

    haproxy->is_freed = true;
    if (haproxy->sample != NULL)
        lb_sample_cancel(TAKE(haproxy->sample));
    for (struct observation *one = haproxy->observations; one != NULL; one = one->next)
        one->is_cancelled = true;
    for (struct lb *lb = haproxy->lbs; lb != NULL; lb = lb->next) {
        if (lb->action != NULL)
            lb_action_cancel(lb);
    }
    if (haproxy->observations == NULL && !has_actions(haproxy)) {
        loop_defer_cancel(haproxy->shared.loop, attend, haproxy);
        destroy(haproxy);
        return;
    }
    attend_soon(haproxy);
}

static const struct driver_ops ops = {
    .name = "haproxy",
    .start = haproxy_start,
    .apply = haproxy_apply,
    .observe = haproxy_observe,
    .sample = haproxy_sample,
    .cancel = haproxy_cancel,
    .free = haproxy_free,
};

int haproxy_new(const struct haproxy_options *options, struct driver **out, struct err *err)
{
    struct haproxy *haproxy;

    if (folder_base(options->directory, err) < 0)
        return -1;
    haproxy = mem_alloc(sizeof(*haproxy));
    haproxy->driver.ops = &ops;
    haproxy->program = mem_text(options->program != NULL ? options->program : "haproxy");
    haproxy->directory = mem_text(options->directory);
    haproxy->owner = mem_text(options->owner);
    haproxy->shared.loop = options->loop;
    haproxy->shared.program = haproxy->program;
    haproxy->shared.directory = haproxy->directory;
    haproxy->shared.owner = haproxy->owner;
    haproxy->shared.sink = options->sink;
    haproxy->shared.looked = attend_soon;
    haproxy->shared.context = haproxy;
    *out = &haproxy->driver;
    return 0;
}
