/* Any bytes as an ELF file: no crash, bounded time, and only well-formed answers. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbols/symbols.h"

#define N_ADDRESSES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct symbols_module *module) {
    uint64_t addresses[N_ADDRESSES];
    struct symbols_answer answers[N_ADDRESSES];
    struct symbols *symbols;
    /* Around the places where small programs have their code, position-independent or not. */
    for (size_t i = 0; i < N_ADDRESSES; i++)
        addresses[i] = (i % 2 ? 0x400000 : 0) + 0x100 + (i / 2) * 0x10;
    if (symbols_new(&symbols))
        return;
    if (symbols_resolve(symbols, module, addresses, N_ADDRESSES, answers, NULL) == 0)
        for (size_t i = 0; i < N_ADDRESSES; i++)
            for (uint32_t j = 0; j < answers[i].n_frames; j++)
                if (!answers[i].frames[j].name[0] || !answers[i].frames[j].system_name || !answers[i].frames[j].file)
                    abort();
    symbols_free(symbols);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int fd = memfd_create("fuzz_symbols", MFD_CLOEXEC);
    if (fd < 0)
        return 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (write(fd, data, size) == (ssize_t)size)
        ask(&(struct symbols_module){.path = path, .build_id = ""});
    close(fd);
    if (size > 0)
        ask(&(struct symbols_module){.path = "[vdso]", .build_id = "", .image = data, .image_bytes = size});
    return 0;
}
