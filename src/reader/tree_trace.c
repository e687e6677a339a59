/* Execution traces, of several processes in one: their threads side by side, on one clock. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/grow.h"
#include "reader/mailbox.h"
#include "reader/trace_input.h"
#include "reader/trace_source.h"
#include "reader/tree_internal.h"

#define GENERATION_NS (NS_PER_S / 2) /* of a trace that is sent while it is taken */

/* Of the recent past. It may be days long, if little happened in them, or no time at all: so what is told at once is a
 * part of it, and a generation, which costs some kilobytes, is worth it. */
#define SLICE_NS NS_PER_S /* at least */
#define SLICES_MAX 64u
#define GENERATION_EVENTS 16384u
#define RECENT_NS_MAX ((uint64_t)50 * 24 * 3600 * NS_PER_S) /* longer than that no trace can be */

struct part {
    struct process *process;
    struct trace_input *input;
    char suffix[32]; /* of its threads' names */
};

struct tree_trace {
    struct tree *tree;
    uint32_t pid;
    enum trace_format format;
    uint64_t start_ns, read_ns, flushed_ns;
    struct trace_names names;
    struct trace_writer *writer;
    struct part **parts;
    uint32_t n_parts, space;
    bool follows; /* newcomers join by themselves */
};

static void part_free(struct part *part) {
    trace_input_done(part->input);
    free(part->input);
    free(part);
}

/* The process's reference is the part's from here on. 0 or -ENOMEM, with the reference still the caller's. */
static int add_part(struct tree_trace *trace, struct process *process) {
    struct part *part = calloc(1, sizeof(*part));
    struct trace_input *input = part ? calloc(1, sizeof(*input)) : NULL;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): of an array of pointers */
    if (!input || grow_array(&trace->parts, &trace->space, trace->n_parts, sizeof(*trace->parts))) {
        free(input);
        free(part);
        return -ENOMEM;
    }
    part->process = process;
    part->input = input;
    if (!trace->tree->single)
        snprintf(part->suffix, sizeof(part->suffix), " (%" PRIu32 ")", process->pid);
    input->reader = process->reader;
    input->texts = &trace->names.texts;
    input->writer = trace->writer;
    input->thread_suffix = part->suffix;
    int error = trace_names_add(&trace->names, process->reader, &input->process);
    if (!error)
        error = trace_input_init(input);
    if (error) {
        part_free(part);
        return error;
    }
    trace->parts[trace->n_parts++] = part;
    return 0;
}

static bool has_part(const struct tree_trace *trace, const struct process *process) {
    uint32_t i = 0;
    while (i < trace->n_parts && trace->parts[i]->process != process)
        i++;
    return i < trace->n_parts;
}

static void trace_free(struct tree_trace *trace) {
    struct picked held = {.list = calloc(trace->n_parts + 1, sizeof(struct process *))};
    for (uint32_t i = 0; i < trace->n_parts; i++) {
        if (held.list)
            held.list[held.n++] = trace->parts[i]->process;
        part_free(trace->parts[i]);
    }
    tree_drop(trace->tree, &held);
    trace_writer_free(trace->writer);
    trace_names_done(&trace->names);
    free(trace->parts);
    free(trace);
}

/* Make parts of those processes that are none yet, when `wanted` says so; drop the others. */
static int take_in(struct tree_trace *trace, struct picked *picked, bool (*wanted)(const struct process *process)) {
    struct picked others = {.list = calloc(picked->n + 1, sizeof(struct process *))};
    int error = others.list ? 0 : -ENOMEM;
    for (size_t i = 0; i < picked->n && !error; i++) {
        struct process *process = picked->list[i];
        bool is_new = !has_part(trace, process) && wanted(process);
        if (!is_new || (error = add_part(trace, process)))
            others.list[others.n++] = process;
    }
    tree_drop(trace->tree, &others);
    free(picked->list);
    return error;
}

static int trace_new(struct tree *tree, uint32_t pid, enum trace_format format, struct tree_trace **ret) {
    struct tree_trace *trace = calloc(1, sizeof(*trace));
    if (!trace)
        return -ENOMEM;
    trace->tree = tree;
    trace->pid = pid;
    trace->format = format;
    *ret = trace;
    return 0;
}

static int make_writer(struct tree_trace *trace) {
    const struct process *first = trace->parts[0]->process;
    const struct trace_options options = {
        .format = trace->format,
        .start_ns = trace->start_ns,
        .realtime_ns = clock_realtime_ns() - (clock_monotonic_ns() - trace->start_ns),
        .pid = first->pid,
        .process_name = first->name,
    };
    struct trace_source source = trace_names_source(&trace->names);
    int error = trace_writer_new(&options, &source, &trace->writer);
    for (uint32_t i = 0; i < trace->n_parts && !error; i++)
        trace->parts[i]->input->writer = trace->writer;
    return error;
}

