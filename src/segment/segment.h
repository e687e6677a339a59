/* The capture segment: the one thing that the probe (in the target) and the reader (in the same process, or in the
 * `piko run` supervisor) share. LAYOUT.md beside this file shows the bytes.
 *
 * Rules
 *  - Fixed-width fields only; every limit is a named constant with its unit in the name; sizes are asserted below.
 *  - Everything but the mailbox is written by the target alone. The reader trusts none of it: it checks each offset,
 *    count and id against the mapping (reader/validate.c) and copies a value before it checks and uses it.
 *  - Tables only grow: counters are cumulative since the segment was made, so that any number of captures can run at
 *    once: each is the difference of two snapshots. (The CPU table alone is cleared, by control, when a sampler starts
 *    and no other runs: see `cpu_epoch`.)
 *  - "A" marks a field that is accessed with __atomic builtins; relaxed unless its comment says otherwise.
 *  - Memory is reserved at its limit and committed by the kernel when first touched: an idle process pays for the header.
 *    Also when it is touched by reading, where memory is shared: hence the `parts`, which tell where there is something.
 *
 * This header is freestanding: no libc calls, no libc types beyond <stdint.h>. */
#ifndef PIKO_SEGMENT_SEGMENT_H
#define PIKO_SEGMENT_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_MAGIC 0x4745534f4b49500aull /* "\nPIKOSEG" read as little endian */
#define SEGMENT_VERSION 5u

/* Limits. What does not fit is counted in segment_counters and shows up as a `lost` frame. */
#define SEGMENT_STACK_DEPTH_MAX 128u   /* frames of one stack; deeper ones keep the leaf end, marked truncated */
#define SEGMENT_STACK_SLOTS (1u << 17) /* hash slots; power of two */
#define SEGMENT_STACKS_MAX (1u << 16)  /* distinct stacks: half of the slots, so that probes stay short */
#define SEGMENT_STACK_BITS 21          /* of a stack's id */
#define SEGMENT_STACK_WORDS (1u << SEGMENT_STACK_BITS) /* 64-bit words for the stacks themselves: 16 MiB */
#define SEGMENT_STACK_PROBES 64u                       /* slots looked at before a stack counts as lost */
#define SEGMENT_CPU_BUCKETS (1u << 15)  /* (stack, thread) pairs of the running CPU captures; power of two */
#define SEGMENT_HEAP_BUCKETS (1u << 16) /* (stack, size class, rate) triples; power of two */
#define SEGMENT_WAIT_BUCKETS (1u << 15) /* (stack) buckets of each of block and mutex; power of two */
#define SEGMENT_BUCKET_PROBES 64u
#define SEGMENT_LIVE_SLOTS (1u << 20) /* sampled objects alive at once; power of two */
#define SEGMENT_LIVE_PROBES 32u
#define SEGMENT_THREADS_MAX 4096u     /* thread records; those of ended threads are reused */
#define SEGMENT_MODULES_MAX 1024u     /* loaded objects, those gone included */
#define SEGMENT_THREAD_NAME_BYTES 16u /* as the kernel's comm, NUL included */
#define SEGMENT_PATH_BYTES 512u       /* longer object paths are cut: the module is then found by build id */
#define SEGMENT_BUILD_ID_BYTES 32u
#define SEGMENT_STRING_SLOTS (1u << 13) /* hash slots for the names that a program gives; power of two */
#define SEGMENT_STRING_PROBES 32u
#define SEGMENT_STRING_BITS 19                           /* of a string's id */
#define SEGMENT_STRING_BYTES (1u << SEGMENT_STRING_BITS) /* of all names */
#define SEGMENT_STRING_LENGTH_MAX 255u                   /* longer ones are cut */
#define SEGMENT_LABELS_MAX 8u                            /* of one thread at a time */
#define SEGMENT_TRACE_CHUNK_BYTES 4096u
#define SEGMENT_TRACE_RECORDS 127u           /* of one chunk */
#define SEGMENT_TRACE_BYTES_MIN (256u << 10) /* of all chunks */
#define SEGMENT_TRACE_BYTES_MAX (512u << 20)
#define SEGMENT_SHARED_ALIGN 64u /* cache line: what different threads write stands apart by it */
#define SEGMENT_PART_SHIFT 12u   /* a part is what is committed at once: a page of 4 KiB */

