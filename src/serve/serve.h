/* The HTTP endpoints under /_piko/. Long captures wait in a queue, not in threads: any number at once costs a bounded
 * number of threads. */
#ifndef PIKO_SERVE_SERVE_H
#define PIKO_SERVE_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "reader/reader.h"
#include "reader/tree.h"

struct serve;

enum serve_log_level { SERVE_LOG_INFO, SERVE_LOG_WARNING, SERVE_LOG_ERROR };

struct serve_options {
    struct reader *reader;    /* of one process; stays the caller's, as all here; outlives the server */
    struct tree *tree;        /* or of several; the other one is NULL */
    const char *unix_path;    /* listen on a unix socket here, of its owner alone, and on no port; NULL = on the port. A
                               * socket that is there and that nobody listens on is replaced; serve_stop() removes it */
    const char *bind_address; /* a name or a literal address, IPv4 or IPv6: "localhost" */
    uint16_t port;            /* 0 = any free one: see serve_port() */
    const char
        *allow_hosts; /* names that clients may use for it, besides localhost, bind_address and literal addresses of
                               * this machine; separated by commas; NULL = none */
    const char *token_file; /* its content is what clients have to send as bearer token; NULL = nothing */
    unsigned cpu_rate_hz;   /* of CPU captures that ask for none, 1 to 1000; 0 = 100 */
    void (*log)(void *data, enum serve_log_level level, const char *message); /* never NULL; from any of our threads */
    void *log_data;
    /* Write to disk what is known of a process (0 = all); append one line a process to `ret`. NULL = nobody can.
     * 0 or a negative errno (-ESRCH: no such process). On a worker, several at once. */
    int (*save)(void *data, uint32_t pid, struct buffer *ret);
    void *save_data;
};

/* Bind, listen and answer. 0; -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -ENOENT (name not known) …, with one sentence that names address
 * and port in `why` (why_size bytes). On failure nothing is left behind. Threads that it starts inherit the caller's
 * signal mask and own-thread mark. */
int serve_start(const struct serve_options *options, struct serve **ret, char *why, size_t why_size);

/* The port that is listened on. */
uint16_t serve_port(const struct serve *serve);

/* In the child of a fork, which has none of the threads: close its copy of the socket, or it would keep the port. Nothing
 * else can be done with the server there. Takes NULL. Async-signal-safe. */
void serve_leave_to_parent(struct serve *serve);

/* End running captures with what they have, answer them, join all threads, close the socket. Takes NULL. */
void serve_stop(struct serve *serve);

#endif
