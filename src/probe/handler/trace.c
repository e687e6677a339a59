#include "probe/handler/trace.h"

#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/handler/capture.h"
#include "probe/handler/thread.h"

/* ---- Chunks -------------------------------------------------------------------------------------------------------- */

/* Ticks of the newest record; 0 when there is none yet. */
static uint64_t newest_of(const struct segment_trace_chunk *chunk) {
    uint64_t slots = __atomic_load_n(&chunk->head, __ATOMIC_RELAXED) & SEGMENT_TRACE_SLOT_MASK;
    if (slots > SEGMENT_TRACE_RECORDS)
        slots = SEGMENT_TRACE_RECORDS;
    if (!slots)
        return 0;
    while (slots > 1 && chunk->records[slots - 1].kind == SEGMENT_TRACE_TEXT)
        slots--;
    const struct segment_trace_record *newest = &chunk->records[slots - 1];
    return newest->kind == SEGMENT_TRACE_WAIT ? newest->value : newest->begin;
}

/* Whether it is needed for the time that is to be kept. */
static bool is_young(const struct segment_trace_chunk *chunk) {
    uint64_t ticks = newest_of(chunk), now = trace_ticks();
    return !ticks || now < ticks || now - ticks < probe.trace_keep_ticks;
}

/* The oldest chunk is leased anew when the time that is to be kept is covered without it, or there is no other. */
static uint32_t choose_chunk(void) {
    struct segment_trace *trace = &probe.segment->trace;
    uint64_t cursor = __atomic_load_n(&trace->cursor, __ATOMIC_RELAXED), wanted;
    uint64_t most = probe.trace_chunks_most;
    uint32_t chosen;
    do {
        uint64_t used = cursor >> 32, next = cursor & UINT32_MAX;
        if (next >= used || next >= most)
            next = 0;
        if (used < most && (!used || is_young(&probe.tables.trace_chunks[next]))) {
            chosen = (uint32_t)used;
            wanted = (used + 1) << 32 | next;
        } else {
            chosen = (uint32_t)next;
            wanted = used << 32 | (next + 1);
        }
    } while (!__atomic_compare_exchange_n(&trace->cursor, &cursor, wanted, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return chosen;
}

/* What a chunk held is lost from now on. */
static void note_lost(const struct segment_trace_chunk *chunk) {
    uint64_t *lost = &probe.segment->trace.lost_ticks, seen = __atomic_load_n(lost, __ATOMIC_RELAXED);
    uint64_t ticks = newest_of(chunk);
    while (ticks > seen && !__atomic_compare_exchange_n(lost, &seen, ticks, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
}

/* Whoever still writes to it fails to claim a slot from the first store on; readers look at `ready` too. */
static void lease_chunk(const struct segment_thread *thread) {
    struct segment_trace_chunk *chunk = &probe.tables.trace_chunks[choose_chunk()];
    uint64_t lease = __atomic_add_fetch(&probe.segment->trace.leases, 1, __ATOMIC_RELAXED);
    note_lost(chunk);
    __atomic_store_n(&chunk->head, lease << SEGMENT_TRACE_LEASE_SHIFT | SEGMENT_TRACE_RECORDS, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < SEGMENT_TRACE_RECORDS; i++)
        __atomic_store_n((uint64_t *)(void *)&chunk->records[i], 0, __ATOMIC_RELAXED);
    chunk->tid = thread->tid;
    chunk->thread = (uint32_t)(thread - probe.tables.threads);
    __atomic_store_n(&chunk->ready, lease, __ATOMIC_RELEASE);
    __atomic_store_n(&chunk->head, lease << SEGMENT_TRACE_LEASE_SHIFT, __ATOMIC_RELEASE);
    probe_thread.trace_chunk = chunk;
    probe_thread.trace_lease = lease;
}

/* Chunks are leased anew in the order of their leases. A thread that records little leaves its chunk after a quarter of a
 * round, though there is room: else the chunk would hold new records when its turn comes, and all that is older in other
 * chunks be worth nothing with them lost. */
static bool is_to_be_left(void) {
    uint64_t leases = __atomic_load_n(&probe.segment->trace.leases, __ATOMIC_RELAXED);
    return leases - probe_thread.trace_lease > probe.trace_chunks_most / 4;
}

/* The first of `n` slots in a row. NULL when the chunk is full, no longer ours or too old. */
static struct segment_trace_record *claim_slots(uint32_t n) {
    struct segment_trace_chunk *chunk = probe_thread.trace_chunk;
    if (unlikely(!chunk || is_to_be_left()))
        return NULL;
    uint64_t head = __atomic_fetch_add(&chunk->head, n, __ATOMIC_RELAXED);
    if (unlikely(head >> SEGMENT_TRACE_LEASE_SHIFT != probe_thread.trace_lease ||
                 (head & SEGMENT_TRACE_SLOT_MASK) + n > SEGMENT_TRACE_RECORDS))
        return NULL;
    return &chunk->records[head & SEGMENT_TRACE_SLOT_MASK];
}

/* The same, in a chunk that is leased if need be; NULL only when all chunks were leased again in between. */
static struct segment_trace_record *have_slots(const struct segment_thread *thread, uint32_t n) {
    struct segment_trace_record *slot = claim_slots(n);
    if (likely(slot != NULL))
        return slot;
    lease_chunk(thread);
    return claim_slots(n);
}

/* The first word makes it a record. Put together and stored word by word: what is stored in parts and read as a whole right
 * after stalls the processor. */
static inline void write_slot(struct segment_trace_record *slot, const struct segment_trace_record *record) {
    uint64_t first =
        record->stack | (uint64_t)record->lease << 32 | (uint64_t)record->kind << 48 | (uint64_t)record->reason << 56;
    __atomic_store_n(&slot->begin, record->begin, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->value, record->value, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->object, record->object, __ATOMIC_RELAXED);
    __atomic_store_n((uint64_t *)(void *)slot, first, __ATOMIC_RELEASE);
}
_Static_assert(offsetof(struct segment_trace_record, lease) == 4 && offsetof(struct segment_trace_record, kind) == 6 &&
                   offsetof(struct segment_trace_record, reason) == 7 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the first word");

void trace_record(struct segment_trace_record record) {
    const struct segment_thread *thread = thread_self();
    struct segment_trace_record *slot = thread && !probe_thread.own ? have_slots(thread, 1) : NULL;
    if (!slot)
        return;
    record.lease = (uint16_t)probe_thread.trace_lease;
    write_slot(slot, &record);
}

/* The message first: it is there when its record is. */
void trace_log(uint64_t task, uint32_t category, uint32_t stack, const char *message) {
    const struct segment_thread *thread = thread_self();
    uint32_t bytes = 0;
    while (message && message[bytes] && bytes < SEGMENT_TRACE_MESSAGE_BYTES_MAX)
        bytes++;
    uint32_t parts = (bytes + SEGMENT_TRACE_TEXT_BYTES - 1) / SEGMENT_TRACE_TEXT_BYTES;
    struct segment_trace_record *slots = thread && !probe_thread.own ? have_slots(thread, 1 + parts) : NULL;
    if (!slots)
        return;
    uint16_t lease = (uint16_t)probe_thread.trace_lease;
    for (uint32_t i = 0; i < parts; i++) {
        struct segment_trace_record part = {.kind = SEGMENT_TRACE_TEXT, .lease = lease};
        char *to = (char *)&part.begin;
        const char *from = message + (size_t)i * SEGMENT_TRACE_TEXT_BYTES;
        for (uint32_t k = 0; k < SEGMENT_TRACE_TEXT_BYTES && i * SEGMENT_TRACE_TEXT_BYTES + k < bytes; k++)
            to[k] = from[k];
        write_slot(&slots[1 + i], &part);
    }
    struct segment_trace_record record = {.kind = SEGMENT_TRACE_LOG,
                                          .lease = lease,
                                          .stack = stack,
                                          .begin = trace_ticks(),
                                          .value = (uint64_t)bytes << 32 | category,
                                          .object = task};
    write_slot(&slots[0], &record);
}

void trace_reset_after_fork(void) {
    probe_thread.trace_chunk = NULL;
    probe_thread.trace_lease = 0;
}

/* ---- What is recorded ---------------------------------------------------------------------------------------------- */

static bool is_socket(uint64_t fd) {
    struct stat status;
    int saved_errno = errno;
    bool is = syscall(SYS_fstat, (int)fd, &status) == 0 && S_ISSOCK(status.st_mode);
    errno = saved_errno;
    return is;
}

/* What came at once is a system call; what took longer waited, and for a socket that is a wait for the network. */
static uint32_t io_state(uint32_t state, uint64_t object, uint64_t ticks) {
    if (ticks < probe.trace_brief_ticks)
        return SEGMENT_THREAD_IO;
    return state == SEGMENT_THREAD_IO && is_socket(object) ? SEGMENT_THREAD_NETWORK : state;
}

void trace_wait(const struct segment_thread *thread, bool timed_out) {
    uint64_t begin = thread->wait_ticks, end = trace_ticks();
    uint32_t state = thread->state;
    if (state == SEGMENT_THREAD_IO || state == SEGMENT_THREAD_NETWORK)
        state = io_state(state, thread->wait_object, begin ? end - begin : UINT64_MAX);
    trace_record((struct segment_trace_record){.kind = SEGMENT_TRACE_WAIT,
                                               .reason = (uint8_t)(state | (timed_out ? SEGMENT_TRACE_TIMED_OUT : 0)),
                                               .stack = begin ? thread->wait_stack : 0,
                                               .begin = begin,
                                               .value = end,
                                               .object = thread->wait_object});
}

uint32_t trace_wake(uint64_t ticks, uint64_t object, const struct unwind_registers *caller) {
    if (probe_thread.own)
        return 0;
    uint32_t stack = capture_stack(caller);
    trace_record(
        (struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .stack = stack, .begin = ticks, .object = object});
    return stack;
}

void trace_exit(uint64_t object, const struct segment_thread *thread) {
    trace_record((struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .begin = trace_ticks(), .object = object});
    trace_thread_name(SEGMENT_TRACE_EXIT, thread);
}

void trace_thread_start(uint64_t function, uint32_t create_stack, uint32_t creator, uint64_t created_ticks) {
    uint64_t now = trace_ticks(), since = created_ticks ? now - created_ticks : 0;
    trace_record(
        (struct segment_trace_record){.kind = SEGMENT_TRACE_START,
                                      .stack = create_stack,
                                      .begin = now,
                                      .value = (uint64_t)creator << 32 | (since < UINT32_MAX ? since : UINT32_MAX),
                                      .object = function});
}

void trace_thread_name(enum segment_trace_kind kind, const struct segment_thread *thread) {
    struct segment_trace_record record = {.kind = (uint8_t)kind, .begin = trace_ticks()};
    _Static_assert(SEGMENT_THREAD_NAME_BYTES == sizeof record.value + sizeof record.object, "both hold the name");
    char *name = (char *)&record.value;
    for (unsigned i = 0; i < SEGMENT_THREAD_NAME_BYTES; i++)
        name[i] = thread->name[i];
    trace_record(record);
}
