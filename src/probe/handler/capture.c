#include "probe/handler/capture.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/handler/probe.h"
#include "probe/handler/stacks.h"
#include "probe/handler/thread.h"

struct stack_ranges stack_ranges;

uint64_t stack_range_end(uint64_t address) {
    uint32_t seq = __atomic_load_n(&stack_ranges.seq, __ATOMIC_ACQUIRE);
    uint32_t low = 0, n = __atomic_load_n(&stack_ranges.n, __ATOMIC_RELAXED), high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (__atomic_load_n(&stack_ranges.ranges[middle].high, __ATOMIC_RELAXED) <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == n || __atomic_load_n(&stack_ranges.ranges[low].low, __ATOMIC_RELAXED) > address)
        return 0;
    uint64_t end = __atomic_load_n(&stack_ranges.ranges[low].high, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return !(seq & 1) && __atomic_load_n(&stack_ranges.seq, __ATOMIC_RELAXED) == seq ? end : 0;
}

/* A function that is interrupted in its epilogue still has its saved registers below sp, in the red zone. */
static uint64_t below_red_zone(uint64_t sp, uint64_t least) {
    uint64_t low = (sp - UNWIND_RED_ZONE_BYTES) & ~(uint64_t)7;
    return low < least ? least : low;
}

struct unwind_memory capture_memory(uint64_t sp) {
    const struct segment_thread *record = probe_thread.record;
    uint64_t page = sp & ~(uint64_t)(probe.segment->page_bytes - 1), low = below_red_zone(sp, page), high;
    if (record && sp >= record->stack_low && sp < record->stack_high) {
        low = below_red_zone(sp, record->stack_low);
        high = record->stack_high;
    } else {
        high = stack_range_end(sp);
    }
    if (high <= sp)
        high = page + probe.segment->page_bytes;
    return (struct unwind_memory){.low = low, .high = high, .bytes = (const char *)(uintptr_t)low};
}

/* Code that no table knows may have been loaded since control last looked. It looks at most once a second, and clears the
 * flag then, so that code without tables does not keep it busy. */
static void ask_for_modules(void) {
    if (__atomic_exchange_n(&probe.modules_stale, 1, __ATOMIC_ACQ_REL))
        return;
    uint32_t *wake = &probe.segment->mailbox.wake;
    __atomic_fetch_add(wake, 1, __ATOMIC_RELEASE);
    int saved_errno = errno;
    syscall(SYS_futex, wake, FUTEX_WAKE, 1L, NULL, NULL, 0L);
    errno = saved_errno;
}

static uint32_t walk_and_intern(const struct unwind_registers *registers, struct unwind_memory memory) {
    uint64_t pcs[SEGMENT_STACK_DEPTH_MAX];
    bool complete = false;
    unsigned n = unwind_walk(*registers, memory, pcs, SEGMENT_STACK_DEPTH_MAX, &complete);
    if (!complete) {
        counter_add(&probe.segment->counters.stacks_truncated, 1);
        ask_for_modules();
    }
    return n ? stacks_intern(pcs, n, !complete) : 0;
}

uint32_t capture_stack_in(const struct unwind_registers *registers, struct unwind_memory memory) {
    struct unwind_section section = unwind_enter();
    uint32_t id = walk_and_intern(registers, memory);
    unwind_leave(section);
    return id;
}

uint32_t capture_stack(const struct unwind_registers *registers) {
    struct unwind_section section = unwind_enter();
    uint32_t id = walk_and_intern(registers, capture_memory(registers->sp));
    unwind_leave(section);
    return id;
}
