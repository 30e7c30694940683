/*
 * Reads the configuration file.  It is a flat map of the manifests' own YAML, so that positions and
 * strictness are the same.
 */
#include "reconciler/cli/config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/yaml.h"

/* 0: nothing there and nothing asked for; *out is then untouched. */
static int read_all(const char *path, bool must_exist, struct buf *out, struct err *err)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    char block[4096];

    if (fd < 0 && errno == ENOENT && !must_exist)
        return 0;
    if (fd < 0)
        return err_set_errno(err, ERR_INVALID, errno, "configuration %s", path);
    for (;;) {
        ssize_t size = read(fd, block, sizeof(block));
        if (size < 0)
            return err_set_errno(err, ERR_INVALID, errno, "configuration %s", path);
        if (size == 0)
            break;
        buf_add(out, block, (size_t)size);
    }
    if (out->truncated)
        return err_set(err, ERR_INVALID, "configuration %s: more than %d bytes", path,
                       LIMIT_MANIFEST_BYTES);
    return 0;
}

static const struct cli_option *find_setting(const char *key)
{
    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        if (cli_options[i].is_setting && text_equal(cli_options[i].name, key))
            return &cli_options[i];
    }
    return NULL;
}

static int unknown_key(const char *path, const struct node_member *member, struct err *err)
{
    const char *names[OPTION_COUNT_ALL];
    size_t count = 0;
    struct pos pos = { .file = path, .line = member->line, .column = member->column };

    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        if (cli_options[i].is_setting)
            names[count++] = cli_options[i].name;
    }
    const char *nearest = text_nearest(member->key, names, count);
    if (nearest != NULL)
        return err_set_at(err, ERR_INVALID, pos, "%s:%u:%u: unknown key '%s': did you mean '%s'?",
                          path, pos.line, pos.column, member->key, nearest);
    return err_set_at(err, ERR_INVALID, pos, "%s:%u:%u: unknown key '%s'", path, pos.line,
                      pos.column, member->key);
}

struct target {
    struct arena *arena;
    uint64_t allowed;
    uint64_t *seen;
    struct cli_options *options;
};

static int set_member(const struct target *target, const char *path,
                      const struct node_member *member, struct err *err)
{
    const struct cli_option *option = find_setting(member->key);
    struct cli_options elsewhere = { 0 };

    if (option == NULL)
        return unknown_key(path, member, err);
    if (node_is_null(member->value))
        return 0;
    if (member->value->type != NODE_SCALAR)
        return err_set(err, ERR_INVALID, "%s:%u:%u: '%s' needs one plain value", path,
                       member->value->line, member->value->column, member->key);
    uint64_t bit = (uint64_t)1 << (option - cli_options);
    bool is_used = (target->allowed & bit) != 0 && (*target->seen & bit) == 0;
    if (option_set(target->arena, option, member->value->text,
                   is_used ? target->options : &elsewhere, err) < 0)
        return err_wrap(err, "%s:%u:%u: %s", path, member->value->line, member->value->column,
                        member->key);
    if (is_used)
        *target->seen |= bit;
    return 0;
}

static int set_all(const struct target *target, const char *path, const struct yaml_file *file,
                   struct err *err)
{
    if (file->document_count == 0)
        return 0;
    const struct node *root = file->documents[0];
    if (file->document_count > 1 || root->type != NODE_MAP)
        return err_set(err, ERR_INVALID, "%s:%u:%u: lines of 'name: value' are expected", path,
                       root->line, root->column);
    for (size_t i = 0; i < root->count; i++) {
        if (set_member(target, path, &root->members[i], err) < 0)
            return -1;
    }
    return 0;
}

int config_read(struct arena *arena, const struct option_sources *sources, uint64_t allowed,
                uint64_t *seen, struct cli_options *options, struct err *err)
{
    const char *path = options->config != NULL ? options->config : sources->config_default;
    struct target target = { .arena = arena, .allowed = allowed, .seen = seen, .options = options };
    AUTO(buf) text = { 0 };
    AUTO(diag_list) diags = { 0 };
    struct yaml_file file = { 0 };

    if (path == NULL)
        return 0;
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    if (read_all(path, options->config != NULL, &text, err) < 0)
        return -1;
    if (yaml_parse(path, buf_text(&text), text.size, arena, &diags, &file) < 0)
        return err_set(err, ERR_INVALID, "%s:%u:%u: %s", path, diags.items[0].line,
                       diags.items[0].column, diags.items[0].text);
    return set_all(&target, path, &file, err);
}
