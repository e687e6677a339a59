/* From the ids of a profile on the wire, any numbers but 0, to indexes. Private to the profile layer. */
#ifndef PIKO_PROFILE_IDS_H
#define PIKO_PROFILE_IDS_H

#include <stddef.h>
#include <stdint.h>

#define IDS_NONE UINT32_MAX

struct id_entry {
    uint64_t id;
    uint32_t index;
};

struct id_map {
    struct id_entry *entries; /* sorted once id_map_seal() ran */
    size_t n, space;
    uint32_t *dense; /* [id] -> index, when the ids are small numbers, as they nearly always are; else NULL */
    size_t n_dense;
};

/* Room for `n` ids. 0 or -ENOMEM. */
int id_map_open(struct id_map *map, size_t n);
/* Note an id; at most as many as there is room for. */
void id_map_add(struct id_map *map, uint64_t id, uint32_t index);
/* Make the map ready for look-ups. 0, -ENOMEM, or -EEXIST when an id was added twice (*ret_twice). */
int id_map_seal(struct id_map *map, uint64_t *ret_twice);
void id_map_done(struct id_map *map);

uint32_t id_map_find_sparse(const struct id_map *map, uint64_t id);

/* Index of the id, or IDS_NONE. */
static inline uint32_t id_map_find(const struct id_map *map, uint64_t id) {
    if (map->dense)
        return id < map->n_dense ? map->dense[id] : IDS_NONE;
    return id_map_find_sparse(map, id);
}

#endif
