#include "probe/handler/capture.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probe/handler/probe.h"
#include "probe/handler/stacks.h"
#include "probe/handler/thread.h"
#include "probe/handler/unwind_arch.h"
#include "probe/handler/unwind_table.h"

#define NO_SUCH_OPERATION (-1L)
#define OVERFLOW_PAGES 32u        /* of a stack that overflowed, from its pointer up to where there is memory again */
#define TABLES_WAIT_NS 200000000u /* in the life of a process, not each time */

static bool more_memory(uint64_t address, struct unwind_memory *memory);

/* rt_sigprocmask() reads the new mask before it looks at what to do with it, and to do nothing of the kind is an error:
 * with that it says whether a word can be read, and changes nothing. A mask at 0 is none, and no error. */
static bool is_readable(uint64_t address) {
    int saved_errno = errno;
    long result = syscall(SYS_rt_sigprocmask, NO_SUCH_OPERATION, address & ~(uint64_t)7, NULL, sizeof(uint64_t));
    bool readable = result == -1 && errno == EINVAL;
    errno = saved_errno;
    return readable;
}

static struct unwind_memory memory_between(uint64_t low, uint64_t high) {
    return (struct unwind_memory){.low = low, .high = high, .bytes = (const char *)(uintptr_t)low, .more = more_memory};
}

/* A function that is interrupted in its epilogue still has its saved registers below sp, in the red zone. */
static uint64_t below_red_zone(uint64_t sp, uint64_t least) {
    uint64_t low = (sp - UNWIND_RED_ZONE_BYTES) & ~(uint64_t)7;
    return low < least ? least : low;
}

/* A stack of unknown bounds, as far as its first page goes. */
static bool open_stack(uint64_t sp, struct unwind_memory *ret) {
    uint64_t bytes = probe.segment->page_bytes, page = sp & ~(bytes - 1);
    if (page + bytes <= page || !is_readable(sp))
        return false;
    uint64_t low = below_red_zone(sp, 0);
    *ret = memory_between(low >= page || is_readable(low) ? low : page, page + bytes);
    ret->open = true;
    return true;
}

/* Page after page up to the address; the walker bounds how far that is. */
static bool extend_stack(uint64_t address, struct unwind_memory *memory) {
    uint64_t bytes = probe.segment->page_bytes, high = memory->high;
    while (high <= address) {
        if (high + bytes <= high || !is_readable(high))
            return false;
        high += bytes;
    }
    memory->high = high;
    return true;
}

static bool more_memory(uint64_t address, struct unwind_memory *memory) {
    const struct segment_thread *record = probe_thread.record;
    if (record && address >= record->stack_low && address < record->stack_high) {
        *memory = memory_between(below_red_zone(address, record->stack_low), record->stack_high);
        return true;
    }
    return memory->open && address >= memory->high ? extend_stack(address, memory) : open_stack(address, memory);
}

struct unwind_memory capture_memory(uint64_t sp) {
    struct unwind_memory memory = {0};
    for (unsigned i = 0; i < OVERFLOW_PAGES && !more_memory(sp, &memory); i++)
        sp = (sp | (probe.segment->page_bytes - 1)) + 1;
    return memory;
}

static void wake_control(void) {
    uint32_t *wake = &probe.segment->mailbox.wake;
    __atomic_fetch_add(wake, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, wake, FUTEX_WAKE, 1L, NULL, NULL, 0L);
}

/* Code that no table knows may have been loaded since control last looked. It takes its time when there is nothing new, and
 * clears the flag then, so that code without tables does not keep it busy. */
static void ask_for_modules(void) {
    uint32_t known = PROBE_KNOWN;
    if (!__atomic_compare_exchange_n(&probe.modules_stale, &known, PROBE_STALE, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
        return;
    int saved_errno = errno;
    wake_control();
    errno = saved_errno;
}

/* Tables are made when the first stack is to be walked, since most processes end before they have one; by control, since
 * nothing here may map memory or take that long. */
static void wait_for_tables(void) {
    uint64_t asked_ns = 0, now_ns = probe_now_ns();
    if (!probe.segment || probe_thread.own)
        return;
    if (__atomic_compare_exchange_n(&probe.tables_asked_ns, &asked_ns, now_ns, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        asked_ns = now_ns;
    if (now_ns >= asked_ns + TABLES_WAIT_NS)
        return;
    int saved_errno = errno;
    __atomic_store_n(&probe.modules_stale, PROBE_NEEDED, __ATOMIC_RELEASE);
    wake_control();
    uint32_t *done = &probe.segment->mailbox.done;
    for (uint32_t seen = __atomic_load_n(done, __ATOMIC_ACQUIRE);
         !__atomic_load_n(&unwind_current, __ATOMIC_ACQUIRE) && now_ns < asked_ns + TABLES_WAIT_NS;
         seen = __atomic_load_n(done, __ATOMIC_ACQUIRE), now_ns = probe_now_ns()) {
        struct timespec rest = {.tv_nsec = (long)(asked_ns + TABLES_WAIT_NS - now_ns)};
        syscall(SYS_futex, done, FUTEX_WAIT, seen, &rest, NULL, 0L);
    }
    errno = saved_errno;
}

static uint32_t walk_and_intern(const struct unwind_registers *registers, struct unwind_memory memory) {
    uint64_t pcs[SEGMENT_STACK_DEPTH_MAX];
    bool complete = false;
    unsigned n = unwind_walk(registers, &memory, pcs, SEGMENT_STACK_DEPTH_MAX, &complete);
    if (!complete) {
        counter_add(&probe.segment->counters.stacks_truncated, 1);
        ask_for_modules();
    }
    return n ? stacks_intern(pcs, n, !complete) : 0;
}

uint32_t capture_stack_in(const struct unwind_registers *registers, struct unwind_memory memory) {
    return walk_and_intern(registers, memory);
}

uint32_t capture_stack(const struct unwind_registers *registers) {
    if (unlikely(!__atomic_load_n(&unwind_current, __ATOMIC_ACQUIRE)))
        wait_for_tables();
    return walk_and_intern(registers, capture_memory(registers->sp));
}
