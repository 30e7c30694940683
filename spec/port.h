/*
 * Ports as texts.
 */
#ifndef SPEC_PORT_H
#define SPEC_PORT_H

#include "spec/base/base.h"

/* "FIRST-LAST", both from 1 to 65535. */
MUST_USE bool port_range_parse(const char *text, uint32_t *out_first, uint32_t *out_last);

/* A port of a host as one number: ports of TCP and UDP are others. */
#define PORT_KEY(port, is_udp) (2 * (port) + (uint32_t)(is_udp))

/* The next of "80/tcp 53/udp" (target_host_ports()), behind which *text then is; false: there is
 * none, or what follows is no such text. */
MUST_USE bool port_key_next(const char **text, uint32_t *out_key);

#endif
