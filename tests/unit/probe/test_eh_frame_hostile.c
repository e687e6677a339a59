/* The .eh_frame compiler on broken input: the fuzz target over real .eh_frame that is damaged at random, and cut short. */
#include <link.h>
#include <string.h>

#include "unwind_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROUNDS 1500
#define IMAGE_BYTES_MAX 16384u

static uint8_t image[IMAGE_BYTES_MAX], damaged[IMAGE_BYTES_MAX];
static size_t image_bytes;

/* From this program's own header to the end of its segment. */
static int visit(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size, (void)data;
    const ElfW(Phdr) *frames = NULL, *segment = NULL;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
            frames = &info->dlpi_phdr[i];
    for (unsigned i = 0; frames && i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD &&
            frames->p_vaddr - info->dlpi_phdr[i].p_vaddr < info->dlpi_phdr[i].p_filesz)
            segment = &info->dlpi_phdr[i];
    if (!segment)
        return 1;
    image_bytes = segment->p_vaddr + segment->p_filesz - frames->p_vaddr;
    if (image_bytes > IMAGE_BYTES_MAX)
        image_bytes = IMAGE_BYTES_MAX;
    memcpy(image, (const void *)(info->dlpi_addr + frames->p_vaddr), image_bytes);
    return 1;
}

static uint64_t seed = 88172645463325252ull;
static uint64_t random_word(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void damaged_bytes_are_survived(void **state) {
    (void)state;
    dl_iterate_phdr(visit, NULL);
    assert_true(image_bytes > 500);
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(damaged, image, image_bytes);
        for (uint64_t i = round ? 1 + random_word() % 32 : 0; i; i--)
            damaged[random_word() % image_bytes] = (uint8_t)random_word();
        LLVMFuzzerTestOneInput(damaged, image_bytes);
    }
}

static void every_length_is_survived(void **state) {
    (void)state;
    dl_iterate_phdr(visit, NULL);
    for (size_t bytes = 0; bytes <= image_bytes; bytes += bytes < 600 ? 1 : 37)
        LLVMFuzzerTestOneInput(image, bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_bytes_are_survived),
        cmocka_unit_test(every_length_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
