/*
 * Simulated images, for the files of the simulated fleet.
 */
#ifndef DRIVERS_SIM_IMAGES_H
#define DRIVERS_SIM_IMAGES_H

#include "drivers/sim/sim_int.h"

struct sim_image *sim_image_find(const struct sim_instance *instance, const char *reference);
/* Pulls, builds, pushes, copies, commands of hosts: sim_answer() comes when it is over. */
void sim_image_work(struct sim *sim, struct sim_request *request);
int sim_image_remove(struct sim *sim, struct sim_instance *instance, const char *reference,
                     struct err *err);
/* Reports that it goes on, and how it ended: with `failure`, or as the request says. */
void sim_work_began(struct sim *sim, const struct sim_request *request);
void sim_work_ended(struct sim *sim, struct sim_request *request, const struct err *failure);
/* As if it had been pulled. */
struct sim_image *sim_image_had(struct sim *sim, struct sim_instance *instance,
                                const char *reference);
struct sim_image *sim_image_called(struct sim *sim, struct sim_instance *instance,
                                   const char *reference, const char *name);

#endif
