#include "probe/control/control.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probe/control/dump.h"
#include "probe/control/fork.h"
#include "probe/control/identity.h"
#include "probe/control/modules.h"
#include "probe/control/own_thread.h"
#include "probe/control/ranges.h"
#include "probe/control/recorder.h"
#include "probe/control/sampler.h"
#include "probe/control/sanitizers.h"
#include "probe/control/tasks.h"
#include "probe/handler/capture.h"
#include "probe/handler/probe.h"
#include "probe/handler/thread.h"
#include "probe/handler/timers.h"
#include "probe/handler/unwind_table.h"

/* How soon to look again for code that no table knows: at once after something was loaded, since more may follow; less
 * and less often when there is nothing, since code without tables stays so. */
#define MODULES_WAIT_MIN_NS 2000000u
#define MODULES_WAIT_MAX_NS 500000000u
#define MODULES_FIRST_NS 250000000u /* without being asked: most processes do not live as long */
#define READER_SILENCE_NS 10000000000u
#define BEAT_NS 2000000000u         /* as a supervisor's */
#define SAMPLING_TURN_NS 200000000u /* while the sampler runs: new threads, names */

static struct {
    struct own_thread thread;
    bool running;
    bool missing;    /* it ran, and could not be started again */
    bool beats;      /* the reader is in this process, and has no clock of its own */
    unsigned cpu_hz; /* of a sampler that always runs; 0 = none */
    uint32_t end;    /* A: the thread is to end */
    uint32_t owner;  /* A: tid of who starts or ends it, a futex; 0 nobody */
    uint64_t modules_looked_ns, modules_wait_ns;
} control;

int control_mark_own(int own) {
    int before = probe_thread.own;
    probe_thread.own = own != 0;
    return before;
}

/* ---- The mailbox ------------------------------------------------------------------------------------------------- */

static long futex(uint32_t *word, int operation, uint32_t value, const struct timespec *timeout) {
    return syscall(SYS_futex, word, operation, value, timeout, NULL, 0L);
}

static void look_at_process(void) {
    __atomic_store_n(&probe.modules_stale, PROBE_KNOWN, __ATOMIC_RELEASE);
    tasks_refresh();
    ranges_refresh();
    modules_refresh(probe.segment);
    control.modules_looked_ns = probe_now_ns();
    control.modules_wait_ns = MODULES_WAIT_MIN_NS;
}

static void serve_dump(struct segment_mailbox *mailbox) {
    uint64_t wanted = __atomic_load_n(&mailbox->dump_wanted, __ATOMIC_ACQUIRE);
    if (wanted == __atomic_load_n(&mailbox->dump_done, __ATOMIC_RELAXED))
        return;
    look_at_process();
    dump_take(wanted);
    __atomic_store_n(&mailbox->dump_done, wanted, __ATOMIC_RELEASE);
}

static void serve_refresh(struct segment_mailbox *mailbox) {
    uint64_t wanted = __atomic_load_n(&mailbox->refresh_wanted, __ATOMIC_ACQUIRE);
    if (wanted == __atomic_load_n(&mailbox->refresh_done, __ATOMIC_RELAXED))
        return;
    look_at_process();
    sampler_settle_all();
    __atomic_store_n(&mailbox->refresh_done, wanted, __ATOMIC_RELEASE);
}

/* How long until the modules may be looked at for that reason; 0 now. */
static uint64_t modules_rest_ns(void) {
    uint64_t since_ns = probe_now_ns() - control.modules_looked_ns;
    return since_ns < control.modules_wait_ns ? control.modules_wait_ns - since_ns : 0;
}

static void serve_stale_modules(void) {
    uint32_t stale = __atomic_load_n(&probe.modules_stale, __ATOMIC_ACQUIRE);
    if (stale == PROBE_KNOWN || (stale == PROBE_STALE && modules_rest_ns()))
        return;
    const struct unwind_index *before = unwind_current;
    __atomic_store_n(&probe.modules_stale, PROBE_KNOWN, __ATOMIC_RELEASE);
    bool found = ranges_refresh();
    modules_refresh(probe.segment);
    found = found || unwind_current != before;
    uint64_t wait_ns = found ? MODULES_WAIT_MIN_NS : control.modules_wait_ns * 2;
    control.modules_wait_ns = wait_ns < MODULES_WAIT_MAX_NS ? wait_ns : MODULES_WAIT_MAX_NS;
    control.modules_looked_ns = probe_now_ns();
}

