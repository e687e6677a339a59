#include "profile/ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int id_map_open(struct id_map *map, size_t n) {
    map->entries = reallocarray(NULL, n ? n : 1, sizeof *map->entries);
    map->space = n;
    return map->entries ? 0 : -ENOMEM;
}

void id_map_add(struct id_map *map, uint64_t id, uint32_t index) {
    if (map->n < map->space)
        map->entries[map->n++] = (struct id_entry){.id = id, .index = index};
}

static int by_id(const void *a, const void *b) {
    uint64_t x = ((const struct id_entry *)a)->id, y = ((const struct id_entry *)b)->id;
    return (x > y) - (x < y);
}

static void sort(struct id_map *map) {
    for (size_t i = 1; i < map->n; i++) {
        if (map->entries[i - 1].id > map->entries[i].id) {
            qsort(map->entries, map->n, sizeof *map->entries, by_id);
            return;
        }
    }
}

static int make_dense(struct id_map *map, uint64_t largest) {
    map->n_dense = (size_t)largest + 1;
    map->dense = malloc(map->n_dense * sizeof *map->dense);
    if (!map->dense)
        return -ENOMEM;
    memset(map->dense, 0xff, map->n_dense * sizeof *map->dense);
    for (size_t i = 0; i < map->n; i++)
        map->dense[map->entries[i].id] = map->entries[i].index;
    return 0;
}

int id_map_seal(struct id_map *map, uint64_t *ret_twice) {
    sort(map);
    for (size_t i = 1; i < map->n; i++) {
        if (map->entries[i - 1].id == map->entries[i].id) {
            *ret_twice = map->entries[i].id;
            return -EEXIST;
        }
    }
    uint64_t largest = map->n ? map->entries[map->n - 1].id : 0;
    return largest / 8 <= map->n ? make_dense(map, largest) : 0;
}

uint32_t id_map_find_sparse(const struct id_map *map, uint64_t id) {
    const struct id_entry key = {.id = id};
    const struct id_entry *found = bsearch(&key, map->entries, map->n, sizeof *map->entries, by_id);
    return found ? found->index : IDS_NONE;
}

void id_map_done(struct id_map *map) {
    free(map->entries);
    free(map->dense);
    *map = (struct id_map){0};
}
