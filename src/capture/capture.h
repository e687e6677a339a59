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

/* A client of the server at base ("http://localhost:6060"), profiles under prefix ("/_piko/debug/pprof").
 * `stop` (may be NULL): a flag that a signal handler sets; transfers end with -ECANCELED within 100 ms of it.
 * 0 or -ENOMEM. */
int capture_new(const char *base, const char *prefix, const volatile int *stop, struct capture **ret);
void capture_free(struct capture *capture); /* takes NULL */

/* Status of the Go Piko's form; absent (404) is -ENOENT and no failure of the run. */
struct capture_status {
    bool rolling_trace;
    char rolling_trace_min_age[32]; /* "15s" */
    uint64_t rolling_trace_max_bytes;
    char rolling_trace_path[256];
    char *json; /* re-indented by 2 spaces, no final newline; owned */
};
int capture_status(struct capture *capture, struct capture_status *ret, char why[CAPTURE_WHY_BYTES]);
void capture_status_done(struct capture_status *status);

/* GET prefix/name, e.g. "profile?seconds=30": 200 or an error. `seconds` is how long the server will take on purpose:
 * the time-out is that and 30 s more. 0; -ECONNREFUSED, -ETIMEDOUT, -EPROTO (status: in `why`), -EFBIG, -ECANCELED …,
 * with one sentence that names the URL in `why`. */
int capture_get(struct capture *capture, const char *name, unsigned seconds, size_t most, struct buffer *ret,
                char why[CAPTURE_WHY_BYTES]);

/* The same from an absolute path on the server ("/_piko/profiler/trace/recent"). */
int capture_get_path(struct capture *capture, const char *path, unsigned seconds, size_t most, struct buffer *ret,
                     char why[CAPTURE_WHY_BYTES]);

#endif