/* ---- While it is recorded -------------------------------------------------------------------------------------------- */

/* Those that joined by themselves when they came, too: each join is left once. */
static void join(const struct part *part) {
    mailbox_trace_enter(&part->process->reader->view);
}

static void begin_following(struct tree *tree) {
    pthread_mutex_lock(&tree->lock);
    tree->n_trace++;
    pthread_mutex_unlock(&tree->lock);
}

static void end_following(struct tree *tree) {
    pthread_mutex_lock(&tree->lock);
    --tree->n_trace;
    for (struct process *process = tree->processes; process && !tree->n_trace; process = process->next) {
        if (process->traced)
            mailbox_trace_leave(&process->reader->view);
        process->traced = false;
    }
    pthread_mutex_unlock(&tree->lock);
}

static void leave_and_free(struct tree_trace *trace) {
    for (uint32_t i = 0; i < trace->n_parts; i++)
        mailbox_trace_leave(&trace->parts[i]->process->reader->view);
    end_following(trace->tree);
    trace_free(trace);
}

static bool any(const struct process *process) {
    (void)process;
    return true;
}

/* All record, or at least one does: a stopped process among others is left out. */
static int wait_for_recording(const struct tree_trace *trace) {
    int error = -ESRCH;
    for (uint32_t i = 0; i < trace->n_parts; i++) {
        int one = mailbox_trace_wait(&trace->parts[i]->process->reader->view);
        error = one && error ? one : 0;
    }
    return error;
}

/* The dumps first: they take a while, and the trace starts when all of them are there. */
static int introduce(struct tree_trace *trace) {
    uint64_t dumps[TREE_PROCESSES_MAX] = {0};
    for (uint32_t i = 0; i < trace->n_parts && i < TREE_PROCESSES_MAX; i++)
        mailbox_dump(&trace->parts[i]->process->reader->view, &dumps[i]);
    trace->start_ns = trace->read_ns = trace->flushed_ns = clock_monotonic_ns();
    int error = make_writer(trace);
    for (uint32_t i = 0; i < trace->n_parts && !error; i++) {
        struct trace_input *input = trace->parts[i]->input;
        trace_input_skip(input);
        trace_input_introduce(input, trace->start_ns, i < TREE_PROCESSES_MAX ? dumps[i] : 0);
        error = trace_input_flush(input);
    }
    return error;
}

int tree_trace_begin(struct tree *tree, uint32_t pid, enum trace_format format, struct tree_trace **ret) {
    struct tree_trace *trace;
    struct picked picked;
    int error = trace_new(tree, pid, format, &trace);
    if (error)
        return error;
    begin_following(tree);
    error = tree_pick(tree, pid, /* since_ns= */ UINT64_MAX, &picked);
    if (!error)
        error = take_in(trace, &picked, any);
    for (uint32_t i = 0; i < trace->n_parts; i++)
        join(trace->parts[i]);
    if (!error)
        error = wait_for_recording(trace);
    if (!error)
        error = introduce(trace);
    if (error) {
        leave_and_free(trace);
        return error;
    }
    *ret = trace;
    return 0;
}

/* Newcomers are read from their first record on. */
static int look_for_newcomers(struct tree_trace *trace) {
    struct picked picked;
    uint32_t before = trace->n_parts;
    if (trace->pid || trace->tree->single)
        return 0;
    int error = tree_pick(trace->tree, /* pid= */ 0, trace->start_ns, &picked);
    if (!error)
        error = take_in(trace, &picked, any);
    for (uint32_t i = before; i < trace->n_parts; i++)
        join(trace->parts[i]);
    return error;
}

static int read_all(struct tree_trace *trace) {
    int error = look_for_newcomers(trace);
    for (uint32_t i = 0; i < trace->n_parts && !error; i++)
        error = trace_input_read(trace->parts[i]->input);
    return error;
}

/* What is older than the last reading is there by now: also of threads that lost the CPU while they wrote it down. */
int tree_trace_read(struct tree_trace *trace, struct buffer *ret) {
    uint64_t now_ns = clock_monotonic_ns(), until_ns = trace->read_ns;
    int error = read_all(trace);
    trace->read_ns = now_ns;
    if (error || until_ns < trace->flushed_ns + GENERATION_NS)
        return error;
    trace->flushed_ns = until_ns;
    return trace_writer_flush(trace->writer, until_ns, ret);
}

