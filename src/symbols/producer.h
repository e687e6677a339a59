/* What the compilers wrote down in an object's debug information about how they were called. */
#ifndef PIKO_SYMBOLS_PRODUCER_H
#define PIKO_SYMBOLS_PRODUCER_H

#include <stdbool.h>

#include "symbols/elf_file.h"

struct producer {
    bool debug_info;     /* there is some, in the object itself */
    bool has_switches;   /* and it tells them, as gcc's does; the next two are of most of these units */
    bool is_unoptimised; /* without -O, or with -O0 as the last of them; -Og is optimised */
    bool has_gprof;      /* -pg */
};

void producer_read(const struct elf_file *file, struct producer *ret);

#endif
