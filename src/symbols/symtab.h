/* Names from a symbol table. */
#ifndef PIKO_SYMBOLS_SYMTAB_H
#define PIKO_SYMBOLS_SYMTAB_H

#include "symbols/eh_frame.h"
#include "symbols/elf_file.h"
#include "symbols/query.h"
#include "symbols/store.h"

/* Fill in symbol and symbol_start of those queries that have none and that a function symbol of the table (SHT_SYMTAB or
 * SHT_DYNSYM) covers. One pass over the table. A symbol without size reaches to the next symbol of its section, but not
 * past the end of the function as `boundaries` knows it; in a table that is known to be incomplete (.dynsym) it covers
 * nothing without such a boundary. 0 or -ENOMEM. */
int symtab_resolve(const struct elf_file *file, uint32_t type, const struct eh_frame *boundaries,
                   struct query_list *queries, struct store *store);

#endif
