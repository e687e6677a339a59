#include "symbols/code.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbols/eh_frame.h"

#define CODE_BYTES_MAX (4u << 20) /* looked at in all, spread over the whole object */
#define CODE_BYTES_LEAST 48u      /* less has no style */
#define FUNCTION_BYTES_MAX 65536u

/* Without optimisation each operand is loaded from the frame and each result is stored there, so that gcc and clang come
 * to 6 to 11 such moves in 100 bytes of code, and every function has a frame pointer. With any optimisation but with frame
 * pointers it is 2, in functions with many spills up to 4; without them next to none. */
#define MOVES_PER_100_BYTES 4.5
#define FRAMES_LEAST 0.8 /* of the functions */

struct style {
    uint64_t bytes, moves, functions, frames;
};

/* [endbr64] push %rbp; mov %rsp,%rbp */
static bool begins_with_frame(const uint8_t *code, size_t n) {
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa}, frame[] = {0x55, 0x48, 0x89, 0xe5};
    if (n >= sizeof endbr64 && memcmp(code, endbr64, sizeof endbr64) == 0) {
        code += sizeof endbr64;
        n -= sizeof endbr64;
    }
    return n >= sizeof frame && memcmp(code, frame, sizeof frame) == 0;
}

/* A mov from, to or of a constant to -N(%rbp), with a displacement of 8 or of 32 bits. Where instructions begin is not
 * known: what looks like one by chance is rare. */
static bool is_frame_move(const uint8_t *code) {
    bool is_mov = code[0] == 0x89 || code[0] == 0x8b || code[0] == 0xc7;
    uint8_t mode = code[1] & 0xc7;
    return is_mov && ((mode == 0x45 && code[2] >= 0x80) || (mode == 0x85 && code[5] == 0xff));
}

static void look_at(const uint8_t *code, size_t n, struct style *style) {
    style->functions++;
    style->bytes += n;
    style->frames += begins_with_frame(code, n);
    for (size_t i = 0; i + 6 <= n; i++)
        style->moves += is_frame_move(code + i);
}

/* The functions of .text alone: stubs of the PLT are the linker's, and the entry point is libc's. */
static void look_at_functions(const struct elf_file *file, const struct eh_frame *functions, const GElf_Shdr *text,
                              uint64_t entry, struct style *style) {
    _cleanup_free_ uint8_t *code = malloc(FUNCTION_BYTES_MAX);
    uint64_t mean = functions->n ? text->sh_size / functions->n + 1 : 1;
    size_t step = (size_t)(functions->n * mean / CODE_BYTES_MAX) + 1;
    for (size_t i = 0; i < functions->n && code && style->bytes < CODE_BYTES_MAX; i += step) {
        uint64_t at = functions->address + (uint64_t)(int64_t)functions->table[2 * i], start, end;
        if (at < text->sh_addr || at - text->sh_addr >= text->sh_size || at == entry ||
            !eh_frame_find(functions, at, &start, &end))
            continue;
        size_t n = end - start < FUNCTION_BYTES_MAX ? (size_t)(end - start) : FUNCTION_BYTES_MAX;
        if (elf_file_read_address(file, start, code, n))
            look_at(code, n, style);
    }
}

bool code_is_unoptimised(const struct elf_file *file) {
    GElf_Ehdr header;
    GElf_Shdr text;
    struct eh_frame functions;
    struct style style = {0};
    if (!gelf_getehdr(file->elf, &header) || header.e_machine != EM_X86_64 ||
        !elf_file_section(file, ".text", 0, &text) || eh_frame_open(file, &functions))
        return false;
    look_at_functions(file, &functions, &text, header.e_entry, &style);
    eh_frame_close(&functions);
    return style.bytes >= CODE_BYTES_LEAST && (double)style.moves * 100 >= MOVES_PER_100_BYTES * (double)style.bytes &&
           (double)style.frames >= FRAMES_LEAST * (double)style.functions;
}
