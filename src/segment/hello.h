/* What a preloaded probe says to the supervisor that started its program, once a process: one packet over an abstract
 * unix socket, with the descriptor of the segment's memory beside it (SCM_RIGHTS). There is no answer.
 *
 * HELLO_VARIABLE in the environment carries the settings, ten fields with a comma between:
 *   socket name (hex digits, without the leading NUL), token, mem_profile_rate_bytes, block_rate_ns, mutex_fraction,
 *   trace_min_age_ns, trace_bytes_max, cpu_hz (of control_rates), only (pid of the one process that is to register; 0 = all),
 *   version (HELLO_VERSION)
 * Numbers are decimal. A probe that cannot read them leaves its program alone. */
#ifndef PIKO_SEGMENT_HELLO_H
#define PIKO_SEGMENT_HELLO_H

#include <stdint.h>

#define HELLO_VARIABLE "PIKO_PROBE"
#define HELLO_VERSION 3u
#define HELLO_FIELDS 10u
#define HELLO_NAME_BYTES 40u
#define HELLO_COMMAND_BYTES 256u
#define HELLO_SHORT_BYTES 64u

struct segment_hello {
    uint64_t token; /* the supervisor's, so that nobody else registers processes */
    uint32_t version;
    uint32_t pid; /* in the target's own namespace; the supervisor goes by what the kernel says */
    uint32_t parent;
    uint32_t reserved;
    char name[HELLO_SHORT_BYTES];      /* as it was called, without folders; NUL-terminated */
    char command[HELLO_COMMAND_BYTES]; /* path of the program's file, NUL-terminated; "" unknown */
};
_Static_assert(sizeof(struct segment_hello) == 344, "layout");

#endif
