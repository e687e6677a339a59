/* bench_trace: what it costs to turn events into a trace, for each format: nanoseconds a record, bytes a record, and how
 * long a window of 16 MiB of records takes. Events as of a server at full speed: calls, locks with wakes, regions. */
#include <stdio.h>
#include <stdlib.h>

#include "../../tests/unit/trace/random_events.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define EVENTS ((size_t)1 << 20)
#define GENERATION ((size_t)200000)
#define ROUNDS 5
#define RECORD_BYTES 32.0 /* of a ring */
#define WINDOW_BYTES (16.0 * (1 << 20))
#define START_NS 1000000000ull

static uint64_t write_trace(const struct trace_event *events, size_t n, uint64_t end_ns, enum trace_format format,
                            size_t *ret_bytes) {
    struct trace_options options = {.format = format, .start_ns = START_NS, .pid = 1, .process_name = "bench"};
    struct trace_writer *writer = NULL;
    struct buffer file = BUFFER_INIT(0);
    size_t generations = n / GENERATION + 1;
    uint64_t start = clock_monotonic_ns();
    int error = trace_writer_new(&options, &random_events_source, &writer);
    if (!error)
        error = trace_writer_add(writer, events, n);
    *ret_bytes = 0;
    for (size_t i = 1; i <= generations && !error; i++) {
        error = trace_writer_flush(writer, START_NS + (end_ns - START_NS) * i / generations, &file);
        *ret_bytes += file.size;
        file.size = 0;
    }
    uint64_t took = clock_monotonic_ns() - start;
    trace_writer_free(writer);
    buffer_done(&file);
    if (error)
        exit(1);
    return took;
}

int main(void) {
    static const char *const names[] = {"go 1.22", "go 1.23", "go 1.25", "go 1.26", "perfetto"};
    _cleanup_free_ struct trace_event *events = calloc(2 * EVENTS, sizeof *events);
    if (!events)
        return 1;
    static const unsigned threads[] = {8, 200};
    for (unsigned k = 0; k < sizeof threads / sizeof *threads; k++) {
        struct random_events random = {.state = 1, .threads = threads[k]};
        size_t n;
        uint64_t end_ns = random_events_make(&random, START_NS, EVENTS, events, &n);
        for (unsigned format = TRACE_GO_1_23; format <= TRACE_PERFETTO; format++) {
            uint64_t best = UINT64_MAX;
            size_t bytes = 0;
            for (unsigned round = 0; round < ROUNDS; round++) {
                uint64_t took = write_trace(events, n, end_ns, (enum trace_format)format, &bytes);
                best = took < best ? took : best;
            }
            double ns = (double)best / (double)n;
            printf("%-8s %3u threads: %6.1f ns a record, %5.1f bytes a record, 16 MiB of records in %.0f ms\n",
                   names[format], threads[k], ns, (double)bytes / (double)n, ns * WINDOW_BYTES / RECORD_BYTES / 1e6);
        }
    }
    return 0;
}
