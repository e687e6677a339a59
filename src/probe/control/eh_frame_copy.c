#include "probe/control/eh_frame_copy.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "probe/control/cfi.h"
#include "probe/control/peek.h"

#define PAGE_BYTES 4096u
#define ENTRY_BYTES 8u
#define HASHED_BYTES 4096u

/* A mapping as large as the object's segment, in which only the call frame information is filled in: so all that is
 * relative in it stays true. The rest is never touched, hence takes no memory. */
struct copy {
    const struct eh_frame_place *place;
    char *mapping;
    size_t bytes;
    uint64_t shift;
};

static bool copy_range(const struct copy *copy, uint64_t low, uint64_t high) {
    if (low < copy->place->low || high > copy->place->high || low > high)
        return false;
    uint64_t first = (low + copy->shift) & ~(uint64_t)(PAGE_BYTES - 1);
    madvise((void *)(uintptr_t)first, high + copy->shift - first, MADV_POPULATE_WRITE);
    return peek(low, (void *)(uintptr_t)(low + copy->shift), high - low) == high - low;
}

/* Where .eh_frame ends, by the header's table: behind the entry that is last in memory. 0 when it can't be told. */
static uint64_t end_of_entries(const struct copy *copy, const uint8_t *entries, uint64_t n) {
    uint64_t header = copy->place->header, last = 0;
    for (uint64_t i = 0; i < n; i++) {
        int32_t offset;
        memcpy(&offset, entries + i * ENTRY_BYTES + 4, sizeof offset);
        uint64_t entry = header + (uint64_t)(int64_t)offset;
        last = entry > last && entry < copy->place->high ? entry : last;
    }
    uint32_t length;
    if (!last || peek(last, &length, sizeof length) != sizeof length)
        return 0;
    return last + sizeof length + length;
}

static bool copy_entries(const struct copy *copy) {
    const struct eh_frame_place *place = copy->place;
    const uint8_t *header = (const uint8_t *)(uintptr_t)(place->header + copy->shift);
    struct cfi_bytes bytes = {.at = header, .end = header + place->header_bytes};
    uint8_t version = cfi_u8(&bytes), frame = cfi_u8(&bytes), count = cfi_u8(&bytes), table = cfi_u8(&bytes);
    if (version != 1 || frame == CFI_ENCODING_OMIT || count == CFI_ENCODING_OMIT ||
        table != CFI_ENCODING_DATAREL_SDATA4)
        return false;
    uint64_t start = cfi_pointer(&bytes, frame, (uint64_t)(uintptr_t)header) - copy->shift;
    uint64_t n = cfi_pointer(&bytes, count, (uint64_t)(uintptr_t)header);
    if (bytes.bad || n > (uint64_t)(bytes.end - bytes.at) / ENTRY_BYTES)
        return false;
    return copy_range(copy, start, end_of_entries(copy, bytes.at, n));
}

static int compile(const struct copy *copy, struct eh_frame_table *ret) {
    const struct eh_frame_place *place = copy->place;
    if (!copy_range(copy, place->header, place->header + place->header_bytes) || !copy_entries(copy))
        return -EFAULT;
    const struct eh_frame_input input = {.header = (const uint8_t *)(uintptr_t)(place->header + copy->shift),
                                         .low = (const uint8_t *)(uintptr_t)(place->low + copy->shift),
                                         .high = (const uint8_t *)(uintptr_t)(place->high + copy->shift),
                                         .code_start = place->code_start + copy->shift,
                                         .code_limit = place->code_limit + copy->shift,
                                         .code_readable = place->code_readable,
                                         .root = place->root ? place->root + copy->shift : 0,
                                         .shift = copy->shift};
    return eh_frame_compile(&input, ret);
}

int eh_frame_compile_copy(const struct eh_frame_place *place, struct eh_frame_table *ret) {
    uint64_t first = place->low & ~(uint64_t)(PAGE_BYTES - 1);
    struct copy copy = {.place = place, .bytes = (place->high - first + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1)};
    *ret = (struct eh_frame_table){0};
    copy.mapping = mmap(NULL, copy.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (copy.mapping == MAP_FAILED)
        return -ENOMEM;
    copy.shift = (uint64_t)(uintptr_t)copy.mapping - first;
    int error = compile(&copy, ret);
    munmap(copy.mapping, copy.bytes);
    return error;
}

uint64_t eh_frame_fingerprint(const struct eh_frame_place *place) {
    uint8_t piece[HASHED_BYTES];
    uint64_t hash = place->header_bytes;
    for (uint64_t at = 0; at < place->header_bytes; at += sizeof piece) {
        size_t bytes = place->header_bytes - at < sizeof piece ? place->header_bytes - at : sizeof piece;
        bytes = peek(place->header + at, piece, bytes);
        for (size_t i = 0; i + sizeof(uint64_t) <= bytes; i += sizeof(uint64_t)) {
            uint64_t word;
            memcpy(&word, piece + i, sizeof word);
            hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
            hash ^= hash >> 29;
        }
    }
    return hash;
}
