/* Runs the fuzz target over the files named, cut off and with bytes changed (the same ones each time). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define N_CUTS 24
#define N_CHANGES 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_damaged(const struct buffer *file) {
    uint8_t *copy = malloc(file->size);
    uint32_t random = 1;
    for (int round = 0; copy && round < N_CHANGES; round++) {
        memcpy(copy, file->data, file->size);
        for (int i = 0; i < 1 + round % 8; i++) {
            random = random * 1664525 + 1013904223;
            size_t at = (random >> 8) % file->size;
            random = random * 1664525 + 1013904223;
            copy[at] = (uint8_t)(random >> 24);
        }
        LLVMFuzzerTestOneInput(copy, file->size);
    }
    free(copy);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        struct buffer file = BUFFER_INIT(1 << 20);
        if (file_read(argv[i], &file))
            return 1;
        for (size_t cut = 0; cut < N_CUTS; cut++)
            LLVMFuzzerTestOneInput((const uint8_t *)file.data, file.size * cut / N_CUTS);
        run_damaged(&file);
        buffer_done(&file);
    }
    return argc > 1 ? 0 : 1;
}
