#include "symbols/dwarf_walk.h"

#include <dwarf.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "symbols/limit.h"

/* The tree is walked flat, each DIE parsed once: dwarf_siblingof() on a DIE with children would parse all of them to
 * find where they end, and parse them again when we descend. */
struct cursor {
    struct dwarf_walk *walk;
    bool everywhere;
    bool types_have_code; /* Rust puts methods into their types */
    unsigned depth;
    unsigned skip_depth;              /* DIEs deeper than this are passed over */
    uint32_t scopes[LIMIT_DIE_DEPTH]; /* by depth: the scope that the DIEs there are in */
};

size_t dwarf_walk_first(const struct dwarf_walk *walk, uint64_t address) {
    size_t low = 0, high = walk->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (walk->addresses[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool take_step(struct dwarf_walk *walk) {
    if (*walk->steps_left == 0)
        return false;
    --*walk->steps_left;
    return true;
}

static int add_scope(struct dwarf_walk *walk, const struct dwarf_scope *scope, uint32_t *ret) {
    if (walk->n_scopes == walk->scopes_space) {
        size_t space = walk->scopes_space ? walk->scopes_space * 2 : 64;
        struct dwarf_scope *scopes = reallocarray(walk->scopes, space, sizeof *scopes);
        if (!scopes)
            return -ENOMEM;
        walk->scopes = scopes;
        walk->scopes_space = space;
    }
    walk->scopes[walk->n_scopes] = *scope;
    *ret = (uint32_t)walk->n_scopes++;
    return 0;
}

/* Give the addresses in a DIE's ranges to a new scope for it. `ret` stays DWARF_WALK_NONE when there are none. */
static int add_function(struct cursor *cursor, Dwarf_Die *die, bool is_inlined, uint32_t *ret) {
    struct dwarf_walk *walk = cursor->walk;
    Dwarf_Addr base, low, high;
    uint64_t entry = 0;
    bool first = true;
    for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &low, &high)) > 0 && take_step(walk); first = false) {
        if (first)
            entry = low;
        if (low == 0) /* the linker dropped this copy of the function */
            continue;
        for (size_t i = dwarf_walk_first(walk, low); i < walk->n && walk->addresses[i] < high; i++) {
            if (!take_step(walk))
                break;
            struct dwarf_scope scope = {*die, is_inlined ? cursor->scopes[cursor->depth] : DWARF_WALK_NONE, entry};
            if (*ret == DWARF_WALK_NONE && add_scope(walk, &scope, ret))
                return -ENOMEM;
            walk->innermost[i] = *ret;
        }
    }
    return 0;
}

static bool block_is_relevant(struct cursor *cursor, Dwarf_Die *die) {
    Dwarf_Addr base, low, high;
    ptrdiff_t at = 0;
    while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0 && take_step(cursor->walk)) {
        size_t i = dwarf_walk_first(cursor->walk, low);
        if (i < cursor->walk->n && cursor->walk->addresses[i] < high)
            return true;
    }
    return at == 0 && !dwarf_hasattr(die, DW_AT_low_pc) && !dwarf_hasattr(die, DW_AT_ranges);
}

/* Look at one DIE. `ret_descend`: whether its children may matter; `ret_scope`: the scope that they are in. */
static int visit(struct cursor *cursor, Dwarf_Die *die, bool *ret_descend, uint32_t *ret_scope) {
    uint32_t own = DWARF_WALK_NONE;
    int error = 0;
    *ret_scope = cursor->scopes[cursor->depth];
    switch (dwarf_tag(die)) {
    case DW_TAG_subprogram:
    case DW_TAG_inlined_subroutine:
        error = add_function(cursor, die, dwarf_tag(die) == DW_TAG_inlined_subroutine, &own);
        *ret_descend = own != DWARF_WALK_NONE;
        if (own != DWARF_WALK_NONE)
            *ret_scope = own;
        break;
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
    case DW_TAG_with_stmt:
        *ret_descend = block_is_relevant(cursor, die);
        break;
    case DW_TAG_namespace:
    case DW_TAG_module:
        *ret_descend = true;
        break;
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
        *ret_descend = cursor->types_have_code;
        break;
    default:
        *ret_descend = false;
    }
    *ret_descend |= cursor->everywhere;
    return error;
}

/* From the null entry that ends a list of children to the next DIE of a level above. dwarf_offdie() sees to it that a
 * unit which lacks its last null entries is not left. */
static bool ascend(struct cursor *cursor, Dwarf_Die *die, const void *null_entry) {
    Dwarf *dwarf = dwarf_cu_getdwarf(die->cu);
    Dwarf_Off offset = dwarf_dieoffset(die) + (Dwarf_Off)((const char *)null_entry - (const char *)die->addr);
    while (cursor->depth > 1) {
        Dwarf_Die next;
        cursor->depth--;
        if (!dwarf_offdie(dwarf, ++offset, &next) || next.cu != die->cu)
            return false;
        if (*(const uint8_t *)next.addr != 0) {
            *die = next;
            return true;
        }
    }
    return false;
}

/* Only ever forward: a hostile DW_AT_sibling must not lead us round. */
static bool go_on(struct cursor *cursor, Dwarf_Die *die) {
    Dwarf_Die next = {0};
    int end = dwarf_siblingof(die, &next);
    if (end < 0 || !next.addr || (const char *)next.addr <= (const char *)die->addr)
        return false;
    if (end > 0) /* libdw then leaves the place of the null entry in the result */
        return ascend(cursor, die, next.addr);
    *die = next;
    return true;
}

static bool descend(struct cursor *cursor, Dwarf_Die *die, uint32_t scope) {
    Dwarf_Die child;
    if (dwarf_child(die, &child) != 0)
        return go_on(cursor, die);
    if (cursor->depth + 1 == LIMIT_DIE_DEPTH)
        return false;
    cursor->scopes[++cursor->depth] = scope;
    *die = child;
    return true;
}

static int step(struct cursor *cursor, Dwarf_Die *die, bool *ret_more) {
    bool is_relevant = false;
    uint32_t scope = DWARF_WALK_NONE;
    if (cursor->depth <= cursor->skip_depth) {
        int error = visit(cursor, die, &is_relevant, &scope);
        if (error)
            return error;
        cursor->skip_depth = is_relevant ? UINT_MAX : cursor->depth;
    }
    if (!dwarf_haschildren(die) || (!is_relevant && dwarf_hasattr(die, DW_AT_sibling)))
        *ret_more = go_on(cursor, die);
    else
        *ret_more = descend(cursor, die, scope);
    return 0;
}

static bool types_have_code(Dwarf_Die *unit) {
    switch (dwarf_srclang(unit)) {
    case DW_LANG_C:
    case DW_LANG_C89:
    case DW_LANG_C99:
    case DW_LANG_C11:
    case DW_LANG_C_plus_plus:
    case DW_LANG_C_plus_plus_03:
    case DW_LANG_C_plus_plus_11:
    case DW_LANG_C_plus_plus_14:
        return false;
    default:
        return true;
    }
}

int dwarf_walk_unit(struct dwarf_walk *walk, const Dwarf_Die *unit, bool everywhere) {
    Dwarf_Die die = *unit, child;
    if (dwarf_child(&die, &child) != 0)
        return 0;
    struct cursor cursor = {
        .walk = walk,
        .everywhere = everywhere,
        .types_have_code = types_have_code(&die),
        .depth = 1,
        .skip_depth = UINT_MAX,
        .scopes = {[1] = DWARF_WALK_NONE},
    };
    bool more = true;
    int error = 0;
    while (more && !error && take_step(walk))
        error = step(&cursor, &child, &more);
    return error;
}
