/* The addresses of one call that have no answer yet, and what the sources find out about each. */
#ifndef PIKO_SYMBOLS_QUERY_H
#define PIKO_SYMBOLS_QUERY_H

#include <stddef.h>
#include <stdint.h>

struct symbols_frame;

struct query {
    uint64_t address; /* the file's virtual address */

    const char *symbol; /* from a symbol table, as it stands there, in the store; NULL unknown */
    uint64_t symbol_start;

    uint64_t function_start; /* the symbol's, else that of the function's FDE; 0 unknown */

    const char *file; /* from the line table, in the store; "" unknown */
    uint32_t line;

    const struct symbols_frame *frames; /* from DWARF, innermost first, in the store */
    uint32_t n_frames;
};

/* Ascending by address, none twice. */
struct query_list {
    struct query *items;
    size_t n;
};

/* Index of the first query at or above an address; queries->n when there is none. */
static inline size_t query_first(const struct query_list *queries, uint64_t address) {
    size_t low = 0, high = queries->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (queries->items[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#endif
