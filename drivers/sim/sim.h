/*
 * A simulated fleet of engines on a virtual clock: a driver like any other, without a loop, without
 * threads, without real time. It tells the planner what a real engine would tell it, late, twice,
 * or not at all, and tells a test what is really so.
 *
 * Everything that is not said by the caller is drawn from the seed: the same seed and the same
 * calls give the same trace. Texts given to it are copied; texts it gives live as long as the sim.
 */
#ifndef DRIVERS_SIM_SIM_H
#define DRIVERS_SIM_SIM_H

#include "drivers/driver.h"
#include "spec/base/rng.h"

struct sim;

/* What can go wrong.  Zero: nothing does. */
struct sim_faults {
    /* Percent of calls. */
    uint32_t lose_request; /* it never reaches the engine, and is answered by its timeout */
    uint32_t lose_answer;  /* the engine does it, and the answer never comes */
    uint32_t slow_call;    /* it takes seconds, not milliseconds */
    uint32_t fail_call;    /* the engine answers with an internal error and does nothing */
    uint32_t fail_work;    /* of pulls, builds, pushes: they fail half way */

    /* Percent of events: the stream breaks soon after one was lost. */
    uint32_t lose_event;
    /* Percent of listings that are followed by another one, unasked. */
    uint32_t repeat_listing;
    /* Percent of inspections that take seconds: so long something is known from a listing only. */
    uint32_t slow_look;

    /* Percent of containers that are made with another limit than they were to have. */
    uint32_t rewrite;

    /* Expected number in an hour, of the whole fleet. */
    uint32_t link_down;   /* an engine cannot be reached for a while; its containers go on */
    uint32_t engine_down; /* an engine dies, with all its containers, and comes back */
    uint32_t engine_stop; /* an engine ends its containers, starts none, stops, and comes back */
    uint32_t meddle;      /* somebody stops, kills, pauses, alters or removes a container by hand */
    uint32_t crash;       /* a program ends */
    uint32_t sicken;      /* a program's check fails from now on */
    uint32_t balancer_down; /* a load balancer dies */
};

/* What a program does when it is run. */
struct sim_program {
    int64_t runs_ms; /* then it exits; 0: runs for ever */
    int exit_code;   /* of that end */
    bool oom;        /* that end is at its memory limit */
    /* Its health check, where its container has one. */
    int64_t healthy_after_ms; /* passes from then on */
    int64_t sick_after_ms;    /* fails from then on; 0: never */
    bool never_healthy;
    const char *start_error; /* NULL: it starts; else what the engine says instead */
    int64_t term_ms;         /* from SIGTERM to its end */
    bool ignores_term;       /* waits for SIGKILL */
    /* Of its image. */
    const char *work_error; /* NULL; else why it can neither be pulled nor built */
    int64_t work_ms;        /* to pull or build it */
};

/* What a container waits for in its task. */
struct sim_need {
    const char *container;
    bool healthy; /* else only that it was started */
};

struct sim_container {
    struct container_report report; /* the truth, as an inspection would tell it */
    const char *owner;
    bool exists;  /* not removed; of a create that is about to be done: false */
    bool foreign; /* nobody's: never reported */
    const char *network;
    const char *sandbox_id; /* whose namespaces it joined; NULL: its own */
    const char **volumes;   /* names of those it uses */
    size_t volume_count;
    uint32_t stop_timeout_s; /* as its definition said; of a sandbox: 0 */
    struct sim_need *needs;
    size_t need_count;
    struct sim_program program; /* of its image, when it was created */
};

struct sim_options {
    uint64_t seed;
    int64_t start_ms; /* the wall clock at the beginning, > 0 */
    /* Called when a request has reached the engine, before the engine does anything: `container` is
     * the true state (of a create, what it would become), NULL where the action is on something
     * else. NULL: nobody looks. */
    void (*before)(void *context, enum action_kind kind, const char *object,
                   const struct sim_container *container);
    void *context;
};

struct sim *sim_new(const struct sim_options *options);
/* The driver must have been freed. */
void sim_free(struct sim *sim);
DEFINE_AUTO(sim, sim_free)

struct sim_instance_options {
    const char *name;
    const char *engine_id;    /* NULL: drawn */
    const char *architecture; /* NULL: x86_64 */
    uint32_t cpu_units;
    uint32_t memory_mib;
    int64_t clock_skew_ms;
};
void sim_add_instance(struct sim *sim, const struct sim_instance_options *options);

