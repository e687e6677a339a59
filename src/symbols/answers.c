#include "symbols/answers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define FIRST_SLOTS 64

struct answers_slot {
    uint64_t address;
    bool is_used;
    struct symbols_answer answer;
};

/* The slot of an address, or the empty one where it belongs. */
static struct answers_slot *find(struct answers_slot *slots, size_t n_slots, uint64_t address) {
    size_t i = ((address * 0x9e3779b97f4a7c15u) >> 32) & (n_slots - 1);
    while (slots[i].is_used && slots[i].address != address)
        i = (i + 1) & (n_slots - 1);
    return &slots[i];
}

const struct symbols_answer *answers_find(const struct answers *answers, uint64_t address) {
    if (answers->n_slots == 0)
        return NULL;
    const struct answers_slot *slot = find(answers->slots, answers->n_slots, address);
    return slot->is_used ? &slot->answer : NULL;
}

static int grow(struct answers *answers, size_t *bytes) {
    size_t n_slots = answers->n_slots ? answers->n_slots * 2 : FIRST_SLOTS;
    struct answers_slot *slots = calloc(n_slots, sizeof *slots);
    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < answers->n_slots; i++)
        if (answers->slots[i].is_used)
            *find(slots, n_slots, answers->slots[i].address) = answers->slots[i];
    free(answers->slots);
    *bytes += (n_slots - answers->n_slots) * sizeof *slots;
    answers->slots = slots;
    answers->n_slots = n_slots;
    return 0;
}

int answers_add(struct answers *answers, uint64_t address, const struct symbols_answer *answer, size_t *bytes) {
    if (answers->n * 2 >= answers->n_slots && grow(answers, bytes))
        return -ENOMEM;
    *find(answers->slots, answers->n_slots, address) =
        (struct answers_slot){.address = address, .is_used = true, .answer = *answer};
    answers->n++;
    return 0;
}

void answers_done(struct answers *answers) {
    free(answers->slots);
    *answers = (struct answers){0};
}
