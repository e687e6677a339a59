/* random_trace SEED FORMAT ROWS NONSENSE LOST THREADS EVENTS GENERATIONS FILE: a trace of made-up events.
 * FORMAT: 1.22, 1.23, 1.25, 1.26, perfetto. ROWS: threads, cores. NONSENSE, LOST: of 100 events. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../unit/trace/random_events.h"
#include "base/cleanup.h"
#include "base/file.h"

#define START_NS 1000000000ull

static enum trace_format format_of(const char *name) {
    static const char *const names[] = {"1.22", "1.23", "1.25", "1.26", "perfetto"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum trace_format)i;
    fprintf(stderr, "random_trace: no format %s\n", name);
    exit(2);
}

int main(int argc, char **argv) {
    if (argc != 10) {
        fprintf(stderr, "usage: random_trace SEED FORMAT ROWS NONSENSE LOST THREADS EVENTS GENERATIONS FILE\n");
        return 2;
    }
    bool cores = strcmp(argv[3], "cores") == 0;
    struct random_events random = {.state = strtoul(argv[1], NULL, 10),
                                   .nonsense = (unsigned)atoi(argv[4]),
                                   .lost = (unsigned)atoi(argv[5]),
                                   .threads = (unsigned)atoi(argv[6]),
                                   .cpus = cores ? 3 : 0};
    size_t n = strtoul(argv[7], NULL, 10), generations = strtoul(argv[8], NULL, 10);
    struct trace_options options = {.format = format_of(argv[2]),
                                    .core_rows = cores,
                                    .cpus = 3,
                                    .start_ns = START_NS + n * 100,
                                    .realtime_ns = 1700000000ull * 1000000000,
                                    .pid = 1,
                                    .process_name = "random"};
    _cleanup_free_ struct trace_event *events = calloc(2 * n, sizeof *events);
    struct trace_writer *writer = NULL;
    struct buffer file = BUFFER_INIT(0);
    if (!events || trace_writer_new(&options, &random_events_source, &writer))
        return 1;
    uint64_t end_ns = random_events_make(&random, START_NS, n, events, &n);
    int error = trace_writer_add(writer, events, n);
    for (size_t i = 1; i <= generations && !error; i++)
        error = trace_writer_flush(writer, options.start_ns + (end_ns - options.start_ns) * i / generations, &file);
    struct trace_figures figures;
    trace_writer_figures(writer, &figures);
    printf("%llu events, %llu repaired, %llu dropped, %llu late, %llu threads, %zu bytes\n",
           (unsigned long long)figures.events, (unsigned long long)figures.repaired,
           (unsigned long long)figures.dropped, (unsigned long long)figures.late, (unsigned long long)figures.threads,
           file.size);
    trace_writer_free(writer);
    if (!error)
        error = file_write(argv[9], file.data, file.size, 0644);
    buffer_done(&file);
    return error != 0;
}
