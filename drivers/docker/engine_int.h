/*
 * What the files that make up an engine know about it, and nobody else does.
 */
#ifndef DRIVERS_DOCKER_ENGINE_INT_H
#define DRIVERS_DOCKER_ENGINE_INT_H

#include "drivers/docker/engine.h"
#include "drivers/docker/events.h"
#include "drivers/docker/read.h"
#include "spec/base/arena.h"
#include "spec/base/hash.h"
#include "spec/base/json.h"
#include "spec/base/rng.h"
#include "spec/target.h"

#define ENGINE_ID_SIZE 65 /* 64 hexadecimal digits and the NUL */

/* Inspects at once: they are reads, and the engine serves them while it works. */
#define ENGINE_INSPECTS_MAX 8
/* Calls that only read, or change one small thing. */
#define ENGINE_READ_MS      30000
/* Between two listings that nothing asked for: what no event told is found by them. */
#define ENGINE_RECHECK_MS   (5 * 60 * 1000)
/* A listing looks again at containers that were not looked at for so long. */
#define ENGINE_STALE_MS     60000

/* Requests that make a listing. */
#define ENGINE_PARTS 4

/* One accepted driver_call. */
struct engine_call {
    struct engine *engine;
    struct driver_call *call;
    struct docker_call *docker; /* in flight; NULL: none */
    uint64_t began;             /* engine->reports when it began */
    bool cancelled;
    bool failed; /* `failure` is what done() gets once all is reported */
    struct err failure;
    void *work;                 /* of a long action (images.c), and of reading (last_lines.c) */
    struct engine_call *waiter; /* next one that waits for the same inspect or listing */
    struct engine_call *prev;   /* in engine->calls */
    struct engine_call *next;
};

/* A container that we know of. */
struct tracked {
    char id[ENGINE_ID_SIZE];
    uint64_t reported;    /* engine->reports when it was reported last; 0: never */
    int64_t inspected_ms; /* when the last answer came, by the loop's clock */
    int64_t asked_ms;     /* when the last question was sent */
    enum container_status status;
    int stop_signal; /* 0: not inspected */
    bool inspected;
    bool queued;
    bool inspecting;
    bool again;        /* something happened during the inspect, */
    bool started;      /* namely a start, and nothing else */
    bool gone;         /* kept until the end of the listing, which may still name it */
    bool for_listing;  /* the listing waits for its inspect */
    bool ahead;        /* which was asked for before the listing was taken */
    struct json *held; /* what it answered, until the engine's facts are known; NULL: nothing */
    struct engine_call *waiters;
    struct tracked *prev; /* in engine->queue */
    struct tracked *next;
    UT_hash_handle by_id;
};

struct engine {
    struct docker *docker;
    struct loop *loop;
    struct arena texts; /* copies of options */
    struct reader reader;
    struct writer writer;
    struct context_reader contexts;
    int (*take)(void *context, const char *engine_id, struct err *err);
    struct transfers *transfers;
    struct driver_sink sink;
    struct rng rng;
    bool holds;
    int hold;              /* descriptor, -1: none */
    char hold_of[128];     /* the ID that it is for */
    char architecture[16]; /* as /info says */
    int64_t stats_due_ms;  /* stats.c: by the steady clock */
    bool stats_noted;

    /* engine.c */
    bool connected; /* its facts are known and its events are followed */
    bool freeing;
    uint64_t dials;          /* how often: answers to questions of an earlier one say nothing */
    int64_t dialled_ms;      /* our wall clock, when it was */
    int64_t clock_skew_ms;   /* engine's wall clock minus ours */
    int64_t clock_offset_ms; /* engine's wall clock minus the loop's */
    int64_t pause_ms;        /* before the next dial */
    struct timer redial;
    struct docker_call *dial;
    struct docker_events *events;
    struct docker_events *ground_events; /* of networks, volumes and images */
    struct timer recheck;
    struct engine_call *calls;
    size_t jobs; /* on other threads */
    void (*freed)(void *context);
    void *freed_context;

    /* listing.c */
    uint64_t reports; /* grows with every report about a container */
    struct tracked *containers;
    struct tracked *queue; /* to be inspected */
    size_t inspecting;
    bool listing;
    uint64_t listing_began;
    size_t listing_parts;    /* requests whose answers are missing */
    size_t listing_inspects; /* likewise */
    struct docker_call *listing_calls[ENGINE_PARTS];
    struct json *held[ENGINE_PARTS]; /* answers that came before the engine's facts */
    struct engine_call *observers;   /* wait for this listing */
    struct engine_call *next_observers;
};

/* ---- engine.c ---- */

void engine_report(struct engine *engine, const struct world_change *change);
/* *_GONE and *_STOPPING. */
void engine_report_named(struct engine *engine, enum world_change_kind kind, const char *name);
/* Disconnects, reports why, and dials again after a pause. */
void engine_lost(struct engine *engine, const struct err *failure);
/* The whole of the listing is reported. */
void engine_settled(struct engine *engine);
/* Ends the call: done() is called and `call` is gone. */
void engine_call_done(struct engine_call *call, const struct err *failure);
/* A job on another thread is over: the engine may be gone after it. */
void engine_job_done(struct engine *engine);

/* ---- listing.c ---- */

/* Asks for a whole listing while the engine is dialled: it takes its time to tell its facts,
 * without which nothing of it can be read or reported. */
void engine_list_ahead(struct engine *engine);
/* The facts are reported: now the listing that was asked for ahead is, as far as it has come. */
void engine_list_known(struct engine *engine);
/* Begins a whole listing, unless one is under way. */
void engine_list(struct engine *engine);
void engine_inspect(struct engine *engine, const char *id);
/* It was started: looks, unless it was seen to run already. */
void engine_container_started(struct engine *engine, const char *id);
/* The last inspect was asked for after that moment of the engine's clock. */
bool engine_looked_since(const struct engine *engine, const char *id, int64_t engine_ms);
/* done() of the call, with its failure if it has one, once the container was inspected. */
void engine_await_inspect(struct engine_call *call, const char *id);
/* Takes the call out of whatever list it waits in. */
void engine_unwait(struct engine_call *call);
/* Forgets all containers; what waits for them ends with `failure`. */
void engine_forget(struct engine *engine, const struct err *failure);
void engine_container_gone(struct engine *engine, const char *id);
/* Reports, and remembers that it did. */
void engine_report_container(struct engine *engine, const struct container_report *report);
struct tracked *engine_tracked(const struct engine *engine, const char *id);

/* ---- apply.c ---- */

/* A request to the engine whose answer goes to `done`, with the call as ctx. */
void engine_call_send(struct engine_call *call, struct docker_request *request,
                      docker_done_fn *done);
/* "BEFORE NAME AFTER" of a path; the name is encoded. */
void engine_name_path(struct buf *path, const char *before, const char *name, const char *after);

/* True when a call of that kind for that container is in flight. */
bool engine_has_call(const struct engine *engine, enum action_kind kind, const char *id_or_name);

/* ---- image_remove.c ---- */

/* Removes the name of the action, and with its last name the image. */
int engine_image_remove(struct engine_call *call, struct err *err);
/* Reports what the action's image has become, then ends the call. */
void engine_image_look(struct engine_call *call);

/* ---- last_lines.c ---- */

int engine_last_lines(struct engine_call *call, struct err *err);

/* ---- images.c ---- */

/* Begins a long action; its call ends with engine_call_done(). */
void engine_image_begin(struct engine_call *call);
/* The call was cancelled, and no request to the engine is in flight.  May be called twice. */
void engine_image_cancel(struct engine_call *call);

#endif
