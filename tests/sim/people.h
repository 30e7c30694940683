/*
 * The people of the simulation: they commit manifests, some of them wrong, and sometimes revert.
 * Every commit is drawn from the seed; what it says is known here without reading it, for the
 * oracle.
 */
#ifndef TESTS_SIM_PEOPLE_H
#define TESTS_SIM_PEOPLE_H

#include "drivers/sim/sim.h"
#include "spec/base/arena.h"
#include "spec/base/rng.h"
#include "spec/generation.h"

enum { SERVICES_MAX = 5, CONTAINERS_MAX = 3, HOSTS_MAX = 4, SCHEDULES_MAX = 3 };

#define PEOPLE_CLUSTER "main"
#define PEOPLE_OWNER   "sim"
#define TASK_MIB       512 /* of every task that is declared */

/* What an image's program does.  Those before BEHAVIOUR_CRASHING are fine. */
enum behaviour {
    BEHAVIOUR_GOOD,
    BEHAVIOUR_SLOW,     /* healthy after a while */
    BEHAVIOUR_STUBBORN, /* ends by SIGKILL only */
    BEHAVIOUR_LATE,     /* fine only in the grace period of its service */
    BEHAVIOUR_CRASHING,
    BEHAVIOUR_HUNGRY, /* ends at its memory limit */
    BEHAVIOUR_SICK,   /* never healthy */
    BEHAVIOUR_BROKEN, /* does not start */
    BEHAVIOUR_MISSING,
    BEHAVIOUR_COUNT
};

struct wanted_container {
    enum behaviour behaviour;
    uint32_t version;
    bool built;
    bool checked;
    uint32_t stop_timeout_s;
};

struct wanted_service {
    bool exists;
    uint32_t count;
    uint32_t minimum;
    uint32_t maximum;
    bool breaker;
    bool rollback;
    uint32_t container_count;
    struct wanted_container containers[CONTAINERS_MAX];
    uint32_t color;
    uint32_t grace_s;
    bool chained; /* its second container starts when the first is healthy (or has started) */
    bool volume;
    bool delete_volume;
    int depends_on;   /* an earlier service, or -1 */
    bool daemon;      /* on several hosts: one task on each, */
    uint32_t where;   /* of those that a constraint allows: hosts.c */
    bool balanced;    /* behind the load balancer, */
    bool second_port; /* with two ports */
    uint32_t delay_s; /* what is open may take so long */
    bool stays;       /* tasks that run are not moved to a host that joins */
};

/* When something is run by itself: schedules.c. */
struct wanted_schedule {
    bool exists;
    bool disabled;
    bool is_rate; /* every so many minutes, or by the clock */
    uint32_t minutes;
    uint32_t kind;
    uint32_t overlap;
    uint32_t tries; /* more than the first */
    bool skips_missed;
    uint32_t count; /* of tasks; 0: it was never drawn */
};

/* All that one commit declares. */
struct wanted {
    char commit[41];
    struct wanted_service services[SERVICES_MAX];
    struct wanted_schedule schedules[SCHEDULES_MAX];
    uint32_t draining; /* bits of hosts */
    uint32_t absent;   /* of those that are not listed */
    uint32_t upkeep;   /* what is done to all of them; 0: nothing */
    uint32_t at_once;
    uint32_t reboot;
    uint32_t drain_s;      /* so long their tasks may take to leave */
    uint32_t window_every; /* minutes: a window opens so often; 0: it is always open */
    uint32_t window_at;    /* so many of them later */
    uint32_t window_for;
    bool window_there; /* by the clocks of another zone */
};

/* What a life is drawn from (scale.h). */
struct scale {
    uint32_t services; /* there are names for so many */
    uint32_t tasks;    /* of a service, as it is first declared */
    uint32_t hosts;
    uint32_t versions;    /* of what the registry has: a tenth of them somebody else brought, too */
    uint32_t density;     /* people and accidents come so many times as often */
    uint32_t whole_every; /* steps, on average, between two looks at the whole plan */
    int64_t minutes;      /* of trouble */
    bool is_large;
};

struct people {
    struct scale scale;
    struct rng *rng;
    struct sim *sim;
    struct generation *tip; /* counted */
    struct wanted wanted;   /* what the tip declares */
    struct wanted history[8];
    size_t history_count;
    uint32_t commits;
    uint32_t tries;  /* to commit, while people come and go */
    size_t services; /* so many of those that have names there are */
    bool may_break;
    struct rng more;    /* draws what was added later: lives without it stay as they were */
    struct rng newest;  /* and what came still later */
    bool daemons;       /* some services are */
    bool late;          /* some programs are */
    uint32_t room;      /* tasks that the engine holds, */
    uint32_t each;      /* or each of several hosts; 0: they hold all that there may be */
    size_t host_count;  /* 0: the local engine */
    struct rng upkeep;  /* draws what is done to hosts, */
    bool maintains;     /* if anything is, in this life */
    struct rng windows; /* draws when */
    struct rng traffic; /* draws what is behind a load balancer, */
    bool balances;      /* if anything is, in this life */
    struct rng asks;    /* draws what is run by itself, */
    bool runs_jobs;     /* if anything is, in this life */
    struct rng plans;   /* draws when what is run by itself, */
    bool runs_plans;    /* if anything is, in this life */
    struct rng loads;   /* draws how much work there is for those */
    uint32_t scaled;    /* bits of services that are scaled in this life, */
    uint32_t least[SERVICES_MAX]; /* between these counts */
    uint32_t most[SERVICES_MAX];
    uint32_t upkeeps;   /* so many were asked for */
    uint32_t kept_free; /* bits of hosts whose tasks leave for that */
    uint32_t
        removed_ever; /* bits of services whose volumes may go: deleteWithService was declared */
};

/* Somebody else pulled some of the images that may be declared one day. */
void people_bring_images(struct people *people, const char *instance);
/* The first commit.  Set before: scale, rng, sim, services, room; more, late, may_break. */
void people_init(struct people *people);
void people_release(struct people *people);

/* A next commit.  True when it is the new tip; false when it was rejected, as it should be. */
bool people_commit(struct people *people);
/* The last one: every program is fine, every service can be rolled, and those of `renewed` (a bit
 * each) are of another revision than before. */
void people_commit_fine(struct people *people, uint32_t renewed);

/* All programs of the service, as the last commit declares it, do as they should. */
bool people_service_is_fine(const struct people *people, size_t service);
/* "service-2" */
const char *people_service_name(size_t index);
/* What the service's container is created from, as the engine calls it. */
const char *people_reference(const struct people *people, size_t service, size_t container,
                             struct arena *arena);

#endif
