/*
 * An image is looked at, read into a file by another thread while the engine sends it, and its
 * layers are looked up in there.  An engine writes an image to its own disk before it sends the
 * first byte, so that nothing may come for long.
 */
#include "drivers/docker/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utlist.h>

#include "drivers/docker/query.h"
#include "drivers/docker/read.h"
#include "drivers/io/worker.h"
#include "spec/base/arena.h"
#include "spec/base/json.h"
#include "spec/base/text.h"

#define LOOK_MS    30000
#define PATH_SIZE  2048
#define FOLDER     "/var/tmp" /* for what is large; /tmp may be memory */
#define LEAST_FREE ((uint64_t)256 * 1024 * 1024)
#define CAME_MAX   ((size_t)4 * 1024 * 1024) /* then the engine has to wait for the disk */

struct transfers {
    struct transfers_options options;
    struct transfer *all;
    bool freeing;
};

/* In one stage at a time: `call` or `job` says in which, or both while a piece is written. What the
 * job works with is left alone meanwhile. */
struct transfer {
    struct transfers *transfers;
    char *giver;
    char *reference;
    char *folder;
    struct arena arena; /* of the layers' digests */
    struct docker_call *call;
    struct worker_job *job;
    struct buf piece;   /* being written */
    struct err trouble; /* of the job */
    struct buf came;    /* meanwhile */
    bool got_all;
    bool is_over; /* ready, or failed */
    bool is_telling;
    struct err failure;
    int64_t got;  /* and written */
    int64_t size; /* the engine's word */
    struct transfer_image image;
    struct transfer_user *users;
    struct transfer *prev;
    struct transfer *next;
};

/* ---- Life ------------------------------------------------------------------------------------ */

static void transfers_end(struct transfers *transfers)
{
    if (transfers->freeing && transfers->all == NULL)
        free(transfers);
}

static void tell(void *ctx);

/* Nobody waits for it: it goes as soon as nothing of it is in flight. */
static void transfer_end(struct transfer *transfer)
{
    struct transfers *transfers = transfer->transfers;

    if (transfer->users != NULL || transfer->is_telling)
        return;
    transfer->is_over = true;
    if (transfer->job != NULL)
        return;
    if (transfer->call != NULL) {
        docker_cancel(transfer->call);
        return;
    }
    loop_defer_cancel(transfers->options.loop, tell, transfer);
    DL_DELETE(transfers->all, transfer);
    if (transfer->image.fd >= 0)
        (void)close(transfer->image.fd);
    buf_release(&transfer->piece);
    buf_release(&transfer->came);
    arena_release(&transfer->arena);
    free(transfer->giver);
    free(transfer->reference);
    free(transfer->folder);
    free(transfer);
    transfers_end(transfers);
}

static struct transfer_user *next_untold(const struct transfer *transfer)
{
    struct transfer_user *user = transfer->users;

    while (user != NULL && user->told)
        user = user->next;
    return user;
}

/* Each may leave, and make others leave. */
static void tell(void *ctx)
{
    struct transfer *transfer = ctx;
    struct transfer_user *user;

    transfer->is_telling = true;
    while ((user = next_untold(transfer)) != NULL) {
        user->told = true;
        user->ready(user->ctx, transfer->failure.code == ERR_OK ? NULL : &transfer->failure);
    }
    transfer->is_telling = false;
    transfer_end(transfer);
}

/* Not from inside what told us: an engine may be on its way out. */
static void over(struct transfer *transfer, const struct err *failure)
{
    struct loop *loop = transfer->transfers->options.loop;

    transfer->is_over = true;
    if (failure != NULL) {
        transfer->failure = *failure;
        if (transfer->failure.code == ERR_CANCELLED) /* not by who waits for it */
            (void)err_set(&transfer->failure, ERR_UNREACHABLE, "the connection to it was ended");
        (void)err_wrap(&transfer->failure, "from instance '%s'", transfer->giver);
    }
    loop_defer_cancel(loop, tell, transfer);
    loop_defer(loop, tell, transfer);
}

/* ---- The file -------------------------------------------------------------------------------- */

static void index_layers(void *ctx)
{
    struct transfer *transfer = ctx;

    if (image_tar_read(transfer->image.fd, transfer->got, &transfer->image.tar,
                       &transfer->trouble) < 0)
        (void)err_wrap(&transfer->trouble, "what came");
}

static void on_indexed(void *ctx, bool cancelled)
{
    struct transfer *transfer = ctx;

    (void)cancelled;
    transfer->job = NULL;
    if (transfer->users == NULL) {
        transfer_end(transfer);
        return;
    }
    if (transfer->image.tar.layer_count != transfer->image.layer_count)
        transfer->image.tar.layer_count = 0; /* it is not known which is which */
    over(transfer, transfer->trouble.code == ERR_OK ? NULL : &transfer->trouble);
}

