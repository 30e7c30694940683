/*
 * What the files of the world share: world.c keeps instances, world_twins.c which of them are one
 * engine, world_image.c their images, world_index.c containers and tasks, world_service.c services.
 */
#ifndef SPEC_WORLD_INT_H
#define SPEC_WORLD_INT_H

#include "spec/world.h"

struct world_reference {
    struct world_image *image;
    UT_hash_handle by_text;
    char text[];
};

struct world_engine {
    struct world_instance *first; /* linked by engine_next */
    UT_hash_handle by_id;
    char id[];
};

/* Several texts in one block: first add up pack_size() of each, then pack_text() them in. */
size_t pack_size(const char *text);
const char *pack_text(char **at, const char *text); /* NULL stays NULL */

/* Sets an owned text; "" becomes NULL.  True when it changed. */
bool text_set(char **slot, const char *text);

/* Room for one more behind `count`: the capacity is the next power of two. */
void *world_slots_grow(void *slots, size_t count);

struct world_service *world_service_need(struct world *world, const char *cluster,
                                         const char *name);
void world_service_add(struct world_service *service, struct world_task *task);
/* Frees the service when that was its last task. */
void world_service_drop(struct world *world, struct world_service *service,
                        const struct world_task *task);

void world_mark(const struct world *world, enum dirty_kind kind, const char *key);

bool world_image_apply(struct world *world, struct world_instance *instance,
                       const struct image_report *report);
bool world_image_gone(struct world *world, struct world_instance *instance, const char *id);
bool world_image_sweep(struct world_instance *instance);
void world_image_drop(struct world_instance *instance, struct world_image *image);

bool world_container_apply(struct world *world, struct world_instance *host,
                           const struct container_report *report);
bool world_container_gone(struct world *world, const char *id);
bool world_container_stopping(struct world *world, const char *id);
bool world_container_ended(struct world *world, const char *id);
bool world_container_signalled(struct world *world, const char *id);
bool world_container_lines(struct world *world, const char *id, const char *text);
/* Whether the engine goes on with a stop whose connection broke is not known: it is asked again. */
void world_containers_lost(struct world_instance *host);
/* NULL: it has none any more.  Says anew which instances are another one's engine (`same_as`).
 * True when it changed. */
bool world_engine_set(struct world *world, struct world_instance *instance, const char *engine_id);
/* It changed: it comes to the front of the list of those that did.  And out of that list. */
void world_touch(struct world *world, struct world_instance *instance);
void world_untouch(struct world *world, struct world_instance *instance);

bool world_balancer_apply(struct world *world, const struct balancer_report *report);
bool world_balancer_gone(struct world *world, const char *name);
bool world_balancer_failed(struct world *world, const char *name, const char *failure,
                           int64_t at_ms);
void world_balancers_clock_moved(struct world *world, int64_t moved_ms);
void world_balancers_free(struct world *world);

/* Forgets all that run there. */
void world_containers_forget(struct world *world, struct world_instance *host);
/* Forgets the containers (images) that the listing did not see. */
bool world_container_sweep(struct world *world, struct world_instance *host);
/* Frees all of them, marks nothing. */
void world_containers_free(struct world *world);

#endif
