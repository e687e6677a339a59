#include "probe/handler/timers.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probe/handler/probe.h"
#include "probe/handler/tick.h"

/* By record index: kernel timer id plus 2; 0 = none, 1 = being made. Kernel calls are made directly: libc's wrappers
 * keep tables of their own. */
static uint32_t cpu_timers[SEGMENT_THREADS_MAX];
static uint32_t
    cpu_timer_tids[SEGMENT_THREADS_MAX]; /* A: whose they are: a record's next thread has a clock of its own */
#define TIMER_NONE 0u
#define TIMER_BUSY 1u
#define TIMER_BASE 2u

int timers_signal;

#define NS_PER_SECOND 1000000000u

/* CPU clock of any thread of the process (linux/posix-timers_types.h: CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED). */
static clockid_t cpu_clock_of(uint32_t tid) {
    return (clockid_t)(~tid << 3 | 4 | 2);
}

static int make_timer(const struct segment_thread *record, enum tick_kind kind) {
    uint32_t tid = __atomic_load_n(&record->tid, __ATOMIC_ACQUIRE);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = timers_signal};
    event.sigev_value.sival_ptr = (void *)tick_value(kind, (uint32_t)(record - probe.tables.threads));
    event._sigev_un._tid = (pid_t)tid;
    int timer, saved_errno = errno;
    long failed = syscall(SYS_timer_create, cpu_clock_of(tid), &event, &timer);
    errno = saved_errno;
    return failed ? -1 : timer;
}

static void set_timer(int timer, uint64_t first_ns, uint64_t period_ns) {
    struct itimerspec times = {
        .it_value = {.tv_sec = (time_t)(first_ns / NS_PER_SECOND), .tv_nsec = (long)(first_ns % NS_PER_SECOND)},
        .it_interval = {.tv_sec = (time_t)(period_ns / NS_PER_SECOND), .tv_nsec = (long)(period_ns % NS_PER_SECOND)}};
    syscall(SYS_timer_settime, timer, 0, &times, NULL);
}

void timers_start_cpu(struct segment_thread *record, uint64_t period_ns) {
    uint32_t index = (uint32_t)(record - probe.tables.threads);
    uint32_t *slot = &cpu_timers[index], none = TIMER_NONE;
    uint32_t tid = __atomic_load_n(&record->tid, __ATOMIC_ACQUIRE);
    if (__atomic_load_n(&cpu_timer_tids[index], __ATOMIC_RELAXED) != tid)
        timers_stop_cpu(record);
    if (!__atomic_compare_exchange_n(slot, &none, TIMER_BUSY, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return;
    __atomic_store_n(&cpu_timer_tids[index], tid, __ATOMIC_RELAXED);
    int timer = make_timer(record, TICK_CPU);
    if (timer < 0) {
        counter_add(&probe.segment->counters.lost_timers, 1);
        __atomic_store_n(slot, TIMER_NONE, __ATOMIC_RELEASE);
        return;
    }
    set_timer(timer, 1 + probe_random() % period_ns, period_ns);
    __atomic_store_n(slot, (uint32_t)timer + TIMER_BASE, __ATOMIC_RELEASE);
}

void timers_stop_cpu(struct segment_thread *record) {
    uint32_t *slot = &cpu_timers[record - probe.tables.threads];
    uint32_t timer = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (timer >= TIMER_BASE &&
        __atomic_compare_exchange_n(slot, &timer, TIMER_NONE, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        syscall(SYS_timer_delete, (int)(timer - TIMER_BASE));
}

int timers_ask(const struct segment_thread *record) {
    int timer = make_timer(record, TICK_DUMP);
    if (timer >= 0)
        set_timer(timer, 1, 0);
    return timer;
}

void timers_forget(int timer) {
    if (timer >= 0)
        syscall(SYS_timer_delete, timer);
}

void timers_reset_after_fork(void) {
    for (uint32_t i = 0; i < SEGMENT_THREADS_MAX; i++)
        __atomic_store_n(&cpu_timers[i], TIMER_NONE, __ATOMIC_RELAXED);
}
