/* What stops.c writes and tests/tools/compare_stacks.c reads: a header, then one stop after the other. */
#ifndef PIKO_TESTS_STOPS_H
#define PIKO_TESTS_STOPS_H

#include <stdint.h>

#define STOPS_FILE_BYTES ((uint64_t)4 << 30) /* address space: holes are not written */
#define STOPS_STACK_BYTES_MAX (256u << 10)
#define STOPS_REGISTERS 17 /* in DWARF's order: rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 to r15, the return address */

struct stops_header {
    uint64_t n;     /* A, release: that are complete */
    uint64_t bytes; /* used, this header included */
};

/* Followed by the program counters of the walk, then the stack's bytes. */
struct stop {
    uint64_t registers[STOPS_REGISTERS];
    uint64_t stack_low;
    uint32_t stack_bytes, n_frames;
    uint64_t complete; /* the walk reached the root */
};

#endif