/* ---- Stacks ------------------------------------------------------------------------------------------------------
 * A stack's id is the index of its first word in the word array, plus one; 0 means "no stack". At that word stands
 * struct segment_stack, followed by n_frames program counters, innermost first. Each program counter is already that
 * of the call (return address - 1) except where the frame was interrupted (a sample's leaf, the frame below a signal
 * handler): readers look it up as it is. */
struct segment_stack {
    uint16_t n_frames;
    uint16_t flags; /* SEGMENT_STACK_… */
    uint32_t hash;
};
_Static_assert(sizeof(struct segment_stack) == 8, "one word");

#define SEGMENT_STACK_TRUNCATED 1u /* the walk could not reach the thread's root, or met the depth limit */

/* A slot packs the stack's hash (high half) with its id (low half); 0 is empty. A; published with release. */
typedef uint64_t segment_stack_slot;

/* ---- Buckets: claimed once by CAS on `key` (0 = free), then only added to ------------------------------------------ */
struct segment_cpu_bucket {
    uint64_t key;    /* A, release: segment_cpu_key() */
    uint64_t count;  /* A: samples, each timer overrun included */
    uint64_t ns;     /* A: CPU time they stand for */
    uint32_t thread; /* A: index into threads[], for the name; valid while that record's tid is still this one */
    uint32_t reserved;
};
_Static_assert(sizeof(struct segment_cpu_bucket) == 32, "layout");

/* A stack, a thread and its labels (a string's id) in one word. Of each kind of bucket the low bits are the stack. */
#define SEGMENT_TID_BITS 22 /* the kernel's PID_MAX_LIMIT */
_Static_assert(SEGMENT_STACK_BITS + SEGMENT_TID_BITS + SEGMENT_STRING_BITS <= 64, "one word");

static inline uint64_t segment_cpu_key(uint32_t stack, uint32_t tid, uint32_t labels) {
    return stack | (uint64_t)tid << SEGMENT_STACK_BITS | (uint64_t)labels << (SEGMENT_STACK_BITS + SEGMENT_TID_BITS);
}

static inline uint32_t segment_key_stack(uint64_t key) {
    return (uint32_t)key & ((1u << SEGMENT_STACK_BITS) - 1);
}

static inline uint32_t segment_cpu_key_tid(uint64_t key) {
    return (uint32_t)(key >> SEGMENT_STACK_BITS) & ((1u << SEGMENT_TID_BITS) - 1);
}

static inline uint32_t segment_cpu_key_labels(uint64_t key) {
    return (uint32_t)(key >> (SEGMENT_STACK_BITS + SEGMENT_TID_BITS));
}

/* Raw counts of *sampled* objects; the reader unsamples: an object of size s is kept with probability
 * 1 - exp(-s / rate), see runtime/mprof.go, scaleHeapSample. Frees are added before allocations are read, so a reader
 * that loads the free counts first (acquire) never sees more frees than allocations. */
struct segment_heap_bucket {
    uint64_t key;         /* A, release: stack id | size class << 32 */
    uint64_t rate;        /* A: sampling rate in bytes that held; 1 = every object. Part of the key, set before it */
    uint64_t alloc_count; /* A */
    uint64_t alloc_bytes; /* A: requested bytes */
    uint64_t free_count;  /* A, release */
    uint64_t free_bytes;  /* A, release */
    uint64_t reserved[2];
};
_Static_assert(sizeof(struct segment_heap_bucket) == 64, "one cache line");

/* block: the waiter's stack. mutex: the stack of the unlock that ended the wait. */
struct segment_wait_bucket {
    uint64_t key;       /* A, release: stack id | number of the lock << 32, 0 = of any other */
    uint64_t count_q16; /* A: contentions, fixed point with 16 fractional bits (short waits count rate / duration) */
    uint64_t ns;        /* A: delay */
    uint64_t lock;      /* A: its address; 0 = none that is told apart, or not written yet */
};
_Static_assert(sizeof(struct segment_wait_bucket) == 32, "layout");

struct segment_live {
    uint64_t address; /* A: of the object; 0 = free slot. Its thread of allocation writes it, whoever frees clears it */
    uint32_t bucket;  /* index into heap buckets; written before address */
    uint32_t reserved;
    uint64_t size; /* requested bytes; written before address */
};
_Static_assert(sizeof(struct segment_live) == 24, "layout");

