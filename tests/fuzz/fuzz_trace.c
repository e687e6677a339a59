/* Any events, in any order, from any bytes: what the writer makes of them is a file that a reader replays without a
 * contradiction, whole and without each number of its first generations. */
#include <stdlib.h>

#include "../unit/trace/go_check.h"
#include "../unit/trace/random_events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EVENTS_MOST 400u
#define START_NS 1000000ull

static void check(const struct buffer *file) {
    unsigned generations = go_check_generations(file->data, file->size);
    for (unsigned skip = 0; skip < generations; skip++)
        if (go_check(file->data, file->size, skip, NULL))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 8)
        return 0;
    struct trace_options options = {
        .format = data[0] % 4, .core_rows = data[1] & 1, .cpus = 2, .start_ns = START_NS + data[1]};
    struct random_events random = {.state = data[2],
                                   .bytes = data + 8,
                                   .n_bytes = size - 8,
                                   .nonsense = data[3] % 101u,
                                   .lost = data[4] % 50u,
                                   .threads = 1u + data[5] % 20,
                                   .cpus = options.core_rows ? 2 : 0};
    static struct trace_event events[2 * EVENTS_MOST];
    struct buffer file = BUFFER_INIT(0);
    struct trace_writer *writer = NULL;
    if (trace_writer_new(&options, &random_events_source, &writer))
        return 0;
    size_t n;
    uint64_t end_ns = START_NS;
    for (unsigned i = 0; i <= data[6] % 4u; i++) {
        end_ns = random_events_make(&random, end_ns, EVENTS_MOST * data[7] / 255, events, &n);
        if (trace_writer_add(writer, events, n) || trace_writer_flush(writer, end_ns - data[5], &file))
            abort();
    }
    trace_writer_free(writer);
    check(&file);
    buffer_done(&file);
    return 0;
}
