/* Two processes whose records of a trace are anything: the input is a list of items of 40 bytes, each a record in a chunk,
 * a word anywhere in a segment, or a chunk that changes hands. Whatever the writers do, traces that are taken while they
 * do it and the recent past are files that a reader replays without a contradiction, with and without their first
 * generations, and of a bounded size. The clock is made up, so that each input means one thing. */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../unit/reader/fake.h"
#include "../unit/trace/go_check.h"
#include "base/clock.h"
#include "reader/tree.h"

#define PROCESSES 2u
#define FIRST_PID 5000001u /* larger than any of the kernel's: nobody waits for their answers */
#define ITEMS_MAX 200u
#define SIZE_MAX_OF_FILE ((size_t)1 << 20)
#define UPTIME_NS (40 * 24 * 3600 * NS_PER_S)
#define ITEM_NS_MAX (20 * NS_PER_MS)
#define TURN_NS (300 * NS_PER_MS)

struct item {
    uint8_t what, process, chunk, slot;
    uint32_t offset;
    struct segment_trace_record record;
};
_Static_assert(sizeof(struct item) == 40, "the corpus is made of them");

static uint64_t now_ns; /* 0: nothing is made up */

/* Instead of libc's. */
int clock_gettime(clockid_t clock, struct timespec *ret) {
    if (!now_ns || clock != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock, ret);
    *ret = (struct timespec){.tv_sec = (time_t)(now_ns / NS_PER_S), .tv_nsec = (long)(now_ns % NS_PER_S)};
    return 0;
}

enum { RECORD, NEAR_RECORD, WORD, CHUNK, N_KINDS };

static struct segment_trace_chunk *chunk_of(struct segment *segment, uint8_t index) {
    return (struct segment_trace_chunk *)segment_entries(segment, &segment->trace_chunks) + index % FAKE_CHUNKS;
}

static void lease(struct segment *segment, uint8_t index, uint32_t tid, uint32_t thread) {
    struct segment_trace_chunk *chunk = chunk_of(segment, index);
    uint64_t number = ++segment->trace.leases;
    chunk->head = number << SEGMENT_TRACE_LEASE_SHIFT;
    chunk->tid = tid;
    chunk->thread = thread;
    chunk->ready = number;
    segment->trace.cursor = (uint64_t)FAKE_CHUNKS << 32;
}

/* A record whose lease is right, and whose times are near if asked for: so that most are told. */
static void put(struct segment *segment, const struct item *item, bool near) {
    struct segment_trace_chunk *chunk = chunk_of(segment, item->chunk);
    uint32_t slot = (uint32_t)(chunk->head & SEGMENT_TRACE_SLOT_MASK);
    if (slot >= SEGMENT_TRACE_RECORDS)
        return;
    struct segment_trace_record record = item->record;
    record.lease = (uint16_t)(chunk->head >> SEGMENT_TRACE_LEASE_SHIFT);
    record.kind = (uint8_t)(record.kind % (SEGMENT_TRACE_TEXT + 2));
    if (near) {
        record.begin = record.begin ? now_ns - record.begin % NS_PER_S : 0;
        if (record.kind == SEGMENT_TRACE_WAIT)
            record.value = now_ns - record.value % ITEM_NS_MAX;
        record.stack %= 8;
        record.object %= 4;
        record.reason %= SEGMENT_THREAD_CHILD + 2;
    }
    chunk->records[slot] = record;
    chunk->head++;
}

/* Anywhere but in the directory, which we use ourselves, and the mailbox, whose waits are bounded but too long for us. */
static void put_word(struct fake *fake, const struct item *item) {
    uint32_t offset = item->offset % (uint32_t)(fake->bytes - 8);
    uint64_t mailbox = offsetof(struct segment, mailbox);
    bool is_used = offset < offsetof(struct segment, trace);
    bool is_mailbox = offset + 8 > mailbox && offset < mailbox + sizeof(struct segment_mailbox);
    if (!is_used && !is_mailbox)
        memcpy((char *)fake->segment + offset, &item->record.begin, 8);
}

