/* Functions, inlined calls, files and lines from DWARF 2 to 5. */
#ifndef PIKO_SYMBOLS_DEBUG_INFO_H
#define PIKO_SYMBOLS_DEBUG_INFO_H

#include "symbols/elf_file.h"
#include "symbols/query.h"
#include "symbols/store.h"

/* Fill in file, line, frames and n_frames of the queries; symbol must be filled in already, where there is one: it is
 * the better name for a C++ function without linkage name (static, in an anonymous namespace), as it has the scopes.
 * Broken or too much debug information leaves queries without answer. 0 or -ENOMEM.
 * Cost: one look at the ranges of every unit, and for each unit that holds a query one walk over its DIEs and one over
 * its line table. */
int debug_info_resolve(const struct elf_file *file, struct query_list *queries, struct store *store);

#endif
