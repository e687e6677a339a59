/* Start and stop of the probe, and the thread that serves the mailbox. Ordinary context. */
#ifndef PIKO_PROBE_CONTROL_CONTROL_H
#define PIKO_PROBE_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct segment;

/* Rates in force; 0 = off. */
struct control_rates {
    uint64_t mem_profile_rate_bytes;
    uint64_t block_rate_ns;
    uint32_t mutex_fraction;
    uint64_t trace_min_age_ns; /* how far back the rolling trace is to reach */
    /* Memory for traces, rolling or not; 0 = CONTROL_TRACE_BYTES. A process's first start reserves it. */
    uint64_t trace_bytes_max;
    unsigned cpu_hz; /* of a sampler that runs from the start to the end; 0 = it runs while somebody asks for it */
};

#define CONTROL_TRACE_BYTES ((uint64_t)16 << 20)

/* Bytes of the segment for these rates. */
uint64_t control_segment_bytes(const struct control_rates *rates);

/* Make the segment in `memory`, an all-zero mapping of control_segment_bytes() bytes which then stays, or in private memory of our
 * own when that is NULL (at the first start of a process; it is never unmapped, since hooks may be inside it), start the
 * thread, switch the hooks on. Unwind tables come with the first stack that is walked. 0, -EALREADY or a negative errno, with everything as before.
 * Under a sanitizer with an allocator of its own the heap is not sampled.
 * The calling thread's own-thread mark is set meanwhile, so that what is created here is ours. Threads: one at a time. */
int control_start(const struct control_rates *rates, void *memory, struct segment **ret, size_t *ret_bytes);

/* Switch the hooks off, end the thread. Frees are still followed, so that a later start finds the truth.
 * No CPU capture may be running. */
void control_stop(void);

/* End the thread for a moment, with all else as it is, and start it again as whoever the caller then is. False when there is
 * nothing to resume. One that could not be started again is tried with the next resume, and with the program's next thread.
 * Any thread, one after the other. */
bool control_rest(void);
void control_resume(void);

/* While cpu_hz is set: have the thread that is about to end the process call this, when control has done its part, so that
 * what was recorded can be saved in this process. It may be called in a signal handler, and more than once. NULL = no more. */
void control_save_at_end(void (*save)(void));

/* Whether the thread is to end, and somebody waits for that. */
bool control_is_ending(void);

/* Let our signal through to the calling thread, which may have blocked it before there was one to keep out of its mask. */
void control_let_signal_in(void);

/* In the child of a fork: it has no thread of ours, and a start makes it a segment of its own. */
void control_reset_after_fork(void);

/* Mark the calling thread as one of ours, or take the mark away; threads that it creates inherit it. Returns the mark
 * that was. */
int control_mark_own(int own);

#endif
