/*
 * What the child of a fetch does: asks the remote which commit the branch is at, and brings it here
 * unless it is here already.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reconciler/source/certificates.h"
#include "reconciler/source/clone.h"
#include "reconciler/source/credential.h"
#include "reconciler/source/fetch.h"
#include "reconciler/source/git.h"
#include "reconciler/source/ssh.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"

/* A fetch under way. */
struct fetch {
    const struct fetch_request *request;
    char *fresh; /* where a new clone is made, aside */
    struct url url;
    struct ssh ssh;
    struct credential credential;
};

/* A branch of the remote. */
struct wanted {
    char name[SOURCE_REF_SIZE]; /* "": no such branch */
    git_oid commit;
};

static void say(struct source_tip *tip, const char *format, ...) PRINTF_LIKE(2, 3);

static void say(struct source_tip *tip, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(tip->text, sizeof(tip->text), format, arguments);
    va_end(arguments);
}

/* This is a process of its own: the options that are global to libgit2 are ours. */
static int start_libgit2(struct err *err)
{
    const char *authorities = getenv("GIT_SSL_CAINFO");

    certificates_want();
    if (source_global_init(err) < 0)
        return -1;
    (void)git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    if (text_is_empty(authorities))
        authorities = getenv("SSL_CERT_FILE");
    if (!text_is_empty(authorities) &&
        git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, authorities, NULL) < 0)
        return err_set(err, ERR_INVALID, "the certificates in '%s' can't be read", authorities);
    return 0;
}

/* ---- What the remote has --------------------------------------------------------------------- */

static const git_remote_head *find_head(const git_remote_head **heads, size_t count,
                                        const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(heads[i]->name, name))
            return heads[i];
    return NULL;
}

static void want(struct wanted *wanted, const git_remote_head **heads, size_t count,
                 const char *name)
{
    const git_remote_head *head = find_head(heads, count, name);
    const git_remote_head *peeled;
    char tag[SOURCE_REF_SIZE + 8];

    if (head == NULL ||
        (size_t)snprintf(wanted->name, sizeof(wanted->name), "%s", name) >= sizeof(wanted->name)) {
        wanted->name[0] = '\0';
        return;
    }
    (void)snprintf(tag, sizeof(tag), "%s^{}", name); /* what an annotated tag leads to */
    peeled = find_head(heads, count, tag);
    wanted->commit = peeled != NULL ? peeled->oid : head->oid;
}

static void want_branch(struct wanted *wanted, const git_remote_head **heads, size_t count,
                        const char *branch)
{
    static const char *const prefixes[] = { "refs/heads/", "refs/tags/" };
    const git_remote_head *head = find_head(heads, count, "HEAD");

    if (branch == NULL) {
        want(wanted, heads, count,
             head != NULL && head->symref_target != NULL ? head->symref_target : "HEAD");
        return;
    }
    if (text_starts(branch, "refs/")) {
        want(wanted, heads, count, branch);
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(prefixes) && wanted->name[0] == '\0'; i++) {
        AUTO(buf) name;

        buf_init(&name, SOURCE_REF_SIZE + 16);
        buf_printf(&name, "%s%s", prefixes[i], branch);
        want(wanted, heads, count, buf_text(&name));
    }
}

static bool has_any_branch(const git_remote_head **heads, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_starts(heads[i]->name, "refs/heads/"))
            return true;
    return false;
}

/* ---- Bringing it here ------------------------------------------------------------------------ */

static bool has_commit(git_repository *repository, const git_oid *id)
{
    AUTO(git_commit) *commit = NULL;

    return git_commit_lookup(&commit, repository, id) == 0;
}

static int download(git_remote *remote, const char *from, const char *to, struct err *err)
{
    git_fetch_options options;
    AUTO_TEXT char *spec = NULL;
    AUTO(buf) text;
    git_strarray specs = { .strings = &spec, .count = 1 };
    int code;

    (void)git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    buf_init(&text, SOURCE_REF_SIZE * 2 + 4UL);
    buf_printf(&text, "+%s:%s", from, to);
    spec = buf_take(&text);
    code = git_remote_download(remote, &specs, &options);
    return code < 0 ? git_fail(err, code, "download of '%s'", from) : 0;
}

