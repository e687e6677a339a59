/* heap_truth RATE BLOCKS SIZE: leak() keeps BLOCKS objects of SIZE bytes, churn() allocates and frees as many. */
#include "target.h"

static void *volatile last; /* written behind each call, so that none of them is a jump */

NOINLINE static void *leak(size_t size) {
    last = malloc(size); /* the line of the leak */
    return last;
}

NOINLINE static void churn(size_t size) {
    char *object = malloc(size);
    *(volatile char *)object = 1;
    free(object);
    last = NULL;
}

NOINLINE static void *grow(void *object, size_t size) {
    last = realloc(object, size);
    return last;
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    size_t blocks = strtoull(argv[2], NULL, 10), size = strtoull(argv[3], NULL, 10);
    void **kept = calloc(blocks, sizeof *kept); /* before the start: not in the profile */
    struct piko_profiling *profiling =
        target_start((struct piko_profiling_options){.mem_profile_rate_bytes = atoll(argv[1])});
    for (size_t i = 0; i < blocks; i++) {
        kept[i] = leak(size);
        churn(size);
    }
    void *grown = grow(grow(grow(NULL, 1000), 2000), 4000);
    target_wait();
    free(grown);
    for (size_t i = 0; i < blocks; i++)
        free(kept[i]);
    free(kept);
    return piko_profiling_stop(profiling);
}