/* ---- Threads -------------------------------------------------------------------------------------------------------*/
enum segment_thread_state { /* the words of the dump in brackets; numbers are part of the layout */
                            SEGMENT_THREAD_FREE = 0,
                            SEGMENT_THREAD_RUNNING = 1, /* running: in no call that we know to wait */
                            SEGMENT_THREAD_MUTEX = 2,
                            SEGMENT_THREAD_RWLOCK = 3,
                            SEGMENT_THREAD_COND = 4,
                            SEGMENT_THREAD_SEMAPHORE = 5,
                            SEGMENT_THREAD_BARRIER = 6,
                            SEGMENT_THREAD_JOIN = 7,
                            SEGMENT_THREAD_FUTEX = 8,
                            SEGMENT_THREAD_IO = 9,
                            SEGMENT_THREAD_SLEEP = 10,
                            SEGMENT_THREAD_SYSCALL = 11,
                            SEGMENT_THREAD_EXITED = 12,  /* record kept for its name until the slot is needed */
                            SEGMENT_THREAD_NETWORK = 13, /* IO on a socket, or of whichever descriptor is ready first */
                            SEGMENT_THREAD_CHILD = 14,   /* a child process */
};

struct segment_thread {
    uint32_t tid;            /* A, release: 0 = never used */
    uint32_t state;          /* A: enum segment_thread_state as the hooks see it */
    uint64_t state_since_ns; /* A: CLOCK_MONOTONIC of the last change into a waiting state, or of the reader's
                                           * last sign of life before it; 0 unknown */
    uint64_t started_ns;     /* CLOCK_MONOTONIC; 0 = was there before us */
    uint32_t own;            /* A: 1 = one of ours: never sampled, listed or counted */
    uint32_t create_stack;   /* A: stack id of the pthread_create call; 0 unknown */
    char name[SEGMENT_THREAD_NAME_BYTES]; /* as last seen by control or by the hook of pthread_setname_np; may tear */

    /* Registers at the entry of the hook that waits; valid while wait_seq is odd. */
    uint64_t wait_seq;    /* A: odd while inside a hook that may wait (release on entry and exit) */
    uint64_t wait_pc;     /* A: return address of the hook: where its caller goes on */
    uint64_t wait_sp;     /* A: stack pointer there */
    uint64_t wait_fp;     /* A: frame pointer register there */
    uint64_t wait_object; /* A: address of what is waited for, or a file descriptor; 0 unknown */
    uint64_t wait_ticks;  /* A: of the trace's clock: when the wait began; 0 = not while recording, or no wait */
    uint32_t wait_stack;  /* A: stack id, known while recording; 0 = not */
    uint32_t labels;      /* A: id of a string that holds struct segment_label, as many as there are; 0 none */

    /* Filled by control (or by the thread's own handler) for one dump. */
    uint64_t dump_seq;      /* A, release: dump that the next five fields belong to */
    uint32_t dump_stack;    /* A: stack id; 0 = none could be had */
    uint32_t dump_state;    /* A: enum segment_thread_state, with what the kernel says merged in */
    uint64_t dump_since_ns; /* A: 0 unknown */
    uint64_t dump_wait_seq; /* A: wait_seq then: a wait with another one began later; 0 = not known */

    uint64_t stack_low, stack_high; /* A: bounds of its stack, 0 unknown; low inclusive, high exclusive */
    uint64_t root_pc;               /* A: start of its function, where its stacks end; 0 unknown */
    uint64_t reserved[4];
};
_Static_assert(sizeof(struct segment_thread) == 192, "three cache lines");

/* A label that the program gave a thread: ids of strings. Of a thread's labels no two have the same key, and they ascend
 * by it, so that equal sets are equal strings. */
struct segment_label {
    uint32_t key, value;
};
_Static_assert(SEGMENT_LABELS_MAX * sizeof(struct segment_label) <= SEGMENT_STRING_LENGTH_MAX, "a set is a string");

/* ---- Strings: the names of tasks, regions and the like, each once. A string's id is the offset of its first byte in
 * the array, plus one; 0 is none. There stands its length (one byte), then its bytes. Slots as those of stacks: hash and
 * id; A, published with release. */
typedef uint64_t segment_string_slot;

/* ---- Trace: what threads did, in the order in which each did it ------------------------------------------------------
 * A thread that records leases a chunk, fills its slots one by one, and leases another. There are as many chunks as the
 * bound on memory allows; when all are used the oldest is leased anew, whoever filled it. No record needs another one: a
 * wait is written when it ends, with both its ends, so that any set of chunks tells what it tells. What a thread waits
 * for right now stands in its thread record.
 *
 * Times are ticks of `clock`: of the CPU's time stamp counter, or nanoseconds of CLOCK_MONOTONIC. */