/* Forced: a branch may go anywhere, also back. */
static int set_tip(git_repository *repository, const struct wanted *wanted, struct source_tip *tip,
                   struct err *err)
{
    AUTO(git_reference) *reference = NULL;
    AUTO(git_commit) *commit = NULL;
    int code = git_commit_lookup(&commit, repository, &wanted->commit);

    if (code == GIT_ENOTFOUND && git_error_last()->klass == GIT_ERROR_INVALID)
        return err_set(err, ERR_INVALID, "'%s' is not a commit", wanted->name);
    if (code < 0)
        return git_fail(err, code, "the commit of '%s'", wanted->name);
    code = git_reference_create(&reference, repository, CLONE_TIP, &wanted->commit, /* force */ 1,
                                NULL);
    if (code < 0)
        return git_fail(err, code, "the commit of '%s' can't be remembered", wanted->name);
    tip->state = SOURCE_FOUND;
    git_print_id(&wanted->commit, tip->commit);
    say(tip, "commit %.12s", tip->commit);
    (void)snprintf(tip->ref, sizeof(tip->ref), "%s", wanted->name);
    return 0;
}

/* The branch is the id of a commit: it may be anywhere, so all branches are brought here. */
static int bring_by_id(git_repository *repository, git_remote *remote, struct wanted *wanted,
                       struct err *err)
{
    if (has_commit(repository, &wanted->commit))
        return 0;
    if (download(remote, "refs/heads/*", "refs/berth/heads/*", err) < 0)
        return -1;
    if (!has_commit(repository, &wanted->commit))
        return err_set(err, ERR_NOT_FOUND, "no branch has this commit");
    return 0;
}

static void say_missing(const struct fetch *fetch, const git_remote_head **heads, size_t count,
                        struct source_tip *tip)
{
    const char *branch = fetch->request->branch;

    if (!has_any_branch(heads, count)) {
        tip->state = SOURCE_EMPTY;
        say(tip, "'%.120s' has no commit yet", fetch->url.shown);
    } else {
        tip->state = SOURCE_GONE;
        say(tip, "branch '%.120s' does not exist in '%.120s'", branch != NULL ? branch : "HEAD",
            fetch->url.shown);
    }
}

static int bring(const struct fetch *fetch, git_repository *repository, git_remote *remote,
                 struct source_tip *tip, struct err *err)
{
    const git_remote_head **heads = NULL;
    struct wanted wanted = { .name = "" };
    struct err failure = { 0 };
    size_t count = 0;
    int code = git_remote_ls(&heads, &count, remote);

    if (code < 0)
        return git_fail(err, code, "the branches can't be listed");
    want_branch(&wanted, heads, count, fetch->request->branch);
    if (wanted.name[0] != '\0') {
        if (!has_commit(repository, &wanted.commit) &&
            download(remote, wanted.name, CLONE_TIP, err) < 0)
            return -1;
        return set_tip(repository, &wanted, tip, err);
    }
    if (fetch->request->branch != NULL && has_any_branch(heads, count) &&
        git_parse_id(fetch->request->branch, &wanted.commit, NULL) == 0) {
        if (bring_by_id(repository, remote, &wanted, &failure) == 0)
            return set_tip(repository, &wanted, tip, err);
        if (failure.code != ERR_NOT_FOUND) {
            if (err != NULL)
                *err = failure;
            return -1;
        }
    }
    say_missing(fetch, heads, count, tip);
    return 0;
}

static int fetch_into(struct fetch *fetch, git_repository *repository, struct source_tip *tip,
                      struct err *err)
{
    git_remote_callbacks callbacks;
    git_proxy_options proxy;
    AUTO(git_remote) *remote = NULL;
    struct err failure = { 0 };
    const char *address = fetch->url.kind == URL_SSH ? SSH_TRANSPORT "://ssh/" : fetch->url.text;
    int code;

