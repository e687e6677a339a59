/* A capture segment made by hand, and a thread that plays the target's side of its mailbox. */
#ifndef PIKO_TESTS_READER_FAKE_H
#define PIKO_TESTS_READER_FAKE_H

#include <pthread.h>

#include "segment/segment.h"

#define FAKE_ENTRIES 64u /* of each table of a small segment */
#define FAKE_STACK_WORDS 4096u
#define FAKE_CHUNKS 4u
#define FAKE_STRING_BYTES 1024u

struct fake {
    struct segment *segment;
    size_t bytes;
    uint32_t words, string_bytes; /* used */
    uint32_t buckets[4], threads, modules;
    pthread_t control;
    int control_runs, silent;          /* silent: the target answers nothing */
    void (*on_cpu)(struct fake *fake); /* called by control when the sampler starts */
};

/* A small segment with its own table sizes, or one of full size by segment_format(). */
void fake_make(struct fake *fake);
void fake_make_full(struct fake *fake);
void fake_free(struct fake *fake);

/* Each returns what it made, for the test to change. */
uint32_t fake_stack(struct fake *fake, uint16_t flags, uint16_t n, const uint64_t *pcs);
struct segment_heap_bucket *fake_heap(struct fake *fake, uint32_t stack, uint64_t rate, uint64_t allocs, uint64_t bytes,
                                      uint64_t frees, uint64_t freed);
struct segment_wait_bucket *fake_block(struct fake *fake, uint32_t stack, uint64_t count_q16, uint64_t ns);
struct segment_wait_bucket *fake_mutex(struct fake *fake, uint32_t stack, uint64_t count_q16, uint64_t ns);
struct segment_cpu_bucket *fake_cpu(struct fake *fake, uint32_t stack, uint32_t tid, uint32_t thread, uint64_t count,
                                    uint64_t ns);
struct segment_thread *fake_thread(struct fake *fake, uint32_t tid, const char *name, uint32_t state);
struct segment_module *fake_module(struct fake *fake, uint64_t start, uint64_t limit, const char *path);

/* A string; its id. */
uint32_t fake_string(struct fake *fake, const void *bytes, uint8_t size);

/* The executable mappings of this process, the program first, with their build ids. */
void fake_own_modules(struct fake *fake);

/* Answer requests until fake_control_stop(): a dump takes each thread's state and create_stack as they are. */
void fake_control_start(struct fake *fake);
void fake_control_stop(struct fake *fake);

#endif
