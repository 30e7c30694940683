/*
 * A planner at work in miniature: manifests, a world, a memory, and an engine that does at once
 * what a plan asks. For tests of single decisions; whole lives are simulated in tests/sim.
 */
#ifndef TESTS_UNIT_PLAN_SCENE_H
#define TESTS_UNIT_PLAN_SCENE_H

#include "reconciler/plan/plan.h"
#include "spec/base/err.h"

enum { SCENE_CONTAINERS_MAX = 2048 };

/* What the engine answers instead of doing it; text NULL: it does. */
struct scene_failure {
    enum err_code code;
    const char *text;
};

struct scene {
    struct arena arena;
    struct generation *generation;
    struct desired *desired;
    struct world *world;
    struct memory *memory;
    int64_t now_ms;
    const char *at; /* the engine that does something: "local", or what an action says */
    bool prune_allowed;
    struct goal *recalled[4]; /* counted; as long as there are any */
    size_t recalled_count;
    struct plan plan;  /* the last one */
    struct buf *trace; /* gets all of them as text; NULL: nobody reads it */

    /* The engine's containers, with the facts of which it tells. */
    struct container_report containers[SCENE_CONTAINERS_MAX];
    size_t container_count;

    /* How the engine behaves from now on. */
    uint32_t rewrites; /* so many of the next containers are made with another Memory */
    struct scene_failure pull_failure;
    struct scene_failure image_remove_failure;
    struct scene_failure create_failure;
    /* Of one kind that has no failure of its own here: a claim, network, volume or sandbox. */
    struct scene_failure failure;
    enum action_kind failure_kind;
    struct scene_failure start_failure; /* of every start, or only of that service's: */
    const char *start_failure_of;
    unsigned pulled_version; /* what tags mean in the registry now */
    bool all_are_same;       /* every reference, the same image */
    size_t pull_count;
    size_t build_count;
    size_t push_count;
    size_t copy_count;
    size_t image_remove_count; /* those that failed */
    bool exits_on_start;       /* what it starts ends at once with exit code 1 */
    const char *last_lines;    /* of every container; NULL: they cannot be had */
    size_t lines_count;        /* so often they were asked for */
    const char
        *runs; /* hosts on which commands were run, "a b!" (it was rebooted) "b?" (it was asked) */
    const char *boot;                 /* what hosts tell of themselves, */
    bool needs_reboot;                /* likewise */
    bool run_hangs;                   /* commands of hosts do not end, */
    struct scene_failure run_failure; /* or end so */
    /* The only load balancer. */
    struct target_report targets[64];
    size_t target_count;
    const char *shape;             /* NULL: it does not run */
    enum target_state new_targets; /* what one that comes is at once */
    uint32_t open;                 /* connections of one that begins to drain */
    const char *balancer_failure;  /* why it cannot be set up; NULL: it can */
    size_t balancer_count;         /* so often it was set up */

    enum health_status checks; /* what the checks of a container tell as soon as it runs */
};

void scene_open(struct scene *scene);
void scene_close(struct scene *scene);

/* It is connected anew, and says how large it is; 8 CPUs and 64 GiB at first. */
void scene_engine(struct scene *scene, uint32_t cpu_units, uint32_t memory_mib);

/* What a commit declares: all manifests there are. */
void scene_commit(struct scene *scene, const char *commit, const char *manifests);
/* Cluster "c", and for each service a Task and a Service of that name; `spec` is the Service's. */
const char *scene_service(struct scene *scene, const char *name, const char *color,
                          const char *spec);

/* What a planner is told now. */
struct plan_input scene_input(const struct scene *scene);
/* Plans all there is, states facts until there are none, and does nothing. */
void scene_plan(struct scene *scene);
/* Obeys the last plan once, and plans. */
void scene_step(struct scene *scene);
/* Plans and obeys, through the time that passes. */
void scene_run(struct scene *scene, int64_t for_ms);
/* Plans and obeys, until nothing is left to do now. */
void scene_settle(struct scene *scene);

/* What a reference means in the registry now. */
const char *scene_image_id(struct scene *scene, const char *reference);
/* The image gets one more name, and digest unless it is NULL: somebody else gave it that. */
void scene_name_image(struct scene *scene, const char *id, const char *tag, const char *digest);
/* The load balancer tells of its targets anew. */
void scene_tell_balancer(struct scene *scene);
/* It ends by itself. */
void scene_end_balancer(struct scene *scene);
/* The engine tells of its container anew. */
void scene_tell(struct scene *scene, size_t index);
void scene_end_container(struct scene *scene, size_t index, int exit_code);
size_t scene_running(const struct scene *scene, const char *service);
/* Containers of a commit that run. */
size_t scene_running_of(const struct scene *scene, const char *commit);
/* The memory is deleted. */
void scene_forget(struct scene *scene);
size_t scene_actions(const struct scene *scene, enum action_kind kind);
const struct deployment *scene_primary(const struct scene *scene, const char *key);
/* What the unit waits for; "": nothing. */
const char *scene_wait(const struct scene *scene, const char *key);

#endif
