/*
 * What the files of the simulated fleet share.
 *
 *     sim.c      the clock, and what a test may ask
 *     engine.c   what an engine does: the truth about containers, networks, volumes
 *     images.c   the registry, and images on engines
 *     calls.c    the driver: what was asked of it, and what became of it
 *     balancer.c load balancers, and what the driver tells of them
 *     watch.c    the driver: its connections, events and listings
 *     faults.c   what goes wrong by itself
 *
 * Nothing that was ever created is freed before the sim is, so that late messages may point to it.
 */
#ifndef DRIVERS_SIM_SIM_INT_H
#define DRIVERS_SIM_SIM_INT_H

#include "drivers/sim/sim.h"
#include "spec/base/arena.h"
#include "spec/base/hash.h"

struct sim_job;
typedef void sim_job_fn(struct sim *sim, const struct sim_job *job);

/* Something that happens at a time.  By its number a job knows whether it still means anything. */
struct sim_job {
    int64_t at_ms;
    uint64_t order; /* among those of the same time: first come, first served */
    sim_job_fn *run;
    void *subject;
    uint64_t number;
};

struct sim_named {
    struct named_report report;
    struct sim_named *next;
};

struct sim_image {
    struct image_report report; /* its texts and arrays are replaced, never written to */
    const struct sim_program *program;
    bool foreign; /* somebody else brought it */
    struct sim_image *next;
};

/* What a registry has under a reference, or a build makes: the newest is first. */
struct sim_source {
    const char *reference;
    const struct sim_program *program;
    char image_id[7 + SHA256_HEX_SIZE]; /* "sha256:..." */
    char digest[7 + SHA256_HEX_SIZE];
    uint32_t version;
    UT_hash_handle by_reference;
};

/* A container as the engine knows it.  The first member is what the others see of it. */
struct sim_body {
    struct sim_container seen;
    struct sim_instance *host;
    bool has_check;
    int64_t check_interval_ms;
    int64_t check_grace_ms; /* failures so soon after the start do not count */
    uint32_t check_retries;
    uint32_t check_failures; /* in a row */
    bool check_passed;
    bool checking; /* the next run of the check is due; else its answers do not change any more */
    bool sick;
    uint64_t life;    /* grows with every start and end: timers of an earlier one mean nothing */
    uint64_t told;    /* when the driver's picture of it was taken (sim->sequence) */
    uint64_t told_in; /* and on which connection */
    bool told_gone;
    UT_hash_handle by_id;
};

struct sim_instance {
    const char *name;
    const char *engine_id;
    const char *address; /* of its ports; the local engine's are not published */
    const char *architecture;
    uint32_t cpu_units;
    uint32_t memory_mib;
    int64_t clock_skew_ms;
    struct sim_named *networks;
    struct sim_named *volumes;
    struct sim_image *images;
    uint32_t addresses; /* given out, */
    uint32_t published; /* and likewise */
    int64_t down_until_ms;
    int64_t stopping_for_ms; /* > 0: it starts nothing any more, and will be down for that long */
    uint32_t boots;          /* of the host, and whether it asks for another one */
    bool needs_reboot;
    struct sim_instance *next;

    /* The driver's view of it. */
    bool connected;
    bool listing;
    bool list_again;
    uint64_t listings; /* begun */
    uint64_t epoch;    /* grows with each connection and each loss */
    int64_t stream_ms; /* events arrive in order: when the last one does */
    int64_t pause_ms;  /* before the next dial */
};

/* A request on its way.  It holds what the engine needs: the caller's action may be gone then. */
struct sim_request {
    enum action_kind kind;
    struct sim_instance *instance;
    const char *object;
    const char *owner;
    uint64_t call; /* serial of the call that waits for its answer */
    bool lose_answer;
    bool dropped; /* of long work: nobody wants it any more */
    bool failed;  /* with: */
    struct err failure;
    struct sim_body *body;   /* what it works on; of a create: what it makes */
    struct sim_image *image; /* what long work made */
    const char *digest;
    const char *boot; /* of a command on a host, */
    bool reboots;     /* which is rebooted then */
    bool is_named;    /* a pull: as it is reported */
    bool is_new;
    uint64_t life; /* a stop waits for the end of this one */
    int64_t began_ms;

    const char *container_id;
    uint32_t stop_timeout_s;
    const char *reference;
    const char *image_id;
    const char *image_name;
    const char *build_key;
    const char *repository;
    struct sim_instance *giver; /* of a copy; NULL: there is no such instance */
    uint64_t giver_epoch;       /* when it began */
    struct named_report named;
    struct sim_wanted *wanted; /* of a load balancer */
};

struct sim_call {
    uint64_t serial;
    struct driver_call *outer;
    struct sim_instance *instance;
    struct sim_request *request; /* NULL: an observation */
    bool cancelled;
    uint64_t listing; /* an observation: the listing, by its number, that answers it */
    UT_hash_handle by_serial;
};

