#include "probe/handler/crash.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probe/handler/capture.h"
#include "probe/handler/probe.h"
#include "probe/handler/thread.h"
#include "probe/handler/unwind_arch.h"

#define DUMP_ROUNDS 60 /* times 5 ms */
#define DUMP_ROUND_NS 5000000

uint64_t crash_signals;

/* The kernel's struct sigaction, all of it 0: the default action. */
static void restore_default(int signal_number) {
    static const uint64_t action[4];
    syscall(SYS_rt_sigaction, signal_number, action, NULL, sizeof(uint64_t));
}

/* The other threads are looked at by control, which still runs. Our own stack is known, and no timer reaches us. */
static void have_dump_taken(struct segment_thread *record, uint32_t stack) {
    struct segment_mailbox *mailbox = &probe.segment->mailbox;
    uint64_t seq = __atomic_add_fetch(&mailbox->dump_wanted, 1, __ATOMIC_RELEASE);
    if (record) {
        record->dump_stack = stack;
        record->dump_state = SEGMENT_THREAD_RUNNING;
        record->dump_since_ns = 0;
        record->dump_wait_seq = record->wait_seq; /* it may have been in a wait */
        __atomic_store_n(&record->dump_seq, seq, __ATOMIC_RELEASE);
    }
    __atomic_fetch_add(&mailbox->wake, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &mailbox->wake, FUTEX_WAKE, INT_MAX, NULL, NULL, 0L);
    for (int i = 0; i < DUMP_ROUNDS && __atomic_load_n(&mailbox->dump_done, __ATOMIC_ACQUIRE) < seq; i++)
        syscall(SYS_clock_nanosleep, (long)CLOCK_MONOTONIC, 0L, &(struct timespec){.tv_nsec = DUMP_ROUND_NS}, NULL);
}

static void record_crash(int signal_number, const siginfo_t *info, const void *context) {
    static uint32_t taken;
    struct segment_crash *crash = &probe.segment->crash;
    if (__atomic_exchange_n(&taken, 1, __ATOMIC_ACQ_REL)) /* another thread was first, or our own walk crashed */
        return;
    struct unwind_registers registers = unwind_registers_of(context);
    crash->code = info->si_code;
    crash->address = info->si_code > 0 ? (uint64_t)(uintptr_t)info->si_addr : 0;
    crash->tid = (uint32_t)syscall(SYS_gettid);
    crash->pc = registers.pc;
    __atomic_store_n(&crash->signal, (uint32_t)signal_number, __ATOMIC_RELEASE);
    uint32_t stack = capture_stack(&registers);
    __atomic_store_n(&crash->stack, stack, __ATOMIC_RELEASE);
    if (!probe_thread.own)
        have_dump_taken(probe_thread.record, stack);
}

void crash_handler(int signal_number, siginfo_t *info, void *context) {
    int saved_errno = errno;
    restore_default(signal_number);
    /* The child of a vfork has its parent's memory, not its parent's death. */
    if (probe.segment && !probe.inherited && !probe_is_another_process())
        record_crash(signal_number, info, context);
    /* A fault happens again when we return; what was sent is sent again. */
    if (info->si_code <= 0)
        syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), (long)signal_number);
    errno = saved_errno;
}
