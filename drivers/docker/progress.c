/*
 * Source of the messages: Engine API 1.41, the streams of /build, /images/create and
 * /images/NAME/push; they are text for people, so nothing but progress is concluded from them.
 */
#include "drivers/docker/progress.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/limits.h"
#include "spec/base/text.h"

#define MIB      ((int64_t)1024 * 1024)
#define LINE_MAX ((size_t)16 * 1024)

#define ERROR_SHOWN 200 /* bytes of what the docker client says last */

static void copy_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text);
}

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037U; /* FNV-1a */

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211U;
    return hash;
}

static struct progress_layer *layer_of(struct progress *progress, const char *id)
{
    uint64_t name = hash_of(id);

    for (size_t i = 0; i < progress->layer_count; i++) {
        if (progress->layers[i].name == name)
            return &progress->layers[i];
    }
    if (progress->layer_count == PROGRESS_LAYERS_MAX)
        return NULL;
    progress->layers[progress->layer_count] = (struct progress_layer){ .name = name };
    return &progress->layers[progress->layer_count++];
}

static void feed_layer(struct progress *progress, const struct json *value, const char *status)
{
    static const char *const finished[] = { "Pull complete", "Already exists", "Pushed",
                                            "Layer already exists", "Mounted from" };
    static const char *const moving[] = { "Downloading", "Pushing", "Pulling fs layer", "Waiting",
                                          "Preparing" };
    struct progress_layer *layer = NULL;
    int64_t all = json_int(value, "progressDetail.total", /* fallback= */ 0);
    int64_t done = json_int(value, "progressDetail.current", /* fallback= */ 0);

    for (size_t i = 0; i < ARRAY_COUNT(finished); i++) {
        if (!text_starts(status, finished[i]))
            continue;
        layer = layer_of(progress, json_text(value, "id"));
        if (layer != NULL) {
            layer->is_done = true;
            layer->done_bytes = layer->all_bytes;
        }
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(moving); i++) {
        if (text_equal(status, moving[i]))
            layer = layer_of(progress, json_text(value, "id"));
    }
    if (layer != NULL && all > 0 && done >= 0) {
        layer->all_bytes = all;
        layer->done_bytes = done < all ? done : all;
    }
}

/* Without colours and other orders to a terminal: the line goes into logs and errors.  An escape
 * sequence is ESC [ ... up to a letter, or ESC and one character (ECMA-48, 5.4). */
static void add_plain(struct buf *out, const char *line)
{
    for (; *line != '\0'; line++) {
        if (*line == '\033' && line[1] == '[') {
            line += 2;
            line += strspn(line, "0123456789:;<=>? !\"#$%&'()*+,-./");
        } else if (*line == '\033') {
            line++;
        } else if (*line == '\t' || (unsigned char)*line >= ' ') {
            buf_char(out, *line);
            continue;
        }
        if (*line == '\0')
            return;
    }
}

static void add_to_tail(struct progress *progress, const char *line)
{
    if (progress->tail.max == 0)
        buf_init(&progress->tail, PROGRESS_TAIL_BYTES * 2 + LINE_MAX);
    buf_printf(&progress->tail, "%s\n", line);
    if (progress->tail.size > PROGRESS_TAIL_BYTES)
        buf_drop_front(&progress->tail, progress->tail.size - PROGRESS_TAIL_BYTES);
    progress->tail.truncated = false;
}

static void take_line(struct progress *progress, const char *text, progress_line_fn *fn, void *ctx)
{
    AUTO(buf) plain = { 0 };
    const char *line;

    buf_init(&plain, LINE_MAX);
    add_plain(&plain, text);
    line = buf_text(&plain);
    add_to_tail(progress, line);
    if (text_starts(line, "Step "))
        copy_text(progress->step, sizeof(progress->step), line);
    fn(ctx, line);
}

/* ---- BuildKit's plain output ---------------------------------------------------------------- */

/* "#5 [2/3] RUN make" begins a step, "#5 1.204 text" is its output, and the other lines of that
 * form tell how far it is.  *out_text NULL: not output. */
static bool is_numbered(const char *line, const char **out_step, const char **out_text)
{
    size_t digits = line[0] == '#' ? strspn(line + 1, "0123456789") : 0;
    const char *rest = line + 1 + digits;
    size_t time;

    *out_step = NULL;
    *out_text = NULL;
    if (digits == 0 || *rest != ' ')
        return false;
    rest++;
    time = strspn(rest, "0123456789.");
    if (*rest == '[')
        *out_step = rest;
    else if (time > 0 && rest[time] == ' ')
        *out_text = rest + time + 1;
    return true;
}

/* The end of the output shows the step that failed once more, and its place in the Dockerfile. */
static bool is_excerpt(const char *line)
{
    size_t blanks = strspn(line, " ");
    size_t digits = strspn(line + blanks, "0123456789");

    return line[0] == '\0' || text_starts(line, "-----") || text_starts(line, " > ") ||
           (digits > 0 && text_starts(line + blanks + digits, " |"));
}

void progress_client_line(struct progress *progress, const char *text, progress_line_fn *fn,
                          void *ctx)
{
    AUTO(buf) plain = { 0 };
    const char *line;
    const char *step;
    const char *output;

    buf_init(&plain, LINE_MAX);
    add_plain(&plain, text);
    line = buf_text(&plain);
    if (!is_numbered(line, &step, &output)) {
        if (!is_excerpt(line))
            add_to_tail(progress, line);
    } else if (step != NULL) {
        copy_text(progress->step, sizeof(progress->step), step);
    } else if (output != NULL) {
        add_to_tail(progress, output);
    }
    fn(ctx, line);
}

