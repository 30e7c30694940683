/*
 * Hashes, message authentication, base64 and random bytes, all from OpenSSL's libcrypto.
 */
#ifndef SPEC_BASE_DIGEST_H
#define SPEC_BASE_DIGEST_H

#include "spec/base/base.h"

#define SHA256_BYTES    32
#define SHA256_HEX_SIZE 65 /* 64 lower-case hexadecimal digits and the NUL */

struct sha256; /* a running hash */

struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *hash, const void *data, size_t size);
/* The text with its NUL, so that ("ab","c") and ("a","bc") differ.  NULL differs from "". */
void sha256_add_text(struct sha256 *hash, const char *text);
/* Writes the digest and frees the hash. */
void sha256_finish(struct sha256 *hash, char out_hex[SHA256_HEX_SIZE]);

void sha256_hex(const void *data, size_t size, char out_hex[SHA256_HEX_SIZE]);
void hmac_sha256_hex(const void *key, size_t key_size, const void *data, size_t size,
                     char out_hex[SHA256_HEX_SIZE]);
/* Same text, in time that does not depend on where they differ. */
bool digest_equal(const char *a_hex, const char *b_hex);

/* Heap text; url_safe uses '-' and '_' (RFC 4648 section 5, padded). */
char *base64_encode(const void *data, size_t size, bool url_safe);
/* Heap bytes, NUL added behind; NULL when the text is not base64. */
char *base64_decode(const char *text, size_t *out_size);

/* From the system's generator; aborts when there is none. */
void random_bytes(void *out, size_t size);

/* Of the library below, as it is loaded: "2.14". */
const char *digest_library_version(void);

/* Lets libcrypto take its memory from the heap of base.h, before anything else uses it. */
void digest_take_memory(void);

#endif
