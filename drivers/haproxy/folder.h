/*
 * Where the files of a load balancer are: a folder of its own, that nobody else may enter but its
 * workers, on their way to the log socket.
 */
#ifndef DRIVERS_HAPROXY_FOLDER_H
#define DRIVERS_HAPROXY_FOLDER_H

#include "spec/base/base.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"

/* A folder's path may be so long: of the 107 bytes of a socket's address less what HAProxy puts
 * behind it until it listens (".PID.tmp"), the name and the longest file. */
#define FOLDER_BASE_MAX 58

/* User and group that the workers of root run as. */
#define FOLDER_USER "haproxy"

#define FOLDER_NAME_SIZE 25
/* A balancer's name, or a shorter one for it; no two are the same. */
void folder_name(const char *name, char out[FOLDER_NAME_SIZE]);

/* The folder of all of them; made when it is not there.  ERR_INVALID: the path is too long,
 * ERR_DENIED: it cannot be made, or is someone else's. */
int folder_base(const char *path, struct err *err);
/* Do workers run as FOLDER_USER?  Only those of root do, where there is one. */
bool folder_has_user(void);

/* base/name, made when it is not there, mode 0700, or 0710 of the workers' group. */
int folder_make(const char *path, struct err *err);
/* With all that is in it. */
void folder_remove(const char *path);

/* The whole file, at once, mode 0600. */
int folder_write(const char *folder, const char *name, const struct buf *text, struct err *err);
int folder_rename(const char *folder, const char *from, const char *to, struct err *err);
/* At most `max` bytes, the last ones; empty when there is none. */
void folder_read_end(const char *folder, const char *name, size_t max, struct buf *out);
/* A file that grows beyond `max` bytes begins anew. */
void folder_trim(const char *folder, const char *name, size_t max);

/* A datagram socket that workers may write to; -1 and *err when there cannot be one. */
int folder_log_socket(const char *folder, const char *name, struct err *err);

/* Is there surely nobody who listens on this socket? */
bool folder_is_refused(const char *path);
/* Does a process with this number live? */
bool folder_is_alive(uint32_t pid);

#endif
