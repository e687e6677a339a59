#include "probe/handler/ending.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probe/handler/capture.h"
#include "probe/handler/probe.h"

#define WAIT_NS 300000000u

static void wait_until(const struct segment_mailbox *mailbox, uint64_t dump, uint64_t refresh) {
    uint64_t start_ns = probe_now_ns(), spent_ns;
    while ((spent_ns = probe_now_ns() - start_ns) < WAIT_NS) {
        uint32_t done = __atomic_load_n(&mailbox->done, __ATOMIC_ACQUIRE);
        if (__atomic_load_n(&mailbox->dump_done, __ATOMIC_ACQUIRE) >= dump &&
            __atomic_load_n(&mailbox->refresh_done, __ATOMIC_ACQUIRE) >= refresh)
            return;
        struct timespec rest = {.tv_nsec = (long)(WAIT_NS - spent_ns)};
        syscall(SYS_futex, &mailbox->done, FUTEX_WAIT, done, &rest, NULL, 0L);
    }
}

/* The other threads are looked at by control, which still runs. Our own stack is known, and no timer reaches us. */
void ending_tell(uint32_t stack) {
    struct segment_thread *record = probe_thread.record;
    struct segment_mailbox *mailbox = &probe.segment->mailbox;
    uint64_t dump = __atomic_add_fetch(&mailbox->dump_wanted, 1, __ATOMIC_RELEASE);
    if (record) {
        record->dump_stack = stack;
        record->dump_state = SEGMENT_THREAD_RUNNING;
        record->dump_since_ns = 0;
        record->dump_wait_seq = record->wait_seq; /* it may have been in a wait */
        __atomic_store_n(&record->dump_seq, dump, __ATOMIC_RELEASE);
    }
    uint64_t refresh = __atomic_add_fetch(&mailbox->refresh_wanted, 1, __ATOMIC_RELEASE);
    __atomic_fetch_add(&mailbox->wake, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &mailbox->wake, FUTEX_WAKE, INT_MAX, NULL, NULL, 0L);
    wait_until(mailbox, dump, refresh);
    void (*save)(void) = __atomic_load_n(&probe.save, __ATOMIC_ACQUIRE);
    if (save)
        save();
}

void ending_tell_from(const struct unwind_registers *caller) {
    int saved_errno = errno;
    if (probe.to_the_end && !probe_thread.own && probe.segment->pid == (uint32_t)syscall(SYS_getpid))
        ending_tell(capture_stack(caller));
    errno = saved_errno;
}
