/*
 * Services behind a load balancer: what people declare of it, and
 * that nobody who is asked anything is told to stop.
 */
#ifndef TESTS_SIM_TRAFFIC_H
#define TESTS_SIM_TRAFFIC_H

#include "tests/sim/check.h"
#include "tests/sim/people.h"

#define TRAFFIC_BALANCER "public"

/* Is the service behind it, and how long may what is open take?  For a new one, or another one. */
void traffic_draw(struct people *people, struct wanted_service *service);
void traffic_print_balancer(const struct people *people, struct buf *out);
void traffic_print_ports(const struct wanted_service *service, size_t container, struct buf *out);
void traffic_print_targets(const struct wanted_service *service, size_t index, struct buf *out);

/* Is a load balancer to lead to it? */
bool traffic_is_expected(const struct check *check, const struct world_task *task);
/* Is every target of the task healthy, as the driver told it; or was the task so, and nothing can
 * be told now? */
bool traffic_is_healthy(const struct check *check, const struct world_task *task);
/* Is it to be set up in another way than it was last? */
bool traffic_is_new(struct check *check, const struct balancer *balancer);
/* It was healthy behind one, which is nobody's any more. */
bool traffic_proved(const struct check *check, const struct world_task *task);
/* One is set up: nobody is taken out who stays. */
void traffic_check_apply(struct check *check, const struct balancer *balancer);
/* A container is told to stop. */
void traffic_check_stop(struct check *check, const struct world_container *container);
void traffic_check_end(struct check *check);

#endif
