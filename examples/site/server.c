#include "server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <piko/piko.h>
#include <stdbool.h>
#include <string.h>

static enum MHD_Result send_page(struct MHD_Connection *connection, unsigned status, struct text page) {
    struct MHD_Response *response = MHD_create_response_from_buffer(page.size, page.data, MHD_RESPMEM_MUST_FREE);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/html; charset=utf-8");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* Whether a request is one that this site answers, and for which page. */
static bool parse(const char *method, const char *path, uint64_t task) {
    piko_region_begin(task, "parse");
    bool reads = strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    piko_log(task, "path", path);
    piko_region_end(task, "parse");
    return reads;
}

static unsigned render(struct site *site, const char *path, uint64_t task, struct text *page) {
    piko_region_begin(task, "render");
    bool found = site_answer(site, path, page);
    if (!found)
        text_format(page, "<!doctype html><title>Not found</title><p>There is no such page. <a href=/>Start</a>\n");
    piko_region_end(task, "render");
    return found ? MHD_HTTP_OK : MHD_HTTP_NOT_FOUND;
}

/* A name of the part of the site that a path leads to. Labels are for names of which there are few, and paths are the
 * visitors' to choose. */
static const char *part_of(const char *path) {
    if (strcmp(path, "/") == 0)
        return "front";
    return strncmp(path, "/work/", strlen("/work/")) == 0 ? "work" : "content";
}

/* One task a request, so that a trace shows where each spent its time; a label, so that a CPU profile can be
 * asked what one part of the site costs. */
static enum MHD_Result answer(void *data, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request) {
    (void)version, (void)upload;
    /* Called once with the head, then with each piece of a body, then to answer. An answer before that last call would
     * cost the connection. */
    static char seen;
    bool is_first_call = *request != &seen;
    *request = &seen;
    if (is_first_call || *upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    struct text page = {0};
    unsigned status = MHD_HTTP_METHOD_NOT_ALLOWED;
    piko_label_set("part", part_of(path));
    uint64_t task = piko_task_begin(/* parent= */ 0, "request");
    if (parse(method, path, task))
        status = render(data, path, task, &page);
    else
        text_format(&page, "<!doctype html><title>No</title><p>This site is for reading.\n");
    piko_region_begin(task, "write");
    enum MHD_Result result = send_page(connection, status, page);
    piko_region_end(task, "write");
    piko_task_end(task);
    piko_label_clear("part");
    return result;
}

struct MHD_Daemon *server_start(struct site *site, unsigned short port, unsigned threads) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, port, NULL, NULL, answer, site, MHD_OPTION_SOCK_ADDR,
                            &address, MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_TIMEOUT, 60u,
                            MHD_OPTION_END);
}

void server_stop(struct MHD_Daemon *server) {
    MHD_stop_daemon(server);
}
