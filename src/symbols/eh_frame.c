#include "symbols/eh_frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/limit.h"

/* Encodings of pointers (LSB, "DWARF extensions"): the low four bits are the format. */
#define ENCODING_FORMAT 0x0f
#define ENCODING_POINTER 0x00
#define ENCODING_UDATA2 0x02
#define ENCODING_UDATA4 0x03
#define ENCODING_UDATA8 0x04
#define ENCODING_SDATA2 0x0a
#define ENCODING_SDATA4 0x0b
#define ENCODING_SDATA8 0x0c
#define ENCODING_TABLE 0x3b /* relative to .eh_frame_hdr, sdata4 */

#define CIE_BYTES 64 /* enough for the fields that are read */
#define FDE_BYTES 24

struct header {
    uint8_t version, eh_frame_encoding, count_encoding, table_encoding;
};

static size_t bytes_of(uint8_t encoding, const struct elf_file *file) {
    switch (encoding & ENCODING_FORMAT) {
    case ENCODING_POINTER:
        return gelf_getclass(file->elf) == ELFCLASS32 ? 4 : 8;
    case ENCODING_UDATA2:
    case ENCODING_SDATA2:
        return 2;
    case ENCODING_UDATA4:
    case ENCODING_SDATA4:
        return 4;
    case ENCODING_UDATA8:
    case ENCODING_SDATA8:
        return 8;
    default:
        return 0;
    }
}

/* Where the table starts in .eh_frame_hdr, and its length; 0 when it is not one that we can search. */
static uint64_t find_table(const struct elf_file *file, const GElf_Phdr *segment, uint32_t *ret_count) {
    struct header header;
    if (!elf_file_read(file, segment->p_offset, &header, sizeof header) || header.version != 1 ||
        header.count_encoding != ENCODING_UDATA4 || header.table_encoding != ENCODING_TABLE)
        return 0;
    uint64_t offset = sizeof header + bytes_of(header.eh_frame_encoding, file);
    if (!elf_file_read(file, segment->p_offset + offset, ret_count, sizeof *ret_count))
        return 0;
    return offset + sizeof *ret_count;
}

int eh_frame_open(const struct elf_file *file, struct eh_frame *ret) {
    *ret = (struct eh_frame){.file = file};
    GElf_Phdr segment;
    if (!elf_file_segment(file, PT_GNU_EH_FRAME, &segment))
        return 0;
    uint32_t n = 0;
    uint64_t offset = find_table(file, &segment, &n);
    uint64_t bytes = (uint64_t)n * 2 * sizeof *ret->table;
    if (offset == 0 || n == 0 || bytes > LIMIT_EH_FRAME_HDR_BYTES || offset + bytes > segment.p_filesz)
        return 0;
    ret->table = malloc((size_t)bytes);
    if (!ret->table)
        return -ENOMEM;
    if (!elf_file_read(file, segment.p_offset + offset, ret->table, (size_t)bytes))
        eh_frame_close(ret);
    ret->address = segment.p_vaddr;
    ret->n = ret->table ? n : 0;
    return 0;
}

void eh_frame_close(struct eh_frame *eh_frame) {
    free(eh_frame->table);
    eh_frame->table = NULL;
    eh_frame->n = 0;
}

static const uint8_t *skip_leb128(const uint8_t *at, const uint8_t *end) {
    while (at < end && (*at & 0x80))
        at++;
    return at < end ? at + 1 : end;
}

/* The encoding of code addresses in the FDEs of a CIE: the argument of 'R' in its augmentation. */
static bool pointer_encoding(const struct elf_file *file, uint64_t address, uint8_t *ret) {
    uint8_t cie[CIE_BYTES];
    if (!elf_file_read_address(file, address, cie, sizeof cie))
        return false;
    const uint8_t *end = cie + sizeof cie, *augmentation = cie + 9;
    const uint8_t *at = memchr(augmentation, '\0', (size_t)(end - augmentation));
    if (!at || (cie[8] != 1 && cie[8] != 3))
        return false;
    *ret = ENCODING_POINTER;
    if (*augmentation != 'z')
        return *augmentation == '\0';
    at = skip_leb128(skip_leb128(at + 1, end), end);  /* alignments of code and data */
    at = cie[8] == 1 ? at + 1 : skip_leb128(at, end); /* return address register */
    at = skip_leb128(at, end);                        /* length of what follows */
    for (const uint8_t *letter = augmentation + 1; *letter && at < end; letter++) {
        if (*letter == 'R') {
            *ret = *at;
            return true;
        }
        if (*letter == 'P')
            at += 1 + bytes_of(*at, file);
        if (*letter == 'L')
            at++;
    }
    return true;
}

/* The length of the function that an FDE describes; 0 unknown. */
static uint64_t function_bytes(const struct elf_file *file, uint64_t fde_address) {
    uint8_t fde[FDE_BYTES];
    uint32_t length, cie_distance;
    uint8_t encoding;
    if (!elf_file_read_address(file, fde_address, fde, sizeof fde))
        return 0;
    memcpy(&length, fde, 4);
    memcpy(&cie_distance, fde + 4, 4);
    if (length == 0 || length == UINT32_MAX || cie_distance == 0 ||
        !pointer_encoding(file, fde_address + 4 - cie_distance, &encoding))
        return 0;
    size_t bytes = bytes_of(encoding, file);
    uint64_t range = 0;
    memcpy(&range, fde + 8 + bytes, bytes);
    return range;
}

bool eh_frame_find(const struct eh_frame *eh_frame, uint64_t address, uint64_t *ret_start, uint64_t *ret_end) {
    int64_t relative = (int64_t)(address - eh_frame->address);
    size_t low = 0, high = eh_frame->n; /* the first entry above the address */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (eh_frame->table[2 * middle] <= relative)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    const int32_t *entry = &eh_frame->table[2 * (low - 1)];
    uint64_t start = eh_frame->address + (uint64_t)(int64_t)entry[0];
    uint64_t bytes = function_bytes(eh_frame->file, eh_frame->address + (uint64_t)(int64_t)entry[1]);
    if (address - start >= bytes)
        return false;
    *ret_start = start;
    *ret_end = start + bytes;
    return true;
}
