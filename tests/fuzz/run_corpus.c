/* Runs a fuzz target over files and folders of inputs: what a fuzzer once found stays found, without a fuzzer. */
#include <fts.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv) {
    unsigned inputs = 0;
    FTS *tree = argc > 1 ? fts_open(argv + 1, FTS_LOGICAL | FTS_NOCHDIR, NULL) : NULL;
    if (!tree) {
        fprintf(stderr, "usage: %s FILE|FOLDER...\n", argv[0]);
        return 2;
    }
    for (FTSENT *entry = fts_read(tree); entry; entry = fts_read(tree)) {
        if (entry->fts_info != FTS_F)
            continue;
        struct buffer input = BUFFER_INIT(16u << 20);
        if (file_read(entry->fts_accpath, &input)) {
            fprintf(stderr, "%s: cannot be read\n", entry->fts_path);
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)(input.data ? input.data : ""), input.size);
        buffer_done(&input);
        inputs++;
    }
    fts_close(tree);
    printf("%u inputs\n", inputs);
    return inputs ? 0 : 1;
}
