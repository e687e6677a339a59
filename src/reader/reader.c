#include "reader/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "reader/counters.h"
#include "reader/internal.h"
#include "reader/mailbox.h"
#include "reader/threadprofile.h"
#include "reader/threads.h"
#include "reader/trace_clock.h"

#define VDSO_PATH "[vdso]"
#define CMDLINE_BYTES_MAX (4u << 20)

/* The kernel maps the whole file: it ends with its section headers. */
static void find_vdso(struct reader *reader) {
    const char *image = (const char *)getauxval(AT_SYSINFO_EHDR);
    if (!image)
        return;
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)(const void *)image;
    reader->vdso = image;
    reader->vdso_bytes = (size_t)header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;
}

static int make(struct segment *segment, size_t bytes, struct symbols *symbols, struct reader **ret) {
    struct reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return -ENOMEM;
    int error = view_open(segment, bytes, &reader->view);
    reader->symbols = symbols;
    reader->shares_symbols = symbols != NULL;
    pthread_mutex_init(&reader->rates_lock, NULL);
    if (!error && !symbols)
        error = symbols_new(&reader->symbols);
    if (error) {
        free(reader);
        return error;
    }
    find_vdso(reader);
    *ret = reader;
    return 0;
}

int reader_new(struct segment *segment, size_t bytes, struct reader **ret) {
    return make(segment, bytes, /* symbols= */ NULL, ret);
}

int reader_new_process(struct segment *segment, size_t bytes, struct symbols *symbols, uint32_t pid, const char *name,
                       struct reader **ret) {
    int error = make(segment, bytes, symbols, ret);
    if (error)
        return error;
    (*ret)->process_pid = pid;
    snprintf((*ret)->process_name, sizeof((*ret)->process_name), "%s", name);
    return 0;
}

void reader_set_builds(struct reader *reader, struct builds *builds) {
    reader->builds = builds;
}

bool reader_has_ended(const struct reader *reader) {
    return __atomic_load_n(&reader->view.quiet, __ATOMIC_RELAXED) && !__atomic_load_n(&reader->there, __ATOMIC_RELAXED);
}

void reader_set_quiet(struct reader *reader, bool quiet, bool there) {
    __atomic_store_n(&reader->view.quiet, quiet, __ATOMIC_RELAXED);
    __atomic_store_n(&reader->there, there, __ATOMIC_RELAXED);
}

/* In another namespace threads have other numbers than the segment's. */
uint32_t reader_outside_pid(const struct reader *reader) {
    bool there = __atomic_load_n(&reader->there, __ATOMIC_RELAXED) && reader->process_pid == reader->view.pid;
    return there ? reader->process_pid : 0;
}

uint32_t reader_labels(const struct reader *reader, struct profile *profile, struct profile_label *ret) {
    if (!reader->process_pid)
        return 0;
    char number[16];
    snprintf(number, sizeof(number), "%" PRIu32, reader->process_pid);
    ret[0] = (struct profile_label){.key = "pid", .string = profile_intern(profile, number)};
    ret[1] = (struct profile_label){.key = "process", .string = profile_intern(profile, reader->process_name)};
    return READER_LABELS;
}

uint64_t reader_silent_ms(const struct reader *reader) {
    uint64_t heard = __atomic_load_n(&reader->view.segment->mailbox.heartbeat_ns, __ATOMIC_RELAXED);
    uint64_t now = clock_monotonic_ns();
    return now > heard ? (now - heard) / NS_PER_MS : 0;
}

void reader_free(struct reader *reader) {
    if (!reader)
        return;
    if (!reader->shares_symbols)
        symbols_free(reader->symbols);
    free(reader);
}

struct symbols_module reader_symbols_module(const struct reader *reader, const struct module *module) {
    bool vdso = !strcmp(module->path, VDSO_PATH);
    return (struct symbols_module){
        .path = module->path,
        .build_id = module->build_id,
        .bias = module->bias,
        .image = vdso ? reader->vdso : NULL,
        .image_bytes = vdso ? reader->vdso_bytes : 0,
    };
}

