/*
 * Reading secrets from files and the environment.
 */
#include "reconciler/run/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/text.h"

struct secrets {
    unsigned char key[64];
    size_t key_size;
    char digest[SHA256_HEX_SIZE];
};

struct secrets *secrets_new(const void *key, size_t key_size)
{
    struct secrets *secrets = mem_alloc(sizeof(*secrets));

    ASSERT(key_size <= sizeof(secrets->key));
    memcpy(secrets->key, key, key_size);
    secrets->key_size = key_size;
    return secrets;
}

void secrets_free(struct secrets *secrets)
{
    if (secrets == NULL)
        return;
    explicit_bzero(secrets->key, sizeof(secrets->key));
    free(secrets);
}

static int read_file(const char *path, struct buf *out, struct err *err)
{
    char bytes[4096];
    size_t total = 0;
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return err_set_errno(err, ERR_NOT_FOUND, errno, "secret file '%s'", path);
    for (;;) {
        ssize_t size = read(fd, bytes, sizeof(bytes));

        if (size < 0)
            return err_set_errno(err, ERR_FAILED, errno, "secret file '%s'", path);
        if (size == 0)
            break;
        total += (size_t)size;
        if (total > SECRET_BYTES_MAX)
            return err_set(err, ERR_INVALID, "secret file '%s' is larger than %d bytes", path,
                           SECRET_BYTES_MAX);
        buf_add(out, bytes, (size_t)size);
    }
    explicit_bzero(bytes, sizeof(bytes));
    if (out->size > 0 && out->data[out->size - 1] == '\n') {
        out->size--;
        out->data[out->size] = '\0';
    }
    if (memchr(buf_text(out), '\0', out->size) != NULL)
        return err_set(err, ERR_INVALID, "secret file '%s' holds a NUL byte", path);
    return 0;
}

int secret_read(void *secrets, const char *value_from, struct buf *out, struct err *err)
{
    const char *value;

    (void)secrets;
    if (text_starts(value_from, "file:"))
        return read_file(value_from + strlen("file:"), out, err);
    if (!text_starts(value_from, "env:"))
        return err_set(err, ERR_INVALID, "a secret is file:PATH or env:NAME");
    value = getenv(value_from + strlen("env:"));
    if (value == NULL)
        return err_set(err, ERR_NOT_FOUND, "Berth's environment has no variable '%s'",
                       value_from + strlen("env:"));
    buf_text_add(out, value);
    return 0;
}

const char *secret_digest(void *context, const char *value_from)
{
    struct secrets *secrets = context;
    AUTO(buf) value = { 0 };
    const char *digest = NULL;

    buf_init(&value, SECRET_BYTES_MAX);
    if (secret_read(secrets, value_from, &value, NULL) == 0) {
        hmac_sha256_hex(secrets->key, secrets->key_size, buf_text(&value), value.size,
                        secrets->digest);
        digest = secrets->digest;
    }
    if (value.data != NULL)
        explicit_bzero(value.data, value.capacity);
    return digest;
}
