/* heap_mixed RATE LEAST MOST N KEPT: N allocations of sizes between LEAST and MOST, each doubling as often as the others; one
 * in KEPT stays (0: none does), the others are freed at once. For a byte on standard input it says how many objects and
 * bytes it allocated, and how many of both it still has. */
#include <stdint.h>

#include "target.h"

static uint64_t objects, bytes, kept_objects, kept_bytes;
static void *volatile last;

static uint64_t random_bits(void) {
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* One of the doublings, then a place in it. */
static size_t random_size(size_t least, unsigned doublings) {
    size_t low = least << random_bits() % doublings;
    return low + random_bits() % low;
}

NOINLINE static void *allocate_mixed(size_t size) {
    last = malloc(size);
    return last;
}

int main(int argc, char **argv) {
    if (argc != 6)
        return 2;
    size_t least = strtoull(argv[2], NULL, 10), most = strtoull(argv[3], NULL, 10);
    uint64_t n = strtoull(argv[4], NULL, 10), kept = strtoull(argv[5], NULL, 10);
    unsigned doublings = 0;
    while (least << doublings < most)
        doublings++;
    struct piko_profiling *profiling =
        target_start((struct piko_profiling_options){.mem_profile_rate_bytes = atoll(argv[1])});
    for (; objects < n; objects++) {
        size_t size = random_size(least, doublings);
        void *object = allocate_mixed(size);
        bytes += size;
        if (kept && random_bits() % kept == 0) {
            kept_objects++;
            kept_bytes += size;
        } else {
            free(object);
        }
    }
    target_ready();
    for (char byte; read(STDIN_FILENO, &byte, 1) > 0; fflush(stdout))
        printf("%lu %lu %lu %lu\n", objects, bytes, kept_objects, kept_bytes);
    return piko_profiling_stop(profiling);
}
