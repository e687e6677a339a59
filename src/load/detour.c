#include "load/detour.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "load/redirect.h"

struct detour *detour_new(void) {
    struct detour *detour = calloc(1, sizeof *detour);
    if (detour)
        detour->head = (struct buffer)BUFFER_INIT(REQUEST_HEAD_BYTES_MAX);
    return detour;
}

void detour_free(struct detour *detour) {
    if (!detour)
        return;
    buffer_done(&detour->head);
    free(detour->url);
    free(detour);
}

int detour_take(struct detour *detour, const struct plan *plan, size_t request, unsigned status, char *why,
                size_t why_size) {
    if (!*detour->location) {
        snprintf(why, why_size, "without a Location");
        return -EINVAL;
    }
    if (detour->hops == LOAD_REDIRECTS_MAX) {
        snprintf(why, why_size, "more than %u redirects", LOAD_REDIRECTS_MAX);
        return -ELOOP;
    }
    struct request_form form = plan->form;
    struct url url;
    char *to;
    int error = redirect_resolve(detour->hops ? detour->url : plan->requests[request].url, detour->location, &to, &url,
                                 why, why_size);
    if (error)
        return error;
    detour->drops_body = (detour->hops && detour->drops_body) || !redirect_keeps_method(status);
    if (detour->drops_body) {
        form.body = NULL;
        form.method = plan->of_head ? "HEAD" : "GET";
    }
    free(detour->url);
    detour->url = to;
    detour->hops++;
    detour->head.size = 0;
    return request_write(&url, &form, &detour->head, why, why_size);
}
