/* Runs the fuzz target over the files of its corpus and over damaged copies of them, always the same ones. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

#define COPIES 300
#define DAMAGES_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A block of exactly the size, so that a sanitizer sees a read beyond it. */
static void run_damaged(const struct buffer *input) {
    size_t size = input->size - (size_t)rand() % 3 * ((size_t)rand() % input->size) / 2;
    _cleanup_free_ uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, input->data, size);
    for (int i = rand() % DAMAGES_MAX; i >= 0 && size; i--)
        copy[(size_t)rand() % size] = (uint8_t)(rand() % 3 ? rand() : 0xff);
    LLVMFuzzerTestOneInput(copy, size);
}

int main(int n, char **paths) {
    for (int i = 1; i < n; i++) {
        _cleanup_buffer_ struct buffer input = BUFFER_INIT(1 << 20);
        if (file_read(paths[i], &input) || !input.size) {
            fprintf(stderr, "%s: cannot be read\n", paths[i]);
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)input.data, input.size);
        srand(1);
        for (int copy = 0; copy < COPIES; copy++)
            run_damaged(&input);
    }
    return n > 1 ? 0 : 1;
}