    (void)git_remote_init_callbacks(&callbacks, GIT_REMOTE_CALLBACKS_VERSION);
    (void)git_proxy_options_init(&proxy, GIT_PROXY_OPTIONS_VERSION);
    fetch->credential = (struct credential){ .url = &fetch->url };
    callbacks.credentials = credential_acquire;
    callbacks.payload = &fetch->credential;
    proxy.type = GIT_PROXY_AUTO;
    code = git_remote_create_anonymous(&remote, repository, address);
    if (code < 0)
        return git_fail(err, code, "the remote");
    code = git_remote_connect(remote, GIT_DIRECTION_FETCH, &callbacks, &proxy, NULL);
    if (code < 0) {
        (void)git_fail(&failure, code, "no connection");
        if (failure.code == ERR_CONFLICT) /* the clone has no part in it yet: it is not damaged */
            failure.code = fetch->url.kind == URL_FILE ? ERR_FAILED : ERR_UNREACHABLE;
        if (err != NULL)
            *err = failure;
        return -1;
    }
    if (bring(fetch, repository, remote, tip, err) < 0)
        return -1;
    (void)git_remote_disconnect(remote);
    if (tip->state == SOURCE_FOUND)
        clone_tidy(repository, fetch->request->timeout_ms / 4);
    return 0;
}

/* Aside, and put in place when it is complete: an old clone is better than none. */
static int clone_anew(struct fetch *fetch, struct source_tip *tip, struct err *err)
{
    AUTO(git_repository) *repository = NULL;

    if (clone_create(fetch->fresh, &repository, err) < 0 ||
        fetch_into(fetch, repository, tip, err) < 0)
        return -1;
    return clone_replace(fetch->fresh, fetch->request->directory, err);
}

static int fetch_locked(struct fetch *fetch, struct source_tip *tip, struct err *err)
{
    AUTO(git_repository) *repository = NULL;
    struct err failure = { 0 };

    if (clone_remove(fetch->fresh, err) < 0) /* of one who was killed while making it */
        return -1;
    if (fetch->request->afresh)
        return clone_anew(fetch, tip, err);
    if (clone_open(fetch->request->directory, &repository, &failure) == 0 &&
        fetch_into(fetch, repository, tip, &failure) == 0)
        return 0;
    if (failure.code == ERR_CONFLICT && fetch->ssh.status == 0) {
        git_repository_free(TAKE(repository));
        return clone_anew(fetch, tip, err);
    }
    if (err != NULL)
        *err = failure;
    return -1;
}

/* libgit2 would say it in a way that looks like a damaged clone. */
static int check_file(const struct fetch *fetch, struct err *err)
{
    if (fetch->url.kind == URL_FILE && access(fetch->url.path, F_OK) < 0)
        return err_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, errno,
                             "'%s' can't be read", fetch->url.path);
    return 0;
}

/* libgit2 tells what a server answered only in words. */
static void explain_http(const struct fetch *fetch, struct err *err)
{
    if (fetch->url.kind == URL_HTTP && strstr(err->text, "status code: 404") != NULL)
        (void)err_set(err, ERR_NOT_FOUND, "the server has no such repository");
    else if (fetch->url.kind == URL_HTTP && strstr(err->text, "status code: 403") != NULL)
        (void)err_set(err, ERR_DENIED, "the server refuses access");
}

int fetch_perform(const struct fetch_request *request, struct source_tip *out, struct err *err)
{
    struct fetch fetch = { .request = request };
    AUTO(buf) fresh;
    struct source_tip tip = { 0 };
    struct err failure = { 0 };
    AUTO_FD int lock = -1;
    int result = -1;

    buf_init(&fresh, PATH_MAX);
    buf_printf(&fresh, "%s.new", request->directory);
    fetch.fresh = buf_take(&fresh);
    (void)umask(077); /* what is fetched may be private */
    /* NOLINTBEGIN(concurrency-mt-unsafe): this process has one thread */
    (void)setenv("GIT_TERMINAL_PROMPT", "0", 1);
    (void)setenv("GCM_INTERACTIVE", "never", 1);
    /* NOLINTEND(concurrency-mt-unsafe) */
    if (url_parse(request->location, &fetch.url, &failure) == 0 && start_libgit2(&failure) == 0) {
        if (check_file(&fetch, &failure) == 0 &&
            ssh_register(&fetch.ssh, &fetch.url, &failure) == 0 &&
            clone_lock(request->directory, &lock, &failure) == 0)
            result = fetch_locked(&fetch, &tip, &failure);
        source_global_exit();
    }
    if (result < 0) {
        ssh_explain(&fetch.ssh, &failure);
        explain_http(&fetch, &failure);
        if (failure.code == ERR_CONFLICT)
            failure.code = ERR_FAILED;
        if (err != NULL)
            *err = failure;
    } else {
        *out = tip;
    }
    url_release(&fetch.url);
    free(fetch.fresh);
    return result;
}
