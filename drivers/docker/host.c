/*
 * Where an engine listens: DOCKER_HOST and its companions.
 * Source: https://docs.docker.com/reference/cli/docker/#environment-variables
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/client.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"

#define DEFAULT_HOST "unix:///var/run/docker.sock"

static char *cert_file(const char *name)
{
    const char *directory = getenv("DOCKER_CERT_PATH"); /* NOLINT(concurrency-mt-unsafe) */
    const char *home = getenv("HOME");                  /* NOLINT(concurrency-mt-unsafe) */
    struct buf path;

    buf_init(&path, 4096);
    if (!text_is_empty(directory))
        buf_printf(&path, "%s/%s", directory, name);
    else
        buf_printf(&path, "%s/.docker/%s", home != NULL ? home : "", name);
    return buf_take(&path);
}

static void add_tls(struct docker_host *host)
{
    if (text_is_empty(getenv("DOCKER_TLS_VERIFY"))) /* NOLINT(concurrency-mt-unsafe) */
        return;
    host->tls = true;
    host->ca_path = cert_file("ca.pem");
    host->cert_path = cert_file("cert.pem");
    host->key_path = cert_file("key.pem");
}

/* "host", "host:port", "[::1]", "[::1]:port", each maybe with one '/' behind. */
static int parse_tcp(struct docker_host *out, const char *text, const char *where, struct err *err)
{
    AUTO(docker_host) host = { 0 };
    const char *end = text + strlen(text);
    const char *name = text;
    const char *name_end;

    if (end > text && end[-1] == '/')
        end--;
    if (*text == '[') {
        name++;
        name_end = memchr(text, ']', (size_t)(end - text));
    } else {
        name_end = memchr(text, ':', (size_t)(end - text));
        if (name_end == NULL)
            name_end = end;
    }
    if (name_end == NULL || name_end == name ||
        memchr(name, '/', (size_t)(name_end - name)) != NULL)
        return err_set(err, ERR_INVALID, "'%s' names no host: tcp://HOST:PORT", where);

    host.host = mem_alloc((size_t)(name_end - name) + 1);
    memcpy(host.host, name, (size_t)(name_end - name));
    const char *rest = *text == '[' ? name_end + 1 : name_end;
    add_tls(&host);
    if (rest == end) {
        host.port = mem_text(host.tls ? "2376" : "2375");
    } else {
        uint32_t port = 0;

        host.port = mem_alloc((size_t)(end - rest) + 1);
        memcpy(host.port, rest + 1, (size_t)(end - rest) - 1);
        if (*rest != ':' || !text_parse_u32(host.port, &port) || port < 1 || port > 65535)
            return err_set(err, ERR_INVALID, "'%s' has no valid port: tcp://HOST:PORT", where);
    }
    *out = host;
    host = (struct docker_host){ 0 };
    return 0;
}

int docker_host_parse(struct docker_host *out, const char *text, struct err *err)
{
    if (text == NULL)
        text = getenv("DOCKER_HOST"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    if (text == NULL || text[0] == '\0')
        text = DEFAULT_HOST;

    if (text_starts(text, "tcp://"))
        return parse_tcp(out, text + strlen("tcp://"), text, err);
    if (text_starts(text, "unix://")) {
        const char *path = text + strlen("unix://");

        if (path[0] != '/')
            return err_set(err, ERR_INVALID, "'%s' names no absolute path: unix:///PATH", text);
        *out = (struct docker_host){ .unix_path = mem_text(path) };
        return 0;
    }
    if (text_starts(text, "ssh://"))
        return err_set(err, ERR_INVALID,
                       "'%s' is not a local engine, and this version knows no others", text);
    return err_set(err, ERR_INVALID,
                   "'%s' is no address of an engine (DOCKER_HOST, --docker-host): it is "
                   "unix:///PATH or tcp://HOST:PORT",
                   text);
}

void docker_host_release(struct docker_host *host)
{
    free(host->unix_path);
    free(host->host);
    free(host->port);
    free(host->ca_path);
    free(host->cert_path);
    free(host->key_path);
    *host = (struct docker_host){ 0 };
}
