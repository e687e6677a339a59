/* An ELF file that is open for reading: by read(), not mapped, so that a file which shrinks meanwhile is an error and
 * not a SIGBUS in the host. */
#ifndef PIKO_SYMBOLS_ELF_FILE_H
#define PIKO_SYMBOLS_ELF_FILE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file {
    Elf *elf; /* NULL = not open */
    int fd;   /* -1 for an image in memory */
    char *image;
    size_t image_bytes;
};

#define ELF_FILE_CLOSED                                                                                                \
    { .fd = -1 }

/* Open a regular file that holds an ELF object. 0, -ENOEXEC (no regular file, no ELF), or why open failed. */
int elf_file_open(const char *path, struct elf_file *ret);

/* The same for an image in memory, which the file then owns (free()), also on failure. */
int elf_file_take_image(char *image, size_t bytes, struct elf_file *ret);

/* Takes a closed file. */
void elf_file_close(struct elf_file *file);

/* Whether its build id is this one (hex, any case). */
bool elf_file_has_build_id(const struct elf_file *file, const char *hex);

/* The first section of that name or, with name NULL, of that type; NULL when there is none. */
Elf_Scn *elf_file_section(const struct elf_file *file, const char *name, uint32_t type, GElf_Shdr *ret_header);

/* Read exactly `size` bytes of the file at an offset. */
bool elf_file_read(const struct elf_file *file, uint64_t offset, void *ret, size_t size);

/* Read `size` bytes at a virtual address; zeros where its segment ends before. */
bool elf_file_read_address(const struct elf_file *file, uint64_t address, void *ret, size_t size);

/* Find a program header by type. */
bool elf_file_segment(const struct elf_file *file, uint32_t type, GElf_Phdr *ret);

#endif
