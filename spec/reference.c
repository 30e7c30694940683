/*
 * Taken apart from the end: digest, tag, and then host and path.
 */
#include "spec/reference.h"

#include <string.h>

#include "spec/base/text.h"

#define REFERENCE_MAX 255 /* before the digest */
#define TAG_MAX       128
#define DIGEST_HEX    64

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_alnum(char c)
{
    return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z');
}

/* One part of a path, `size` bytes: [a-z0-9]+ joined by ".", "_", "__" or any run of "-". */
static bool is_path_part(const char *at, size_t size)
{
    size_t i = 0;

    while (i < size) {
        if (!is_lower(at[i]) && !is_digit(at[i]))
            return false;
        while (i < size && (is_lower(at[i]) || is_digit(at[i])))
            i++;
        if (i == size)
            return true;
        size_t start = i;
        while (i < size && at[i] == at[start] && (at[i] == '-' || (at[i] == '_' && i < start + 2)))
            i++;
        if (i == start && at[i] == '.')
            i++;
        if (i == start)
            return false;
    }
    return false; /* empty, or ends with what joins */
}

bool reference_is_path_part(const char *text)
{
    return is_path_part(text, strlen(text));
}

static bool is_path(const char *path)
{
    const char *slash;

    for (; (slash = strchr(path, '/')) != NULL; path = slash + 1)
        if (!is_path_part(path, (size_t)(slash - path)))
            return false;
    return is_path_part(path, strlen(path));
}

/* Names of letters, digits and '-', joined by dots. */
static bool is_host_name(const char *at, size_t size)
{
    bool begins = true; /* a part */

    for (size_t i = 0; i < size; i++) {
        bool ends = i + 1 == size || at[i + 1] == '.';
        if (at[i] == '.') {
            if (begins)
                return false;
            begins = true;
            continue;
        }
        if (!is_alnum(at[i]) && (at[i] != '-' || begins || ends))
            return false;
        begins = false;
    }
    return size > 0 && !begins;
}

static bool is_ipv6(const char *at, size_t size)
{
    if (size < 4 || at[0] != '[' || at[size - 1] != ']')
        return false;
    return strspn(at + 1, "0123456789abcdefABCDEF:") == size - 2;
}

static bool is_host(const char *host)
{
    const char *bracket = strchr(host, ']');
    const char *colon = strchr(bracket != NULL ? bracket : host, ':');
    size_t size = colon != NULL ? (size_t)(colon - host) : strlen(host);
    uint32_t port;

    if (colon != NULL && (!text_parse_u32(colon + 1, &port) || port > 65535))
        return false;
    return is_host_name(host, size) || is_ipv6(host, size);
}

static bool is_tag(const char *tag)
{
    size_t size = strlen(tag);

    if (size == 0 || size > TAG_MAX || tag[0] == '.' || tag[0] == '-')
        return false;
    for (size_t i = 0; i < size; i++)
        if (!is_alnum(tag[i]) && tag[i] != '_' && tag[i] != '.' && tag[i] != '-')
            return false;
    return true;
}

static bool is_hex(const char *text)
{
    return strlen(text) == DIGEST_HEX && strspn(text, "0123456789abcdef") == DIGEST_HEX;
}

static bool is_digest(const char *digest)
{
    return text_starts(digest, "sha256:") && is_hex(digest + strlen("sha256:"));
}

/* Does what stands before the first slash name a registry?  As Docker decides. */
static bool names_registry(const char *name, const char *slash)
{
    size_t size = (size_t)(slash - name);

    if (size == strlen("localhost") && memcmp(name, "localhost", size) == 0)
        return true;
    for (const char *at = name; at < slash; at++)
        if (*at == '.' || *at == ':' || (*at >= 'A' && *at <= 'Z'))
            return true;
    return false;
}

