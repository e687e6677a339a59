/* HTTP load generator: closed model, one epoll loop a thread, connections kept over all phases. */
#ifndef PIKO_LOAD_LOAD_H
#define PIKO_LOAD_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "load/histogram.h"

struct load;

#define LOAD_HEAD_BYTES_MAX (64u << 10) /* response head */
#define LOAD_FIELDS_MAX 256u            /* header fields of a response */

enum load_failure { LOAD_REFUSED, LOAD_RESET, LOAD_TIMEOUT, LOAD_PROTOCOL, LOAD_STATUS, LOAD_FAILURES };

/* "refused", "reset", "timeout", "protocol", "status". */
const char *load_failure_name(enum load_failure failure);

struct load_options {
    const char *url;            /* http://host[:port]/path; https is a later issue: -EPROTONOSUPPORT */
    unsigned concurrency;       /* connections; >= 1 */
    unsigned threads;           /* 0 = by cores and connections */
    const char *const *headers; /* "Name: value", checked by load_new */
    size_t n_headers;
    uint64_t timeout_ns; /* of one request, connecting included; 0 = 30 s */
};

struct load_stats {
    uint64_t requests;                /* completed: answered whole with a 2xx or 3xx status */
    uint64_t failures[LOAD_FAILURES]; /* everything else; a request is in exactly one of the two */
    uint64_t retries;    /* requests sent again, once, since the server had closed the kept connection; no failures */
    uint64_t body_bytes; /* received, heads not counted */
    uint64_t elapsed_ns; /* of the time between the two snapshots */
    struct histogram *latency; /* of the completed ones; owned by the stats */
    char first_failure
        [256]; /* text of the first failure since load_new, "" none: "status 500", "connect 127.0.0.1:8080: Connection refused" */
};

/* Parse, resolve, and check that something listens (one connection). 0, or a negative errno with a sentence that names
 * flag or address in `why`. No thread runs yet. */
int load_new(const struct load_options *options, struct load **ret, char *why, size_t why_size);
/* Ends threads, closes connections. Takes NULL. */
void load_free(struct load *load);

/* Run requests until load_pause(); connections stay open in between. load_pause lets requests in flight end for at most
 * 100 ms and drops the rest uncounted. 0 or a negative errno. One thread drives a load object. */
int load_resume(struct load *load);
void load_pause(struct load *load);

/* Cumulative figures since load_new, cheap enough for ten a second; any thread. stats must be made by load_stats_init. */
int load_stats_init(struct load_stats *stats); /* 0 or -ENOMEM */
void load_stats_done(struct load_stats *stats);
void load_snapshot(struct load *load, struct load_stats *stats);
/* after -= before: the figures of the time between. */
void load_stats_since(struct load_stats *after, const struct load_stats *before);

/* CPU time that the generator's threads used so far, ns. */
uint64_t load_cpu_ns(const struct load *load);

#endif
