/* The probe's state inside the target: what hooks and the signal handler look at.
 *
 * Everything in this folder may run while the interrupted thread holds any lock, is inside malloc, has a few KB of stack
 * left, or is being created or destroyed. Hence: no allocation, no locks, no stdio, no lazily bound thread-locals, no
 * unbounded loops, errno restored. scripts/check-handler holds us to it on the built objects. */
#ifndef PIKO_PROBE_HANDLER_PROBE_H
#define PIKO_PROBE_HANDLER_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "segment/segment.h"

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Of what only we define: reached without the table in which the loader puts the addresses of what others do. */
#define HIDDEN __attribute__((visibility("hidden")))

/* Read on every hooked call, written by control alone (at start, at stop, in a fork child). The rates double as switches:
 * while one is 0 its hooks cost one load and one branch. */
struct probe {
    struct segment *segment;   /* of a process's first start, never unmapped; NULL: there is none */
    uint32_t pid;              /* whose memory this is; 0 before the first start */
    uint32_t inherited;        /* 1 = the segment is still that of the process which forked this one */
    uint32_t actions_change;   /* A: 1 = a hook changes a signal's action, a futex */
    uint64_t mem_profile_rate; /* bytes; 0 = off */
    uint64_t block_rate_ns;    /* 0 = off */
    uint32_t mutex_fraction;   /* 0 = off */
    uint32_t watching;         /* A: enum probe_watching; 0 = profiling is not started */
    uint64_t cpu_period_ns;    /* of the running sampler; 0 = off */
    uint32_t to_the_end;       /* 1 = all of the process is profiled: it tells of its end */
    void (*save)(void);        /* A: what then saves all of it in this process; NULL = nobody does */
    uint32_t modules_stale;    /* A: enum probe_stale */
    uint64_t tables_asked_ns;  /* A: when a walk was first in need of tables that are not there yet; 0 = never */
    uint32_t trace_tsc;        /* the trace's clock: 1 = the time stamp counter, 0 = CLOCK_MONOTONIC */
    uint64_t trace_chunks_most;
    uint64_t trace_keep_ticks;    /* chunks that are younger are leased anew only when there are no others */
    uint64_t trace_brief_ticks;   /* a system call that took less did not wait */
    void (*resume_control)(void); /* A: for the next thread to call, when control could not go on; else NULL */
    /* In place of syscall(2), where that changes what the calling thread may do; NULL before the first start. */
    long (*change_rights)(long number, long a, long b, long c, long d, long e, long f);
    struct segment_table_pointers {
        segment_stack_slot *stack_slots;
        uint64_t *stack_words;
        struct segment_cpu_bucket *cpu;
        struct segment_heap_bucket *heap;
        struct segment_wait_bucket *block, *mutex;
        struct segment_live *live;
        struct segment_thread *threads;
        uint64_t *parts;
        segment_string_slot *string_slots;
        uint8_t *string_bytes;
        struct segment_trace_chunk *trace_chunks;
    } tables; /* set together with segment */
};

extern struct probe probe HIDDEN;

/* What is watched: bits in one word, so that a hook need ask once for all of it. */
enum probe_watching {
    PROBE_WAITS = 1, /* threads publish their waits */
    PROBE_TRACE = 2, /* the execution trace is recorded; all of trace_… is set before */
};

/* Why control should look at what is loaded. */
enum probe_stale {
    PROBE_KNOWN,
    PROBE_STALE, /* a walk met code of no known module */
    PROBE_NEEDED /* somebody waits for the first tables */
};

/* The child of a vfork, or of a clone without libc: it has this memory in common with its parent, or a copy that nobody
 * prepared for it. Its signals, threads and timers are not those that are known here. */
bool probe_is_another_process(void);

static inline uint64_t probe_offset(const void *entry) {
    return (uint64_t)((const char *)entry - (const char *)probe.segment);
}

/* Before an entry of a table that is looked through is claimed. */
static inline void probe_use(const void *entry) {
    segment_use_part(probe.tables.parts, probe_offset(entry));
}

/* False: the entry was never claimed, and looking at it would only commit its memory. */
static inline bool probe_used(const void *entry) {
    return segment_part_used(probe.tables.parts, probe_offset(entry));
}

/* What we take ourselves is measured by the wall clock, a tenth as dear as the thread's own. Longer than this it was not us:
 * the kernel had taken the CPU away. */
#define PROBE_SPENT_MAX_NS 100000u

/* Per thread, in initial-exec TLS: one access, never an allocation. */
struct probe_thread {
    struct segment_thread *record;           /* NULL until attached */
    int64_t heap_countdown;                  /* bytes until the next sample */
    uint64_t random;                         /* xorshift state; 0 = not seeded */
    uint64_t root_pc;                        /* start of its function; 0 = not of pthread_create */
    struct segment_trace_chunk *trace_chunk; /* that it fills; NULL until it records */
    uint64_t trace_lease;                    /* under which it has it: another thread may have been given it since */
    uint32_t tid;
    bool heap_started;   /* heap_countdown was drawn once */
    bool own;            /* one of our threads: nothing of it is recorded */
    bool signal_blocked; /* the program thinks that it has our signal blocked: it never is */
    bool detached;       /* past its end of life: never attached again */
    bool ending;         /* in the first round of its keys' destructors */
};

extern __thread struct probe_thread probe_thread HIDDEN __attribute__((tls_model("initial-exec")));

static inline void counter_add(uint64_t *counter, uint64_t n) {
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* xorshift64*: quality enough for sampling. Seeded from the thread's address, its id and the clock by thread_attach or
 * on first use from the address alone. */
static inline uint64_t probe_random(void) {
    uint64_t x = probe_thread.random;
    if (unlikely(!x))
        x = (uint64_t)(uintptr_t)&probe_thread * 0x9e3779b97f4a7c15ull | 1;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    probe_thread.random = x;
    return x * 0x2545f4914f6cdd1dull;
}

/* CLOCK_MONOTONIC through the vDSO: async-signal-safe, about 30 ns. */
uint64_t probe_now_ns(void);
/* CLOCK_MONOTONIC of some seconds ago, one load: good for "2 minutes", not for delays. Once there is a segment. */
static inline uint64_t probe_beat_ns(void) {
    return __atomic_load_n(&probe.segment->mailbox.reader_ns, __ATOMIC_RELAXED);
}

/* Nanoseconds since, of ours. */
static inline uint64_t probe_spent_ns(uint64_t since_ns) {
    uint64_t ns = probe_now_ns() - since_ns;
    return ns < PROBE_SPENT_MAX_NS ? ns : PROBE_SPENT_MAX_NS;
}

/* Round what a hook does to record something: one in so many is timed, and stands for all. */
#define PROBE_COST_EVERY 16u

static inline uint64_t probe_cost_begin(void) {
    return probe_random() % PROBE_COST_EVERY ? 0 : probe_now_ns();
}

static inline void probe_cost_end(uint64_t begin_ns) {
    if (likely(!begin_ns))
        return;
    counter_add(&probe.segment->counters.hook_samples, PROBE_COST_EVERY);
    counter_add(&probe.segment->counters.hook_ns, PROBE_COST_EVERY * probe_spent_ns(begin_ns));
}

#endif
