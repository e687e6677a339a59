#include "probe/handler/tick.h"

#include <errno.h>

#include "probe/handler/buckets.h"
#include "probe/handler/capture.h"
#include "probe/handler/probe.h"
#include "probe/handler/thread.h"
#include "probe/handler/timers.h"
#include "probe/handler/trace.h"
#include "probe/handler/unwind_arch.h"

#define TICK_MARK 0x50494b4fu /* "PIKO" */

uint64_t tick_dump_seq;
struct sigaction tick_program_action; /* all 0 is the default action */

bool tick_is_ours(const siginfo_t *info) {
    return info->si_code == SI_TIMER && (uintptr_t)info->si_value.sival_ptr >> 32 == TICK_MARK;
}

bool tick_is_handler(const struct sigaction *action) {
    return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN; /* shares its place with sa_sigaction */
}

/* The default action is not taken: it would end the program, for a signal that nobody sends to one that has no handler. */
static void pass_on(int signal_number, siginfo_t *info, void *context) {
    struct sigaction action = tick_program_action;
    if (!tick_is_handler(&action))
        return;
    if (action.sa_flags & (int)SA_RESETHAND)
        tick_program_action = (struct sigaction){0};
    if (action.sa_flags & SA_SIGINFO)
        action.sa_sigaction(signal_number, info, context);
    else
        action.sa_handler(signal_number);
}

/* Below the mark: the kind's 8 bits, 12 of the generation, 12 of the index. */
uintptr_t tick_value(enum tick_kind kind, uint32_t record_index, uint32_t generation) {
    return (uintptr_t)TICK_MARK << 32 | (uintptr_t)kind << 24 | (uintptr_t)generation << 12 | record_index;
}
_Static_assert(SEGMENT_THREADS_MAX <= 1u << 12 && TICK_GENERATIONS <= 1u << 12, "both fit");

/* CPU timers fire on the kernel's tick: the expiries that fell between two ticks are this signal's overrun, and stand
 * for CPU time just as the first one does. */
static void sample_cpu(const struct segment_thread *record, const siginfo_t *info,
                       const struct unwind_registers *registers) {
    struct segment_counters *counters = &probe.segment->counters;
    if (!__atomic_load_n(&probe.cpu_period_ns, __ATOMIC_RELAXED))
        return;
    uint32_t generation = (uint32_t)((uintptr_t)info->si_value.sival_ptr >> 12 & 0xfff);
    uint64_t expiries = 1 + (uint64_t)(info->si_overrun > 0 ? info->si_overrun : 0), ns;
    uint32_t stack = capture_stack(registers);
    if (trace_is_on())
        trace_record((struct segment_trace_record){
            .kind = SEGMENT_TRACE_SAMPLE, .stack = stack, .begin = trace_ticks(), .value = expiries});
    uint64_t key = segment_cpu_key(stack, record->tid, __atomic_load_n(&record->labels, __ATOMIC_RELAXED));
    uint64_t samples = timers_delivered(record, generation, expiries, key, &ns);
    if (!samples)
        return;
    counter_add(&counters->cpu_samples, 1);
    counter_add(&counters->cpu_overruns, samples - 1);
    buckets_add_cpu(key, record, samples, ns);
}

static void answer_dump(struct segment_thread *record, const struct unwind_registers *registers) {
    uint64_t seq = __atomic_load_n(&tick_dump_seq, __ATOMIC_ACQUIRE);
    if (!seq || __atomic_load_n(&record->dump_seq, __ATOMIC_RELAXED) == seq)
        return;
    record->dump_stack = capture_stack(registers);
    record->dump_state = SEGMENT_THREAD_RUNNING;
    record->dump_since_ns = 0;
    record->dump_wait_seq = record->wait_seq;
    __atomic_store_n(&record->dump_seq, seq, __ATOMIC_RELEASE);
}

void tick_handler(int signal_number, siginfo_t *info, void *context) {
    if (!tick_is_ours(info)) {
        pass_on(signal_number, info, context);
        return;
    }
    uintptr_t value = (uintptr_t)info->si_value.sival_ptr;
    uint32_t index = (uint32_t)value & 0xfff;
    if (index >= SEGMENT_THREADS_MAX || probe_thread.own || probe_thread.detached)
        return;
    int saved_errno = errno;
    uint64_t start_ns = probe_now_ns();
    struct segment_thread *record = &probe.tables.threads[index];
    if (!probe_thread.record)
        probe_thread.record = record;
    struct unwind_registers registers = unwind_registers_of(context);
    if ((value >> 24 & 0xff) == TICK_CPU)
        sample_cpu(record, info, &registers);
    else
        answer_dump(record, &registers);
    counter_add(&probe.segment->counters.handler_ns, probe_spent_ns(start_ns));
    errno = saved_errno;
}
