/* The client side of the profiling endpoints: what `piko profile` fetches, from ours and from Go's servers. */
#ifndef PIKO_CAPTURE_CAPTURE_H
#define PIKO_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "profile/profile.h"

#define CAPTURE_PROFILE_BYTES_MAX (256u << 20)
#define CAPTURE_DUMP_BYTES_MAX (64u << 20)
#define CAPTURE_STATUS_BYTES_MAX (1u << 20)
#define CAPTURE_WHY_BYTES 512u

struct capture;

/* The server at base ("http://localhost:6060"), profiles under prefix ("/_piko/debug/pprof"). All is copied but `stop`. */
struct capture_options {
    const char *base, *prefix;
    const char *unix_path; /* socket to connect to in place of the base's host; NULL = TCP */
    const char *token;     /* sent as "Authorization: Bearer …"; NULL = none */
    const char *ca_file;   /* https: PEM file of whom to trust; NULL = whom the system trusts */
    bool insecure;         /* https: take any certificate */
    const volatile int
        *stop; /* a flag that a signal handler sets: transfers end with -ECANCELED within 100 ms; or NULL */
};

/* 0 or -ENOMEM. */
int capture_new(const struct capture_options *options, struct capture **ret);
void capture_free(struct capture *capture); /* takes NULL */

/* Look for the profiles elsewhere on the same server. 0 or -ENOMEM. */
int capture_set_prefix(struct capture *capture, const char *prefix);

/* While a transfer runs, call tick(data) about twenty times a second, in the thread that called. NULL: no more calls. */
void capture_set_tick(struct capture *capture, void (*tick)(void *data), void *data);

/* End the transfer under way with -ECANCELED; those to come are not concerned. For `tick`. */
void capture_cancel(struct capture *capture);

/* Whether the profiler's index ("prefix/") answers with a list of profiles within
 * CAPTURE_CHECK_SECONDS. Errors as capture_get(), with
 * the reason alone in `why` ("connection refused", "it answered 404 Not Found"): see capture_index_url() for the rest. */
#define CAPTURE_CHECK_SECONDS 5u
int capture_check(struct capture *capture, char why[CAPTURE_WHY_BYTES]);

/* "http://localhost:6060/_piko/debug/pprof/": lives as long as the client. */
const char *capture_index_url(const struct capture *capture);

/* Status of the Go Piko's form, at "profiler/status" beside the prefix's "debug/pprof"; absent (404) is -ENOENT and no
 * failure of the run. */
struct capture_status {
    bool rolling_trace;
    char rolling_trace_min_age[32]; /* "15s" */
    uint64_t rolling_trace_max_bytes;
    char rolling_trace_path[256];
    uint64_t threads; /* of the program, now; 0 = not said: it is not ours */
    char *json;       /* re-indented by 2 spaces, no final newline; owned */
};
/* 0, -ENOENT, -EBADMSG for an answer of another form, or as capture_get(). `ret` is then freed by capture_status_done(). */
int capture_status(struct capture *capture, struct capture_status *ret, char why[CAPTURE_WHY_BYTES]);
void capture_status_done(struct capture_status *status);

/* The same from a document in memory (`size` bytes): 0, -ENOMEM or -EBADMSG. */
int capture_status_parse(const char *text, size_t size, struct capture_status *ret, char why[CAPTURE_WHY_BYTES]);

/* GET prefix/name, e.g. "profile?seconds=30": 200 or an error. `seconds` is how long the server will take on purpose:
 * the time-out is that and 30 s more. What takes no time is asked for once more when the connection breaks.
 * 0; -ECONNREFUSED, -ETIMEDOUT, -EPROTO (status: in `why`), -EBUSY (a Go server captures for somebody else), -EFBIG,
 * -ECANCELED …, with one sentence that names the URL in `why`. */
int capture_get(struct capture *capture, const char *name, unsigned seconds, size_t most, struct buffer *ret,
                char why[CAPTURE_WHY_BYTES]);

/* The same from an absolute path on the server ("/_piko/profiler/trace/recent"). */
int capture_get_path(struct capture *capture, const char *path, unsigned seconds, size_t most, struct buffer *ret,
                     char why[CAPTURE_WHY_BYTES]);

/* ---- url.c ------------------------------------------------------------------------------------------------------------*/

/* Base of the profiler that stands beside an application: its host with another port, over http.
 * "https://example.org:8443/x", 6060 → "http://example.org:6060". The string is the caller's (free()).
 * 0, -ENOMEM, or -EINVAL when `url` is no http:// or https:// URL with a host, with what is wrong in `why`. */
int capture_base_beside(const char *url, unsigned port, char **ret, char why[CAPTURE_WHY_BYTES]);

/* "http://host:7070/_piko/debug/pprof/" → "http://host:7070" and "/_piko/debug/pprof": base and prefix for capture_new().
 * Both are the caller's (free()). Errors as above; a query is refused. */
int capture_split_url(const char *url, char **ret_base, char **ret_prefix, char why[CAPTURE_WHY_BYTES]);

#endif
