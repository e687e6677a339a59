#include "serve/route.h"

#include <stdio.h>
#include <string.h>

#include "serve/pages.h"
#include "serve/pprof.h"
#include "serve/save.h"
#include "serve/trace.h"

#define PPROF_PREFIX PAGES_PPROF_PATH "/"

static void not_found(struct request *request) {
    answer_text(&request->answer, MHD_HTTP_NOT_FOUND, "404 page not found");
}

static void only_get(struct request *request, void (*start)(struct request *)) {
    if (request->is_get || request->is_head) {
        start(request);
        return;
    }
    request->answer.allow = "GET, HEAD";
    answer_text(&request->answer, MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed");
}

/* To the same path with its slash. */
static void redirect(struct request *request, const char *path) {
    struct answer *answer = &request->answer;
    const char *query = strchr(request->uri, '?');
    buffer_printf(&request->location, "%s/%s", path, query ? query : "");
    if (request->location.error) {
        answer_failure(answer, "could not redirect", request->location.error);
        return;
    }
    answer->status = MHD_HTTP_TEMPORARY_REDIRECT;
    answer->location = request->location.data;
    answer->content_type = ANSWER_HTML;
    buffer_printf(&answer->body, "<a href=\"%s/\">Temporary Redirect</a>.\n\n", path);
}

static bool run_save(struct job *job) {
    struct request *request = request_of(job);
    int error = serve_save(request->serve, request->pid, &request->answer.body);
    if (error)
        answer_failure(&request->answer, "could not save", error);
    return false;
}

/* POST alone: it writes files. */
static void save(struct request *request) {
    struct answer *answer = &request->answer;
    if (!request->is_post) {
        answer->allow = "POST";
        answer_text(answer, MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed");
    } else if (!serve_can_save(request->serve)) {
        answer_text(answer, MHD_HTTP_NOT_FOUND, "nothing is saved here: this is done by piko run");
    } else if (pprof_read_pid(request)) {
        answer->status = MHD_HTTP_OK;
        answer->content_type = ANSWER_TEXT;
        request->job.run = run_save;
    }
}

static void start(struct request *request, const char *path) {
    if (!strcmp(path, "/_piko") || !strcmp(path, PAGES_PPROF_PATH))
        redirect(request, path);
    else if (!strcmp(path, PPROF_PREFIX))
        pages_index(request);
    else if (!strncmp(path, PPROF_PREFIX, strlen(PPROF_PREFIX)))
        pprof_start(request, path + strlen(PPROF_PREFIX));
    else if (!strcmp(path, PAGES_STATUS_PATH))
        only_get(request, pages_status);
    else if (!strcmp(path, PAGES_RECENT_PATH))
        only_get(request, trace_start_recent);
    else if (!strcmp(path, "/_piko/profiler/save"))
        save(request);
    else
        not_found(request);
}

void route_start(struct request *request, const char *path) {
    start(request, path);
    if (request->is_head && request->job.run) {
        request->job.run = NULL;
        request->answer.is_bodiless = true;
    }
}
