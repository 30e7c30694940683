/*
 * How ssh is asked for one connection to the engine of a host, and what it says when there is none.
 * Pure.
 *
 * It is the user's own OpenSSH client with its configuration: keys, agents, jump hosts,
 * known_hosts.  What we depend on is said on the command line, where it goes before any file.
 */
#ifndef DRIVERS_EC2_SSH_COMMAND_H
#define DRIVERS_EC2_SSH_COMMAND_H

#include "spec/base/arena.h"
#include "spec/base/err.h"

struct ssh_target {
    const char *host;          /* a name, an address, or a Host of the user's configuration */
    const char *user;          /* NULL: as ssh is configured */
    const char *identity_file; /* likewise */
    uint16_t port;             /* 0: likewise */
    const char *engine_socket; /* an absolute path on the host */
    bool accepts_new;          /* the key of a host that was never seen; never a changed one */
    uint32_t timeout_s;        /* a connection that is dead for so long is given up */
};

bool ssh_target_equal(const struct ssh_target *a, const struct ssh_target *b);

/* ERR_INVALID: something in it ssh could take for more than a name. */
int ssh_target_check(const struct ssh_target *target, struct err *err);

/* Lines of its standard output: the socket listens; the session is there (`cat` sends back what it
 * is sent). */
#define SSH_SAYS_FORWARDED "berth-forwarded"
#define SSH_SAYS_SESSION   "berth-session"

/* Where a connection whose engine is at local_socket is shared with the commands that are run
 * there; NULL: its path would be too long, and each command logs in by itself. */
const char *ssh_control_path(const char *local_socket, struct arena *arena);

/* NULL-terminated.  With a session both ends send without delay: with none, an answer of 40 kB
 * takes 40 ms longer.  Without, a shell stands between, which ends ssh when its standard input
 * ends: so neither outlives us. */
const char *const *ssh_arguments(const struct ssh_target *target, const char *local_socket,
                                 bool has_session, struct arena *arena);

/* Runs a shell there that reads what to do (remote_script.h), over that connection.  Nothing of it
 * is on a command line of this machine. */
const char *const *ssh_run_arguments(const struct ssh_target *target, const char *local_socket,
                                     struct arena *arena);

/* What went wrong, in plain words, by what ssh wrote to its standard error.  ERR_DENIED: trying
 * again soon is noise. */
void ssh_failure(const struct ssh_target *target, const char *errors, struct err *out);

/* Is this line about a connection through it that could not be made? */
bool ssh_is_about_channel(const char *line);
/* Why not, in plain words. */
const char *ssh_channel_failure(const char *line);

#endif
