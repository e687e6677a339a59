/* One walk over the DIEs of a unit finds the functions and inlined calls around all addresses asked. */
#ifndef PIKO_SYMBOLS_DWARF_WALK_H
#define PIKO_SYMBOLS_DWARF_WALK_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DWARF_WALK_NONE UINT32_MAX

/* A function or an inlined call that contains at least one of the addresses. */
struct dwarf_scope {
    Dwarf_Die die;
    uint32_t parent; /* where it was inlined into; DWARF_WALK_NONE for a function */
    uint64_t entry;  /* start of its first range */
};

struct dwarf_walk {
    const uint64_t *addresses; /* ascending */
    size_t n;
    uint64_t *steps_left; /* see LIMIT_DWARF_STEPS; the walk ends when there are none left */

    uint32_t *innermost; /* out, n of them, the caller's: index of a scope, or DWARF_WALK_NONE */

    struct dwarf_scope *scopes; /* out, free() */
    size_t n_scopes, scopes_space;
};

/* Walk over a unit. What it finds for an address replaces what was found before. With `everywhere` it also looks where
 * compilers do not put code but the standard lets them: into types, and into functions that do not contain any of the
 * addresses. 0 or -ENOMEM. */
int dwarf_walk_unit(struct dwarf_walk *walk, const Dwarf_Die *unit, bool everywhere);

/* Index of the first address of the walk at or above one. */
size_t dwarf_walk_first(const struct dwarf_walk *walk, uint64_t address);

#endif
