#include "load/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define TIMEOUT_DEFAULT_NS (30 * NS_PER_S)

static int out_of_memory(char *why, size_t why_size) {
    snprintf(why, why_size, "out of memory");
    return -ENOMEM;
}

static struct request_form make_form(const struct load_options *options) {
    return (struct request_form){
        .http2 = options->http2,
        .method = options->method ? options->method
                  : options->body ? "POST"
                                  : "GET",
        .body = options->body,
        .body_size = options->body_size,
        .headers = options->headers,
        .n_headers = options->n_headers,
    };
}

/* One request; the first one's URL says which server all are for. */
static int make_request(struct plan *plan, const char *text, struct url *first, char *why, size_t why_size) {
    struct plan_request *request = &plan->requests[plan->n_requests];
    struct url url;
    int error = url_parse(text, &url, why, why_size);
    if (error)
        return error;
    if (!plan->n_requests)
        *first = url;
    if (!url_same_server(&url, first)) {
        snprintf(why, why_size, "URL \"%.120s\" is on another server than \"%.120s\": a run loads one", text,
                 plan->requests[0].url);
        return -EINVAL;
    }
    *request = (struct plan_request){.url = text, .head = BUFFER_INIT(REQUEST_HEAD_BYTES_MAX)};
    plan->n_requests++;
    return request_write(&url, &plan->form, &request->head, why, why_size);
}

static int make_requests(const struct load_options *options, struct plan *plan, struct url *first, char *why,
                         size_t why_size) {
    if (!options->n_urls || options->n_urls > LOAD_URLS_MAX) {
        snprintf(why, why_size, options->n_urls ? "more than %u URLs" : "there is no URL", LOAD_URLS_MAX);
        return -EINVAL;
    }
    int error = request_check(&plan->form, why, why_size);
    if (error)
        return error;
    plan->requests = calloc(options->n_urls, sizeof *plan->requests);
    if (!plan->requests)
        return out_of_memory(why, why_size);
    for (size_t i = 0; i < options->n_urls && !error; i++)
        error = make_request(plan, options->urls[i], first, why, why_size);
    return error;
}

int plan_make(const struct load_options *options, struct plan *ret, char *why, size_t why_size) {
    struct url first = {0};
    *ret = (struct plan){
        .form = make_form(options),
        .http2 = options->http2,
        .follow = options->follow,
        .timeout_ns = options->timeout_ns ? options->timeout_ns : TIMEOUT_DEFAULT_NS,
    };
    ret->of_head = !strcmp(ret->form.method, "HEAD");
    int error = make_requests(options, ret, &first, why, why_size);
    if (!error && first.tls)
        error = tls_new(&first, options->http2, options->insecure, options->ca_file, &ret->tls, why, why_size);
    if (!error)
        error = target_find(&first, options->unix_path, ret->timeout_ns, &ret->target, why, why_size);
    return error;
}

void plan_done(struct plan *plan) {
    for (size_t i = 0; i < plan->n_requests; i++)
        buffer_done(&plan->requests[i].head);
    free(plan->requests);
    tls_free(plan->tls);
    *plan = (struct plan){0};
}
