#include "probe/control/sampler.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "probe/handler/probe.h"
#include "probe/handler/thread.h"
#include "probe/handler/tick.h"
#include "probe/handler/timers.h"

#define DEFAULT_HZ 100u
#define HZ_MAX 1000u

static bool running;

/* Whether the program has left the signal alone. */
static bool is_unused(int signal_number) {
    struct sigaction action;
    return sigaction(signal_number, NULL, &action) == 0 && !(action.sa_flags & SA_SIGINFO) &&
           action.sa_handler == SIG_DFL;
}

/* SIGPROF is made for this; a program that profiles itself with it keeps it, and we take a real-time signal from the
 * rarely used end. */
static int choose_signal(void) {
    if (is_unused(SIGPROF))
        return SIGPROF;
    for (int candidate = SIGRTMAX - 2; candidate > SIGRTMIN + 4; candidate--)
        if (is_unused(candidate))
            return candidate;
    return 0;
}

int sampler_init(void) {
    if (timers_signal)
        return 0;
    int chosen = choose_signal();
    if (!chosen)
        return -EBUSY;
    struct sigaction action = {.sa_sigaction = tick_handler, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    if (sigaction(chosen, &action, NULL))
        return -errno;
    timers_signal = chosen;
    return 0;
}

void sampler_reset_after_fork(void) {
    running = false;
    timers_reset_after_fork();
}

bool sampler_is_running(void) {
    return running;
}

/* No timer writes to the table while the sampler is off. A capture that raced with its last stop sees the epoch change. */
static void clear_table(struct segment *segment, uint32_t when_used) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < SEGMENT_CPU_BUCKETS; i++)
        used += probe_used(&probe.tables.cpu[i]) && probe.tables.cpu[i].key != 0;
    if (used < when_used)
        return;
    __atomic_fetch_add(&segment->cpu_epoch, 1, __ATOMIC_ACQ_REL);
    memset(probe.tables.cpu, 0, SEGMENT_CPU_BUCKETS * sizeof *probe.tables.cpu);
}

static bool is_sampled(const struct segment_thread *record) {
    if (!record)
        return false;
    uint32_t state = __atomic_load_n(&record->state, __ATOMIC_ACQUIRE);
    return state != SEGMENT_THREAD_FREE && state != SEGMENT_THREAD_EXITED && !record->own;
}

static void arm_all(void) {
    for (uint32_t i = 0; i < SEGMENT_THREADS_MAX; i++) {
        struct segment_thread *record = thread_at(i);
        if (is_sampled(record))
            timers_start_cpu(record, probe.cpu_period_ns);
        else if (record)
            timers_stop_cpu(record); /* of a thread that left without telling us */
    }
}

void sampler_settle_all(void) {
    for (uint32_t i = 0; running && i < SEGMENT_THREADS_MAX; i++)
        if (is_sampled(thread_at(i)))
            timers_settle(thread_at(i));
}

/* What the handler of a first sample in a page would else pay for. Where the kernel cannot, it does. */
static void commit(const void *table, size_t bytes) {
    uintptr_t start = (uintptr_t)table & ~(uintptr_t)(probe.segment->page_bytes - 1);
    madvise((void *)start, (uintptr_t)table + bytes - start, MADV_POPULATE_WRITE);
}

static void commit_tables(void) {
    commit(probe.tables.cpu, SEGMENT_CPU_BUCKETS * sizeof *probe.tables.cpu);
    commit(probe.tables.stack_slots, SEGMENT_STACK_SLOTS * sizeof *probe.tables.stack_slots);
}

unsigned sampler_hz(unsigned asked) {
    unsigned hz = asked ? asked : DEFAULT_HZ;
    return hz < HZ_MAX ? hz : HZ_MAX;
}

void sampler_prepare(void) {
    clear_table(probe.segment, SEGMENT_CPU_BUCKETS / 4);
    commit_tables();
}

static void set_period(unsigned hz) {
    running = true;
    probe.segment->cpu_period_ns = 1000000000u / sampler_hz(hz);
    __atomic_store_n(&probe.cpu_period_ns, probe.segment->cpu_period_ns, __ATOMIC_RELEASE);
}

void sampler_run_from_the_start(struct segment_thread *record, unsigned hz) {
    set_period(hz);
    if (record)
        timers_start_cpu_from_the_start(record, probe.cpu_period_ns);
}

void sampler_run(unsigned hz) {
    struct segment *segment = probe.segment;
    set_period(hz);
    arm_all();
    __atomic_store_n(&segment->mailbox.cpu_ready_epoch, segment->cpu_epoch + 1, __ATOMIC_RELEASE);
}

void sampler_run_anew(unsigned hz) {
    clear_table(probe.segment, 1);
    sampler_run(hz);
}

void sampler_stop(void) {
    if (!running)
        return;
    running = false;
    __atomic_store_n(&probe.segment->mailbox.cpu_ready_epoch, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&probe.cpu_period_ns, 0, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < SEGMENT_THREADS_MAX; i++)
        if (thread_at(i))
            timers_stop_cpu(thread_at(i));
}