struct sim_driver {
    struct driver base;
    struct sim *sim;
    struct driver_sink sink;
    const char *owner;
    const char *root;
    uint64_t serial;
    bool started;
    bool freeing;
    bool knows_balancers;   /* they were told of */
    struct sim_call *calls; /* in the order they were made */
};

struct sim {
    struct arena arena;
    struct rng rng;
    struct sim_options options;
    struct sim_faults faults;
    struct sim_counts counts;
    int64_t now_ms;
    uint64_t sequence; /* of everything that has to be told apart */
    uint64_t trace;
    bool weather; /* a tick is due */

    struct sim_job *jobs; /* a heap: the next one is first */
    size_t job_count;
    size_t job_capacity;

    struct sim_instance *instances;
    uint32_t instance_count;
    struct sim_body *bodies; /* all there ever were, by id, in the order they were made */
    struct sim_body **living;
    size_t living_count;
    struct sim_source *sources;
    struct sim_balancer *balancers; /* balancer.c: all there ever were */
    struct sim_driver *driver;
};

/* ---- sim.c ---- */
void sim_later(struct sim *sim, int64_t delay_ms, sim_job_fn *run, void *subject, uint64_t number);
void sim_note(struct sim *sim, const char *what, const char *of); /* into the trace */
int64_t sim_latency(struct sim *sim);
struct sim_instance *sim_instance_find(const struct sim *sim, const char *name);
const char *sim_text(struct sim *sim, const char *text); /* a copy; NULL stays NULL */
struct named_report sim_named_copy(struct sim *sim, const struct named_report *report);

/* ---- engine.c ---- */
enum sim_event { SIM_EVENT_CHANGED, SIM_EVENT_KILLED, SIM_EVENT_GONE };

struct sim_body *sim_body_find(const struct sim *sim, const char *id);
bool sim_is_up(const struct sim_body *body); /* running or paused */
void sim_body_add(struct sim *sim, struct sim_body *body);
int sim_body_start(struct sim *sim, struct sim_body *body, struct err *err);
/* SIGTERM, and SIGKILL when the grace is over. */
void sim_body_stop(struct sim *sim, struct sim_body *body, int64_t grace_ms);
void sim_body_end(struct sim *sim, struct sim_body *body, int exit_code, bool oom);
void sim_body_remove(struct sim *sim, struct sim_body *body);
void sim_body_sicken(struct sim *sim, struct sim_body *body);
bool sim_body_is_well(const struct sim *sim, const struct sim_body *body); /* would a check pass? */
/* Does what was asked.  True: it is done or failed; false: it goes on, sim_answer() comes later. */
bool sim_engine_do(struct sim *sim, struct sim_request *request);
void sim_named_replace(struct sim *sim, struct sim_named **all, const struct named_report *report);
struct sim_named *sim_named_find(struct sim_named *all, const char *name);

/* ---- calls.c ---- */
/* The engine is done with it: its answer is on the way. */
void sim_answer(struct sim *sim, struct sim_request *request);
/* A container ended: stops that wait for it are done. */
void sim_calls_ended(struct sim *sim, const struct sim_body *body);
void sim_calls_lost(struct sim *sim, const struct sim_instance *instance);
/* The listing that was begun last is over: who waited for it is answered. */
void sim_calls_listed(struct sim *sim, const struct sim_instance *instance);
bool sim_has_stop(const struct sim *sim, const struct sim_body *body);

/* ---- watch.c ---- */
void sim_report(struct sim *sim, const struct world_change *change);
void sim_report_named(struct sim *sim, enum world_change_kind kind,
                      const struct sim_instance *instance, const char *name);
/* The truth of now. */
void sim_report_body(struct sim *sim, struct sim_body *body);
void sim_output(struct sim *sim, const char *object, const char *line);
void sim_report_image(struct sim *sim, const struct sim_instance *instance,
                      const struct sim_image *image);
void sim_dial(struct sim *sim, struct sim_instance *instance, int64_t delay_ms);
void sim_connection_lost(struct sim *sim, struct sim_instance *instance, const char *why);
/* Begins a listing, or another one after the present; its number. */
uint64_t sim_list(struct sim *sim, struct sim_instance *instance);
void sim_happened(struct sim *sim, struct sim_body *body, enum sim_event event);
void sim_named_gone(struct sim *sim, struct sim_instance *at, bool network, const char *name);

/* ---- faults.c ---- */
/* A command ended: which boot of the host that was on; it is rebooted then, if it is to. */
const char *sim_host_ran(struct sim *sim, const struct sim_request *request);
void sim_weather(struct sim *sim);
void sim_hand(struct sim *sim, struct sim_body *body, enum sim_hand hand);
void sim_go_down(struct sim *sim, struct sim_instance *instance, int64_t for_ms, bool with_engine);

#endif
