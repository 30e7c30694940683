/*
 * Simulated load balancers, for the files of the simulated fleet.
 */
#ifndef DRIVERS_SIM_BALANCER_H
#define DRIVERS_SIM_BALANCER_H

#include "drivers/sim/sim_int.h"

struct sim_wanted *sim_balancer_wanted(struct sim *sim, const struct balancer *balancer);
/* The driver has begun: it tells of all that run. */
void sim_balancers_look(struct sim *sim);
void sim_balancer_arrived(struct sim *sim, struct sim_request *request);
void sim_balancer_answered(struct sim *sim, const struct sim_request *request);
/* Of those that run, one dies. */
void sim_balancer_kill(struct sim *sim, uint64_t draw);

#endif
