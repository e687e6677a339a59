/* From the capture segment to profiles, dumps and figures. Trusts nothing in the segment. */
#ifndef PIKO_READER_READER_H
#define PIKO_READER_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "profile/profile.h"

struct segment;
struct builds;
struct reader;

enum reader_kind {
    READER_HEAP,   /* default_sample_type inuse_space */
    READER_ALLOCS, /* the same records, default alloc_space */
    READER_BLOCK,
    READER_MUTEX,
    READER_GOROUTINE,    /* one sample a thread, its stack; takes a dump */
    READER_THREADCREATE, /* live threads by the stack that created them */
};

/* Look at a mapped segment, `bytes` long. It stays the caller's, who unmaps it after reader_free().
 * 0, -ENOMEM, or -EBADMSG when the header is not one of ours (magic, version, sizes, tables outside the mapping). */
int reader_new(struct segment *segment, size_t bytes, struct reader **ret);
void reader_free(struct reader *reader); /* takes NULL; no capture may be running */

/* What is known of how its files were built (reader/builds.h) stands in the comments of its profiles from here on. Stays the
 * caller's and outlives the reader. Before anything else is asked of it. */
void reader_set_builds(struct reader *reader, struct builds *builds);

/* A symbolized snapshot of one kind, cumulative since the segment was made, owned by the caller (profile_free()).
 * Rates, lost samples and own cost are in its comments. 0, -ENOMEM, or -ETIMEDOUT when a dump was needed and the target
 * did not take one within a second (the profile then comes from what is known; see its comments).
 * Threads: any number at once. */
int reader_profile(struct reader *reader, enum reader_kind kind, struct profile **ret);

/* The difference of two snapshots, symbolized at the end only: what NAME?seconds=N answers. time_nanos is the end,
 * duration_nanos the distance. Values in use and threads may be negative. Differences of the raw counters, not of
 * profiles: unsampled values and the `bytes` label move with a bucket's average and would not subtract.
 * reader_delta_end frees the delta also on failure; with ret NULL it does nothing else. Any number at once.
 * 0, -ENOMEM, or -ETIMEDOUT as for reader_profile(), with the delta or the profile made all the same. */
struct reader_delta;
int reader_delta_begin(struct reader *reader, enum reader_kind kind, struct reader_delta **ret);
int reader_delta_end(struct reader_delta *delta, struct profile **ret);

/* CPU: begin starts or joins the sampler, at `hz` samples a second of CPU time (0 = 100), and takes a snapshot; end takes
 * another, leaves the sampler and answers the symbolized difference. Any number at once: the sampler runs at the highest
 * rate that one of them asks for, and the period of each is that of the highest that ran while it did (a sample of a
 * slower time then counts as several). reader_cpu_end frees the capture also on failure; with ret NULL it only leaves.
 * 0, -ENOMEM, -ETIMEDOUT. */
struct reader_cpu;
int reader_cpu_begin(struct reader *reader, unsigned hz, struct reader_cpu **ret);
int reader_cpu_end(struct reader_cpu *capture, struct profile **ret);

/* The thread dump as Go writes it: debug=2, one block a thread:
 *     goroutine 5123 [mutex wait, 2 minutes, name=worker-3]:
 *     function(...)
 *     	/path/file.c:88 +0x1f
 * 0, -ENOMEM, -ETIMEDOUT (the text is then the newest that is known). */
int reader_dump(struct reader *reader, struct buffer *ret);

/* How the process crashed, in words, and the stack of the thread that did, as a block of the dump; nothing when its
 * segment tells of no crash. 0 or -ENOMEM. */
int reader_crash(struct reader *reader, struct buffer *ret);

/* One line of /debug/pprof/symbol: the function's name at a run-time address, "" when unknown. 0 or -ENOMEM. */
int reader_symbol(struct reader *reader, uint64_t address, struct buffer *ret);

/* The command line of the target, NUL between arguments (from /proc/PID/cmdline). 0 or a negative errno. */
int reader_cmdline(struct reader *reader, struct buffer *ret);

/* Figures for the index and the status. */
struct reader_figures {
    uint32_t pid;
    uint64_t threads;   /* live, ours left out */
    uint64_t cpu_users; /* CPU captures that run now */
    uint64_t mem_profile_rate_bytes, block_rate_ns, mutex_fraction, cpu_period_ns;
    uint64_t samples, lost_samples, truncated_stacks, handler_ns;
    uint64_t hook_samples, hook_ns; /* estimates */
    uint64_t segment_bytes_used;    /* committed memory of the segment */
    uint64_t trace_users;           /* traces that are taken now */
    /* The rolling trace: how far it is to reach back (0 = there is none) and does, what it may take and does. */
    uint64_t trace_min_age_ns, trace_length_ns, trace_bytes_max, trace_bytes;
    uint64_t profile_counts[6]; /* entries, by enum reader_kind: the index's Count column */
};
void reader_figures(struct reader *reader, struct reader_figures *ret);

#endif
