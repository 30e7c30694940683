/*
 * Certificates of load balancers: their files, what a configuration says of them, and which pairs
 * are taken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "drivers/haproxy/certificates.h"
#include "drivers/haproxy/pem.h"
#include "spec/base/text.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#define MAX       ((size_t)1024 * 1024)
#define PATH_SIZE 256

/* ---- Names ---- */

static void parsed_as_rendered(void **state)
{
    struct listener_certificate certificates[] = { { "/a.pem", "/a.key" },
                                                   { "/b.pem", "/b.key" },
                                                   { "/a.pem", "/a.key" } };
    const struct listener listener = { .certificates = certificates, .certificates_count = 3 };
    AUTO(arena) arena = { 0 };
    AUTO(buf) text = { 0 };
    struct certificate_place *places;
    struct certificate_place first;
    struct err err = { 0 };

    (void)state;
    buf_init(&text, MAX);
    buf_text_add(&text, "# certificate x /y /z\n    # certificate tls.0 /y /z\n");
    assert_int_equal(certificates_render(&listener, &text, &err), 0);
    buf_text_add(&text, "    # certificate tls.../../../etc/x.pem /y /z\n    # certificate tls.");
    assert_int_equal(certificates_parse(buf_text(&text), &arena, &places), 2);
    certificate_place(&certificates[0], &first);
    assert_string_equal(places[0].name, first.name);
    assert_int_equal(strlen(first.name), CERTIFICATE_NAME_SIZE - 1);
    assert_string_equal(places[0].certificate_file, "/a.pem");
    assert_string_equal(places[0].private_key_file, "/a.key");
    assert_string_equal(places[1].certificate_file, "/b.pem");
    assert_string_not_equal(places[1].name, first.name);
}

static void the_shape_is_of_the_paths(void **state)
{
    struct listener_certificate certificate = { "/a.pem", "/a.key" };
    struct listener listener = { .port = 443,
                                 .address = "0.0.0.0",
                                 .protocol = LISTENER_PROTOCOL_HTTPS,
                                 .certificates = &certificate,
                                 .certificates_count = 1 };
    const struct load_balancer_spec spec = { .listeners = &listener,
                                             .listeners_count = 1,
                                             .idle_timeout = 60 };
    const struct balancer balancer = { .name = "web", .spec = &spec };
    char shape[SHA256_HEX_SIZE];
    char other[SHA256_HEX_SIZE];

    (void)state;
    balancer_shape(&balancer, shape);
    certificate.private_key_file = "/b.key";
    balancer_shape(&balancer, other);
    assert_string_not_equal(shape, other);
    certificate.private_key_file = "/a.key";
    certificate.certificate_file = "/b.pem";
    balancer_shape(&balancer, other);
    assert_string_not_equal(shape, other);
    listener.certificates_count = 0;
    balancer_shape(&balancer, other);
    assert_string_not_equal(shape, other);
}

/* ---- Pairs ---- */

struct files {
    char *folder;
    char paths[4][PATH_SIZE];
};
enum { CERTIFICATE, KEY, OTHER_KEY, MISSING };

static FILE *create(const struct files *files, int which)
{
    FILE *file = fopen(files->paths[which], "w");

    assert_non_null(file);
    return file;
}

static EVP_PKEY *write_key(const struct files *files, int which)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *file = create(files, which);

    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    return key;
}

/* So many of it, with what tools write between them. */
static void write_certificates(const struct files *files, EVP_PKEY *key, int count)
{
    X509 *certificate = X509_new();
    FILE *file = create(files, CERTIFICATE);

    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    for (int i = 0; i < count; i++) {
        assert_true(fputs("Certificate:\n\n    Data:\n", file) >= 0);
        assert_int_equal(PEM_write_X509(file, certificate), 1);
    }
    assert_int_equal(fclose(file), 0);
    X509_free(certificate);
}

static void append(const struct files *files, int which, const char *text)
{
    FILE *file = fopen(files->paths[which], "a");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void files_make(struct files *files, int count)
{
    static const char *const names[] = { "a.pem", "a.key", "b.key", "none" };
    EVP_PKEY *key;

    files->folder = scratch_make();
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        (void)snprintf(files->paths[i], PATH_SIZE, "%s/%s", files->folder, names[i]);
    EVP_PKEY_free(write_key(files, OTHER_KEY));
    key = write_key(files, KEY);
    write_certificates(files, key, count);
    EVP_PKEY_free(key);
}

static size_t occurrences(const char *text, const char *what)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

static void a_pair_is_one_text(void **state)
{
    struct files files;
    struct buf out = { 0 };
    struct err err = { 0 };

    (void)state;
    files_make(&files, 2);
    buf_init(&out, PEM_PAIR_MAX);
    assert_int_equal(pem_pair(files.paths[CERTIFICATE], files.paths[KEY], &out, &err), 0);
    assert_int_equal(occurrences(buf_text(&out), "BEGIN CERTIFICATE"), 2);
    assert_int_equal(occurrences(buf_text(&out), "BEGIN PRIVATE KEY"), 1);
    assert_int_equal(occurrences(buf_text(&out), "\n\n"), 0);
    assert_int_equal(occurrences(buf_text(&out), "Data"), 0);
    assert_true(text_ends(buf_text(&out), "-----\n"));
    pem_wipe(&out);
    assert_int_equal(out.size, 0);
    scratch_remove(files.folder);
}

static void check_refused(const struct files *files, int certificate, int key, const char *reason)
{
    AUTO(buf) out = { 0 };
    struct err err = { 0 };

    buf_init(&out, PEM_PAIR_MAX);
    assert_int_equal(pem_pair(files->paths[certificate], files->paths[key], &out, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(out.size, 0);
    if (strstr(err.text, reason) == NULL)
        fail_msg("%s", err.text);
    assert_null(strstr(err.text, "BEGIN"));
}

static void what_is_no_pair(void **state)
{
    struct files files;

    (void)state;
    files_make(&files, 1);
    check_refused(&files, MISSING, KEY, "/none': No such file or directory");
    check_refused(&files, CERTIFICATE, MISSING, "/none': No such file or directory");
    check_refused(&files, KEY, KEY, "/a.key' has no certificate as PEM");
    check_refused(&files, CERTIFICATE, CERTIFICATE, "/a.pem' has no private key as PEM");
    check_refused(&files, CERTIFICATE, OTHER_KEY, "/b.key' is not the private key of '");
    append(&files, CERTIFICATE, "-----BEGIN CERTIFICATE-----\nMIIB");
    check_refused(&files, CERTIFICATE, KEY, "/a.pem' has no certificate as PEM, or a broken one");
    assert_int_equal(mkfifo(files.paths[MISSING], 0600), 0);
    check_refused(&files, MISSING, KEY, "/none' is no file");
    scratch_remove(files.folder);
    files_make(&files, 60);
    check_refused(&files, CERTIFICATE, KEY, "have more than 12288 bytes together");
    scratch_remove(files.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parsed_as_rendered),
        cmocka_unit_test(the_shape_is_of_the_paths),
        cmocka_unit_test(a_pair_is_one_text),
        cmocka_unit_test(what_is_no_pair),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