/* A reader that died in the middle of a capture leaves the sampler wanted. */
static bool reader_lives(const struct segment_mailbox *mailbox) {
    return probe_now_ns() < __atomic_load_n(&mailbox->reader_ns, __ATOMIC_RELAXED) + READER_SILENCE_NS;
}

/* The fastest rate that is asked for; 0 = the sampler is to be off. */
static unsigned wanted_hz(const struct segment_mailbox *mailbox) {
    if (!reader_lives(mailbox))
        return 0;
    unsigned users = __atomic_load_n(&mailbox->cpu_users, __ATOMIC_ACQUIRE);
    unsigned asked = users ? sampler_hz(__atomic_load_n(&mailbox->cpu_hz, __ATOMIC_RELAXED)) : 0;
    return asked > control.cpu_hz ? asked : control.cpu_hz;
}

static void serve_sampler(const struct segment_mailbox *mailbox) {
    unsigned hz = wanted_hz(mailbox);
    if (!hz) {
        sampler_stop();
        return;
    }
    if (sampler_is_running()) {
        tasks_refresh();
    } else {
        look_at_process();
        sampler_prepare();
    }
    sampler_run(hz);
}

/* The first look, unless somebody asks for it: tables cost milliseconds. A fork child unwinds by its parent's until then. */
static void plan_first_look(void) {
    control.modules_looked_ns = probe_now_ns();
    control.modules_wait_ns = MODULES_FIRST_NS;
    __atomic_store_n(&probe.modules_stale, PROBE_STALE, __ATOMIC_RELEASE);
}

