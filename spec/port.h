/*
 * Ports as texts.
 */
#ifndef SPEC_PORT_H
#define SPEC_PORT_H

#include "spec/base/base.h"

/* "FIRST-LAST", both from 1 to 65535. */
MUST_USE bool port_range_parse(const char *text, uint32_t *out_first, uint32_t *out_last);

/* "80/tcp", "53/udp", and whatever follows. */
MUST_USE bool port_parse(const char *text, uint32_t *out_port, bool *out_is_udp);

/* A port of a host as one number: ports of TCP and UDP are others. */
#define PORT_KEY(port, is_udp) (2 * (port) + (uint32_t)(is_udp))

/* The next of "80/tcp 53/udp" (target_host_ports()), behind which *text then is; false: there is
 * none, or what follows is no such text. */
MUST_USE bool port_key_next(const char **text, uint32_t *out_key);

/* A port of a host that leads to one of a container. */
struct port_binding {
    uint32_t host;
    uint32_t container;
    bool is_udp;
};

/* The next of "32768:80/tcp 32769:53/udp", likewise. */
MUST_USE bool port_binding_next(const char **text, struct port_binding *out);

#endif
