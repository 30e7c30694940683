/*
 * libcrypto answers failure only for want of memory or of a broken installation: both stop us.
 * base64 is our own: libcrypto's decoder skips blanks and counts the padding as data.
 */
#include "spec/base/digest.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "spec/base/libraries.h"

struct sha256 {
    EVP_MD_CTX *context;
};

static const char base64_plain[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

_Static_assert(SHA256_HEX_SIZE == 2 * SHA256_BYTES + 1, "two digits for each byte and the NUL");

static void print_hex(const unsigned char digest[SHA256_BYTES], char out_hex[SHA256_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < SHA256_BYTES; i++) {
        out_hex[2 * i] = digits[digest[i] >> 4];
        out_hex[2 * i + 1] = digits[digest[i] & 0x0F];
    }
    out_hex[SHA256_HEX_SIZE - 1] = '\0';
}

static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;
static EVP_MD *method; /* for the life of the program */

static void fetch_method(void)
{
    method = EVP_MD_fetch(/* context= */ NULL, "SHA256", /* properties= */ NULL);
    ASSERT(method != NULL);
}

/* EVP_sha256() looks the method up for each hash, which costs more than hashing a short text. */
static const EVP_MD *sha256_method(void)
{
    int done = CRYPTO_THREAD_run_once(&method_once, fetch_method);

    ASSERT(done == 1);
    return method;
}

struct sha256 *sha256_new(void)
{
    struct sha256 *hash = mem_alloc(sizeof(*hash));

    hash->context = EVP_MD_CTX_new();
    ASSERT(hash->context != NULL);
    int done = EVP_DigestInit_ex(hash->context, sha256_method(), /* engine= */ NULL);
    ASSERT(done == 1);
    return hash;
}

void sha256_add(struct sha256 *hash, const void *data, size_t size)
{
    int done = EVP_DigestUpdate(hash->context, data, size);

    ASSERT(done == 1);
}

void sha256_add_text(struct sha256 *hash, const char *text)
{
    if (text != NULL)
        sha256_add(hash, text, strlen(text) + 1);
    else
        sha256_add(hash, "\xFF", 2); /* no byte of UTF-8 */
}

void sha256_finish(struct sha256 *hash, char out_hex[SHA256_HEX_SIZE])
{
    unsigned char digest[SHA256_BYTES];
    int done = EVP_DigestFinal_ex(hash->context, digest, /* size= */ NULL);

    ASSERT(done == 1);
    print_hex(digest, out_hex);
    EVP_MD_CTX_free(hash->context);
    free(hash);
}

void sha256_hex(const void *data, size_t size, char out_hex[SHA256_HEX_SIZE])
{
    unsigned char digest[SHA256_BYTES];
    int done =
        EVP_Digest(data, size, digest, /* size= */ NULL, sha256_method(), /* engine= */ NULL);

    ASSERT(done == 1);
    print_hex(digest, out_hex);
}

void hmac_sha256_hex(const void *key, size_t key_size, const void *data, size_t size,
                     char out_hex[SHA256_HEX_SIZE])
{
    unsigned char digest[SHA256_BYTES];

    ASSERT(key_size <= INT_MAX);
    /* A NULL key would mean "the one from before" to libcrypto. */
    const unsigned char *done =
        HMAC(EVP_sha256(), key_size > 0 ? key : "", (int)key_size, data, size, digest, NULL);
    ASSERT(done != NULL);
    print_hex(digest, out_hex);
}

bool digest_equal(const char *a_hex, const char *b_hex)
{
    if (a_hex == NULL || b_hex == NULL)
        return false;

    size_t size = strlen(a_hex); /* the length is no secret */
    return size == strlen(b_hex) && CRYPTO_memcmp(a_hex, b_hex, size) == 0;
}

char *base64_encode(const void *data, size_t size, bool url_safe)
{
    const char *digits = url_safe ? base64_url : base64_plain;
    const unsigned char *in = data;

    ASSERT(size < SIZE_MAX / 2);
    char *text = mem_alloc((size + 2) / 3 * 4 + 1);
    char *out = text;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)in[i] << 16;
        if (left > 1)
            group |= (uint32_t)in[i + 1] << 8;
        if (left > 2)
            group |= in[i + 2];
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 0x3F];
        *out++ = left > 1 ? digits[group >> 6 & 0x3F] : '=';
        *out++ = left > 2 ? digits[group & 0x3F] : '=';
    }
    return text;
}

/* The six bits of a digit of either alphabet, or -1. */
static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

char *base64_decode(const char *text, size_t *out_size)
{
    size_t length = strlen(text);

    if (length % 4 != 0)
        return NULL;
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;

    AUTO_TEXT char *bytes = mem_alloc(length / 4 * 3 + 1);
    size_t size = 0;
    uint32_t group = 0;
    for (size_t i = 0; i < length; i++) {
        int value = i < length - padding ? base64_value(text[i]) : 0;
        if (value < 0)
            return NULL;
        group = group << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            bytes[size++] = (char)(group >> 16 & 0xFF);
            bytes[size++] = (char)(group >> 8 & 0xFF);
            bytes[size++] = (char)(group & 0xFF);
            group = 0;
        }
    }
    size -= padding;
    bytes[size] = '\0';
    if (out_size != NULL)
        *out_size = size;
    return TAKE(bytes);
}

void random_bytes(void *out, size_t size)
{
    unsigned char *at = out;

    while (size > 0) {
        ssize_t got = getrandom(at, size, /* flags= */ 0);
        ASSERT(got > 0 || (got < 0 && errno == EINTR));
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
}

const char *digest_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static void *crypto_alloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size == 0 ? NULL : library_alloc(size);
}

static void crypto_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

/* As CRYPTO_realloc(3) has it: nothing is left of what is resized to nothing. */
static void *crypto_resize(void *memory, size_t size, const char *file, int line)
{
    if (size > 0)
        return library_resize(memory, size);
    crypto_free(memory, file, line);
    return NULL;
}

void digest_take_memory(void)
{
    int taken = CRYPTO_set_mem_functions(crypto_alloc, crypto_resize, crypto_free);

    ASSERT(taken == 1); /* nothing of it was used before */
}
