/*
 * Who may ask for what on TCP. A web page in a browser on this machine can send requests to
 * loopback: its Origin gives it away, and Host does when the page's own name was made to mean
 * 127.0.0.1.
 */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "reconciler/api/server_int.h"
#include "spec/base/text.h"

bool guard_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* "localhost:8080" -> localhost, "[::1]:8080" -> ::1 */
static bool host_is_loopback(const char *header)
{
    AUTO(arena) arena = { 0 };
    char *host = arena_text(&arena, header);
    char *end;

    if (host[0] == '[') {
        host++;
        end = strchr(host, ']');
        if (end == NULL)
            return false;
    } else {
        end = strchr(host, ':');
    }
    if (end != NULL)
        *end = '\0';
    return guard_is_loopback(host);
}

const char *guard_refusal(const struct request *request, const struct route *route)
{
    const char *host;
    const char *origin;

    if (request->is_local)
        return NULL;
    host = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Host");
    origin = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Origin");
    if (host == NULL || !host_is_loopback(host))
        return "Host names no loopback address";
    if (origin != NULL && (!text_starts(origin, "http://") || strcasecmp(origin + 7, host) != 0))
        return "Origin is another site";
    if (route->writes)
        return "only the socket in the state directory serves what changes something";
    return NULL;
}
