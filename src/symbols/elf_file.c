#include "symbols/elf_file.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILD_ID_BYTES_MOST 64

/* libelf does not tell "no memory" from "no ELF file" in public, and we need not either. */
static int check_elf(const struct elf_file *file) {
    return file->elf && elf_kind(file->elf) == ELF_K_ELF ? 0 : -ENOEXEC;
}

int elf_file_open(const char *path, struct elf_file *ret) {
    struct elf_file file = ELF_FILE_CLOSED;
    /* O_NONBLOCK: a FIFO of that name must not hold us. */
    file.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file.fd < 0)
        return -errno;
    struct stat status;
    int error = fstat(file.fd, &status) || !S_ISREG(status.st_mode) ? -ENOEXEC : 0;
    if (!error) {
        elf_version(EV_CURRENT);
        file.elf = elf_begin(file.fd, ELF_C_READ, NULL);
        error = check_elf(&file);
    }
    if (error)
        elf_file_close(&file);
    else
        *ret = file;
    return error;
}

int elf_file_take_image(char *image, size_t bytes, struct elf_file *ret) {
    elf_version(EV_CURRENT);
    struct elf_file file = {.fd = -1, .image = image, .image_bytes = bytes};
    file.elf = elf_memory(image, bytes);
    int error = check_elf(&file);
    if (error)
        elf_file_close(&file);
    else
        *ret = file;
    return error;
}

void elf_file_close(struct elf_file *file) {
    elf_end(file->elf);
    if (file->fd >= 0)
        close(file->fd);
    free(file->image);
    *file = (struct elf_file)ELF_FILE_CLOSED;
}

bool elf_file_has_build_id(const struct elf_file *file, const char *hex) {
    const void *bits = NULL;
    ssize_t bytes = dwelf_elf_gnu_build_id(file->elf, &bits);
    if (bytes <= 0 || bytes > BUILD_ID_BYTES_MOST || strlen(hex) != (size_t)bytes * 2)
        return false;
    for (ssize_t i = 0; i < bytes; i++) {
        static const char digits[] = "0123456789abcdef";
        unsigned char byte = ((const unsigned char *)bits)[i];
        char pair[2] = {digits[byte >> 4], digits[byte & 15]};
        if (strncasecmp(hex + 2 * i, pair, 2) != 0)
            return false;
    }
    return true;
}

Elf_Scn *elf_file_section(const struct elf_file *file, const char *name, uint32_t type, GElf_Shdr *ret_header) {
    size_t names = 0;
    if (elf_getshdrstrndx(file->elf, &names))
        return NULL;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header))
            continue;
        const char *own = name ? elf_strptr(file->elf, names, header.sh_name) : NULL;
        if (name ? own && strcmp(own, name) == 0 : header.sh_type == type) {
            *ret_header = header;
            return section;
        }
    }
    return NULL;
}

bool elf_file_read(const struct elf_file *file, uint64_t offset, void *ret, size_t size) {
    if (file->fd < 0) {
        if (offset > file->image_bytes || file->image_bytes - offset < size)
            return false;
        memcpy(ret, file->image + offset, size);
        return true;
    }
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(file->fd, (char *)ret + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

bool elf_file_read_address(const struct elf_file *file, uint64_t address, void *ret, size_t size) {
    size_t n = 0;
    if (elf_getphdrnum(file->elf, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr header;
        if (!gelf_getphdr(file->elf, (int)i, &header) || header.p_type != PT_LOAD)
            continue;
        uint64_t inside = address - header.p_vaddr;
        if (address < header.p_vaddr || inside >= header.p_filesz)
            continue;
        uint64_t there = header.p_filesz - inside;
        memset(ret, 0, size);
        return elf_file_read(file, header.p_offset + inside, ret, there < size ? (size_t)there : size);
    }
    return false;
}

bool elf_file_segment(const struct elf_file *file, uint32_t type, GElf_Phdr *ret) {
    size_t n = 0;
    if (elf_getphdrnum(file->elf, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr header;
        if (gelf_getphdr(file->elf, (int)i, &header) && header.p_type == type) {
            *ret = header;
            return true;
        }
    }
    return false;
}
