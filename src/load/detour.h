/* Where redirects led the request of one connection. */
#ifndef PIKO_LOAD_DETOUR_H
#define PIKO_LOAD_DETOUR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "load/plan.h"
#include "load/response.h"

struct detour {
    unsigned hops;      /* of the request under way; 0 = none yet, and then what follows means nothing */
    bool drops_body;    /* it became a GET */
    char *url;          /* where it is now */
    struct buffer head; /* and how it is asked for */
    char location[RESPONSE_LOCATION_BYTES]; /* of the last response */
};

struct detour *detour_new(void);         /* NULL when memory ran out */
void detour_free(struct detour *detour); /* takes NULL */

/* A response of this status came to plan->requests[request]: write the request that its Location asks for. 0, or a
 * negative errno with the reason in `why`; then the detour is as it was. */
int detour_take(struct detour *detour, const struct plan *plan, size_t request, unsigned status, char *why,
                size_t why_size);

#endif
