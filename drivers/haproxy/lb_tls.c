/*
 * Files are looked at with stat(), at each look at the balancer, and there is one every 30 s at
 * least.  Watching them would be sooner but not surer: names lead through links, to other folders
 * and other machines' disks, and a certificate is renewed days before it has to be.
 *
 * A changed one goes to the worker by `set ssl cert` and `commit ssl cert`: connections that are
 * open go on, whatever their age, which a reload cannot promise.  The folder's file follows, for
 * the next start.
 */
#include "drivers/haproxy/lb_tls.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/haproxy/certificates.h"
#include "drivers/haproxy/pem.h"
#include "spec/base/text.h"

#define CONFIG_MAX  ((size_t)64 * 1024 * 1024)
#define PATH_SIZE   512
#define COMMAND_MS  10000
#define CHECK_MS    1000 /* from one look at all files to the next, at least */
#define NEW_FILE    "tls.new"
#define COMMAND_MAX (PEM_PAIR_MAX + 2048)

/* Of a file, or why there is none; two that are the same are of the same content. */
struct stamp {
    int number; /* of errno; 0: there is one */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
};

struct stamps {
    bool is_set;
    struct stamp certificate;
    struct stamp key;
};

struct certificate {
    struct certificate_place place;
    struct stamps loaded;  /* what the worker has; not set: it is not known */
    struct stamps refused; /* what was tried in vain once: it may have been half written */
    char *warning;         /* it was tried again; NULL: all is well */
};

struct lb_tls {
    struct arena arena;
    struct certificate *certificates;
    size_t count;
    bool is_read;
    int64_t checked_ms; /* when all were looked at */

    /* One that is being loaded. */
    struct certificate *current;
    struct stamps stamps;
    struct buf pair;
};

struct lb_tls *lb_tls_new(void)
{
    struct lb_tls *tls = mem_alloc(sizeof(*tls));

    buf_init(&tls->pair, PEM_PAIR_MAX);
    return tls;
}

static void wipe(struct lb_tls *tls)
{
    pem_wipe(&tls->pair);
    buf_init(&tls->pair, PEM_PAIR_MAX);
}

static void clear(struct lb_tls *tls)
{
    wipe(tls);
    for (size_t i = 0; i < tls->count; i++)
        free(tls->certificates[i].warning);
    arena_reset(&tls->arena);
    tls->certificates = NULL;
    tls->count = 0;
    tls->is_read = false;
    tls->checked_ms = 0;
}

void lb_tls_free(struct lb_tls *tls)
{
    clear(tls);
    arena_release(&tls->arena);
    free(tls);
}

void lb_tls_forget(struct lb *lb)
{
    clear(lb->tls);
}