static void apply(struct fake fakes[], const uint8_t *data, size_t size) {
    struct item item;
    for (unsigned i = 0; i < ITEMS_MAX && size >= sizeof(item); i++, data += sizeof(item), size -= sizeof(item)) {
        memcpy(&item, data, sizeof(item));
        struct fake *fake = &fakes[item.process % PROCESSES];
        now_ns += item.offset % ITEM_NS_MAX;
        unsigned what = item.what % N_KINDS;
        if (what == WORD)
            put_word(fake, &item);
        else if (what == CHUNK)
            lease(fake->segment, item.chunk, 100 + item.slot % 8u, item.offset % (FAKE_ENTRIES + 1));
        else
            put(fake->segment, &item, what == NEAR_RECORD);
    }
}

static void fill(struct fake *fake) {
    fake_make(fake);
    fake_stack(fake, 0, 3, (const uint64_t[]){0x2000, 0x3000, 0x12345678});
    fake_stack(fake, SEGMENT_STACK_TRUNCATED, 1, (const uint64_t[]){0x2500});
    fake_module(fake, 0x1000, 0x9000, "/none/program");
    fake_thread(fake, 101, "worker", SEGMENT_THREAD_MUTEX);
    fake_thread(fake, 102, "other", SEGMENT_THREAD_IO);
    struct segment *segment = fake->segment;
    memcpy(segment_entries(segment, &segment->string_bytes), "\4parse", 5);
    struct segment_trace *trace = &segment->trace;
    trace->recording = 1;
    trace->min_age_ns = NS_PER_S;
    trace->since_ticks = now_ns;
    for (uint8_t i = 0; i < FAKE_CHUNKS; i++)
        lease(segment, i, 101 + i % 2u, i % 2u);
    segment->mailbox.dump_done = segment->mailbox.refresh_done = UINT64_MAX;
}

static void check(const struct buffer *file, enum trace_format format) {
    if (file->error || file->size > SIZE_MAX_OF_FILE)
        abort();
    if (format == TRACE_PERFETTO || !file->size)
        return;
    unsigned generations = go_check_generations(file->data, file->size);
    for (unsigned skip = 0; skip < generations; skip++)
        if (go_check(file->data, file->size, skip, NULL))
            abort();
}

static void take_recent(struct tree *tree, enum trace_format format) {
    struct buffer file = BUFFER_INIT(0);
    if (!tree_trace_recent(tree, /* pid= */ 0, format, &file))
        check(&file, format);
    buffer_done(&file);
}

static void take_trace(struct tree *tree, struct fake fakes[], const uint8_t *data, size_t size,
                       enum trace_format format) {
    struct buffer file = BUFFER_INIT(0);
    struct tree_trace *trace;
    if (tree_trace_begin(tree, /* pid= */ 0, format, &trace))
        return;
    for (unsigned turn = 0; turn < 3; turn++) {
        apply(fakes, data + turn * size / 3, size / 3);
        now_ns += TURN_NS;
        tree_trace_read(trace, &file);
    }
    if (!tree_trace_end(trace, &file))
        check(&file, format);
    buffer_done(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fake fakes[PROCESSES];
    struct tree *tree;
    if (size < sizeof(struct item) || tree_new(&tree))
        return 0;
    enum trace_format format = (enum trace_format)((data[1] >> 2) % (TRACE_PERFETTO + 1u));
    now_ns = UPTIME_NS;
    for (unsigned i = 0; i < PROCESSES; i++) {
        fill(&fakes[i]); /* its segment is the tree's from here on */
        if (tree_add(tree, FIRST_PID + i, 1, "program", "/none/program", fakes[i].segment, fakes[i].bytes))
            abort();
    }
    apply(fakes, data, size / 2);
    now_ns += TURN_NS;
    take_recent(tree, format);
    take_trace(tree, fakes, data + size / 2, size - size / 2, format);
    tree_free(tree);
    now_ns = 0;
    return 0;
}
