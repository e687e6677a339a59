/* Walk a thread's stack by the tables of unwind_table.h.
 *
 * Everything here may run in a signal handler or inside malloc: no libc, no locks, no allocation, and every loop has a
 * bound. The only memory that is read is the given stack and the tables: never code, which dlclose may have unmapped. */
#ifndef PIKO_PROBE_HANDLER_UNWIND_H
#define PIKO_PROBE_HANDLER_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

/* Where to start. */
struct unwind_registers {
    uint64_t pc, sp, fp;
    bool pc_is_return; /* pc is a return address (a hook's caller); false: an interrupted one */
    bool fp_unknown;   /* fp can't be had (a blocked thread seen through /proc) */
    /* The general registers of an interrupted thread, as its context has them; NULL when not at hand. A few functions keep
     * their frame's address in another register for some instructions, and on some processors the return address. */
    const long long *general;
};

/* The words of the stack: the one at address a, low <= a <= high - 8, is read from bytes + (a - low), only where a is
 * a multiple of 8. In a handler bytes is (const char *)low; for a blocked thread it is a copy. low must be sp -
 * UNWIND_RED_ZONE_BYTES (unwind_arch.h) or less (but no less than the stack's own), else interrupted epilogues end in
 * truncated stacks. */
struct unwind_memory {
    uint64_t low, high;
    const char *bytes;
    bool open; /* high is only how far it is known: the stack may go on above it */
    /* Where to ask for words outside of these: those above high of an open stack, and those of the stack that a signal
     * frame leads to, when the handler runs on an alternate one. Makes *memory cover the word at the address (a multiple
     * of 8), or returns false and leaves it alone; called a few times a frame at most. NULL: there is nothing else. */
    bool (*more)(uint64_t address, struct unwind_memory *memory);
};

/* Read section: tables that are in force when it is entered stay until it is left. May nest; must not be long. */
struct unwind_section {
    uint32_t slot;
};
struct unwind_section unwind_enter(void);
void unwind_leave(struct unwind_section section);

/* In the child of a fork: forget the sections that the parent's other threads were in. */
void unwind_reset_after_fork(void);

/* Write up to `max` (>= 1) program counters, innermost first, each so that it can be looked up as it is: an interrupted
 * one exact (the leaf, what a signal handler interrupted), a call's return address less 1. `complete` tells whether the
 * thread's root was reached; else the stack goes on but can't be followed: frames are never guessed.
 * Returns how many there are, >= 1. Enters a section by itself, and only when it needs the tables: where all frames are
 * remembered, threads that walk at once share nothing that any of them writes. */
unsigned unwind_walk(const struct unwind_registers *registers, const struct unwind_memory *memory, uint64_t *pcs,
                     unsigned max, bool *complete);

#endif
