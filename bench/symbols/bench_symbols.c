/* Names addresses of a program, the first time and from memory. Usage: bench_symbols PROGRAM < ADDRESSES, which are hex
 * and the file's own. Prints milliseconds of both times, then the answers as addr2line -a -f -i -C would. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "symbols/symbols.h"

#define ADDRESSES_MAX 100000

static uint64_t addresses[ADDRESSES_MAX];
static struct symbols_answer answers[ADDRESSES_MAX];

static double resolve(struct symbols *symbols, const char *path, size_t n) {
    const struct symbols_module module = {.path = path, .build_id = ""};
    uint64_t start = clock_monotonic_ns();
    if (symbols_resolve(symbols, &module, addresses, n, answers, NULL))
        exit(1);
    return (double)(clock_monotonic_ns() - start) / NS_PER_MS;
}

int main(int argc, char **argv) {
    struct symbols *symbols;
    size_t n = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: %s PROGRAM < ADDRESSES\n", argv[0]);
        return 2;
    }
    while (n < ADDRESSES_MAX && scanf("%" SCNx64, &addresses[n]) == 1)
        n++;
    if (symbols_new(&symbols))
        return 1;
    double first = resolve(symbols, argv[1], n), again = resolve(symbols, argv[1], n);
    printf("%.6f %.6f\n", first, again);
    for (size_t i = 0; i < n; i++) {
        printf("0x%016" PRIx64 "\n", addresses[i]);
        for (uint32_t k = 0; k < answers[i].n_frames; k++)
            printf("%s\n%s:%" PRIu32 "\n", answers[i].frames[k].name, answers[i].frames[k].file,
                   answers[i].frames[k].line);
    }
    symbols_free(symbols);
    return 0;
}
