#include "serve/admit.h"

#include <netinet/in.h>
#include <stdio.h>

static const char *field(const struct request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* Clients without a Host are no browsers. */
static bool knows_host(const struct request *request, const struct access *access) {
    const char *host = field(request, MHD_HTTP_HEADER_HOST);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct sockaddr_storage local;
    socklen_t size = sizeof(local);
    bool has_local = info && !getsockname(info->connect_fd, (struct sockaddr *)&local, &size);
    return !host || access_knows_host(access, host, has_local ? (const struct sockaddr *)&local : NULL);
}

/* No page has anything to change here, not even one that came from this server: there are no forms. */
static bool is_from_page(const struct request *request) {
    return !request->is_get && !request->is_head && field(request, MHD_HTTP_HEADER_ORIGIN);
}

bool admit(struct request *request, const struct access *access) {
    struct answer *answer = &request->answer;
    if (!knows_host(request, access)) {
        answer_text(answer, MHD_HTTP_FORBIDDEN,
                    "this Host is not known here: use localhost or the server's address, or have the name allowed "
                    "(piko run --allow-host NAME, or the option allow_hosts)");
        return false;
    }
    if (is_from_page(request)) {
        answer_text(answer, MHD_HTTP_FORBIDDEN, "requests of web pages are refused");
        return false;
    }
    if (!access_accepts(access, field(request, MHD_HTTP_HEADER_AUTHORIZATION))) {
        answer_text(answer, MHD_HTTP_UNAUTHORIZED, "a bearer token is wanted (piko profile --pprof-token)");
        answer->wants_token = true;
        return false;
    }
    return true;
}
