/* The thread dump in the form of Go's debug=2. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "reader/build.h"
#include "reader/internal.h"
#include "reader/mailbox.h"
#include "reader/threads.h"
#include "reader/waits.h"

#define NS_PER_MINUTE (60 * NS_PER_S)

struct dump {
    const struct reader *reader;
    struct places places;
    struct threads threads;
    uint64_t now_ns;
};

/* Names come from the program, and a line must stay a line. */
static void add_thread_name(struct buffer *out, const char *name) {
    for (; *name; name++)
        buffer_add(out, (unsigned char)*name < 0x20 || *name == 0x7f ? "?" : name, 1);
}

static void add_header(struct buffer *out, const struct thread_row *row, uint64_t now_ns) {
    buffer_printf(out, "goroutine %" PRIu32 " [%s", row->tid, threads_state_name(row->state));
    bool waits = row->state != SEGMENT_THREAD_RUNNING && row->since_ns && now_ns > row->since_ns;
    uint64_t minutes = waits ? (now_ns - row->since_ns) / NS_PER_MINUTE : 0;
    if (minutes)
        buffer_printf(out, ", %" PRIu64 " minutes", minutes);
    if (row->name[0]) {
        buffer_add_string(out, ", name=");
        add_thread_name(out, row->name);
    }
    buffer_add_string(out, "]:\n");
}

/* "\t/file.c:88 +0x2d": the offset is inside of the function, where that has a known start. An inlined call has none of
 * its own, as in Go. */
static void add_position(struct buffer *out, const struct dump *dump, const struct place *place,
                         const struct symbols_frame *frame, bool inlined) {
    const struct module *module = place->module == MODULES_NONE ? NULL : &dump->places.modules.list[place->module];
    if (frame && frame->file[0])
        buffer_printf(out, "\t%s:%" PRIu32, frame->file, frame->line);
    else
        buffer_printf(out, "\t%s:0", module ? module->path : "?");
    if (!inlined && place->answer.function_start)
        buffer_printf(out, " +0x%" PRIx64, place->address - place->answer.function_start);
    buffer_add_string(out, "\n");
}

static void add_place(struct buffer *out, const struct dump *dump, const struct place *place, const char *before,
                      const char *after) {
    char name[PLACES_NAME_BYTES];
    if (!place->answer.n_frames) {
        places_fallback_name(&dump->places, place, name);
        buffer_printf(out, "%s%s%s\n", before, name, after);
        add_position(out, dump, place, NULL, /* inlined= */ false);
    }
    for (uint32_t i = 0; i < place->answer.n_frames; i++) {
        const struct symbols_frame *frame = &place->answer.frames[i];
        buffer_printf(out, "%s%s%s\n", before, frame->name, after);
        add_position(out, dump, place, frame, /* inlined= */ i + 1 < place->answer.n_frames);
    }
}

static void add_stack(struct buffer *out, const struct dump *dump, const struct thread_row *row) {
    struct view_stack stack;
    if (!threads_stack(&dump->reader->view, row, &stack)) {
        buffer_add_string(out, BUILD_UNKNOWN "(...)\n\t?:0\n");
        return;
    }
    for (uint32_t i = 0; i < stack.n_frames; i++) {
        const struct place *place = places_at(&dump->places, stack.pcs[i]);
        if (place)
            add_place(out, dump, place, "", "(...)");
    }
    if (stack.truncated)
        buffer_add_string(out, "...additional frames elided...\n");
}

/* Only who called pthread_create: as in Go, one frame. */
static void add_creator(struct buffer *out, const struct dump *dump, uint32_t id) {
    struct view_stack stack;
    if (!view_stack(&dump->reader->view, id, &stack) || !stack.n_frames)
        return;
    struct place *place = places_at(&dump->places, stack.pcs[0]);
    if (!place)
        return;
    struct place caller = *place;
    if (caller.answer.n_frames)
        caller.answer.n_frames = 1;
    add_place(out, dump, &caller, "created by ", "");
}

/* Futexes of the program's own stay what they are: no function of libc but syscall() is around them. */
static void tell_waits(struct dump *dump) {
    for (size_t i = 0; i < dump->threads.n; i++) {
        struct thread_row *row = &dump->threads.rows[i];
        struct view_stack stack;
        if (row->state == SEGMENT_THREAD_FUTEX && threads_stack(&dump->reader->view, row, &stack))
            row->state = waits_in_futex(&dump->places, &stack);
    }
}

