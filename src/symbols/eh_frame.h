/* Where functions begin and end, from .eh_frame_hdr and .eh_frame: known even for stripped files. */
#ifndef PIKO_SYMBOLS_EH_FRAME_H
#define PIKO_SYMBOLS_EH_FRAME_H

#include "symbols/elf_file.h"

struct eh_frame {
    const struct elf_file *file;
    uint64_t address; /* of .eh_frame_hdr; table entries are relative to it */
    int32_t *table;   /* pairs: start of a function, its FDE; ascending. NULL = nothing known */
    size_t n;
};

/* Read the search table. A file without one, or with one in another encoding than all linkers write, gives an empty
 * table. 0 or -ENOMEM. The file must stay open. */
int eh_frame_open(const struct elf_file *file, struct eh_frame *ret);
void eh_frame_close(struct eh_frame *eh_frame);

/* The function that contains an address. */
bool eh_frame_find(const struct eh_frame *eh_frame, uint64_t address, uint64_t *ret_start, uint64_t *ret_end);

#endif