enum segment_trace_clock { SEGMENT_TRACE_CLOCK_MONOTONIC = 0, SEGMENT_TRACE_CLOCK_TSC = 1 };

enum segment_trace_kind { /* begin: ticks, of each; object, value: as said */
                          SEGMENT_TRACE_NONE = 0,
                          SEGMENT_TRACE_WAIT = 1, /* reason: enum segment_thread_state; begin: 0 = before the recording;
                                                    * value: ticks of its end; object: as wait_object */
                          SEGMENT_TRACE_WAKE = 2, /* let go on who waits for object; begin: before it did */
                          SEGMENT_TRACE_START =
                              3,                  /* object: start function; stack: of the creator; value: its tid << 32
                                                    * | ticks since it made the thread, at most UINT32_MAX */
                          SEGMENT_TRACE_EXIT = 4, /* value, object: the thread's name, 16 bytes */
                          SEGMENT_TRACE_NAME = 5, /* the same, from here on */
                          SEGMENT_TRACE_SAMPLE = 6, /* of the CPU */
                          SEGMENT_TRACE_HEAP = 7,   /* value: bytes in use, estimated */
                          /* By the program itself. task: its number, 0 none; type, category: id of a string */
                          SEGMENT_TRACE_TASK_BEGIN = 8,    /* object: task; value: type << 40 | parent */
                          SEGMENT_TRACE_TASK_END = 9,      /* object: task */
                          SEGMENT_TRACE_REGION_BEGIN = 10, /* object: task; value: type */
                          SEGMENT_TRACE_REGION_END = 11,   /* the same */
                          SEGMENT_TRACE_LOG = 12,          /* object: task; value: bytes << 32 | category; the message
                                                            * stands in the slots behind it */
                          SEGMENT_TRACE_TEXT = 13,         /* 24 bytes of it, from `begin` on */
                          SEGMENT_TRACE_LABELS = 14,       /* value: the thread's labels from here on, as in its
                                                            * record; object: those until here */
};

#define SEGMENT_TRACE_TYPE_SHIFT 40
#define SEGMENT_TRACE_TEXT_BYTES 24u
#define SEGMENT_TRACE_MESSAGE_BYTES_MAX 240u
#define SEGMENT_TRACE_TIMED_OUT 0x80u /* added to a WAIT's reason: nobody ended it */

struct segment_trace_record {
    uint32_t stack; /* id; 0 none */
    uint16_t lease; /* low bits of the chunk's lease: tells a record from what was there before */
    uint8_t kind;   /* enum segment_trace_kind */
    uint8_t reason;
    uint64_t begin;
    uint64_t value;
    uint64_t object;
};
_Static_assert(sizeof(struct segment_trace_record) == 32, "its first word is written last, A, release");

#define SEGMENT_TRACE_LEASE_SHIFT 16
#define SEGMENT_TRACE_SLOT_MASK (((uint64_t)1 << SEGMENT_TRACE_LEASE_SHIFT) - 1)

struct segment_trace_chunk {
    uint64_t
        head; /* A: lease << SEGMENT_TRACE_LEASE_SHIFT | slots claimed, of which there may be more than there are; 0 = never leased */
    uint64_t ready;  /* A, release: the lease that the next two fields belong to */
    uint32_t tid;    /* of the thread that fills it */
    uint32_t thread; /* index of its record */
    uint64_t reserved;
    struct segment_trace_record records[SEGMENT_TRACE_RECORDS];
};
_Static_assert(sizeof(struct segment_trace_chunk) == SEGMENT_TRACE_CHUNK_BYTES, "layout");

struct segment_trace {
    uint64_t cursor; /* A: chunks ever used << 32 | the one to be leased anew next */
    uint64_t leases; /* A: number of them, which is the last one's */
    uint64_t apart[6];

    uint64_t clock;      /* enum segment_trace_clock; written before `recording` */
    uint64_t recording;  /* A, release: 1 = on (control) */
    uint64_t pair_ticks; /* a reading of the clock, and CLOCK_MONOTONIC at the same time */
    uint64_t pair_ns;
    uint64_t since_ticks; /* A: when the recording was switched on last */
    uint64_t lost_ticks;  /* A: of the newest record whose chunk was leased anew: what is later is all there */
    uint64_t bytes_max;   /* A: that chunks may take */
    uint64_t min_age_ns;  /* A: a chunk that is older is leased anew rather than a fresh one; 0 = no rolling trace */
};
_Static_assert(sizeof(struct segment_trace) == 2 * SEGMENT_SHARED_ALIGN, "what all threads change stands apart");

