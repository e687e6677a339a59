/* The tables of one generation: strings, and stacks by key, which are turned into frames when it ends. Private to the
 * trace layer.
 *
 * Frames of libc and of the trampolines of languages at the root of a stack are cut off, so that its root is the
 * function that the thread was made for: viewers group threads and regions by it. */
#ifndef PIKO_TRACE_NAMES_H
#define PIKO_TRACE_NAMES_H

#include "base/string_set.h"
#include "trace/thread.h"

#define NAMES_STRING_BYTES_MAX 1024u /* of one string: what Go's reader takes */

struct name_frame {
    uint32_t function, file; /* ids of strings */
    uint64_t line, pc;       /* a pc of its own for each function inlined at one address */
};

/* The id of a stack is its index + 1. */
struct name_stack {
    uint64_t key;          /* 0: only the root of `thread` */
    struct thread *thread; /* who used it first: completes a stack that the walk cut off */
    uint32_t first, n;     /* frames, once resolved */
    bool is_whole;         /* the walk reached the root, and something was left of it */
};

struct names {
    const struct trace_source *source;
    struct string_set strings; /* the id of a string is its index + 1; 0 is "" */
    struct key_set text_keys;
    uint32_t *texts; /* by index of the key: id of the string */
    uint32_t texts_space;

    struct key_set stack_keys, root_keys; /* of stacks; ids of threads */
    uint32_t *stack_ids, *root_ids;       /* by index of the key */
    uint32_t stack_ids_space, root_ids_space;
    struct name_stack *stacks;
    struct name_frame *frames;
    uint32_t n_stacks, stacks_space, n_frames, frames_space;
    int error; /* first one, sticky */
};

void names_init(struct names *names, const struct trace_source *source);
void names_done(struct names *names);

/* Ids, valid until names_clear(); 0 for nothing, and on error. A string is cut to NAMES_STRING_BYTES_MAX. */
uint32_t names_string(struct names *names, const char *string);
uint32_t names_text(struct names *names, uint64_t text);
uint32_t names_stack(struct names *names, uint64_t stack, struct thread *thread);
/* The string of an id. */
const char *names_string_of(const struct names *names, uint32_t id);
/* A stack of one frame, the function that the thread was made for. */
uint32_t names_root(struct names *names, struct thread *thread);

/* Fill in the frames of all stacks, leaf first, and the roots of the threads in the list. 0 or a negative errno. */
int names_resolve(struct names *names, const struct trace_threads *threads);

/* Start a new generation. */
void names_clear(struct names *names);

/* Whether a function only leads to what a thread or a program was made for. */
bool names_is_trampoline(const struct trace_frame *frame);

#endif