static void split_host(const char *name, struct arena *arena, struct image_reference *out)
{
    const char *slash = strchr(name, '/');

    if (slash != NULL && names_registry(name, slash)) {
        out->host = arena_text_n(arena, name, (size_t)(slash - name));
        out->path = slash + 1;
    } else {
        out->host = "docker.io";
        out->path = name;
    }
    if (text_equal(out->host, "index.docker.io"))
        out->host = "docker.io";
    if (text_equal(out->host, "docker.io") && strchr(out->path, '/') == NULL)
        out->path = arena_printf(arena, "library/%s", out->path);
}

int reference_parse(const char *text, struct arena *arena, struct image_reference *out,
                    struct err *err)
{
    struct image_reference reference = { 0 };
    char *name = arena_text(arena, text);
    char *at = strchr(name, '@');

    if (at != NULL) {
        *at = '\0';
        reference.digest = at + 1;
        if (!is_digest(reference.digest))
            return err_set(err, ERR_INVALID,
                           "'%s': the digest must be sha256: and 64 hexadecimal digits", text);
    }
    if (strlen(name) > REFERENCE_MAX)
        return err_set(err, ERR_INVALID, "'%s' has more than %d characters before the digest", text,
                       REFERENCE_MAX);
    char *slash = strrchr(name, '/');
    char *colon = strchr(slash != NULL ? slash : name, ':');
    if (colon != NULL) {
        *colon = '\0';
        reference.tag = colon + 1;
        if (!is_tag(reference.tag))
            return err_set(err, ERR_INVALID,
                           "'%s': the tag must be up to %d letters, digits, '_', '.' and '-'", text,
                           TAG_MAX);
    }
    if (is_hex(name))
        return err_set(err, ERR_INVALID, "'%s': 64 hexadecimal digits are no name of an image",
                       text);
    split_host(name, arena, &reference);
    if (!is_host(reference.host))
        return err_set(err, ERR_INVALID, "'%s': '%s' is no host of a registry", text,
                       reference.host);
    if (!is_path(reference.path))
        return err_set(err, ERR_INVALID,
                       "'%s' is no reference of an image: HOST[:PORT]/PATH[:TAG][@DIGEST] with a "
                       "path in lower case",
                       text);
    *out = reference;
    return 0;
}

const char *reference_repository(const char *text, struct arena *arena)
{
    struct image_reference reference;

    if (reference_parse(text, arena, &reference, /* err= */ NULL) < 0)
        return text;
    return arena_printf(arena, "%s/%s", reference.host, reference.path);
}

bool reference_is_sibling(const char *a, const char *b)
{
    AUTO(arena) scratch = { 0 };

    return text_equal(reference_repository(a, &scratch), reference_repository(b, &scratch));
}

const char *reference_canonical(const char *text, struct arena *arena)
{
    struct image_reference reference;

    if (reference_parse(text, arena, &reference, /* err= */ NULL) < 0)
        return text;
    if (reference.digest != NULL)
        return arena_printf(arena, "%s/%s@%s", reference.host, reference.path, reference.digest);
    return arena_printf(arena, "%s/%s:%s", reference.host, reference.path,
                        reference.tag != NULL ? reference.tag : "latest");
}

/* The digest, or else the tag, as the canonical form ends. */
static const char *tail_of(const char *text)
{
    const char *slash = strrchr(text, '/');
    const char *at = strchr(text, '@');

    if (at == NULL)
        at = strchr(slash != NULL ? slash : text, ':');
    return at == NULL ? "latest" : at + 1;
}

bool reference_is_same(const char *a, const char *b)
{
    AUTO(arena) scratch = { 0 };

    if (text_equal(a, b))
        return true;
    if (!text_equal(tail_of(a), tail_of(b)))
        return false; /* nearly always: most references are never taken apart */
    return text_equal(reference_canonical(a, &scratch), reference_canonical(b, &scratch));
}

bool reference_is_bare_name(const char *text)
{
    return strpbrk(text, "/:@") == NULL;
}
