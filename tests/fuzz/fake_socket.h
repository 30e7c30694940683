/*
 * A peer at the other end of drivers/io/socket.c's sockets, in place of that file behind the same
 * header.  One socket at a time.
 */
#ifndef TESTS_FUZZ_FAKE_SOCKET_H
#define TESTS_FUZZ_FAKE_SOCKET_H

#include "drivers/io/socket.h"

/* The one that is open; NULL: none. */
struct socket *fake_socket(void);
/* The peer says something; false: the socket was freed meanwhile. */
bool fake_socket_say(const char *data, size_t size);
/* The peer ends its stream in order. */
void fake_socket_end(void);

#endif