const char *lb_tls_warning(const struct lb *lb)
{
    for (size_t i = 0; i < lb->tls->count; i++) {
        if (lb->tls->certificates[i].warning != NULL)
            return lb->tls->certificates[i].warning;
    }
    return NULL;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static void path_of(const struct lb *lb, const struct certificate_place *place, char out[PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, "%s/%s", lb->folder, place->name);
}

/* Whole or not at all: a start may come at any time. */
static int write_pair(const struct lb *lb, const struct certificate_place *place,
                      const struct buf *pair, struct err *err)
{
    if (folder_write(lb->folder, NEW_FILE, pair, err) < 0)
        return -1;
    return folder_rename(lb->folder, NEW_FILE, place->name, err);
}

static int write_one(const struct lb *lb, const struct listener_certificate *certificate,
                     struct err *err)
{
    struct certificate_place place;
    struct buf pair = { 0 };
    char path[PATH_SIZE];
    int result;

    certificate_place(certificate, &place);
    path_of(lb, &place, path);
    buf_init(&pair, PEM_PAIR_MAX);
    result = pem_pair(place.certificate_file, place.private_key_file, &pair, err);
    if (result == 0)
        result = write_pair(lb, &place, &pair, err);
    else if (access(path, R_OK) == 0)
        result = 0; /* lb_tls_check() says what is wrong with the new one */
    pem_wipe(&pair);
    return result;
}

int lb_tls_write(struct lb *lb, const struct balancer *balancer, struct err *err)
{
    for (size_t i = 0; i < balancer->spec->listeners_count; i++) {
        const struct listener *listener = &balancer->spec->listeners[i];

        for (size_t j = 0; j < listener->certificates_count; j++) {
            if (write_one(lb, &listener->certificates[j], err) < 0)
                return err_wrap(err, "listeners[%zu].certificates[%zu]", i, j);
        }
    }
    return 0;
}

static bool is_used(const struct lb_tls *tls, const char *name)
{
    for (size_t i = 0; i < tls->count; i++) {
        if (text_equal(tls->certificates[i].place.name, name))
            return true;
    }
    return false;
}

/* Of former configurations: what was loaded long ago is not to come back. */
static void remove_unused(const struct lb *lb)
{
    DIR *dir = opendir(lb->folder);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (text_starts(entry->d_name, CERTIFICATE_PREFIX) && !is_used(lb->tls, entry->d_name))
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

static void read_places(struct lb *lb)
{
    struct lb_tls *tls = lb->tls;
    struct certificate_place *places;
    AUTO(buf) text = { 0 };

    clear(tls);
    buf_init(&text, CONFIG_MAX);
    folder_read_end(lb->folder, LB_CONFIG, CONFIG_MAX, &text);
    tls->count = certificates_parse(buf_text(&text), &tls->arena, &places);
    tls->certificates = arena_array(&tls->arena, struct certificate, tls->count + 1);
    for (size_t i = 0; i < tls->count; i++)
        tls->certificates[i].place = places[i];
    tls->is_read = true;
    remove_unused(lb);
}

/* ---- Stamps ---------------------------------------------------------------------------------- */

static struct stamp stamp_of(const char *path)
{
    struct stamp stamp = { 0 };
    struct stat found;

    if (stat(path, &found) < 0) {
        stamp.number = errno;
        return stamp;
    }
    stamp.device = found.st_dev;
    stamp.inode = found.st_ino;
    stamp.size = found.st_size;
    stamp.modified = found.st_mtim;
    stamp.changed = found.st_ctim;
    return stamp;
}

static bool is_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->number == b->number && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && is_time(&a->modified, &b->modified) &&
           is_time(&a->changed, &b->changed);
}

static bool are_stamps(const struct stamps *known, const struct stamps *now)
{
    return known->is_set && is_stamp(&known->certificate, &now->certificate) &&
           is_stamp(&known->key, &now->key);
}

/* ---- Loading --------------------------------------------------------------------------------- */

/* At the second time it is told: at the first one of the two files may be the new one only. */
static void refuse(struct lb *lb, const char *reason)
{
    struct lb_tls *tls = lb->tls;
    struct certificate *certificate = tls->current;
    AUTO(buf) text = { 0 };

    if (!are_stamps(&certificate->refused, &tls->stamps)) {
        certificate->refused = tls->stamps;
        lb_look(lb, CHECK_MS);
        return;
    }
    buf_init(&text, (size_t)16 * 1024);
    buf_printf(&text, "a changed certificate is not loaded, the one of before stays: %s", reason);
    free(certificate->warning);
    certificate->warning = buf_take(&text);
    lb_look(lb, 0); /* which reports it */
}

/* `payload`: NULL, or lines that end with an empty one. */
static void ask(struct lb *lb, const char *verb, const char *path, const struct buf *payload,
                cli_done_fn *done)
{
    struct buf command = { 0 };

    buf_init(&command, COMMAND_MAX);
    buf_printf(&command, "@!%u %s ssl cert %s", lb->current.worker, verb, path);
    if (payload != NULL) {
        buf_text_add(&command, " <<\n");
        buf_add(&command, payload->data, payload->size);
    }
    ASSERT(!command.truncated);
    lb->cli = cli_ask(lb->shared->loop, lb->socket_path, buf_text(&command), COMMAND_MS, done, lb);
    pem_wipe(&command);
}

/* Said by a worker, and to be tried at once or later. */
static void end(struct lb *lb, const char *answer, const struct err *failure)
{
    AUTO_TEXT char *line = mem_text(failure == NULL ? answer : "");

    line[strcspn(line, "\n")] = '\0';
    if (failure == NULL) {
        AUTO(buf) reason = { 0 };

        buf_init(&reason, (size_t)8 * 1024);
        buf_printf(&reason, "HAProxy refuses '%s': %s", lb->tls->current->place.certificate_file,
                   line);
        refuse(lb, buf_text(&reason));
    }
    wipe(lb->tls);
    lb_look(lb, lb->is_wanted ? 0 : CHECK_MS);
}

static void on_committed(void *context, const char *answer, const struct err *failure)
{
    struct lb *lb = context;
    struct lb_tls *tls = lb->tls;
    struct certificate *certificate = tls->current;
    struct err err = { 0 };

    lb->cli = NULL;
    if (failure != NULL || strstr(answer, "Success") == NULL) {
        end(lb, answer, failure);
        return;
    }
    if (write_pair(lb, &certificate->place, &tls->pair, &err) < 0) {
        refuse(lb, err.text);
    } else {
        certificate->loaded = tls->stamps;
        free(TAKE(certificate->warning));
    }
    wipe(tls);
    lb_look(lb, 0);
}

static void on_set(void *context, const char *answer, const struct err *failure)
{
    struct lb *lb = context;
    char path[PATH_SIZE];

    lb->cli = NULL;
    if (failure != NULL || !text_starts(answer, "Transaction")) {
        end(lb, answer, failure);
        return;
    }
    path_of(lb, &lb->tls->current->place, path);
    ask(lb, "commit", path, /* payload= */ NULL, on_committed);
}

static void set(struct lb *lb)
{
    char path[PATH_SIZE];

    path_of(lb, &lb->tls->current->place, path);
    ask(lb, "set", path, &lb->tls->pair, on_set);
}

static void on_other_aborted(void *context, const char *answer, const struct err *failure)
{
    struct lb *lb = context;

    lb->cli = NULL;
    if (failure != NULL || !text_starts(answer, "Transaction aborted"))
        end(lb, answer, failure);
    else
        set(lb);
}

/* HAProxy 2.6 has one transaction at a time, and adds to it whatever is set meanwhile: one that was
 * cut short, ours or that of a Berth before, is ended first. */
static void on_aborted(void *context, const char *answer, const struct err *failure)
{
    static const char other[] = "The ongoing transaction is about '";
    struct lb *lb = context;

    lb->cli = NULL;
    if (failure != NULL) {
        end(lb, answer, failure);
    } else if (text_starts(answer, other)) {
        AUTO_TEXT char *path = mem_text(answer + strlen(other));

        path[strcspn(path, "'")] = '\0';
        if (strlen(path) < PATH_SIZE)
            ask(lb, "abort", path, /* payload= */ NULL, on_other_aborted);
        else
            end(lb, answer, NULL);
    } else {
        set(lb);
    }
}

/* ---- Looks ----------------------------------------------------------------------------------- */

/* True: it is being loaded. */
static bool check_one(struct lb *lb, struct certificate *certificate)
{
    struct lb_tls *tls = lb->tls;
    struct err err = { 0 };
    char path[PATH_SIZE];

    tls->current = certificate;
    tls->stamps = (struct stamps){ .is_set = true,
                                   .certificate = stamp_of(certificate->place.certificate_file),
                                   .key = stamp_of(certificate->place.private_key_file) };
    if (are_stamps(&certificate->loaded, &tls->stamps)) {
        if (certificate->warning != NULL)
            lb_look(lb, 0);
        free(TAKE(certificate->warning)); /* the files of before are back */
        return false;
    }
    if (certificate->warning != NULL && are_stamps(&certificate->refused, &tls->stamps))
        return false;
    wipe(tls);
    if (pem_pair(certificate->place.certificate_file, certificate->place.private_key_file,
                 &tls->pair, &err) < 0) {
        refuse(lb, err.text);
        return false;
    }
    path_of(lb, &certificate->place, path);
    ask(lb, "abort", path, /* payload= */ NULL, on_aborted);
    return true;
}

bool lb_tls_check(struct lb *lb)
{
    struct lb_tls *tls = lb->tls;
    int64_t now_ms = loop_now_ms(lb->shared->loop);

    ASSERT(lb->cli == NULL);
    if (!tls->is_read)
        read_places(lb);
    else if (now_ms - tls->checked_ms < CHECK_MS)
        return false;
    for (size_t i = 0; i < tls->count; i++) {
        if (check_one(lb, &tls->certificates[i]))
            return true;
    }
    tls->checked_ms = now_ms;
    return false;
}
