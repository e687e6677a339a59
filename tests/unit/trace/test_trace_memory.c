/* Each allocation fails once: -ENOMEM comes out, nothing leaks or crashes (a sanitizer run would say so). The linker
 * sends our calls of malloc and its family here (-Wl,--wrap). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "random_events.h"

#include <cmocka.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
char *__real_strdup(const char *string);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
char *__wrap_strdup(const char *string);

static long countdown = -1; /* allocations until one fails; negative: none does */

static bool fails(void) {
    return countdown >= 0 && countdown-- == 0;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size) {
    return fails() ? NULL : __real_reallocarray(old, n, size);
}

char *__wrap_strdup(const char *string) {
    return fails() ? NULL : __real_strdup(string);
}

#define EVENTS 600
#define START_NS 1000000ull

static int write_trace(const struct trace_options *options, const struct trace_event *events, size_t n,
                       uint64_t end_ns) {
    struct trace_writer *writer = NULL;
    struct buffer file = BUFFER_INIT(0);
    int error = trace_writer_new(options, &random_events_source, &writer);
    if (!error)
        error = trace_writer_add(writer, events, n);
    for (uint64_t i = 1; i <= 3 && !error; i++)
        error = trace_writer_flush(writer, START_NS + (end_ns - START_NS) * i / 3, &file);
    trace_writer_free(writer);
    buffer_done(&file);
    return error;
}

static void each_allocation_may_fail(void **state) {
    (void)state;
    static struct trace_event events[2 * EVENTS];
    for (unsigned round = 0; round < 4; round++) {
        struct trace_options options = {.format = round % 2 ? TRACE_PERFETTO : TRACE_GO_1_26,
                                        .core_rows = round >= 2,
                                        .cpus = 2,
                                        .start_ns = START_NS + 1000,
                                        .process_name = "test"};
        struct random_events random = {.state = round, .nonsense = 10, .threads = 20, .cpus = round >= 2 ? 2 : 0};
        size_t n;
        uint64_t end_ns = random_events_make(&random, START_NS, EVENTS, events, &n);
        int error = -ENOMEM;
        for (long at = 0; error; at++) {
            assert_true(at < 100000);
            countdown = at;
            error = write_trace(&options, events, n, end_ns);
            bool all_succeeded = countdown >= 0;
            countdown = -1;
            assert_int_equal(error, all_succeeded ? 0 : -ENOMEM);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
