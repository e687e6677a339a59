#include "probe/handler/timers.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probe/handler/buckets.h"
#include "probe/handler/probe.h"
#include "probe/handler/stacks.h"
#include "probe/handler/thread.h"
#include "probe/handler/tick.h"

/* By record index. Kernel calls are made directly: libc's wrappers keep tables of their own. */
static struct cpu_timer {
    uint32_t id;       /* A: the kernel's plus TIMER_BASE; TIMER_NONE, TIMER_BUSY while it is being made */
    uint32_t tid;      /* A: whose it is: a record's next thread has a clock of its own */
    uint64_t first_ns; /* A: of the thread's CPU clock: when the first expiry is due; one each period_ns on */
    uint64_t period_ns;
    /* Expiries that came as signals, by the thread's handler alone; and (A) those that have become samples, by signal or
     * by timers_settle(). The generation of the timer stands above the number: a signal of a timer may come after the
     * next one was started, with another period. */
    uint64_t delivered, counted;
    uint64_t key; /* A: segment_cpu_key() of its last sample; 0 none yet */
} cpu_timers[SEGMENT_THREADS_MAX];
#define TIMER_NONE 0u
#define TIMER_BUSY 1u
#define TIMER_BASE 2u
#define NOT_YET UINT64_MAX
#define GENERATION_SHIFT 48

/* What executing and loading a program takes at most; a thread that has more behind it ran another program before. */
#define STARTING_NS_MAX 10000000u

int timers_signal;

/* By a bare system call: libc's functions are hooked. The kernel's sets have 64 bits. */
static bool change_mask(int how) {
    uint64_t ours = (uint64_t)1 << (timers_signal - 1), before = 0;
    syscall(SYS_rt_sigprocmask, how, &ours, &before, sizeof ours);
    return before & ours;
}

void timers_let_signal_in(void) {
    if (timers_signal && change_mask(SIG_UNBLOCK))
        probe_thread.signal_blocked = true;
}

void timers_unblock_signal(void) {
    change_mask(SIG_UNBLOCK);
}

bool timers_block_signal(void) {
    return change_mask(SIG_BLOCK);
}

#define NS_PER_SECOND 1000000000u

/* CPU clock of any thread of the process (linux/posix-timers_types.h: CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED). */
static clockid_t cpu_clock_of(uint32_t tid) {
    return (clockid_t)(~tid << 3 | 4 | 2);
}

static int make_timer(const struct segment_thread *record, enum tick_kind kind, uint32_t generation) {
    uint32_t tid = __atomic_load_n(&record->tid, __ATOMIC_ACQUIRE);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = timers_signal};
    event.sigev_value.sival_ptr = (void *)tick_value(kind, (uint32_t)(record - probe.tables.threads), generation);
    event._sigev_un._tid = (pid_t)tid;
    int timer, saved_errno = errno;
    long failed = syscall(SYS_timer_create, cpu_clock_of(tid), &event, &timer);
    errno = saved_errno;
    return failed ? -1 : timer;
}

static void set_timer(int timer, int flags, uint64_t first_ns, uint64_t period_ns) {
    struct itimerspec times = {
        .it_value = {.tv_sec = (time_t)(first_ns / NS_PER_SECOND), .tv_nsec = (long)(first_ns % NS_PER_SECOND)},
        .it_interval = {.tv_sec = (time_t)(period_ns / NS_PER_SECOND), .tv_nsec = (long)(period_ns % NS_PER_SECOND)}};
    syscall(SYS_timer_settime, timer, flags, &times, NULL);
}