void progress_client_error(struct progress *progress)
{
    const char *tail = buf_text(&progress->tail);
    size_t end = progress->tail.size;
    size_t start;
    size_t size;

    if (end > 0)
        end--; /* its line end */
    for (start = end; start > 0 && tail[start - 1] != '\n';)
        start--;
    size = end - start;
    if (size == 0)
        copy_text(progress->error, sizeof(progress->error), "the docker client does not say why");
    else if (size <= ERROR_SHOWN)
        (void)snprintf(progress->error, sizeof(progress->error), "%.*s", (int)size, tail + start);
    else /* it may quote a long command, and has the reason at its end */
        (void)snprintf(progress->error, sizeof(progress->error), "...%.*s", ERROR_SHOWN,
                       tail + end - ERROR_SHOWN);
    progress->tail.size = start;
    if (progress->tail.data != NULL)
        progress->tail.data[start] = '\0';
}

/* ---- The engine's streams ------------------------------------------------------------------- */

static void feed_stream(struct progress *progress, const char *text, progress_line_fn *fn,
                        void *ctx)
{
    if (progress->line.max == 0)
        buf_init(&progress->line, LINE_MAX);
    for (; *text != '\0'; text++) {
        bool is_end = *text == '\n' || *text == '\r';
        if (!is_end && !progress->line.truncated)
            buf_char(&progress->line, *text);
        if (!is_end || progress->line.size == 0)
            continue;
        take_line(progress, buf_text(&progress->line), fn, ctx);
        buf_reset(&progress->line);
        progress->line.truncated = false;
    }
}

void progress_feed(struct progress *progress, const struct json *value, progress_line_fn *fn,
                   void *ctx)
{
    static const char digest_prefix[] = "Digest: sha256:";
    const char *error = json_text(value, "errorDetail.message");
    const char *stream = json_text(value, "stream");
    const char *status = json_text(value, "status");
    const char *image_id = json_text(value, "aux.ID");
    const char *digest = json_text(value, "aux.Digest");

    if (error == NULL)
        error = json_text(value, "error");
    if (error != NULL && progress->error[0] == '\0')
        copy_text(progress->error, sizeof(progress->error), error);
    if (stream != NULL)
        feed_stream(progress, stream, fn, ctx);
    if (image_id != NULL)
        copy_text(progress->image_id, sizeof(progress->image_id), image_id);
    if (digest != NULL)
        copy_text(progress->digest, sizeof(progress->digest), digest);
    if (status == NULL)
        return;
    if (text_starts(status, digest_prefix))
        copy_text(progress->digest, sizeof(progress->digest), status + strlen("Digest: "));
    else if (json_text(value, "id") != NULL)
        feed_layer(progress, value, status);
}

void progress_text(const struct progress *progress, char *out, size_t size)
{
    int64_t done_bytes = 0;
    int64_t all_bytes = 0;
    size_t done = 0;

    out[0] = '\0';
    if (progress->step[0] != '\0') {
        (void)snprintf(out, size, "%s", progress->step);
        return;
    }
    for (size_t i = 0; i < progress->layer_count; i++) {
        const struct progress_layer *layer = &progress->layers[i];
        done += layer->is_done ? 1 : 0;
        /* Foreign numbers: their sum may be anything. */
        if (__builtin_add_overflow(done_bytes, layer->done_bytes, &done_bytes) ||
            __builtin_add_overflow(all_bytes, layer->all_bytes, &all_bytes))
            return;
    }
    if (progress->layer_count == 0)
        return;
    if (all_bytes == 0)
        (void)snprintf(out, size, "%zu of %zu layers", done, progress->layer_count);
    else
        (void)snprintf(out, size, "%zu of %zu layers, %lld MiB of %lld MiB", done,
                       progress->layer_count, (long long)(done_bytes / MIB),
                       (long long)((all_bytes + MIB - 1) / MIB));
}

bool progress_needs_buildkit(const struct progress *progress)
{
    /* Engine 20.10 and later: the parser knows the flags that it does not do, and takes the lines
     * of a heredoc for instructions. */
    return strstr(progress->error, "BuildKit") != NULL ||
           strstr(progress->error, "nknown flag") != NULL ||
           strstr(progress->error, "nknown instruction") != NULL;
}

/* What registries say, and the engine when it has no login for one that wants it. */
static bool is_denied(const char *error)
{
    static const char *const signs[] = { "unauthorized", "denied", "no basic auth credentials",
                                         "authorization failed", "authentication required" };

    for (size_t i = 0; i < ARRAY_COUNT(signs); i++) {
        if (strstr(error, signs[i]) != NULL)
            return true;
    }
    return false;
}

int progress_fail(const struct progress *progress, struct err *err)
{
    const char *tail = buf_text(&progress->tail);
    size_t size = progress->tail.size;
    size_t room = sizeof(err->text) / 2;
    enum err_code code = ERR_FAILED;

    if (strstr(progress->error, "no space left") != NULL)
        code = ERR_CAPACITY;
    else if (is_denied(progress->error))
        code = ERR_DENIED;
    else if (strstr(progress->error, "not found") != NULL ||
             strstr(progress->error, "manifest unknown") != NULL)
        code = ERR_NOT_FOUND;
    while (size > 0 && tail[size - 1] == '\n')
        size--;
    if (size == 0)
        return err_set(err, code, "%s", progress->error);
    const char *from = size > room ? strchr(tail + size - room, '\n') : tail;
    if (from == NULL || from >= tail + size)
        from = tail;
    if (*from == '\n')
        from++;
    return err_set(err, code, "%s" PROGRESS_LAST_OUTPUT "\n%.*s", progress->error,
                   (int)(tail + size - from), from);
}

void progress_release(struct progress *progress)
{
    buf_release(&progress->tail);
    buf_release(&progress->line);
}
