/* The .eh_frame compiler on any bytes. The input is an image that starts with .eh_frame_hdr; it lies at the end of a page
 * before one that can't be read, and its code is said to be around it. Every address of the table that comes out must have
 * a rule. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "probe/control/eh_frame.h"

#define INPUT_BYTES_MAX (1u << 16)
#define CODE_BYTES (1u << 18)
#define PAGE_BYTES 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *end_of_image(void) {
    static uint8_t *end;
    if (end)
        return end;
    uint8_t *memory = mmap(NULL, INPUT_BYTES_MAX + PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, INPUT_BYTES_MAX, PROT_READ | PROT_WRITE))
        abort();
    return end = memory + INPUT_BYTES_MAX;
}

static void check_table(const struct eh_frame_table *table) {
    const struct unwind_object *object = &table->object;
    for (uint64_t offset = 0; offset < object->bytes; offset += 61) {
        const struct unwind_rule *rule = unwind_object_rule(object, object->start + offset);
        if (rule < object->rules || rule >= object->rules + table->rules || rule->kind > UNWIND_NONE)
            abort();
    }
    uint64_t last = 0;
    for (uint64_t block = 0; block < object->bytes >> UNWIND_BLOCK_SHIFT; block++)
        for (uint32_t row = object->blocks[block]; row < object->blocks[block + 1]; row++) {
            uint64_t at = (block << UNWIND_BLOCK_SHIFT) + (object->rows[row] >> 16);
            if (row >= table->rows || (row && at <= last))
                abort();
            last = at;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct eh_frame_table table;
    if (!size || size > INPUT_BYTES_MAX)
        return 0;
    uint8_t *image = end_of_image() - size;
    memcpy(image, data, size);
    uint64_t address = (uint64_t)(uintptr_t)image;
    struct eh_frame_input input = {.header = image,
                                   .low = image,
                                   .high = image + size,
                                   .code_start = address - CODE_BYTES,
                                   .code_limit = address + CODE_BYTES};
    if (!eh_frame_compile(&input, &table)) {
        check_table(&table);
        eh_frame_table_done(&table);
    }
    return 0;
}
