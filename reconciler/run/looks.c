#include "reconciler/run/looks.h"

#include <stdlib.h>
#include <string.h>

#include "reconciler/run/execute.h"
#include "spec/base/hash.h"

#define LISTING_MS 60000

struct look {
    struct looks *looks;
    char *instance;
    struct driver_call call;
    bool is_open;
    bool is_fresh; /* nothing happened there since */
    bool is_calm;  /* nothing was done there since its last listing began */
    UT_hash_handle by_instance;
};

struct looks {
    struct app *app;
    looks_done_fn *done;
    void *context;
    struct look *all;
    size_t open;
};

struct looks *looks_new(struct app *app, looks_done_fn *done, void *context)
{
    struct looks *looks = mem_alloc(sizeof(*looks));

    looks->app = app;
    looks->done = done;
    looks->context = context;
    return looks;
}

void looks_free(struct looks *looks)
{
    ASSERT(looks->open == 0);
    while (looks->all != NULL) {
        struct look *look = looks->all;

        HASH_DELETE(by_instance, looks->all, look);
        free(look->instance);
        free(look);
    }
    free(looks);
}

static struct look *look_get(struct looks *looks, const char *instance)
{
    struct look *look;

    HASH_FIND(by_instance, looks->all, instance, strlen(instance), look);
    if (look != NULL)
        return look;
    look = mem_alloc(sizeof(*look));
    look->looks = looks;
    look->instance = mem_text(instance);
    HASH_ADD_KEYPTR(by_instance, looks->all, look->instance, strlen(look->instance), look);
    return look;
}

void looks_disturb(struct looks *looks, const char *instance)
{
    if (instance != NULL) {
        look_get(looks, instance)->is_fresh = false;
        return;
    }
    for (struct look *at = looks->all; at != NULL; at = at->by_instance.next)
        at->is_fresh = false;
}

void looks_acted(struct looks *looks, const char *instance)
{
    look_get(looks, instance)->is_calm = false;
}

bool looks_listing(struct looks *looks, const char *instance, bool begins)
{
    struct look *look = look_get(looks, instance);

    if (begins)
        look->is_calm = executor_in_flight(looks->app->executor) == 0;
    else if (look->is_calm)
        look->is_fresh = true;
    return !begins && look->is_calm && !look->is_open;
}

static void on_listed(struct driver_call *call, const struct err *failure)
{
    struct look *look = call->context;
    struct looks *looks = look->looks;

    look->is_open = false;
    look->is_fresh = failure == NULL;
    looks->open--;
    if (failure != NULL || looks->open == 0)
        looks->done(looks->context, failure == NULL);
}

/* One that is lost is planned without. */
bool looks_everywhere(struct looks *looks)
{
    const struct app *app = looks->app;
    bool some = false;
    bool all = true;

    for (const struct world_instance *at = app->world->instances; at != NULL;
         at = at->by_name.next) {
        struct look *look = look_get(looks, at->name);

        if (at->state == INSTANCE_LOST)
            continue;
        some = true;
        all = all && look->is_fresh;
        if (look->is_fresh || look->is_open)
            continue;
        look->call =
            (struct driver_call){ .timeout_ms = LISTING_MS, .done = on_listed, .context = look };
        look->is_open = driver_observe(app->driver, look->instance, &look->call, NULL) == 0;
        looks->open += look->is_open;
    }
    return some && all;
}

bool looks_are_open(const struct looks *looks)
{
    return looks->open > 0;
}
