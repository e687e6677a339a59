#include "segment/segment.h"

static uint64_t aligned(uint64_t cursor, uint64_t to) {
    return (cursor + to - 1) & ~(to - 1);
}

static uint64_t place(uint64_t cursor, struct segment_table *table, uint32_t count, uint32_t stride) {
    cursor = aligned(cursor, SEGMENT_SHARED_ALIGN);
    if (table)
        *table = (struct segment_table){.offset = cursor, .count = count, .stride = stride};
    return cursor + (uint64_t)count * stride;
}

static uint32_t trace_chunks(uint64_t bytes) {
    if (bytes < SEGMENT_TRACE_BYTES_MIN)
        bytes = SEGMENT_TRACE_BYTES_MIN;
    if (bytes > SEGMENT_TRACE_BYTES_MAX)
        bytes = SEGMENT_TRACE_BYTES_MAX;
    return (uint32_t)(bytes / SEGMENT_TRACE_CHUNK_BYTES);
}

/* The one list of tables; `segment` may be NULL to only add up the sizes. */
static uint64_t place_all(struct segment *segment, uint64_t trace_bytes) {
    uint64_t cursor = sizeof(struct segment);
#define PLACE(table, count, type) cursor = place(cursor, segment ? &segment->table : NULL, count, sizeof(type))
    PLACE(threads, SEGMENT_THREADS_MAX, struct segment_thread);
    PLACE(modules, SEGMENT_MODULES_MAX, struct segment_module);
    PLACE(stack_slots, SEGMENT_STACK_SLOTS, segment_stack_slot);
    PLACE(stack_words, SEGMENT_STACK_WORDS, uint64_t);
    PLACE(cpu, SEGMENT_CPU_BUCKETS, struct segment_cpu_bucket);
    PLACE(heap, SEGMENT_HEAP_BUCKETS, struct segment_heap_bucket);
    PLACE(block, SEGMENT_WAIT_BUCKETS, struct segment_wait_bucket);
    PLACE(mutex, SEGMENT_WAIT_BUCKETS, struct segment_wait_bucket);
    PLACE(live, SEGMENT_LIVE_SLOTS, struct segment_live);
    PLACE(parts, (uint32_t)(cursor >> SEGMENT_PART_SHIFT) / 64 + 1, uint64_t);
    PLACE(string_slots, SEGMENT_STRING_SLOTS, segment_string_slot);
    PLACE(string_bytes, SEGMENT_STRING_BYTES, uint8_t);
    cursor = aligned(cursor, SEGMENT_TRACE_CHUNK_BYTES);
    PLACE(trace_chunks, trace_chunks(trace_bytes), struct segment_trace_chunk);
#undef PLACE
    return place(cursor, NULL, 0, 0);
}

uint64_t segment_bytes(uint64_t trace_bytes) {
    return place_all(NULL, trace_bytes);
}

void segment_format(struct segment *segment, uint64_t trace_bytes, uint32_t pid, uint32_t page_bytes,
                    uint64_t monotonic_ns, uint64_t realtime_ns) {
    segment->version = SEGMENT_VERSION;
    segment->header_bytes = sizeof(struct segment);
    segment->total_bytes = place_all(segment, trace_bytes);
    segment->pid = pid;
    segment->page_bytes = page_bytes;
    segment->made_monotonic_ns = monotonic_ns;
    segment->made_realtime_ns = realtime_ns;
    __atomic_store_n(&segment->magic, SEGMENT_MAGIC, __ATOMIC_RELEASE);
}
