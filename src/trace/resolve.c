/* From keys of stacks to frames, and to the functions that threads were made for. */
#include "base/cleanup.h"
#include "base/grow.h"
#include "trace/names.h"

/* Viewers take the pc for the identity of a frame. Addresses of user space leave the upper 16 bits free. */
#define INLINED_PC_SHIFT 48
#define MADE_UP_PC ((uint64_t)1 << 63)

static int add_frame(struct names *names, const struct trace_frame *frame, uint64_t pc) {
    if (grow_array(&names->frames, &names->frames_space, names->n_frames, sizeof *names->frames))
        return -ENOMEM;
    names->frames[names->n_frames++] = (struct name_frame){
        .function = names_string(names, frame->function),
        .file = names_string(names, frame->file),
        .line = frame->line,
        .pc = pc,
    };
    return names->error;
}

/* All of a thread's frames lead up to its root, so a frame is one of libc's only while nothing else came behind it. */
static size_t without_trampolines(const struct trace_frame *frames, size_t n) {
    while (n > 1 && names_is_trampoline(&frames[n - 1]))
        n--;
    return n;
}

static int resolve_stack(struct names *names, struct name_stack *stack) {
    struct trace_frame frames[TRACE_FRAMES_MAX];
    bool is_whole = true;
    size_t n = names->source->stack(names->source->context, stack->key, frames, &is_whole);
    if (n > TRACE_FRAMES_MAX)
        n = TRACE_FRAMES_MAX;
    if (is_whole)
        n = without_trampolines(frames, n);
    stack->first = names->n_frames;
    stack->is_whole = is_whole && n > 0 && !names_is_trampoline(&frames[n - 1]);
    if (!is_whole && n == TRACE_FRAMES_MAX)
        n--; /* room for the root */
    uint64_t inlined = 0;
    for (size_t i = 0; i < n; i++) {
        inlined = i > 0 && frames[i].pc == frames[i - 1].pc ? inlined + 1 : 0;
        int error = add_frame(names, &frames[i], frames[i].pc | inlined << INLINED_PC_SHIFT);
        if (error)
            return error;
    }
    stack->n = (uint32_t)n;
    return 0;
}

/* ---- Roots ---------------------------------------------------------------------------------------------------------*/
static int set_root(struct thread *thread, const char *function, const char *file, uint64_t line, uint64_t pc) {
    struct thread_root root = {.function = strdup(function), .file = strdup(file), .line = line, .pc = pc};
    if (!root.function || !root.file) {
        free(root.function);
        free(root.file);
        return -ENOMEM;
    }
    thread->root = root;
    return 0;
}

/* The function that the thread was started with, if that says anything: C++ and Rust start each with the same one. */
static int root_from_start(const struct names *names, struct thread *thread) {
    struct trace_frame frame;
    if (thread->root.function || !thread->start_function ||
        !names->source->function(names->source->context, thread->start_function, &frame) ||
        names_is_trampoline(&frame) || !frame.function[0])
        return 0;
    return set_root(thread, frame.function, frame.file, frame.line, frame.pc);
}

static int root_from_witness(const struct names *names, struct thread *thread) {
    uint32_t index = thread->witness ? key_set_find(&names->stack_keys, thread->witness) : HASH_NONE;
    if (thread->root.function || index == HASH_NONE)
        return 0;
    const struct name_stack *stack = &names->stacks[names->stack_ids[index] - 1];
    if (!stack->is_whole)
        return 0;
    const struct name_frame *root = &names->frames[stack->first + stack->n - 1];
    const char *function = names_string_of(names, root->function);
    return function[0] ? set_root(thread, function, names_string_of(names, root->file), root->line, root->pc) : 0;
}

/* A thread of which nothing else is known goes by its name; a viewer takes no name at all for one of the runtime's. */
static int add_root(struct names *names, const struct thread *thread) {
    const struct thread_root *root = &thread->root;
    const char *name = names_string_of(names, names_text(names, thread->name));
    struct trace_frame frame = {.function = name[0] ? name : "thread", .file = ""};
    if (!root->function)
        return add_frame(names, &frame, MADE_UP_PC | thread->id);
    frame = (struct trace_frame){.function = root->function, .file = root->file, .line = root->line};
    return add_frame(names, &frame, root->pc);
}

/* ---- All of them ---------------------------------------------------------------------------------------------------*/
static int prepare(const struct names *names, const struct trace_threads *threads) {
    if (!names->source->prepare)
        return 0;
    _cleanup_free_ uint64_t *functions = calloc((size_t)threads->n + 1, sizeof *functions);
    if (!functions)
        return -ENOMEM;
    size_t n = 0;
    for (uint32_t i = 0; i < threads->n; i++)
        if (!threads->list[i]->root.function && threads->list[i]->start_function)
            functions[n++] = threads->list[i]->start_function;
    return names->source->prepare(names->source->context, names->stack_keys.keys, names->stack_keys.n, functions, n);
}

/* Stacks that are only a root, and those that the walk did not finish. */
static int complete(struct names *names, struct name_stack *stack) {
    if (stack->key && (stack->is_whole || (stack->n > 0 && !stack->thread->root.function)))
        return 0;
    uint32_t first = names->n_frames;
    for (uint32_t i = 0; i < stack->n; i++) {
        if (grow_array(&names->frames, &names->frames_space, names->n_frames, sizeof *names->frames))
            return -ENOMEM;
        names->frames[names->n_frames++] = names->frames[stack->first + i];
    }
    stack->first = first;
    stack->n++;
    return add_root(names, stack->thread);
}

int names_resolve(struct names *names, const struct trace_threads *threads) {
    int error = names->error ? names->error : prepare(names, threads);
    for (uint32_t i = 0; i < names->n_stacks && !error; i++)
        if (names->stacks[i].key)
            error = resolve_stack(names, &names->stacks[i]);
    for (uint32_t i = 0; i < threads->n && !error; i++) {
        error = root_from_start(names, threads->list[i]);
        if (!error)
            error = root_from_witness(names, threads->list[i]);
    }
    for (uint32_t i = 0; i < names->n_stacks && !error; i++)
        error = complete(names, &names->stacks[i]);
    return error;
}
