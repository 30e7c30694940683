/*
 * What the files about images share: one image of one deployment, on one instance.
 */
#ifndef RECONCILER_PLAN_IMAGE_INT_H
#define RECONCILER_PLAN_IMAGE_INT_H

#include "reconciler/plan/place.h"

struct image_need {
    struct planner *planner;
    const struct deployment *deployment;
    const struct world_instance *instance;
    size_t index;
    const struct target_image *image;
    bool starting;  /* a task waits for it */
    bool elsewhere; /* it is done there for another instance */
};

/* ---- image.c ---- */

/* The step towards it, unless it pauses, and that it is waited for; `doing` says so to people. */
void image_get(const struct image_need *need, enum action_kind kind, const char *reference,
               const char *doing);
/* Likewise of a copy. */
void image_get_copy(const struct image_need *need, const struct world_instance *giver);
/* It is only waited for: somebody else took that step. */
void image_wait(const struct image_need *need, enum action_kind kind, const char *reference,
                const char *doing);
void image_pin(const struct image_need *need, const char *image_id, const char *digest);

/* ---- image_built.c ---- */

bool image_built_ready(const struct image_need *need);
/* The built image as it is on an instance; NULL: it is not there. */
const struct world_image *image_built_there(struct planner *planner,
                                            const struct target_image *image,
                                            const struct pin *pinned,
                                            const struct world_instance *instance);
/* The registry was asked for it and has none, or does not say so to us. */
bool image_is_not_there(const struct world_effort *pull);

#endif
