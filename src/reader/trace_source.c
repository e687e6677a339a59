#include "reader/trace_source.h"

#include <errno.h>
#include <stdlib.h>

#include "base/grow.h"
#include "reader/internal.h"
#include "reader/trace_input.h"

int trace_names_add(struct trace_names *names, const struct reader *reader, uint32_t *ret) {
    if (names->n_processes == TRACE_PROCESSES_MAX ||
        grow_array(&names->processes, &names->space, names->n_processes, sizeof(*names->processes)))
        return -ENOMEM;
    names->processes[names->n_processes] = (struct trace_source_process){.reader = reader};
    *ret = names->n_processes++;
    return 0;
}

static void forget_places(struct trace_names *names) {
    for (uint32_t i = 0; i < names->n_processes; i++) {
        if (names->processes[i].has_places)
            places_done(&names->processes[i].places);
        names->processes[i].has_places = false;
    }
}

void trace_names_done(struct trace_names *names) {
    forget_places(names);
    free(names->processes);
    string_set_done(&names->texts);
    *names = (struct trace_names){0};
}

/* ---- What the writer asks --------------------------------------------------------------------------------------------- */

/* The process that a key speaks of. NULL for none. */
static struct trace_source_process *process_at(const struct trace_names *names, uint64_t index) {
    return index < names->n_processes ? &names->processes[index] : NULL;
}

static int want(struct trace_source_process *process, const struct view_stack *stack) {
    if (!process->has_places) {
        process->has_places = true;
        int error = places_init(process->reader, &process->places);
        if (error)
            return error;
    }
    return places_add_stack(&process->places, stack);
}

static uint64_t address_of(uint64_t key) {
    return key & (((uint64_t)1 << TRACE_ADDRESS_SHIFT) - 1);
}

static int prepare(void *context, const uint64_t *stacks, size_t n_stacks, const uint64_t *functions,
                   size_t n_functions) {
    struct trace_names *names = context;
    struct view_stack frames;
    int error = 0;
    forget_places(names);
    for (size_t i = 0; i < n_stacks && !error; i++) {
        struct trace_source_process *process = process_at(names, stacks[i] >> TRACE_STACK_SHIFT);
        if (process && view_stack(&process->reader->view, (uint32_t)stacks[i], &frames))
            error = want(process, &frames);
    }
    for (size_t i = 0; i < n_functions && !error; i++) {
        struct trace_source_process *process = process_at(names, functions[i] >> TRACE_ADDRESS_SHIFT);
        frames.n_frames = 1;
        frames.pcs[0] = address_of(functions[i]);
        if (process)
            error = want(process, &frames);
    }
    for (uint32_t i = 0; names->processes && i < names->n_processes && !error; i++)
        if (names->processes[i].has_places)
            error = places_resolve(&names->processes[i].places);
    return error;
}

/* Program counters are told apart by process, too. */
static uint64_t pc_key(const struct trace_names *names, const struct trace_source_process *process, uint64_t pc) {
    return pc ^ (uint64_t)(process - names->processes) << TRACE_ADDRESS_SHIFT;
}

/* The functions at one address, at most `most`. */
static size_t frames_at(struct trace_names *names, const struct trace_source_process *process, uint64_t pc,
                        struct trace_frame *ret, size_t most) {
    const struct place *place = process->has_places ? places_at(&process->places, pc) : NULL;
    if (!place || !most)
        return 0;
    if (!place->answer.n_frames) {
        places_fallback_name(&process->places, place, names->name);
        uint32_t text = string_set_add(&names->texts, names->name, strlen(names->name));
        const char *name = text == HASH_NONE ? "" : names->texts.entries[text].text;
        ret[0] = (struct trace_frame){.function = name, .file = "", .pc = pc_key(names, process, pc)};
        return 1;
    }
    size_t n = place->answer.n_frames < most ? place->answer.n_frames : most;
    for (size_t i = 0; i < n; i++) {
        const struct symbols_frame *frame = &place->answer.frames[i];
        ret[i] = (struct trace_frame){
            .function = frame->name, .file = frame->file, .line = frame->line, .pc = pc_key(names, process, pc)};
    }
    return n;
}

static size_t stack(void *context, uint64_t key, struct trace_frame ret[], bool *ret_whole) {
    struct trace_names *names = context;
    const struct trace_source_process *process = process_at(names, key >> TRACE_STACK_SHIFT);
    struct view_stack frames;
    size_t n = 0;
    if (!process || !view_stack(&process->reader->view, (uint32_t)key, &frames))
        return 0;
    for (uint32_t i = 0; i < frames.n_frames && n < TRACE_FRAMES_MAX; i++)
        n += frames_at(names, process, frames.pcs[i], ret + n, TRACE_FRAMES_MAX - n);
    *ret_whole = !frames.truncated;
    return n;
}

/* Of inlined functions the outermost is the one that begins there. */
static bool function(void *context, uint64_t key, struct trace_frame *ret) {
    struct trace_names *names = context;
    const struct trace_source_process *process = process_at(names, key >> TRACE_ADDRESS_SHIFT);
    struct trace_frame frames[TRACE_FRAMES_MAX];
    size_t n = process ? frames_at(names, process, address_of(key), frames, TRACE_FRAMES_MAX) : 0;
    if (n)
        *ret = frames[n - 1];
    return n != 0;
}

static const char *text(void *context, uint64_t key) {
    const struct trace_names *names = context;
    return key && key <= names->texts.n_entries ? names->texts.entries[key - 1].text : "";
}

struct trace_source trace_names_source(struct trace_names *names) {
    return (struct trace_source){
        .context = names, .prepare = prepare, .stack = stack, .function = function, .text = text};
}