static int check_room(const struct transfer *transfer, struct err *err)
{
    struct statvfs disk;

    if (fstatvfs(transfer->image.fd, &disk) == 0 &&
        (uint64_t)disk.f_bavail * disk.f_frsize < LEAST_FREE + transfer->piece.size)
        return err_set(err, ERR_CAPACITY,
                       "there is no room for the image in %s: %lld MiB of it came, and less than "
                       "%llu MiB would be left (TMPDIR names another folder)",
                       transfer->folder, (long long)(transfer->got / (1024 * 1024)),
                       (unsigned long long)(LEAST_FREE / (1024 * 1024)));
    return 0;
}

static void write_piece(void *ctx)
{
    struct transfer *transfer = ctx;
    const struct buf *piece = &transfer->piece;
    size_t at = 0;

    if (check_room(transfer, &transfer->trouble) < 0)
        return;
    while (at < piece->size) {
        ssize_t count = pwrite(transfer->image.fd, piece->data + at, piece->size - at,
                               transfer->got + (int64_t)at);

        if (count < 0) {
            (void)err_set_errno(&transfer->trouble, ERR_CAPACITY, errno,
                                "the file for the image in %s", transfer->folder);
            return;
        }
        at += (size_t)count;
    }
}

static void begin_index(struct transfer *transfer)
{
    transfer->job =
        worker_submit(transfer->transfers->options.loop, index_layers, on_indexed, transfer);
}

static void on_written(void *ctx, bool cancelled);

static void write_came(struct transfer *transfer)
{
    transfer->piece = transfer->came;
    buf_init(&transfer->came, 2 * CAME_MAX);
    transfer->job =
        worker_submit(transfer->transfers->options.loop, write_piece, on_written, transfer);
}

static void on_written(void *ctx, bool cancelled)
{
    struct transfer *transfer = ctx;
    struct err failure = transfer->trouble.code != ERR_OK ? transfer->trouble : transfer->failure;

    (void)cancelled;
    transfer->job = NULL;
    transfer->got += (int64_t)transfer->piece.size;
    buf_release(&transfer->piece);
    if (transfer->users == NULL) {
        transfer_end(transfer);
    } else if (failure.code != ERR_OK) {
        over(transfer, &failure);
        docker_cancel(transfer->call);
    } else if (transfer->came.size > 0) {
        write_came(transfer);
        if (transfer->call != NULL)
            docker_pause(transfer->call, false);
    } else if (transfer->got_all) {
        begin_index(transfer);
    }
}

/* ---- What the engine sends ------------------------------------------------------------------- */

static void on_data(void *ctx, const char *data, size_t size)
{
    struct transfer *transfer = ctx;

    if (transfer->is_over)
        return;
    buf_add(&transfer->came, data, size);
    ASSERT(!transfer->came.truncated); /* a piece is not larger than what is left */
    if (transfer->job == NULL)
        write_came(transfer);
    else if (transfer->came.size >= CAME_MAX)
        docker_pause(transfer->call, true);
}

static void on_sent(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct transfer *transfer = ctx;

    (void)answer;
    transfer->call = NULL;
    if (transfer->is_over || transfer->users == NULL) {
        transfer_end(transfer);
    } else if (failure != NULL && transfer->job != NULL) {
        transfer->failure = *failure; /* told when the piece is written */
    } else if (failure != NULL) {
        over(transfer, failure);
    } else if (transfer->job != NULL) {
        transfer->got_all = true;
    } else {
        begin_index(transfer);
    }
}

static int make_file(struct transfer *transfer, struct err *err)
{
    const char *folder = getenv("TMPDIR");

    if (folder == NULL || folder[0] == '\0')
        folder = FOLDER;
    transfer->folder = mem_text(folder);
    transfer->image.fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (transfer->image.fd < 0)
        return err_set_errno(err, ERR_CAPACITY, errno, "a file for the image in %s", folder);
    return 0;
}

static void request_path(const struct transfer *transfer, const char *end, struct buf *path)
{
    buf_init(path, PATH_SIZE);
    buf_text_add(path, "/images/");
    docker_url_add(path, transfer->reference, "/:@");
    buf_text_add(path, end);
}

static void read_layers(struct transfer *transfer, const struct json *image)
{
    const struct json *layers = json_path(image, "RootFS.Layers");
    size_t count = json_is_array(layers) ? json_count(layers) : 0;

    transfer->size = json_int(image, "Size", /* fallback= */ 0);
    if (transfer->size < 0)
        transfer->size = 0;
    for (size_t i = 0; i < count && count <= IMAGE_LAYERS_MAX; i++)
        transfer->image.layers[transfer->image.layer_count++] =
            arena_text(&transfer->arena, json_as_text(json_at(layers, i), ""));
}