void sim_set_faults(struct sim *sim, const struct sim_faults *faults);

/*
 * What images of this reference hold, or a command of these words does on a host, from now on;
 * a later program is another image under the same name. Of a reference without one: runs for ever,
 * healthy at once, ends on SIGTERM, and takes 500 ms to be had.
 */
void sim_set_program(struct sim *sim, const char *reference, const struct sim_program *program);

bool sim_has_program(const struct sim *sim, const char *reference);
/* The id that an image of this reference would have now. */
const char *sim_image_id(struct sim *sim, const char *reference);

/* ---- The driver ---- */

struct sim_driver_options {
    struct driver_sink sink;
    const char *owner;
    const char *root; /* root commit, for the claim */
};
/* One at a time. */
struct driver *sim_driver(struct sim *sim, const struct sim_driver_options *options);
/* As if the process had died: no done() follows, requests that are on their way may still arrive.
 * */
void sim_driver_kill(struct driver *driver);

/* ---- Time ---- */

int64_t sim_now(const struct sim *sim);
/* When something happens next; INT64_MAX: never. */
int64_t sim_next(const struct sim *sim);
/* Does all that is due until then, in order; the sink and done() are called from here. */
void sim_advance(struct sim *sim, int64_t to_ms);

/* ---- By hand ---- */

#define SIM_HANDS(X)                                                                               \
    X(STOP, "stop")                                                                                \
    X(KILL, "kill")                                                                                \
    X(START, "start")                                                                              \
    X(PAUSE, "pause")                                                                              \
    X(UPDATE, "update")                                                                            \
    X(REMOVE, "rm -f")

#define SIM_ENUM_HAND(name, text) SIM_HAND_##name,
enum sim_hand { SIM_HANDS(SIM_ENUM_HAND) SIM_HAND_COUNT };
#undef SIM_ENUM_HAND

/* A container that is none of ours, running at once. */
const struct sim_container *sim_run_foreign(struct sim *sim, const char *instance, const char *name,
                                            const char *reference);
void sim_meddle(struct sim *sim, const char *container_id, enum sim_hand hand);
void sim_crash(struct sim *sim, const char *container_id, int exit_code, bool oom);
void sim_sicken(struct sim *sim, const char *container_id);
/* The link, or the whole engine with its containers, is down from now on for that long. */
void sim_cut(struct sim *sim, const char *instance, int64_t for_ms, bool with_engine);
/* It signals its containers and starts none; after that time it is down for that long. */
void sim_stop_engine(struct sim *sim, const char *instance, int64_t after_ms, int64_t for_ms);
/* As if the installation of another repository, under the same owner, used the engine: it holds the
 * claim until root is NULL, which the driver learns from its next listing. */
void sim_claim(struct sim *sim, const char *instance, const char *owner, const char *root);
/* As if somebody else had pulled it; its id. */
const char *sim_add_image(struct sim *sim, const char *instance, const char *reference);
/* Likewise, and had given it another name. */
void sim_call_image(struct sim *sim, const char *instance, const char *reference, const char *name);

/* ---- The truth ---- */

/* Containers that exist, in the order they were made; NULL behind the last. */
size_t sim_container_count(const struct sim *sim);
const struct sim_container *sim_container_at(const struct sim *sim, size_t index);
const struct sim_container *sim_container(const struct sim *sim, const char *id);
bool sim_image_is_foreign(const struct sim *sim, const char *instance, const char *id);
bool sim_has_volume(const struct sim *sim, const char *instance, const char *name);
/* Where ports of a host are reached. */
const char *sim_address(const struct sim *sim, const char *instance);
/* Would a load balancer send the next request to that task? */
bool sim_leads_to(const struct sim *sim, const char *task);
size_t sim_target_count(const struct sim *sim);
bool sim_balancer_runs(const struct sim *sim, const char *name);

struct sim_counts {
    uint64_t accepted[ACTION_KIND_COUNT]; /* calls */
    uint64_t done[ACTION_KIND_COUNT];     /* by the engine, whether it was told or not */
    uint64_t observes;
    uint64_t reports;
    uint64_t connections;
    uint64_t foreign_images_removed;
};
const struct sim_counts *sim_counts(const struct sim *sim);
/* A digest of everything that was reported, answered and done, and when. */
uint64_t sim_trace(const struct sim *sim);

#endif
