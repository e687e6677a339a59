#include "reader/validate.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"

static uint64_t load(const uint64_t *field) {
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

/* Word by word, so that a field that changes meanwhile is old or new, never in between. */
static void copy_words(void *to, const void *from, size_t bytes) {
    uint64_t *target = to;
    const uint64_t *source = from;
    for (size_t i = 0; i < bytes / sizeof(*source); i++)
        target[i] = load(&source[i]);
}

static bool open_table(const struct segment *segment, size_t bytes, const struct segment_table *shared, size_t stride,
                       struct view_table *ret) {
    struct segment_table table;
    _Static_assert(sizeof(table) % sizeof(uint64_t) == 0, "copied by words");
    copy_words(&table, shared, sizeof(table));
    if (table.stride != stride || table.offset % SEGMENT_SHARED_ALIGN || table.offset < sizeof(struct segment) ||
        table.offset > bytes || (uint64_t)table.count * stride > bytes - table.offset)
        return false;
    *ret = (struct view_table){.entries = (const char *)segment + table.offset, .count = table.count};
    return true;
}

int view_open(struct segment *segment, size_t bytes, struct view *ret) {
    if (bytes < sizeof(struct segment) || __atomic_load_n(&segment->magic, __ATOMIC_ACQUIRE) != SEGMENT_MAGIC)
        return -EBADMSG;
    if (segment->version != SEGMENT_VERSION || segment->header_bytes != sizeof(struct segment) ||
        load(&segment->total_bytes) > bytes)
        return -EBADMSG;
    struct view view = {.segment = segment, .bytes = bytes, .pid = segment->pid};
    bool good = true;
#define OPEN(table, type) good = open_table(segment, bytes, &segment->table, sizeof(type), &view.table) && good
    OPEN(stack_slots, segment_stack_slot);
    OPEN(stack_words, uint64_t);
    OPEN(cpu, struct segment_cpu_bucket);
    OPEN(heap, struct segment_heap_bucket);
    OPEN(block, struct segment_wait_bucket);
    OPEN(mutex, struct segment_wait_bucket);
    OPEN(live, struct segment_live);
    OPEN(threads, struct segment_thread);
    OPEN(modules, struct segment_module);
    OPEN(parts, uint64_t);
    OPEN(string_bytes, uint8_t);
    OPEN(trace_chunks, struct segment_trace_chunk);
#undef OPEN
    if (!good)
        return -EBADMSG;
    *ret = view;
    return 0;
}

bool view_used(const struct view *view, const struct view_table *table, size_t stride, uint32_t index) {
    uint64_t offset = (uint64_t)(table->entries - (const char *)view->segment) + (uint64_t)index * stride;
    return offset >> SEGMENT_PART_SHIFT < (uint64_t)view->parts.count * 64 &&
           segment_part_used((const uint64_t *)(const void *)view->parts.entries, offset);
}

bool view_stack(const struct view *view, uint32_t id, struct view_stack *ret) {
    if (!id || id > view->stack_words.count)
        return false;
    const uint64_t *words = (const uint64_t *)(const void *)view->stack_words.entries + (id - 1);
    struct segment_stack head;
    copy_words(&head, words, sizeof(head));
    if (head.n_frames > SEGMENT_STACK_DEPTH_MAX || head.n_frames > view->stack_words.count - id)
        return false;
    ret->n_frames = head.n_frames;
    ret->truncated = head.flags & SEGMENT_STACK_TRUNCATED;
    copy_words(ret->pcs, words + 1, head.n_frames * sizeof(*words));
    return true;
}

bool view_thread(const struct view *view, uint32_t index, struct segment_thread *ret) {
    const struct segment_thread *shared = (const struct segment_thread *)(const void *)view->threads.entries + index;
    if (!view_used(view, &view->threads, sizeof(*shared), index))
        return false;
    uint32_t tid = __atomic_load_n(&shared->tid, __ATOMIC_ACQUIRE);
    if (!tid)
        return false;
    copy_words(ret, shared, sizeof(*ret));
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (ret->tid != tid || __atomic_load_n(&shared->tid, __ATOMIC_RELAXED) != tid)
        return false;
    ret->name[sizeof(ret->name) - 1] = '\0';
    return true;
}

bool view_module(const struct view *view, uint32_t index, struct segment_module *ret) {
    const struct segment_module *shared = (const struct segment_module *)(const void *)view->modules.entries + index;
    if (!view_used(view, &view->modules, sizeof(*shared), index))
        return false;
    uint64_t seq = __atomic_load_n(&shared->seq, __ATOMIC_ACQUIRE);
    if (!seq || seq % 2)
        return false;
    copy_words(ret, shared, sizeof(*ret));
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (load(&shared->seq) != seq || ret->start >= ret->limit || ret->build_id_bytes > sizeof(ret->build_id))
        return false;
    ret->path[sizeof(ret->path) - 1] = '\0';
    return true;
}

static const struct segment_trace_chunk *chunk_at(const struct view *view, uint32_t index) {
    return (const struct segment_trace_chunk *)(const void *)view->trace_chunks.entries + index;
}

uint64_t view_trace_head(const struct view *view, uint32_t index) {
    return __atomic_load_n(&chunk_at(view, index)->head, __ATOMIC_ACQUIRE);
}

bool view_trace_chunk(const struct view *view, uint32_t index, struct segment_trace_chunk *ret) {
    const struct segment_trace_chunk *shared = chunk_at(view, index);
    uint64_t lease = view_trace_head(view, index) >> SEGMENT_TRACE_LEASE_SHIFT;
    if (!lease || __atomic_load_n(&shared->ready, __ATOMIC_ACQUIRE) != lease)
        return false;
    copy_words(ret, shared, sizeof(*ret));
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return view_trace_head(view, index) >> SEGMENT_TRACE_LEASE_SHIFT == lease;
}

uint64_t view_wait_seq(const struct view *view, uint32_t index) {
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return load(&((const struct segment_thread *)(const void *)view->threads.entries + index)->wait_seq);
}

uint32_t view_string(const struct view *view, uint32_t id, char ret[VIEW_STRING_BYTES]) {
    const uint8_t *bytes = (const uint8_t *)view->string_bytes.entries;
    ret[0] = '\0';
    if (!id || id > view->string_bytes.count)
        return 0;
    uint32_t length = __atomic_load_n(&bytes[id - 1], __ATOMIC_RELAXED);
    if (length > view->string_bytes.count - id)
        return 0;
    for (uint32_t i = 0; i < length; i++)
        ret[i] = (char)__atomic_load_n(&bytes[id + i], __ATOMIC_RELAXED);
    ret[length] = '\0';
    return length;
}

void view_trace(const struct view *view, struct segment_trace *ret) {
    copy_words(ret, &view->segment->trace, sizeof(*ret));
}

void view_counters(const struct view *view, struct segment_counters *ret) {
    copy_words(ret, &view->segment->counters, sizeof(*ret));
}

struct view_rates view_rates(const struct view *view) {
    const struct segment *segment = view->segment;
    return (struct view_rates){
        .mem_profile_rate_bytes = load(&segment->mem_profile_rate_bytes),
        .block_rate_ns = load(&segment->block_rate_ns),
        .mutex_fraction = load(&segment->mutex_fraction),
        .cpu_period_ns = load(&segment->cpu_period_ns),
    };
}

uint64_t view_bytes_used(const struct view *view) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)view->segment & ~(page - 1);
    size_t bytes = (uintptr_t)view->segment + view->bytes - start, pages = (bytes + page - 1) / page, used = 0;
    _cleanup_free_ unsigned char *resident = malloc(pages);
    if (!resident || mincore((void *)start, bytes, resident))
        return 0;
    for (size_t i = 0; i < pages; i++)
        used += resident[i] & 1;
    return used * page;
}