static void on_looked(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct transfer *transfer = ctx;
    struct docker *docker;
    struct err err = { 0 };
    AUTO(buf) path = { 0 };

    transfer->call = NULL;
    if (transfer->is_over || transfer->users == NULL) {
        transfer_end(transfer);
        return;
    }
    docker =
        transfer->transfers->options.docker(transfer->transfers->options.context, transfer->giver);
    if (failure != NULL || docker == NULL || make_file(transfer, &err) < 0) {
        if (failure == NULL && err.code == ERR_OK)
            (void)err_set(&err, ERR_CANCELLED, "it is gone");
        over(transfer, failure != NULL ? failure : &err);
        return;
    }
    AUTO(json) *image = read_json(answer->body, answer->size, /* err= */ NULL);
    read_layers(transfer, image);
    request_path(transfer, "/get", &path);
    const struct docker_request request = {
        .method = "GET", .path = buf_text(&path), .is_long = true, .on_data = on_data
    };
    transfer->call = docker_call(docker, &request, on_sent, transfer);
}

/* ---- Who waits ------------------------------------------------------------------------------- */

static struct transfer *transfer_find(const struct transfers *transfers, const char *giver,
                                      const char *reference)
{
    struct transfer *transfer = transfers->all;

    while (transfer != NULL &&
           (transfer->users == NULL || transfer->failure.code != ERR_OK ||
            !text_equal(transfer->giver, giver) || !text_equal(transfer->reference, reference)))
        transfer = transfer->next;
    return transfer;
}

static struct transfer *transfer_make(struct transfers *transfers, const char *giver,
                                      const char *reference)
{
    struct docker *docker = transfers->options.docker(transfers->options.context, giver);
    struct transfer *transfer = mem_alloc(sizeof(*transfer));
    AUTO(buf) path = { 0 };

    transfer->transfers = transfers;
    transfer->giver = mem_text(giver);
    transfer->reference = mem_text(reference);
    transfer->image.fd = -1;
    buf_init(&transfer->came, 2 * CAME_MAX);
    DL_APPEND(transfers->all, transfer);
    if (docker == NULL) {
        struct err failure = { 0 };

        (void)err_set(&failure, ERR_UNREACHABLE, "there is no such instance");
        over(transfer, &failure);
        return transfer;
    }
    request_path(transfer, "/json", &path);
    const struct docker_request request = { .method = "GET",
                                            .path = buf_text(&path),
                                            .deadline_ms = LOOK_MS };
    transfer->call = docker_call(docker, &request, on_looked, transfer);
    return transfer;
}

void transfer_join(struct transfers *transfers, const char *giver, const char *reference,
                   struct transfer_user *user)
{
    struct transfer *transfer = transfer_find(transfers, giver, reference);

    ASSERT(!transfers->freeing && user->transfer == NULL);
    if (transfer == NULL)
        transfer = transfer_make(transfers, giver, reference);
    user->transfer = transfer;
    user->told = false;
    DL_APPEND(transfer->users, user);
    if (transfer->is_over)
        over(transfer, /* failure= */ NULL); /* this one is told, too */
}

void transfer_leave(struct transfer_user *user)
{
    struct transfer *transfer = user->transfer;

    if (transfer == NULL)
        return;
    DL_DELETE(transfer->users, user);
    user->transfer = NULL;
    transfer_end(transfer);
}

int64_t transfer_got(const struct transfer_user *user)
{
    return user->transfer->got;
}

int64_t transfer_size(const struct transfer_user *user)
{
    return user->transfer->size;
}

const struct transfer_image *transfer_image(const struct transfer_user *user)
{
    const struct transfer *transfer = user->transfer;

    ASSERT(transfer->is_over && transfer->failure.code == ERR_OK);
    return &transfer->image;
}

size_t transfer_common_layers(const struct transfer_image *image, const struct json *other)
{
    const struct json *layers = json_path(other, "RootFS.Layers");
    size_t count = 0;

    if (!json_is_array(layers))
        return 0;
    while (count < image->layer_count && count < json_count(layers) &&
           text_equal(json_as_text(json_at(layers, count), NULL), image->layers[count]))
        count++;
    return count;
}

/* ---- All of them ----------------------------------------------------------------------------- */

struct transfers *transfers_new(const struct transfers_options *options)
{
    struct transfers *transfers = mem_alloc(sizeof(*transfers));

    transfers->options = *options;
    return transfers;
}

void transfers_free(struct transfers *transfers)
{
    if (transfers == NULL)
        return;
    transfers->freeing = true;
    transfers_end(transfers);
}