int tree_trace_end(struct tree_trace *trace, struct buffer *ret) {
    uint64_t now_ns = clock_monotonic_ns();
    int error = ret ? read_all(trace) : 0;
    if (ret && !error)
        error = trace_writer_flush(trace->writer, now_ns, ret);
    leave_and_free(trace);
    return error;
}

/* ---- The recent past ------------------------------------------------------------------------------------------------- */

static bool keeps_trace(const struct process *process) {
    struct segment_trace trace;
    view_trace(&process->reader->view, &trace);
    return trace.min_age_ns && trace.recording;
}

/* Of processes that are gone or stopped: nothing more comes. */
static bool is_quiet(const struct tree_trace *trace) {
    bool quiet = true;
    for (uint32_t i = 0; i < trace->n_parts; i++)
        quiet = __atomic_load_n(&trace->parts[i]->process->reader->view.quiet, __ATOMIC_RELAXED) && quiet;
    return quiet;
}

/* From where on there is something to tell, and up to when. */
static void survey(struct tree_trace *trace, uint64_t *ret_until_ns) {
    uint64_t now_ns = clock_monotonic_ns(), newest_ns = 0;
    trace->start_ns = now_ns;
    for (uint32_t i = 0; i < trace->n_parts; i++) {
        trace_input_survey(trace->parts[i]->input);
        uint64_t horizon_ns = trace_input_horizon_ns(trace->parts[i]->input);
        trace->start_ns = horizon_ns < trace->start_ns ? horizon_ns : trace->start_ns;
        uint64_t one_ns = trace_input_newest_ns(trace->parts[i]->input);
        newest_ns = one_ns > newest_ns ? one_ns : newest_ns;
    }
    if (is_quiet(trace) && newest_ns > trace->start_ns && newest_ns < now_ns)
        now_ns = newest_ns + 1;
    if (now_ns - trace->start_ns > RECENT_NS_MAX)
        trace->start_ns = now_ns - RECENT_NS_MAX;
    *ret_until_ns = now_ns;
}

static int tell_slice(struct tree_trace *trace, uint64_t from_ns, uint64_t until_ns) {
    int error = 0;
    for (uint32_t i = 0; i < trace->n_parts && !error; i++) {
        trace_input_tell(trace->parts[i]->input, from_ns, until_ns);
        error = trace_input_flush(trace->parts[i]->input);
    }
    return error;
}

static int tell_recent(struct tree_trace *trace, struct buffer *ret) {
    uint64_t end_ns, flushed = 0;
    survey(trace, &end_ns);
    int error = make_writer(trace);
    for (uint32_t i = 0; i < trace->n_parts && !error; i++) {
        struct trace_input *input = trace->parts[i]->input;
        trace_input_introduce(input, trace_input_horizon_ns(input), /* dump= */ 0);
    }
    uint64_t slice_ns = (end_ns - trace->start_ns) / SLICES_MAX + 1;
    slice_ns = slice_ns > SLICE_NS ? slice_ns : SLICE_NS;
    for (uint64_t from_ns = 0, until_ns = trace->start_ns; until_ns < end_ns && !error; from_ns = until_ns) {
        until_ns = until_ns + slice_ns < end_ns ? until_ns + slice_ns : end_ns;
        error = tell_slice(trace, from_ns, until_ns);
        struct trace_figures figures;
        trace_writer_figures(trace->writer, &figures);
        if (error || (until_ns < end_ns && figures.events - flushed < GENERATION_EVENTS))
            continue;
        flushed = figures.events;
        error = trace_writer_flush(trace->writer, until_ns, ret);
    }
    return error;
}

static int trace_of(struct tree *tree, uint32_t pid, uint64_t since_ns, enum trace_format format, struct buffer *ret) {
    struct tree_trace *trace;
    struct picked picked;
    int error = trace_new(tree, pid, format, &trace);
    if (error)
        return error;
    error = tree_pick(tree, pid, since_ns, &picked);
    if (!error)
        error = take_in(trace, &picked, keeps_trace);
    if (!error)
        error = trace->n_parts ? tell_recent(trace, ret) : -ENODATA;
    trace_free(trace);
    return error;
}

int tree_trace_recent(struct tree *tree, uint32_t pid, enum trace_format format, struct buffer *ret) {
    return trace_of(tree, pid, /* since_ns= */ UINT64_MAX, format, ret);
}

int tree_trace_known(struct tree *tree, enum trace_format format, struct buffer *ret) {
    return trace_of(tree, /* pid= */ 0, /* since_ns= */ 0, format, ret);
}
