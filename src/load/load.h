/* HTTP load generator: closed or open model, one epoll loop a thread, connections kept over all phases. */
#ifndef PIKO_LOAD_LOAD_H
#define PIKO_LOAD_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/histogram.h"

struct load;

#define LOAD_HEAD_BYTES_MAX (64u << 10) /* response head */
#define LOAD_FIELDS_MAX 256u            /* header fields of a response */
#define LOAD_BODY_BYTES_MAX (64u << 20) /* of a request */
#define LOAD_URLS_MAX 10000u
#define LOAD_REDIRECTS_MAX 10u  /* in a row, for one request */
#define LOAD_EXAMPLE_BYTES 200u /* of a failure's text, its NUL included */

enum load_failure {
    LOAD_REFUSED,  /* no connection came about */
    LOAD_RESET,    /* it broke, or was closed in the middle of a response */
    LOAD_TIMEOUT,  /* no whole response in time, connecting included */
    LOAD_TLS,      /* its handshake failed, the certificate's check too */
    LOAD_PROTOCOL, /* what came is no HTTP response */
    LOAD_STATUS,   /* 400 and above */
    LOAD_REDIRECT, /* one that could not be followed */
    LOAD_FAILURES
};

/* "refused", "reset", "timeout", "tls", "protocol", "status", "redirect". */
const char *load_failure_name(enum load_failure failure);

/* All URLs lead to one server: scheme, host and port are the same. */
struct load_options {
    const char *const *urls; /* http[s]://host[:port]/path, asked in turn */
    size_t n_urls;           /* 1 to LOAD_URLS_MAX */
    const char *unix_path;   /* socket to connect to in place of the URL's host; NULL = TCP */
    unsigned concurrency;    /* connections; >= 1 */
    unsigned threads;        /* 0 = by cores and connections */
    unsigned rate;      /* requests a second of all connections together: open model; 0 = closed model (schedule.h) */
    const char *method; /* NULL: GET, or POST with a body */
    const void *body;   /* sent with each request; NULL = none. Copied, as all is */
    size_t body_size;
    const char *const *headers; /* "Name: value", checked by load_new */
    size_t n_headers;
    bool http2;          /* by ALPN with https, else without asking (prior knowledge); one request at a time */
    bool insecure;       /* https: take any certificate */
    const char *ca_file; /* https: PEM file of whom to trust; NULL = whom the system trusts */
    bool follow;         /* redirects, on the same server; else they are answers like others */
    uint64_t timeout_ns; /* of one request, connecting included; 0 = 30 s */
};

/* Texts of failures of one class: "status 500", "connect 127.0.0.1:8080: Connection refused". "" for none. */
struct load_example {
    uint64_t first_ns, last_ns; /* CLOCK_MONOTONIC */
    char first[LOAD_EXAMPLE_BYTES], last[LOAD_EXAMPLE_BYTES];
};

struct load_stats {
    uint64_t requests;                /* completed: answered whole with a 2xx or 3xx status */
    uint64_t failures[LOAD_FAILURES]; /* everything else; a request is in exactly one of the two */
    uint64_t retries;    /* requests sent again, once, since the server had closed the kept connection; no failures */
    uint64_t redirects;  /* followed */
    uint64_t body_bytes; /* received, heads not counted */
    uint64_t elapsed_ns; /* of the time between the two snapshots */
    uint64_t begun;      /* requests, retries and followed redirects not counted again */
    uint64_t planned;    /* open model: that should have begun; else 0 */
    uint64_t cpu_ns;     /* CPU time of the generator's threads */
    uint64_t wait_ns;    /* while they were ready to run, and others had the cores; 0 where the kernel doesn't say */

    /* Owned by the stats. */
    struct histogram *latency;     /* of the completed ones; open model: corrected, from when they should have begun */
    struct histogram *uncorrected; /* open model: of the same, from when they were sent */
    struct histogram *send_delay;  /* open model: how late the generator was where a connection was free */
    struct load_example examples[LOAD_FAILURES]; /* since the last load_resume */
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

/* All failures together. */
uint64_t load_stats_failures(const struct load_stats *stats);
/* The earliest example of all classes; "" when there is none. */
const char *load_stats_first_failure(const struct load_stats *stats);

/* One failed request. */
struct load_error {
    uint64_t time_ns; /* CLOCK_REALTIME */
    enum load_failure failure;
    unsigned status; /* of LOAD_STATUS */
    char text[LOAD_EXAMPLE_BYTES];
};
#define LOAD_ERRORS_MAX 10000u

/* The failures since the last call, roughly in order: the first LOAD_ERRORS_MAX of them, the rest is only counted. Returns how many; *ret is
 * the caller's (free()), NULL when there are none. Threads: any. */
size_t load_take_errors(struct load *load, struct load_error **ret);

unsigned load_threads(const struct load *load);

#endif
