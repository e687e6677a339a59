/* The addresses of one profile or dump: gathered first, answered module by module in one go, then turned into
 * locations. Order of calls: add…, resolve, then the rest. */
#ifndef PIKO_READER_PLACES_H
#define PIKO_READER_PLACES_H

#include "base/hash.h"
#include "profile/profile.h"
#include "reader/modules.h"
#include "symbols/symbols.h"

struct reader;

struct place {
    uint64_t address;
    uint32_t module; /* index, or MODULES_NONE */
    uint32_t location;
    struct symbols_answer answer; /* n_frames 0 = nothing known */
};

struct places {
    const struct reader *reader;
    struct modules modules;
    struct symbols_coverage *coverage; /* by module */
    uint32_t *mappings;                /* by module: index in the profile */
    struct place *list;                /* ascending by address once resolved */
    size_t n, space;
    struct hash_table table; /* address to index in the list */
};

/* 0 or -ENOMEM. places_done() frees the content, also after a failure. */
int places_init(const struct reader *reader, struct places *ret);
void places_done(struct places *places);
int places_add_stack(struct places *places, const struct view_stack *stack);
int places_resolve(struct places *places);

/* The place of an address, or NULL when it was not added. */
struct place *places_at(const struct places *places, uint64_t address);

/* A name for a place that no symbol covers: "libx.so+0x1234", or the bare address outside of any module. */
#define PLACES_NAME_BYTES (SEGMENT_PATH_BYTES + 20)
void places_fallback_name(const struct places *places, const struct place *place, char ret[PLACES_NAME_BYTES]);

/* The program itself becomes mapping 0. */
void places_add_main_mapping(struct places *places, struct profile *profile);

/* Index of the location of an address; PROFILE_NONE when it was not added or memory ran out. */
uint32_t places_location(struct places *places, struct profile *profile, uint64_t address);

#endif