int reader_profile(struct reader *reader, enum reader_kind kind, struct profile **ret) {
    if (kind == READER_GOROUTINE) /* a dump brings names and modules along */
        return threadprofile_goroutine(reader, ret);
    mailbox_refresh(&reader->view);
    if (kind == READER_THREADCREATE)
        return threadprofile_create(reader, ret);
    const struct counters_kind *counters = counters_kind(kind);
    struct snapshot snapshot;
    int error = snapshot_take(&reader->view, counters_table(counters), &snapshot);
    if (error)
        return error;
    error = counters_profile(reader, counters, &snapshot, /* before= */ NULL, ret);
    snapshot_done(&snapshot);
    return error;
}

int reader_symbol(struct reader *reader, uint64_t address, struct buffer *ret) {
    struct modules modules;
    int error = modules_take(&reader->view, &modules);
    if (error)
        return error;
    uint32_t module = modules_find(&modules, address);
    if (module != MODULES_NONE) {
        struct symbols_module asked = reader_symbols_module(reader, &modules.list[module]);
        struct symbols_answer answer = {0};
        error = symbols_resolve(reader->symbols, &asked, &address, 1, &answer, /* coverage= */ NULL);
        if (!error && answer.n_frames)
            error = buffer_add_string(ret, answer.frames[0].name);
    }
    modules_done(&modules);
    return error;
}

int reader_cmdline(struct reader *reader, struct buffer *ret) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/cmdline",
             reader->process_pid ? reader->process_pid : reader->view.pid);
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(CMDLINE_BYTES_MAX);
    int error = file_read(path, &text);
    if (error)
        return error;
    if (text.size && !text.data[text.size - 1])
        text.size--;
    return buffer_add(ret, text.data ? text.data : "", text.size);
}

static void trace_figures(const struct view *view, struct reader_figures *ret) {
    struct segment_trace trace;
    view_trace(view, &trace);
    ret->trace_users = __atomic_load_n(&view->segment->mailbox.trace_users, __ATOMIC_RELAXED);
    if (!trace.min_age_ns || !trace.recording)
        return;
    struct trace_clock clock = trace_clock_now(&trace);
    ret->trace_min_age_ns = trace.min_age_ns;
    ret->trace_length_ns = clock.ns - trace_clock_ns(&clock, trace_clock_horizon(&trace));
    ret->trace_bytes_max = trace.bytes_max;
    ret->trace_bytes = (trace.cursor >> 32) * SEGMENT_TRACE_CHUNK_BYTES;
}

void reader_figures(struct reader *reader, struct reader_figures *ret) {
    const struct view *view = &reader->view;
    struct segment_counters counters;
    view_counters(view, &counters);
    struct view_rates rates = view_rates(view);
    uint64_t threads = threads_count(view), heap = snapshot_count(view, SNAPSHOT_HEAP);
    *ret = (struct reader_figures){
        .pid = reader->process_pid ? reader->process_pid : view->pid,
        .threads = threads,
        .cpu_users = __atomic_load_n(&view->segment->mailbox.cpu_users, __ATOMIC_RELAXED),
        .mem_profile_rate_bytes = rates.mem_profile_rate_bytes,
        .block_rate_ns = rates.block_rate_ns,
        .mutex_fraction = rates.mutex_fraction,
        .cpu_period_ns = rates.cpu_period_ns,
        .samples = counters.cpu_samples,
        .lost_samples = counters.lost_cpu + counters.lost_heap + counters.lost_block + counters.lost_mutex,
        .truncated_stacks = counters.stacks_truncated,
        .handler_ns = counters.handler_ns,
        .hook_samples = counters.hook_samples,
        .hook_ns = counters.hook_ns,
        .segment_bytes_used = view_bytes_used(view),
        .profile_counts =
            {
                [READER_HEAP] = heap,
                [READER_ALLOCS] = heap,
                [READER_BLOCK] = snapshot_count(view, SNAPSHOT_BLOCK),
                [READER_MUTEX] = snapshot_count(view, SNAPSHOT_MUTEX),
                [READER_GOROUTINE] = threads,
                [READER_THREADCREATE] = threads,
            },
    };
    trace_figures(view, ret);
}