/* CPU time of a thread so far; 0 when it is gone. */
static uint64_t cpu_time_of(uint32_t tid) {
    struct timespec now;
    int saved_errno = errno;
    int failed = clock_gettime(cpu_clock_of(tid), &now);
    errno = saved_errno;
    return failed ? 0 : (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* Any moment of the period. Not at a point of the thread's clock: control may be late, and when that point has passed the
 * kernel sends the signal at once, into whatever call the thread waits in by then. Of its own thread's it may be. */
static void set_first(struct cpu_timer *own, int timer, bool from_the_start) {
    uint64_t after_ns = 1 + probe_random() % own->period_ns;
    set_timer(timer, from_the_start ? TIMER_ABSTIME : 0, after_ns, own->period_ns);
    uint64_t since_ns = from_the_start ? 0 : cpu_time_of(own->tid);
    __atomic_store_n(&own->first_ns, since_ns + after_ns, __ATOMIC_RELEASE);
}

static void start_cpu(struct segment_thread *record, uint64_t period_ns, bool from_the_start) {
    struct cpu_timer *own = &cpu_timers[record - probe.tables.threads];
    uint32_t none = TIMER_NONE, tid = __atomic_load_n(&record->tid, __ATOMIC_ACQUIRE);
    bool same = __atomic_load_n(&own->tid, __ATOMIC_RELAXED) == tid &&
                __atomic_load_n(&own->id, __ATOMIC_RELAXED) >= TIMER_BASE;
    if (!same || own->period_ns != period_ns)
        timers_stop_cpu(record);
    if (!__atomic_compare_exchange_n(&own->id, &none, TIMER_BUSY, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return;
    uint32_t generation = (uint32_t)((own->counted >> GENERATION_SHIFT) + 1) % TICK_GENERATIONS;
    /* Before the period changes: see timers_delivered(). */
    __atomic_store_n(&own->counted, (uint64_t)generation << GENERATION_SHIFT, __ATOMIC_SEQ_CST);
    __atomic_store_n(&own->tid, tid, __ATOMIC_RELAXED);
    __atomic_store_n(&own->first_ns, NOT_YET, __ATOMIC_RELAXED);
    own->period_ns = period_ns;
    if (!same) /* with another period the thread goes on where it was last */
        __atomic_store_n(&own->key, 0, __ATOMIC_RELAXED);
    int timer = make_timer(record, TICK_CPU, generation);
    if (timer < 0) {
        counter_add(&probe.segment->counters.lost_timers, 1);
        __atomic_store_n(&own->id, TIMER_NONE, __ATOMIC_RELEASE);
        return;
    }
    __atomic_store_n(&own->id, (uint32_t)timer + TIMER_BASE, __ATOMIC_RELEASE);
    set_first(own, timer, from_the_start);
}

void timers_start_cpu(struct segment_thread *record, uint64_t period_ns) {
    start_cpu(record, period_ns, /* from_the_start= */ false);
}

void timers_start_cpu_from_the_start(struct segment_thread *record, uint64_t period_ns) {
    start_cpu(record, period_ns, cpu_time_of(__atomic_load_n(&record->tid, __ATOMIC_ACQUIRE)) < STARTING_NS_MAX);
}

/* Of `total` expiries of a generation, those that nobody has counted yet; none when that generation is over. */
static uint64_t claim_expiries(struct cpu_timer *own, uint64_t total) {
    uint64_t counted = __atomic_load_n(&own->counted, __ATOMIC_ACQUIRE);
    while (total > counted && total >> GENERATION_SHIFT == counted >> GENERATION_SHIFT)
        if (__atomic_compare_exchange_n(&own->counted, &counted, total, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return total - counted;
    return 0;
}

uint64_t timers_delivered(const struct segment_thread *record, uint32_t generation, uint64_t expiries, uint64_t key,
                          uint64_t *ret_ns) {
    struct cpu_timer *own = &cpu_timers[record - probe.tables.threads];
    if (own->delivered >> GENERATION_SHIFT != generation)
        own->delivered = (uint64_t)generation << GENERATION_SHIFT;
    own->delivered += expiries;
    __atomic_store_n(&own->key, key, __ATOMIC_RELAXED);
    /* Read before the claim: when that succeeds, the period is the generation's own. */
    uint64_t period_ns = __atomic_load_n(&own->period_ns, __ATOMIC_ACQUIRE);
    uint64_t samples = claim_expiries(own, own->delivered);
    *ret_ns = samples * period_ns;
    return samples;
}

static void settle(const struct segment_thread *record, bool finally) {
    struct cpu_timer *own = &cpu_timers[record - probe.tables.threads];
    uint32_t tid = __atomic_load_n(&own->tid, __ATOMIC_RELAXED);
    if (__atomic_load_n(&own->id, __ATOMIC_ACQUIRE) < TIMER_BASE || record->tid != tid)
        return;
    if (record->own) /* one of ours that was seen before it could say so */
        return;
    uint64_t first_ns = __atomic_load_n(&own->first_ns, __ATOMIC_ACQUIRE), now = cpu_time_of(tid);
    uint64_t due = now >= first_ns ? (now - first_ns) / own->period_ns + 1 : 0;
    uint64_t generation = __atomic_load_n(&own->counted, __ATOMIC_ACQUIRE) >> GENERATION_SHIFT;
    uint64_t key = __atomic_load_n(&own->key, __ATOMIC_RELAXED), root_pc = record->root_pc;
    bool known = key || root_pc;
    uint64_t missing = known || finally ? claim_expiries(own, due | generation << GENERATION_SHIFT) : 0;
    if (!missing)
        return;
    if (!key && known)
        key = segment_cpu_key(stacks_intern(&root_pc, 1, false), tid, /* labels= */ 0);
    counter_add(&probe.segment->counters.cpu_overruns, missing);
    buckets_add_cpu(key, record, missing, missing * own->period_ns);
}

void timers_settle(const struct segment_thread *record) {
    settle(record, /* finally= */ false);
}

void timers_stop_cpu(struct segment_thread *record) {
    struct cpu_timer *own = &cpu_timers[record - probe.tables.threads];
    settle(record, /* finally= */ true);
    uint32_t id = __atomic_load_n(&own->id, __ATOMIC_ACQUIRE);
    if (id >= TIMER_BASE &&
        __atomic_compare_exchange_n(&own->id, &id, TIMER_NONE, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        syscall(SYS_timer_delete, (int)(id - TIMER_BASE));
}

int timers_ask(const struct segment_thread *record) {
    int timer = make_timer(record, TICK_DUMP, 0);
    if (timer >= 0)
        set_timer(timer, 0, 1, 0);
    return timer;
}

void timers_forget(int timer) {
    if (timer >= 0)
        syscall(SYS_timer_delete, timer);
}

void timers_reset_after_fork(void) {
    for (uint32_t i = 0; i < SEGMENT_THREADS_MAX; i++)
        if (thread_at(i)) /* pages that were never used stay so */
            __atomic_store_n(&cpu_timers[i].id, TIMER_NONE, __ATOMIC_RELAXED);
}