/* ---- Modules: what is mapped where, for readers that outlive the process -------------------------------------------*/
struct segment_module {
    uint64_t seq;     /* A, release: odd while being written, 0 = never used */
    uint64_t start;   /* first address of the executable mapping */
    uint64_t limit;   /* exclusive */
    uint64_t offset;  /* file offset of start */
    uint64_t bias;    /* what the loader added to the file's virtual addresses */
    uint64_t gone_ns; /* CLOCK_MONOTONIC of its unloading; 0 = loaded */
    uint32_t build_id_bytes;
    uint32_t reserved;
    uint8_t build_id[SEGMENT_BUILD_ID_BYTES];
    char path[SEGMENT_PATH_BYTES]; /* "[vdso]" for the kernel's; absolute for files */
};
_Static_assert(sizeof(struct segment_module) == 600, "layout");

/* ---- Counters: errors in the probe end here, and readers report them -----------------------------------------------*/
struct segment_counters {
    uint64_t cpu_samples;      /* A: signals that became samples */
    uint64_t cpu_overruns;     /* A: expiries that came with a signal's overrun, or were settled by the CPU clock */
    uint64_t lost_cpu;         /* A: samples that found no bucket or stack slot (their time is in lost_cpu_ns) */
    uint64_t lost_cpu_ns;      /* A */
    uint64_t lost_heap;        /* A: sampled allocations that found no bucket */
    uint64_t lost_heap_bytes;  /* A */
    uint64_t lost_live;        /* A: sampled allocations whose object could not be followed (they count as freed) */
    uint64_t lost_block;       /* A */
    uint64_t lost_block_ns;    /* A */
    uint64_t lost_mutex;       /* A */
    uint64_t lost_mutex_ns;    /* A */
    uint64_t lost_threads;     /* A: threads for which there was no record */
    uint64_t lost_modules;     /* A */
    uint64_t lost_timers;      /* A: threads that the kernel gave no timer */
    uint64_t stacks;           /* A: distinct stacks interned */
    uint64_t stack_words;      /* A: words of the stack array in use (allocation cursor; may pass the limit) */
    uint64_t stacks_truncated; /* A: walks that did not reach the root */
    uint64_t stacks_lost;      /* A: walks whose stack did not fit the table */
    uint64_t handler_ns;       /* A: time in our signal handler */
    uint64_t threads_created;  /* A: by pthread_create since the segment was made, ours left out */
    uint64_t heap_in_use;      /* A: bytes, estimated from the samples of the heap */
    uint64_t hook_samples;     /* A: allocations, waits and contentions that hooks recorded; as the next, estimated */
    uint64_t hook_ns;          /* A: time that they took to be recorded */
    uint64_t forks;            /* A: calls of fork and its like, under a supervisor */
    uint64_t string_bytes;     /* A: of the strings' array in use (allocation cursor; may pass the limit) */
    uint64_t lost_strings;     /* A: names and labels that found no room */
    uint64_t reserved[6];
};
_Static_assert(sizeof(struct segment_counters) == 256, "layout");

/* ---- Mailbox: the reader's side writes requests, control (a thread in the target) serves them. Both wait by futex
 * (shared, not private). Requests are levels or sequence numbers, so a reader that dies leaves nothing half done. */
struct segment_mailbox {
    uint32_t wake;      /* A, release: futex word, incremented by the reader after it changed a request */
    uint32_t done;      /* A, release: futex word, incremented by control after it served requests */
    uint32_t cpu_users; /* A: CPU captures that run now; the sampler runs while it is > 0 (reader) */
    uint32_t cpu_hz;    /* A: the highest rate that one of them asks for (reader); 0 = 100 */
    uint64_t
        cpu_ready_epoch;  /* A, release: cpu_epoch + 1 once every thread has its timer (control); 0 = sampler is off */
    uint64_t dump_wanted; /* A: sequence number of the newest dump asked for (reader, incremented) */
    uint64_t dump_done;   /* A, release: newest dump whose records are complete (control) */
    uint64_t refresh_wanted; /* A: names, modules, CPU time owed: the same protocol */
    uint64_t refresh_done;   /* A, release */
    uint64_t heartbeat_ns;   /* A: CLOCK_MONOTONIC of control's last turn; a stopped target lets it age */
    uint64_t
        reader_ns; /* A: CLOCK_MONOTONIC of the reader's last sign of life, some seconds ago at most (reader; control,
                              * where both are one process) */
    uint32_t trace_users; /* A: traces that are taken now; recorded while it is > 0 (reader) */
    uint32_t reserved_too;
    uint64_t reserved[4];
};
_Static_assert(sizeof(struct segment_mailbox) == 112, "layout");

