/*
 * What is written to it is dropped.
 */
#include "tests/fuzz/fake_socket.h"

#include <stdlib.h>

struct socket {
    struct socket_options options;
    bool finished;
};

static struct socket *the_socket;

struct socket *fake_socket(void)
{
    return the_socket;
}

bool fake_socket_say(const char *data, size_t size)
{
    ASSERT(the_socket != NULL);
    the_socket->options.on_data(the_socket->options.ctx, data, size);
    return the_socket != NULL;
}

void fake_socket_end(void)
{
    ASSERT(the_socket != NULL);
    the_socket->options.on_end(the_socket->options.ctx, NULL);
}

struct socket *socket_connect(struct loop *loop, const struct socket_options *options,
                              struct err *err)
{
    (void)loop;
    (void)err;
    ASSERT(the_socket == NULL && options->on_data != NULL && options->on_end != NULL);
    the_socket = mem_alloc(sizeof(*the_socket));
    the_socket->options = *options;
    return the_socket;
}

void socket_write(struct socket *socket, const void *data, size_t size)
{
    ASSERT(socket == the_socket);
    (void)data;
    (void)size;
}

size_t socket_unsent(const struct socket *socket)
{
    (void)socket;
    return 0;
}

void socket_finish(struct socket *socket)
{
    socket->finished = true;
}

void socket_pause(struct socket *socket, bool paused)
{
    (void)socket;
    (void)paused;
}

void socket_free(struct socket *socket)
{
    if (socket == NULL)
        return;
    ASSERT(socket == the_socket);
    the_socket = NULL;
    free(socket);
}
