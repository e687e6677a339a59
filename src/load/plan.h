/* What is sent where: made before the first thread runs, and only read from then on. */
#ifndef PIKO_LOAD_PLAN_H
#define PIKO_LOAD_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "load/load.h"
#include "load/request.h"
#include "load/target.h"
#include "load/tls.h"

struct plan_request {
    const char *url;
    struct buffer head;
};

struct plan {
    struct target target;
    struct tls *tls; /* NULL: plain */
    struct request_form form;
    struct plan_request *requests; /* sent in turn */
    size_t n_requests;
    bool http2;
    bool of_head; /* the method is HEAD */
    bool follow;
    uint64_t timeout_ns;
};

/* Check everything that the options say, find the target. What the options point to must outlive the plan. 0, or a negative
 * errno with a sentence that names flag or address in `why`. plan_done() frees, also what is half made. */
int plan_make(const struct load_options *options, struct plan *ret, char *why, size_t why_size);
void plan_done(struct plan *plan);

#endif