/* How long until there is something to do of our own accord; false = only when woken. */
static bool next_turn(const struct segment_mailbox *mailbox, struct timespec *ret) {
    uint64_t ns = control.beats ? BEAT_NS : 0;
    if (sampler_is_running() || __atomic_load_n(&mailbox->trace_users, __ATOMIC_ACQUIRE))
        ns = SAMPLING_TURN_NS;
    if (__atomic_load_n(&probe.modules_stale, __ATOMIC_ACQUIRE)) {
        uint64_t rest_ns = modules_rest_ns() + 1;
        ns = ns && ns < rest_ns ? ns : rest_ns;
    }
    *ret = (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    return ns != 0;
}

static void beat(struct segment_mailbox *mailbox) {
    __atomic_store_n(&mailbox->reader_ns, probe_now_ns(), __ATOMIC_RELAXED);
}

bool control_is_ending(void) {
    return __atomic_load_n(&control.end, __ATOMIC_ACQUIRE);
}

static int control_main(void *unused) {
    (void)unused;
    struct segment_mailbox *mailbox = &probe.segment->mailbox;
    syscall(SYS_prctl, PR_SET_NAME, "piko-control", 0L, 0L, 0L);
    while (!control_is_ending()) {
        uint32_t wake = __atomic_load_n(&mailbox->wake, __ATOMIC_ACQUIRE);
        if (control.beats)
            beat(mailbox);
        serve_sampler(mailbox);
        recorder_serve(__atomic_load_n(&mailbox->trace_users, __ATOMIC_ACQUIRE) > 0 && reader_lives(mailbox));
        serve_dump(mailbox);
        serve_refresh(mailbox);
        serve_stale_modules();
        __atomic_store_n(&mailbox->heartbeat_ns, probe_now_ns(), __ATOMIC_RELAXED);
        __atomic_fetch_add(&mailbox->done, 1, __ATOMIC_RELEASE);
        futex(&mailbox->done, FUTEX_WAKE, INT_MAX, NULL);
        struct timespec turn;
        bool limited = next_turn(mailbox, &turn);
        futex(&mailbox->wake, FUTEX_WAIT, wake, limited ? &turn : NULL);
    }
    return 0;
}

/* Whoever starts or ends the thread is done. */
static void leave(void) {
    __atomic_store_n(&control.owner, 0, __ATOMIC_RELEASE);
    futex(&control.owner, FUTEX_WAKE, INT_MAX, NULL);
}

static void wake_control(void) {
    __atomic_fetch_add(&probe.segment->mailbox.wake, 1, __ATOMIC_RELEASE);
    futex(&probe.segment->mailbox.wake, FUTEX_WAKE, INT_MAX, NULL);
}

/* ---- Start and stop ------------------------------------------------------------------------------------------------*/

static uint64_t realtime_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t trace_bytes(const struct control_rates *rates) {
    return rates->trace_bytes_max ? rates->trace_bytes_max : CONTROL_TRACE_BYTES;
}

uint64_t control_segment_bytes(const struct control_rates *rates) {
    return segment_bytes(trace_bytes(rates));
}

/* `memory` as for control_start(). Our own is private: what a fork child does to its copy is its own. */
static int make_segment(const struct control_rates *rates, void *memory) {
    if (probe.segment && !probe.inherited) /* a fork child leaves its parent's alone */
        return 0;
    if (!memory)
        memory = mmap(NULL, (size_t)control_segment_bytes(rates), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    struct segment *segment = memory;
    segment_format(segment, trace_bytes(rates), (uint32_t)getpid(), (uint32_t)sysconf(_SC_PAGESIZE), probe_now_ns(),
                   realtime_ns());
    struct segment_table_pointers tables = {
        .stack_slots = segment_entries(segment, &segment->stack_slots),
        .stack_words = segment_entries(segment, &segment->stack_words),
        .cpu = segment_entries(segment, &segment->cpu),
        .heap = segment_entries(segment, &segment->heap),
        .block = segment_entries(segment, &segment->block),
        .mutex = segment_entries(segment, &segment->mutex),
        .live = segment_entries(segment, &segment->live),
        .threads = segment_entries(segment, &segment->threads),
        .parts = segment_entries(segment, &segment->parts),
        .string_slots = segment_entries(segment, &segment->string_slots),
        .string_bytes = segment_entries(segment, &segment->string_bytes),
        .trace_chunks = segment_entries(segment, &segment->trace_chunks),
    };
    probe.tables = tables;
    probe.pid = segment->pid;
    probe.inherited = 0;
    __atomic_store_n(&probe.segment, segment, __ATOMIC_RELEASE);
    return 0;
}

/* The memory that was given for it is the giver's again. */
static void forget_segment(void) {
    __atomic_store_n(&probe.segment, NULL, __ATOMIC_RELEASE);
    probe.pid = 0;
    probe_thread.record = NULL;
}

static int start_thread(void) {
    control.end = 0;
    int error = own_thread_start(&control.thread, control_main, NULL);
    control.running = error == 0;
    return error;
}

static void end_thread(void) {
    __atomic_store_n(&control.end, 1, __ATOMIC_RELEASE);
    wake_control();
    own_thread_join(&control.thread);
    control.running = false;
}

static void switch_hooks(const struct control_rates *rates) {
    struct segment *segment = probe.segment;
    uint64_t mem_profile_rate_bytes = sanitizers_own_heap() ? 0 : rates->mem_profile_rate_bytes;
    segment->mem_profile_rate_bytes = mem_profile_rate_bytes;
    segment->block_rate_ns = rates->block_rate_ns;
    segment->mutex_fraction = rates->mutex_fraction;
    probe.block_rate_ns = rates->block_rate_ns;
    probe.mutex_fraction = rates->mutex_fraction;
    probe.mem_profile_rate = mem_profile_rate_bytes;
}

void control_save_at_end(void (*save)(void)) {
    __atomic_store_n(&probe.save, save, __ATOMIC_RELEASE);
}

void control_let_signal_in(void) {
    timers_let_signal_in();
}

void control_reset_after_fork(void) {
    control.running = control.missing = false;
    control.owner = 0;
    probe.resume_control = NULL;
    own_thread_reset_after_fork(&control.thread);
}

/* Named by itself: the others are when somebody asks for them. */
static void attach_caller(void) {
    char name[SEGMENT_THREAD_NAME_BYTES];
    struct segment_thread *record = thread_attach();
    if (record && prctl(PR_GET_NAME, name) == 0)
        thread_set_name(record, name);
}

/* Before there is a thread that would do it: what comes first counts. */
static void sample_from_the_start(const struct control_rates *rates, bool program_begins) {
    control.cpu_hz = rates->cpu_hz;
    probe.to_the_end = rates->cpu_hz > 0;
    if (rates->cpu_hz && program_begins)
        sampler_run_from_the_start(probe_thread.record, rates->cpu_hz);
    else if (rates->cpu_hz)
        sampler_run_anew(rates->cpu_hz);
}

int control_start(const struct control_rates *rates, void *memory, struct segment **ret, size_t *ret_bytes) {
    if (control.running || control.missing)
        return -EALREADY;
    int own = control_mark_own(1);
    int error = make_segment(rates, memory);
    if (!error)
        error = sampler_init();
    if (!error) {
        control.beats = !memory;
        beat(&probe.segment->mailbox);
        recorder_init(rates->trace_min_age_ns, trace_bytes(rates));
        fork_init();
        identity_init();
        modules_keep_start();
        plan_first_look();
        control_mark_own(0); /* whoever calls is the program */
        attach_caller();
        bool was_blocked = timers_block_signal(); /* a first sample would wait for tables, which nobody makes yet */
        sample_from_the_start(rates, /* program_begins= */ memory != NULL);
        control_mark_own(1);
        error = start_thread();
        if (!was_blocked)
            timers_unblock_signal();
    }
    control_mark_own(own);
    if (error) {
        sampler_stop();
        control.cpu_hz = probe.to_the_end = 0;
        if (memory)
            forget_segment();
        return error;
    }
    __atomic_fetch_or(&probe.watching, PROBE_WAITS, __ATOMIC_RELEASE);
    switch_hooks(rates);
    *ret = probe.segment;
    *ret_bytes = (size_t)probe.segment->total_bytes;
    return 0;
}

void control_stop(void) {
    if (!control.running && !control.missing)
        return;
    switch_hooks(&(struct control_rates){0});
    control.cpu_hz = probe.to_the_end = 0;
    __atomic_fetch_and(&probe.watching, ~(uint32_t)PROBE_WAITS, __ATOMIC_RELEASE);
    if (!control_rest())
        return;
    sampler_stop();
    recorder_stop();
    control.missing = false;
    __atomic_store_n(&probe.resume_control, NULL, __ATOMIC_RELEASE);
    leave();
}

/* ---- Rest ----------------------------------------------------------------------------------------------------------*/

/* False for a signal handler inside of that which is to be owned. */
static bool own_control(void) {
    uint32_t self = (uint32_t)syscall(SYS_gettid), owner;
    while ((owner = 0,
            !__atomic_compare_exchange_n(&control.owner, &owner, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))) {
        if (owner == self)
            return false;
        futex(&control.owner, FUTEX_WAIT, owner, NULL);
    }
    return true;
}

bool control_rest(void) {
    if ((!control.running && !control.missing) || probe_is_another_process() || !own_control())
        return false;
    bool missing = control.missing, running = control.running;
    if (running)
        end_thread();
    if (!running && !missing)
        leave();
    return running || missing;
}

/* By a thread that has just begun: where it may be, control may. */
static void resume_missing(void) {
    if (!control.missing || probe_is_another_process() || !own_control())
        return;
    if (control.missing)
        control_resume();
    else
        leave();
}

/* Whoever the process is now may be allowed no more threads: then nobody is left to end what runs. */
void control_resume(void) {
    control.missing = start_thread() != 0;
    if (control.missing) {
        sampler_stop();
        recorder_serve(/* wanted= */ false);
    }
    __atomic_store_n(&probe.resume_control, control.missing ? resume_missing : NULL, __ATOMIC_RELEASE);
    leave();
}
