/* The answers of one module by address. */
#ifndef PIKO_SYMBOLS_ANSWERS_H
#define PIKO_SYMBOLS_ANSWERS_H

#include <stddef.h>
#include <stdint.h>

#include "symbols/symbols.h"

struct answers_slot;

struct answers {
    struct answers_slot *slots; /* open addressing, a power of two */
    size_t n, n_slots;
};

/* NULL when an address was never asked. The answer moves when another is added; its frames do not. */
const struct symbols_answer *answers_find(const struct answers *answers, uint64_t address);

/* Add the answer of an address that has none; `bytes` grows by the memory that this took. 0 or -ENOMEM. */
int answers_add(struct answers *answers, uint64_t address, const struct symbols_answer *answer, size_t *bytes);

void answers_done(struct answers *answers);

#endif
