/* One HTTP request from its first line to its last byte. */
#ifndef PIKO_SERVE_REQUEST_H
#define PIKO_SERVE_REQUEST_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "reader/tree.h"
#include "serve/answer.h"
#include "serve/jobs.h"

#define REQUEST_BODY_BYTES_MAX (256u << 10)
#define REQUEST_ARGUMENT_BYTES 64u

struct serve;
struct pprof_kind;

/* What the endpoints look at, as text; "" = absent. A form in a POST body goes before the query, as in Go. */
struct arguments {
    char seconds[REQUEST_ARGUMENT_BYTES], debug[REQUEST_ARGUMENT_BYTES], hz[REQUEST_ARGUMENT_BYTES],
        pid[REQUEST_ARGUMENT_BYTES], format[REQUEST_ARGUMENT_BYTES];
};

struct request {
    struct serve *serve;
    struct tree *tree;
    struct MHD_Connection *connection;
    char *uri; /* as it stood in the request line */
    bool started, handled, is_head, is_get, is_post;
    struct buffer body; /* its sticky error says that it was too large */
    struct arguments arguments;
    struct answer answer;

    /* Set by an endpoint that needs a worker; NULL run = the answer is there. */
    struct job job;
    const struct pprof_kind *kind;
    uint64_t seconds;
    unsigned hz;  /* of a CPU capture; 0 = 100 */
    uint32_t pid; /* of the one process that is asked for; 0 = all */
    bool begun;
    struct tree_delta *delta;
    struct tree_cpu *cpu;
    enum trace_format format; /* of a trace, and how long it takes */
    uint64_t trace_ns;
    struct buffer location; /* of a redirect */
};

/* NULL when memory ran out. Takes NULL. */
struct request *request_new(struct serve *serve, struct tree *tree, const char *uri);
void request_free(struct request *request);

/* The part of the URI behind its question mark, "" when there is none. */
const char *request_query(const struct request *request);

/* Once the body is there. */
void request_read_arguments(struct request *request);

static inline struct request *request_of(struct job *job) {
    return (struct request *)(void *)((char *)job - offsetof(struct request, job));
}

#endif
