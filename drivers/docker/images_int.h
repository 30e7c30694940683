/*
 * A long action at work; shared by images.c, build.c and copy.c.
 */
#ifndef DRIVERS_DOCKER_IMAGES_INT_H
#define DRIVERS_DOCKER_IMAGES_INT_H

#include "drivers/docker/auth.h"
#include "drivers/docker/engine_int.h"
#include "drivers/docker/progress.h"
#include "drivers/io/process.h"
#include "drivers/io/worker.h"

struct image_copy;

/* In one stage at a time: call->docker, auth, job, process or copy says in which. */
struct image_work {
    struct engine_call *call;
    const char *reference; /* the action's */
    struct buf key;        /* "pull REFERENCE" */
    struct progress progress;
    int64_t started_ms;  /* wall clock */
    int64_t reported_ms; /* loop's clock */
    char *image_id;      /* heap: what it made */
    struct json *before; /* of a pull: the images there were; NULL: not known */
    bool is_named;       /* of a pull: what came did not have the name, */
    bool is_new;         /* or was not there at all */
    char *header;        /* heap, secret */
    struct auth_request *auth;
    struct buf query;
    int fd; /* of what is sent; -1: none */
    int64_t fd_size;
    bool ending; /* was cancelled */
    struct err failure;

    /* build.c */
    struct worker_job *job;
    struct process *process;
    struct err no_login; /* what credential helpers did not tell; ERR_OK: nothing */
    char *reason;        /* heap: why the classic builder cannot build it */
    struct context_list list;
    bool listed; /* list is to be released */
    bool written;

    struct image_copy *copy; /* copy.c */
};

/* Reports the end of the effort and ends the call; `work` is gone after it. */
void image_work_done(struct image_work *work, const struct err *failure);
/* The same with work->failure, to be deferred. */
void image_work_fail(void *ctx);
/* Looks at the image that work->reference names now, then ends. */
void image_work_inspect(struct image_work *work);
void image_work_line(void *ctx, const char *line);
/* Reports how far it is, now and then. */
void image_work_progress(struct image_work *work);
void image_work_send_build(struct image_work *work, const char *const *headers,
                           docker_done_fn *done);

/* Sends a request whose answer is a stream of progress. */
void image_work_stream(struct image_work *work, struct docker_request *request,
                       docker_done_fn *done);

/* build.c */
void image_work_build(struct image_work *work);
void image_work_build_release(struct image_work *work);

/* copy.c */
void image_work_copy(struct image_work *work);
void image_work_copy_cancel(struct image_work *work);
void image_work_copy_release(struct image_work *work);
/* How far it is, or, when it is over, how it went. */
void image_work_copy_text(const struct image_work *work, bool is_done, char *out, size_t size);
/* Something came of it. */
void image_work_copy_moved(struct image_work *work);
/* The image, as the engine tells of it now, is the one that was to be copied. */
MUST_USE int image_work_copy_check(const struct image_work *work, const struct json *image,
                                   struct err *err);

#endif