static int want_stack(struct dump *dump, uint32_t id) {
    struct view_stack stack;
    return view_stack(&dump->reader->view, id, &stack) ? places_add_stack(&dump->places, &stack) : 0;
}

static int resolve(struct dump *dump) {
    int error = 0;
    for (size_t i = 0; i < dump->threads.n && !error; i++) {
        struct view_stack stack;
        if (threads_stack(&dump->reader->view, &dump->threads.rows[i], &stack))
            error = places_add_stack(&dump->places, &stack);
        if (!error)
            error = want_stack(dump, dump->threads.rows[i].create_stack);
    }
    return error ? error : places_resolve(&dump->places);
}

static int write_dump(const struct dump *dump, struct buffer *out) {
    for (size_t i = 0; i < dump->threads.n && !out->error; i++) {
        const struct thread_row *row = &dump->threads.rows[i];
        if (i)
            buffer_add_string(out, "\n");
        add_header(out, row, dump->now_ns);
        add_stack(out, dump, row);
        add_creator(out, dump, row->create_stack);
    }
    return out->error;
}

int reader_dump(struct reader *reader, struct buffer *ret) {
    uint64_t seq;
    int late = mailbox_dump(&reader->view, &seq);
    struct dump dump = {.reader = reader, .now_ns = clock_monotonic_ns()};
    int error = threads_take(&reader->view, late ? 0 : seq, &dump.threads);
    if (!error && late && reader_outside_pid(reader))
        threads_look_outside(&dump.threads, reader_outside_pid(reader));
    if (!error)
        error = places_init(reader, &dump.places);
    if (!error)
        error = resolve(&dump);
    if (!error)
        tell_waits(&dump);
    if (!error)
        error = write_dump(&dump, ret);
    places_done(&dump.places);
    threads_done(&dump.threads);
    return error ? error : late;
}

/* A copy, read once: its writer may go on. */
static struct segment_crash crash_of(const struct view *view) {
    const struct segment_crash *shared = &view->segment->crash;
    uint32_t number = __atomic_load_n(&shared->signal, __ATOMIC_ACQUIRE);
    struct segment_crash crash = *(const volatile struct segment_crash *)shared;
    crash.signal = number;
    return crash;
}

static void write_crash(const struct dump *dump, const struct segment_crash *crash, struct buffer *out) {
    const char *name = crash->signal < NSIG ? sigabbrev_np((int)crash->signal) : NULL;
    buffer_printf(out, "crashed by SIG%s", name ? name : "?");
    if (crash->code > 0 && crash->signal != SIGABRT)
        buffer_printf(out, " at address 0x%" PRIx64, crash->address);
    buffer_printf(out, ", program counter 0x%" PRIx64 "\n\n", crash->pc);
    struct thread_row row = {.tid = crash->tid, .state = SEGMENT_THREAD_RUNNING};
    for (size_t i = 0; i < dump->threads.n; i++)
        if (dump->threads.rows[i].tid == crash->tid)
            row = dump->threads.rows[i];
    row.state = SEGMENT_THREAD_RUNNING;
    row.stack = crash->stack;
    row.pc = crash->pc;
    add_header(out, &row, dump->now_ns);
    add_stack(out, dump, &row);
    buffer_add_string(out, "\n");
}

int reader_crash(struct reader *reader, struct buffer *ret) {
    struct segment_crash crash = crash_of(&reader->view);
    if (!crash.signal)
        return 0;
    struct dump dump = {.reader = reader, .now_ns = clock_monotonic_ns()};
    int error = threads_take(&reader->view, /* seq= */ 0, &dump.threads);
    if (!error)
        error = places_init(reader, &dump.places);
    if (!error)
        error = want_stack(&dump, crash.stack);
    if (!error)
        error = places_add_stack(&dump.places, &(struct view_stack){.n_frames = 1, .pcs = {crash.pc}});
    if (!error)
        error = places_resolve(&dump.places);
    if (!error) {
        write_crash(&dump, &crash, ret);
        error = ret->error;
    }
    places_done(&dump.places);
    threads_done(&dump.threads);
    return error;
}