/* What the handler of a fatal signal leaves. `signal` is written last; 0 = it did not crash. */
struct segment_crash {
    uint32_t signal; /* A, release */
    int32_t code;    /* si_code */
    uint32_t tid;
    uint32_t stack;   /* id; 0 = none could be had */
    uint64_t address; /* si_addr of a fault */
    uint64_t pc;
};
_Static_assert(sizeof(struct segment_crash) == 32, "layout");

/* A table inside the segment. */
struct segment_table {
    uint64_t offset; /* bytes from the segment's start, multiple of SEGMENT_SHARED_ALIGN */
    uint32_t count;  /* entries */
    uint32_t stride; /* bytes an entry */
};

struct segment {
    uint64_t magic;
    uint32_t version;
    uint32_t header_bytes; /* sizeof(struct segment) */
    uint64_t total_bytes;
    uint32_t pid; /* in the target's own namespace */
    uint32_t page_bytes;
    uint64_t made_monotonic_ns; /* one pair of readings, to convert the one clock into the other */
    uint64_t made_realtime_ns;
    uint64_t clock_tick_ns; /* granularity of CPU timers as measured by control; 0 unknown */

    /* Rates in force; A, written by control. 0 = off. */
    uint64_t mem_profile_rate_bytes;
    uint64_t block_rate_ns;
    uint64_t mutex_fraction;
    uint64_t cpu_period_ns; /* of the running sampler, or of the last one */
    uint64_t cpu_epoch;     /* A, release: counts how often the CPU table was cleared */

    struct segment_table stack_slots, stack_words, cpu, heap, block, mutex, live, threads, modules, parts;
    struct segment_table string_slots, string_bytes;
    struct segment_table trace_chunks; /* aligned to pages */
    struct segment_crash crash;
    uint64_t reserved[6];

    _Alignas(SEGMENT_SHARED_ALIGN) struct segment_trace trace;
    _Alignas(SEGMENT_SHARED_ALIGN) struct segment_counters counters;
    _Alignas(SEGMENT_SHARED_ALIGN) struct segment_mailbox mailbox;
};
_Static_assert(sizeof(struct segment) % SEGMENT_SHARED_ALIGN == 0, "tables start on a cache line");

/* Pointer to a table's first entry. No checks: for the target's own use; readers go through reader/validate.c. */
static inline void *segment_entries(const struct segment *segment, const struct segment_table *table) {
    return (char *)(uintptr_t)segment + table->offset;
}

/* ---- Parts: a bit for each 4 KiB of the segment, set before an entry that begins there is claimed, never cleared. Of
 * threads, modules, cpu, heap, block and mutex, which are looked through from end to end: who does passes over the parts
 * without a bit. `parts` is the content of that table, an array of 64-bit words; `offset` that of an entry. */
static inline bool segment_part_used(const uint64_t *parts, uint64_t offset) {
    uint64_t part = offset >> SEGMENT_PART_SHIFT;
    return __atomic_load_n(&parts[part / 64], __ATOMIC_ACQUIRE) >> part % 64 & 1;
}

static inline void segment_use_part(uint64_t *parts, uint64_t offset) {
    uint64_t part = offset >> SEGMENT_PART_SHIFT;
    if (!segment_part_used(parts, offset))
        __atomic_fetch_or(&parts[part / 64], (uint64_t)1 << part % 64, __ATOMIC_RELEASE);
}

/* Bytes that a segment of the limits above takes (address space; memory is committed as it is touched), with chunks of
 * `trace_bytes` in all, which is brought into its bounds. */
uint64_t segment_bytes(uint64_t trace_bytes);

/* Lay out an all-zero mapping of segment_bytes() bytes. The magic is written last (release). No errors. */
void segment_format(struct segment *segment, uint64_t trace_bytes, uint32_t pid, uint32_t page_bytes,
                    uint64_t monotonic_ns, uint64_t realtime_ns);

#endif
