#include "probe/control/recorder.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "probe/control/tasks.h"
#include "probe/handler/probe.h"
#include "probe/handler/trace.h"

#define CLOCK_SOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define CALIBRATION_NS 2000000 /* two pairs so far apart give the rate to some 1e-5 */
#define PAIR_ROUNDS 5
#define BRIEF_NS 20000u /* runtime/proc.go, sysmon: a system call that takes longer counts as blocked */
/* Without a rolling trace records are kept so long: those who take a trace come by several times a second. */
#define KEEP_NS 2000000000u
#define CPUID_POWER 0x80000007u /* EDX bit 8: the counter runs at one rate, in all states of power */
#define CPUID_INVARIANT_TSC (1u << 8)

static bool always;
static uint64_t keep_ns;
static uint64_t ticks_per_ns_q32; /* of the time stamp counter; 0 = not measured yet */

#ifdef __x86_64__
/* The kernel's own choice says that the counters of all CPUs agree. */
static bool has_tsc(void) {
    unsigned a, b, c, d;
    char source[32];
    return __get_cpuid(CPUID_POWER, &a, &b, &c, &d) && d & CPUID_INVARIANT_TSC &&
           task_read_file(CLOCK_SOURCE, source, sizeof source) > 0 && !strncmp(source, "tsc", 3);
}
#else
static bool has_tsc(void) {
    return false;
}
#endif

/* Both clocks at one moment: of some tries the one that took the least. */
static void read_pair(uint64_t *ret_ticks, uint64_t *ret_ns) {
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < PAIR_ROUNDS; i++) {
        uint64_t before = ticks_tsc(), ns = probe_now_ns(), took = ticks_tsc() - before;
        if (took >= best)
            continue;
        best = took;
        *ret_ticks = before + took / 2;
        *ret_ns = ns;
    }
}

void recorder_init(uint64_t min_age_ns, uint64_t bytes_max) {
    struct segment_trace *trace = &probe.segment->trace;
    uint64_t most = probe.segment->trace_chunks.count * (uint64_t)SEGMENT_TRACE_CHUNK_BYTES;
    always = min_age_ns != 0;
    keep_ns = always ? min_age_ns : KEEP_NS;
    trace->min_age_ns = min_age_ns;
    trace->bytes_max = bytes_max < most ? bytes_max : most;
    probe.trace_chunks_most = trace->bytes_max / SEGMENT_TRACE_CHUNK_BYTES;
    if (!trace->pair_ns) {
        trace->clock = has_tsc() ? SEGMENT_TRACE_CLOCK_TSC : SEGMENT_TRACE_CLOCK_MONOTONIC;
        read_pair(&trace->pair_ticks, &trace->pair_ns);
    }
    probe.trace_tsc = trace->clock == SEGMENT_TRACE_CLOCK_TSC;
}

static void measure_clock(const struct segment_trace *trace) {
    const struct timespec pause = {.tv_nsec = CALIBRATION_NS};
    uint64_t ticks = 0, ns = 0;
    read_pair(&ticks, &ns);
    while (ns - trace->pair_ns < CALIBRATION_NS) {
        syscall(SYS_nanosleep, &pause, NULL);
        read_pair(&ticks, &ns);
    }
    ticks_per_ns_q32 = (uint64_t)((double)(ticks - trace->pair_ticks) / (double)(ns - trace->pair_ns) * 0x1p32);
}

static uint64_t ticks_of(uint64_t ns) {
    if (!probe.trace_tsc)
        return ns;
    return (uint64_t)((unsigned __int128)ns * ticks_per_ns_q32 >> 32);
}

static void switch_on(struct segment_trace *trace) {
    if (probe.trace_tsc && !ticks_per_ns_q32)
        measure_clock(trace);
    probe.trace_keep_ticks = ticks_of(keep_ns);
    probe.trace_brief_ticks = ticks_of(BRIEF_NS);
    __atomic_store_n(&trace->since_ticks, trace_ticks(), __ATOMIC_RELEASE);
    __atomic_fetch_or(&probe.watching, PROBE_TRACE, __ATOMIC_RELEASE);
    __atomic_store_n(&trace->recording, 1, __ATOMIC_RELEASE);
}

/* The memory goes back: of a shared mapping, else of a private one. A record that is just being written is lost. */
static void forget_chunks(struct segment_trace *trace) {
    size_t bytes = (size_t)probe.segment->trace_chunks.count * SEGMENT_TRACE_CHUNK_BYTES;
    if (madvise(probe.tables.trace_chunks, bytes, MADV_REMOVE))
        madvise(probe.tables.trace_chunks, bytes, MADV_DONTNEED);
    __atomic_store_n(&trace->cursor, 0, __ATOMIC_RELEASE);
}

static void switch_off(struct segment_trace *trace) {
    __atomic_store_n(&trace->recording, 0, __ATOMIC_RELEASE);
    __atomic_fetch_and(&probe.watching, ~(uint32_t)PROBE_TRACE, __ATOMIC_RELEASE);
    forget_chunks(trace);
}

void recorder_serve(bool wanted) {
    struct segment_trace *trace = &probe.segment->trace;
    wanted = wanted || always;
    if (wanted && !trace->recording)
        switch_on(trace);
    else if (!wanted && trace->recording)
        switch_off(trace);
}

void recorder_stop(void) {
    always = false;
    recorder_serve(false);
}
