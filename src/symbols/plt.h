/* Names of the stubs through which calls go into other objects: "malloc@plt". */
#ifndef PIKO_SYMBOLS_PLT_H
#define PIKO_SYMBOLS_PLT_H

#include "symbols/elf_file.h"
#include "symbols/query.h"
#include "symbols/store.h"

/* Fill in symbol and symbol_start of those queries without symbol that lie in a stub. x86-64 alone; elsewhere nothing is
 * filled in. 0 or -ENOMEM. */
int plt_resolve(const struct elf_file *file, struct query_list *queries, struct store *store);

#endif
