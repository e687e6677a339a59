#include "probe/handler/crash.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/handler/capture.h"
#include "probe/handler/ending.h"
#include "probe/handler/probe.h"
#include "probe/handler/unwind_arch.h"

uint64_t crash_signals;

/* The kernel's struct sigaction, all of it 0: the default action. */
static void restore_default(int signal_number) {
    static const uint64_t action[4];
    syscall(SYS_rt_sigaction, signal_number, action, NULL, sizeof(uint64_t));
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
        ending_tell(stack);
}

void crash_handler(int signal_number, siginfo_t *info, void *context) {
    int saved_errno = errno;
    restore_default(signal_number);
    /* The child of a vfork has its parent's memory, not its parent's death. */
    if (probe.watching && !probe.inherited && !probe_is_another_process())
        record_crash(signal_number, info, context);
    /* A fault happens again when we return; what was sent is sent again. */
    if (info->si_code <= 0)
        syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), (long)signal_number);
    errno = saved_errno;
}
