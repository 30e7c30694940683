#include "drivers/haproxy/certificates.h"

#include <stdio.h>
#include <string.h>

#include "drivers/haproxy/quote.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"

#define MARK        "    # certificate "
#define PATH_SIZE   512
#define NAME_DIGITS 16

void certificate_place(const struct listener_certificate *certificate,
                       struct certificate_place *out)
{
    const char *paths[] = { certificate->certificate_file, certificate->private_key_file };
    AUTO(buf) text = { 0 };
    char digest[SHA256_HEX_SIZE];

    buf_init(&text, strlen(paths[0]) + strlen(paths[1]) + 2);
    buf_printf(&text, "%s\n%s", paths[0], paths[1]);
    sha256_hex(text.data, text.size, digest);
    (void)snprintf(out->name, sizeof(out->name), CERTIFICATE_PREFIX "%.*s.pem", NAME_DIGITS,
                   digest);
    out->certificate_file = paths[0];
    out->private_key_file = paths[1];
}

/* Absolute, and one word of a comment. */
static bool is_path(const char *path)
{
    for (const char *c = path; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~')
            return false;
    }
    return path[0] == '/';
}

int certificates_render(const struct listener *listener, struct buf *out, struct err *err)
{
    for (size_t i = 0; i < listener->certificates_count; i++) {
        struct certificate_place place;

        certificate_place(&listener->certificates[i], &place);
        if (!is_path(place.certificate_file) || !is_path(place.private_key_file))
            return err_set(err, ERR_INVALID, "'%s' or '%s' is no absolute path without spaces",
                           place.certificate_file, place.private_key_file);
        buf_printf(out, MARK "%s %s %s\n", place.name, place.certificate_file,
                   place.private_key_file);
    }
    return 0;
}

void certificates_render_bind(const struct listener *listener, const char *folder, struct buf *out)
{
    for (size_t i = 0; i < listener->certificates_count; i++) {
        struct certificate_place place;
        char path[PATH_SIZE];

        certificate_place(&listener->certificates[i], &place);
        (void)snprintf(path, sizeof(path), "%s/%s", folder, place.name);
        buf_text_add(out, i == 0 ? " ssl crt " : " crt ");
        quote_word(out, path);
    }
    if (listener->certificates_count > 0)
        buf_text_add(out, " alpn h2,http/1.1 ssl-min-ver TLSv1.2");
}

/* "NAME CERTIFICATE KEY", which is cut into these. */
static bool parse_line(char *line, struct certificate_place *out)
{
    char *certificate = strchr(line, ' ');
    char *key = certificate == NULL ? NULL : strchr(certificate + 1, ' ');

    if (key == NULL || certificate - line != CERTIFICATE_NAME_SIZE - 1 ||
        !text_starts(line, CERTIFICATE_PREFIX) || memchr(line, '/', (size_t)(certificate - line)))
        return false;
    *certificate = '\0';
    *key = '\0';
    text_copy(out->name, sizeof(out->name), line);
    out->certificate_file = certificate + 1;
    out->private_key_file = key + 1;
    return true;
}

static bool has(const struct certificate_place *places, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(places[i].name, name))
            return true;
    }
    return false;
}

size_t certificates_parse(const char *configuration, struct arena *arena,
                          struct certificate_place **out)
{
    size_t capacity = 0;
    size_t count = 0;

    *out = NULL;
    for (char *line = arena_text(arena, configuration); line != NULL;) {
        char *end = strchr(line, '\n');
        struct certificate_place place;

        if (end != NULL)
            *end++ = '\0';
        if (text_starts(line, MARK) && parse_line(line + strlen(MARK), &place) &&
            !has(*out, count, place.name)) {
            if (count == capacity) {
                size_t larger = capacity == 0 ? 8 : capacity * 2;

                *out = arena_enlarge(arena, *out, capacity, larger, sizeof(place));
                capacity = larger;
            }
            (*out)[count++] = place;
        }
        line = end;
    }
    return count;
}
