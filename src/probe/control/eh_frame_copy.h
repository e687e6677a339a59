/* Compile an object's .eh_frame from a copy, since the object may be unloaded meanwhile. */
#ifndef PIKO_PROBE_CONTROL_EH_FRAME_COPY_H
#define PIKO_PROBE_CONTROL_EH_FRAME_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/control/eh_frame.h"

/* All addresses are the object's own. */
struct eh_frame_place {
    uint64_t header, header_bytes; /* .eh_frame_hdr; 0: there is none */
    uint64_t low, high;            /* the segment that it and .eh_frame lie in */
    uint64_t code_start, code_limit, root;
    bool code_readable;
};

/* As eh_frame_compile(); also -EFAULT when it could not be read. `ret` is all 0 then. */
int eh_frame_compile_copy(const struct eh_frame_place *place, struct eh_frame_table *ret);

/* Tells one object from another that came to lie at the same place. 0 when it has no header. */
uint64_t eh_frame_fingerprint(const struct eh_frame_place *place);

#endif
