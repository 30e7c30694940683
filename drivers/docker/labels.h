/*
 * The labels and names that make the fleet its own inventory (docs: "What is on a container").
 *
 * Containers inherit the labels of their image, so images, networks and volumes carry names of
 * their own and never LABEL_OWNER or LABEL_TASK.
 */
#ifndef DRIVERS_DOCKER_LABELS_H
#define DRIVERS_DOCKER_LABELS_H

#define LABEL_OWNER      "berth.owner"
#define LABEL_CLUSTER    "berth.cluster"
#define LABEL_SERVICE    "berth.service"
#define LABEL_GROUP      "berth.group"
#define LABEL_TASK       "berth.task"
#define LABEL_CONTAINER  "berth.container"
#define LABEL_CONTAINERS "berth.containers"
#define LABEL_FAMILY     "berth.family"
#define LABEL_REVISION   "berth.revision"
#define LABEL_DEPLOYMENT "berth.deployment"
#define LABEL_SLOT       "berth.slot"
#define LABEL_ATTEMPT    "berth.attempt"
#define LABEL_MEMORY     "berth.memory" /* MiB that the task reserves, */
#define LABEL_CPU        "berth.cpu"    /* and CPU units */
#define LABEL_PORTS      "berth.ports"  /* and fixed ports of the host: "80/tcp 53/udp" */
#define LABEL_DIGEST     "berth.digest"
#define LABEL_COMMIT     "berth.commit"
/* "Memory=536870912 MemorySwap=536870912": what the engine was asked for in those fields of
 * HostConfig that `docker update` can change later.  Compared on every inspect. */
#define LABEL_LIMITS     "berth.limits"

#define LABEL_IMAGE_NAME  "berth.image.name"
#define LABEL_IMAGE_KEY   "berth.image.key"
#define LABEL_IMAGE_OWNER "berth.image.owner"

#define LABEL_NETWORK_OWNER   "berth.network.owner"
#define LABEL_NETWORK_CLUSTER "berth.network.cluster"

#define LABEL_VOLUME_OWNER   "berth.volume.owner"
#define LABEL_VOLUME_CLUSTER "berth.volume.cluster"
#define LABEL_VOLUME_SERVICE "berth.volume.service"
#define LABEL_VOLUME_ROOT    "berth.volume.root" /* the claim volume only: root commit */

#endif
