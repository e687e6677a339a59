/* Cost of the unwinder: ns a frame against libgcc's _Unwind_Backtrace, interleaved, and what building tables costs.
 * Prints a table; decides nothing. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "probe/control/modules.h"
#include "probe/handler/unwind.h"
#include "probe/handler/unwind_arch.h"

#define ROUNDS 41
#define WALKS 200

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t stack_high;
static uint64_t pcs[256];
static char *cold;
#define COLD_BYTES (64u << 20)

static unsigned walk_ours(const ucontext_t *context) {
    struct unwind_registers registers = unwind_registers_of(context);
    uint64_t low = registers.sp - UNWIND_RED_ZONE_BYTES;
    bool complete;
    unsigned n =
        unwind_walk(&registers, &(struct unwind_memory){low, stack_high, (const char *)low}, pcs, 256, &complete);
    return complete ? n : 0;
}

static _Unwind_Reason_Code count(struct _Unwind_Context *context, void *data) {
    pcs[0] = _Unwind_GetIP(context);
    ++*(unsigned *)data;
    return _URC_NO_REASON;
}

static unsigned walk_libgcc(const ucontext_t *context) {
    (void)context;
    unsigned n = 0;
    _Unwind_Backtrace(count, &n);
    return n;
}

static double ns_a_walk(unsigned (*walk)(const ucontext_t *), const ucontext_t *context) {
    uint64_t start = now_ns();
    for (int i = 0; i < WALKS; i++)
        walk(context);
    return (double)(now_ns() - start) / WALKS;
}

static void evict(void) {
    for (size_t i = 0; i < COLD_BYTES; i += 64)
        cold[i]++;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n) {
    qsort(values, n, sizeof *values, ascending);
    return values[n / 2];
}

static void measure(void) {
    ucontext_t context;
    double ours[ROUNDS], libgcc[ROUNDS], ours_cold[ROUNDS];
    getcontext(&context);
    unsigned n = walk_ours(&context), n_libgcc = walk_libgcc(&context);
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = ns_a_walk(walk_ours, &context);
        libgcc[i] = ns_a_walk(walk_libgcc, &context);
        if (i >= ROUNDS / 4)
            continue;
        evict();
        uint64_t start = now_ns();
        walk_ours(&context);
        ours_cold[i] = (double)(now_ns() - start);
    }
    double warm = median(ours, ROUNDS), theirs = median(libgcc, ROUNDS), cold_walk = median(ours_cold, ROUNDS / 4);
    printf(
        "%3u frames  ours %7.1f ns  %5.2f ns/frame (min %5.2f)  cold %6.0f ns   libgcc (%u) %8.1f ns  %6.1f ns/frame\n",
        n, warm, warm / n, ours[0] / n, cold_walk, n_libgcc, theirs, theirs / n_libgcc);
}

/* Two kinds of frames that take turns, so that rules and rows differ. */
__attribute__((noinline)) static int deep_b(int depth);
__attribute__((noinline)) static int deep_a(int depth) {
    volatile char room[64];
    room[0] = (char)depth;
    if (depth <= 0)
        measure();
    else
        deep_b(depth - 1);
    return room[0];
}

__attribute__((noinline)) static int deep_b(int depth) {
    volatile int room = depth;
    if (depth <= 0)
        measure();
    else
        deep_a(depth - 1);
    return room;
}

static uint64_t eh_frame_bytes(void) {
    struct modules_stats stats;
    modules_stats(&stats);
    return stats.source_bytes;
}

static void measure_build(void) {
    double times[9];
    struct modules_stats stats;
    for (int i = 0; i < 9; i++) {
        modules_release();
        uint64_t start = now_ns();
        modules_refresh(NULL);
        times[i] = (double)(now_ns() - start) / 1e6;
    }
    modules_stats(&stats);
    double megabytes = (double)eh_frame_bytes() / 1e6, ms = median(times, 9);
    printf("%u objects, %u tables: .eh_frame %.2f MB, %lu functions, %lu rows, %lu rules\n", stats.objects,
           stats.tables, megabytes, (unsigned long)stats.functions, (unsigned long)stats.rows,
           (unsigned long)stats.rules);
    printf("build %.2f ms (min %.2f), %.2f ms/MB; table %.2f MB, %.2f bytes/byte\n", ms, times[0], ms / megabytes,
           (double)stats.table_bytes / 1e6, (double)stats.table_bytes / 1e6 / megabytes);
}

int main(void) {
    static const char *const libraries[] = {"libstdc++.so.6", "libcrypto.so.3", "libdw.so.1", "libpython3.11.so.1.0"};
    pthread_attr_t attributes;
    void *low;
    size_t size;
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        dlopen(libraries[i], RTLD_NOW);
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &low, &size);
    stack_high = (uint64_t)low + size;
    cold = calloc(1, COLD_BYTES);
    if (!cold)
        return 1;
    measure_build();
    static const int depths[] = {10, 30, 60};
    for (int i = 0; i < 3; i++)
        deep_a(depths[i] - 5); /* measure, deep_a's own, main, and two of libc */
    free(cold);
    return 0;
}
