/* Arrays that grow by doubling. */
#ifndef PIKO_BASE_GROW_H
#define PIKO_BASE_GROW_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Make room for one more element. `array` is the address of the pointer, `space` the elements allocated.
 * 0 or -ENOMEM (also when an index would not fit 32 bits), which leaves the array as it was. */
static inline int grow_array(void *array, uint32_t *space, size_t n, size_t element_size) {
    if (n < *space)
        return 0;
    if (n >= UINT32_MAX / 2)
        return -ENOMEM;
    uint32_t larger = n < 8 ? 16 : (uint32_t)n * 2;
    void *old, *moved;
    memcpy(&old, array, sizeof old);
    moved = reallocarray(old, larger, element_size);
    if (!moved)
        return -ENOMEM;
    memcpy(array, &moved, sizeof moved);
    *space = larger;
    return 0;
}

#endif
