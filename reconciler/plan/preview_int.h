/*
 * What the files of the preview share.
 */
#ifndef RECONCILER_PLAN_PREVIEW_INT_H
#define RECONCILER_PLAN_PREVIEW_INT_H

#include "reconciler/plan/plan_int.h"
#include "reconciler/plan/preview.h"
#include "spec/diff.h"

struct previewer {
    struct plan_input input;
    const struct preview_base *base;
    const struct desired *before; /* of the base; NULL: live */
    struct arena *arena;
    struct memory *future; /* live: memory as the planner would have it, to be thrown away */
    struct plan plan;      /* live: what it would then wait for, and which images it removes */
    struct plan scratch;
    struct planner planner; /* reads with the planner's own functions; places tasks as they come */
    struct preview *preview;
    struct preview_service *service; /* being filled */
    bool makes_room;                 /* its tasks wait for a place only until former ones left it */
};

/* What changes nothing that runs is left out. */
void preview_add_field(struct arena *arena, const struct field_diff *diff,
                       struct preview_field **fields, size_t *count);
/* "1 task is", "3 tasks are" */
const char *preview_tasks(const struct previewer *previewer, uint32_t count);
void preview_note(struct previewer *previewer, const char *format, ...) PRINTF_LIKE(2, 3);
/* How `from` tasks give way to those of the target. */
void preview_replacement(struct previewer *previewer, const struct target *target, uint32_t from);

/* ---- Live: what runs, and what the planner would do ------------------------------------------ */

void preview_forecast(struct previewer *previewer);
void preview_forecast_end(struct previewer *previewer);
/* The service as it is now and would be; fields, file and line of it are filled already. `old` is
 * what it was brought to last, NULL: nothing is remembered. */
void preview_live(struct previewer *previewer, const struct desired_service *desired,
                  const struct target *old);

/* How its tasks stand. */
struct standing {
    uint32_t desired;
    uint32_t alive;
    uint32_t healthy;   /* of the revision it is brought to */
    uint32_t old;       /* alive, of another revision */
    uint32_t gone;      /* slots without any task of the revision */
    uint32_t unhealthy; /* slots whose only task is to be replaced */
    uint32_t starting;  /* slots whose task is not healthy yet */
    uint32_t surplus;   /* alive, of the revision, in no slot that is wanted */
    uint32_t draining;  /* alive, on an instance that is left */
    uint32_t leaving;   /* ended, or being stopped */
};

/* ---- Several instances ----------------------------------------------------------------------- */

#define PREVIEW_PLACES_BYTES 512 /* of the sentence that names them */

/* With the count of the instances that are to have a task, of a DAEMON. */
const struct service_spec *preview_spec(struct previewer *previewer, const struct target *target);
/* As tasks of the goal; `wanted` were declared before. */
struct standing preview_stand_pool(struct previewer *previewer,
                                   const struct desired_service *desired, struct goal *goal,
                                   uint32_t wanted);
/* Why it is not known what runs; NULL: it is. */
const char *preview_unknown(struct previewer *previewer, const struct desired_service *desired);
/* So many of the new tasks fit beside the others; the rest waits, or former ones make room. */
void preview_rest(struct previewer *previewer, uint32_t fit, uint32_t of, bool make_room,
                  const char *reason);
/* Places the missing tasks of the goal. */
void preview_places(struct previewer *previewer, const struct desired_service *desired,
                    struct goal *goal);

/* ---- Images and Clusters --------------------------------------------------------------------- */

/* Fills those of the preview, whose services are known. */
void preview_resources(struct previewer *previewer);

#endif
