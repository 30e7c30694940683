/*
 * Published vectors, and the ways base64 is written wrong.
 */
#include <string.h>

#include "spec/base/digest.h"
#include "spec/base/rng.h"
#include "tests/unit/unit.h"

#define SHA256_OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void sha256_vectors(void **state)
{
    (void)state;
    char hex[SHA256_HEX_SIZE];

    sha256_hex("abc", 3, hex);
    assert_string_equal(hex, SHA256_OF_ABC);
    sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

    struct sha256 *hash = sha256_new();
    sha256_add(hash, "a", 1);
    sha256_add(hash, "bc", 2);
    sha256_finish(hash, hex);
    assert_string_equal(hex, SHA256_OF_ABC);
}

static void hash_two(const char *a, const char *b, char hex[SHA256_HEX_SIZE])
{
    struct sha256 *hash = sha256_new();

    sha256_add_text(hash, a);
    sha256_add_text(hash, b);
    sha256_finish(hash, hex);
}

static void texts_do_not_run_together(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        { "ab", "c" }, { "a", "bc" }, { NULL, "" }, { "", NULL }, { "", "" }, { NULL, NULL },
    };
    char hex[ARRAY_COUNT(pairs)][SHA256_HEX_SIZE];

    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        hash_two(pairs[i][0], pairs[i][1], hex[i]);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(hex[i], hex[k]);
    }
}

static void hmac_vectors(void **state)
{
    (void)state;
    char hex[SHA256_HEX_SIZE];

    /* RFC 4231, test case 2. */
    hmac_sha256_hex("Jefe", 4, "what do ya want for nothing?", 28, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    hmac_sha256_hex(NULL, 0, "", 0, hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void equality_of_digests(void **state)
{
    (void)state;
    assert_true(digest_equal(SHA256_OF_ABC, SHA256_OF_ABC));
    assert_false(digest_equal(SHA256_OF_ABC, ""));
    assert_false(digest_equal("aa", "ab"));
    assert_false(digest_equal(NULL, NULL));
}

static void base64_vectors(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
    };

    for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
        AUTO_TEXT char *text = base64_encode(vectors[i][0], strlen(vectors[i][0]), false);
        assert_string_equal(text, vectors[i][1]);
        size_t size = 99;
        AUTO_TEXT char *bytes = base64_decode(text, &size);
        assert_string_equal(bytes, vectors[i][0]);
        assert_int_equal(size, strlen(vectors[i][0]));
    }
    AUTO_TEXT char *plain = base64_encode("\xFB\xFF", 2, /* url_safe= */ false);
    AUTO_TEXT char *safe = base64_encode("\xFB\xFF", 2, /* url_safe= */ true);
    assert_string_equal(plain, "+/8=");
    assert_string_equal(safe, "-_8=");
}

static void base64_survives_the_round_trip(void **state)
{
    (void)state;
    struct rng rng = { 3 };
    unsigned char bytes[64];

    for (size_t size = 0; size <= sizeof(bytes); size++) {
        for (size_t i = 0; i < size; i++)
            bytes[i] = (unsigned char)rng_next(&rng);
        AUTO_TEXT char *text = base64_encode(bytes, size, size % 2 == 0);
        size_t back_size = 0;
        AUTO_TEXT char *back = base64_decode(text, &back_size);
        assert_int_equal(back_size, size);
        assert_memory_equal(back, bytes, size);
        assert_int_equal(back[size], 0);
    }
}

static void what_is_not_base64_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "Zg", "Zg=", "Z", "=", "====", "Z===", "Zg==Zg==", "Zm 9", "Zm9v\n", "Zm*v", "\xC3\xA9==",
    };

    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        size_t size = 7;
        assert_null(base64_decode(wrong[i], &size));
        assert_int_equal(size, 7);
    }
}

static void random_bytes_differ(void **state)
{
    (void)state;
    unsigned char a[300] = { 0 };
    unsigned char b[300] = { 0 };

    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    random_bytes(a, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_vectors),
        cmocka_unit_test(texts_do_not_run_together),
        cmocka_unit_test(hmac_vectors),
        cmocka_unit_test(equality_of_digests),
        cmocka_unit_test(base64_vectors),
        cmocka_unit_test(base64_survives_the_round_trip),
        cmocka_unit_test(what_is_not_base64_is_refused),
        cmocka_unit_test(random_bytes_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
