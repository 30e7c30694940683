#include "drivers/haproxy/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define FILE_MAX ((size_t)256 * 1024)

void pem_wipe(struct buf *text)
{
    if (text->data != NULL)
        explicit_bzero(text->data, text->capacity);
    buf_release(text);
}

/* All of the file; what it takes is there from the start, so that no copy of it is left behind. */
static int read_file(const char *path, struct buf *out, struct err *err)
{
    struct stat found;
    ssize_t got;

    AUTO_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) < 0)
        return err_set_errno(err, ERR_INVALID, errno, "cannot read '%s'", path);
    if (!S_ISREG(found.st_mode) || found.st_size > (off_t)FILE_MAX)
        return err_set(err, ERR_INVALID, "'%s' is no file, or a very large one", path);
    AUTO_TEXT char *data = mem_alloc((size_t)found.st_size + 1);
    got = read(fd, data, (size_t)found.st_size);
    if (got < 0)
        return err_set_errno(err, ERR_INVALID, errno, "cannot read '%s'", path);
    buf_add(out, data, (size_t)got);
    explicit_bzero(data, (size_t)got);
    return 0;
}

/* A key with a passphrase is refused: nobody is asked. */
static int no_passphrase(char *out, int size, int writes, void *context)
{
    (void)out;
    (void)size;
    (void)writes;
    (void)context;
    return -1;
}

static EVP_PKEY *read_key(const char *path, struct err *err)
{
    struct buf text = { 0 };
    EVP_PKEY *key = NULL;
    BIO *bio;

    buf_init(&text, FILE_MAX);
    if (read_file(path, &text, err) < 0)
        return NULL; /* nothing was added */
    bio = BIO_new_mem_buf(buf_text(&text), (int)text.size);
    if (bio != NULL)
        key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    (void)BIO_free(bio);
    pem_wipe(&text);
    if (key == NULL)
        (void)err_set(err, ERR_INVALID, "'%s' has no private key as PEM without a passphrase",
                      path);
    return key;
}

/* Each certificate of the file is written to `out`; the first is returned. */
static X509 *copy_certificates(const char *path, BIO *out, struct err *err)
{
    AUTO(buf) text = { 0 };
    X509 *first = NULL;
    X509 *next;
    BIO *bio;

    buf_init(&text, FILE_MAX);
    if (read_file(path, &text, err) < 0)
        return NULL;
    bio = BIO_new_mem_buf(buf_text(&text), (int)text.size);
    while (bio != NULL && (next = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        (void)PEM_write_bio_X509(out, next);
        if (first == NULL)
            first = next;
        else
            X509_free(next);
    }
    /* The last one was whole, or there would be another complaint than that no more begins. */
    if (first != NULL && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        X509_free(first);
        first = NULL;
    }
    (void)BIO_free(bio);
    if (first == NULL)
        (void)err_set(err, ERR_INVALID, "'%s' has no certificate as PEM, or a broken one", path);
    return first;
}

static int join(const char *certificate_file, const char *private_key_file, BIO *out,
                struct err *err)
{
    X509 *certificate = copy_certificates(certificate_file, out, err);
    EVP_PKEY *key = certificate == NULL ? NULL : read_key(private_key_file, err);
    int result = -1;

    if (key != NULL && X509_check_private_key(certificate, key) != 1)
        (void)err_set(err, ERR_INVALID, "'%s' is not the private key of '%s'", private_key_file,
                      certificate_file);
    else if (key != NULL && PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) != 1)
        (void)err_set(err, ERR_INVALID, "'%s' is a private key that cannot be used",
                      private_key_file);
    else if (key != NULL)
        result = 0;
    EVP_PKEY_free(key);
    X509_free(certificate);
    return result;
}

int pem_pair(const char *certificate_file, const char *private_key_file, struct buf *out,
             struct err *err)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *data = NULL;
    long size;
    int result;

    ASSERT(bio != NULL);
    ERR_clear_error();
    result = join(certificate_file, private_key_file, bio, err);
    ERR_clear_error();
    size = BIO_get_mem_data(bio, &data);
    if (result == 0 && (size_t)size > PEM_PAIR_MAX)
        result = err_set(err, ERR_INVALID,
                         "'%s' and '%s' have more than %zu bytes together: leave out certificates "
                         "that clients have themselves",
                         certificate_file, private_key_file, PEM_PAIR_MAX);
    if (result == 0)
        buf_add(out, data, (size_t)size);
    (void)BIO_free(bio);
    return result;
}
