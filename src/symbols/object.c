#include "symbols/object.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "symbols/limit.h"
#include "symbols/mini.h"
#include "symbols/symbols.h"

#define DEBUG_DIRECTORY "/usr/lib/debug"
#define PAGE_BYTES 4096

static bool has_dwarf(const struct elf_file *file) {
    GElf_Shdr header;
    return file->elf &&
           (elf_file_section(file, ".debug_info", 0, &header) || elf_file_section(file, ".zdebug_info", 0, &header));
}

static int open_main(const struct symbols_module *module, struct elf_file *ret) {
    if (!module->image) {
        int error = elf_file_open(module->path, ret);
        if (!error && module->build_id[0] && !elf_file_has_build_id(ret, module->build_id)) {
            elf_file_close(ret);
            error = -ESTALE;
        }
        return error;
    }
    if (module->image_bytes > LIMIT_IMAGE_BYTES)
        return -EFBIG;
    char *copy = malloc(module->image_bytes);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, module->image, module->image_bytes);
    return elf_file_take_image(copy, module->image_bytes, ret);
}

/* The build id of a file as hex; "" when it has none. */
static void build_id_of(const struct elf_file *file, char *ret, size_t size) {
    const void *bits = NULL;
    ssize_t bytes = dwelf_elf_gnu_build_id(file->elf, &bits);
    ret[0] = '\0';
    if (bytes <= 1 || (size_t)bytes * 2 >= size)
        return;
    for (ssize_t i = 0; i < bytes; i++)
        snprintf(ret + 2 * i, 3, "%02x", ((const unsigned char *)bits)[i]);
}

static bool open_by_build_id(const char *build_id, struct elf_file *ret) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, DEBUG_DIRECTORY "/.build-id/%.2s/%s.debug", build_id, build_id + 2);
    if (elf_file_open(path, ret))
        return false;
    if (elf_file_has_build_id(ret, build_id) && has_dwarf(ret))
        return true;
    elf_file_close(ret);
    return false;
}

static bool has_crc(const struct elf_file *file, uint32_t crc) {
    uLong own = crc32(0, NULL, 0);
    char chunk[65536];
    ssize_t n;
    for (off_t offset = 0; (n = pread(file->fd, chunk, sizeof chunk, offset)) > 0; offset += n)
        own = crc32(own, (const Bytef *)chunk, (uInt)n);
    return n == 0 && own == crc;
}

/* A build id decides where both have one: it is cheaper than reading the whole file for its checksum. */
static bool try_link(const char *path, const char *build_id, uint32_t crc, struct elf_file *ret) {
    if (elf_file_open(path, ret))
        return false;
    bool same = build_id[0] ? elf_file_has_build_id(ret, build_id) : has_crc(ret, crc);
    if (same && has_dwarf(ret))
        return true;
    elf_file_close(ret);
    return false;
}

static bool open_by_link(const struct elf_file *file, const char *path, const char *build_id, struct elf_file *ret) {
    GElf_Word crc = 0;
    const char *name = dwelf_elf_gnu_debuglink(file->elf, &crc);
    const char *slash = strrchr(path, '/');
    if (!name || !name[0] || strchr(name, '/') || !slash)
        return false;
    static const char *const places[][2] = {{"", "/"}, {"", "/.debug/"}, {DEBUG_DIRECTORY, "/"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char candidate[PATH_MAX];
        int length = snprintf(candidate, sizeof candidate, "%s%.*s%s%s", places[i][0], (int)(slash - path), path,
                              places[i][1], name);
        if (length > 0 && (size_t)length < sizeof candidate && try_link(candidate, build_id, crc, ret))
            return true;
    }
    return false;
}

static void open_debug(const struct symbols_module *module, struct object *object) {
    char build_id[2 * 64 + 1];
    build_id_of(&object->file, build_id, sizeof build_id);
    if (has_dwarf(&object->file) || (build_id[0] && open_by_build_id(build_id, &object->debug)))
        return;
    if (!module->image)
        open_by_link(&object->file, module->path, build_id, &object->debug);
}

int object_open(const struct symbols_module *module, struct object *ret) {
    struct object object = {ELF_FILE_CLOSED, ELF_FILE_CLOSED, ELF_FILE_CLOSED};
    int error = open_main(module, &object.file);
    if (error)
        return error;
    open_debug(module, &object);
    error = mini_open(&object.file, &object.mini);
    if (error == -ENOMEM)
        object_close(&object);
    else
        *ret = object;
    return error == -ENOMEM ? error : 0;
}

void object_close(struct object *object) {
    elf_file_close(&object->file);
    elf_file_close(&object->debug);
    elf_file_close(&object->mini);
}

const struct elf_file *object_dwarf(const struct object *object) {
    if (has_dwarf(&object->file))
        return &object->file;
    return object->debug.elf ? &object->debug : NULL;
}

void object_name_address(const struct object *object, const char *path, uint64_t address, char ret[OBJECT_NAME_BYTES]) {
    const char *slash = strrchr(path, '/');
    GElf_Phdr first;
    uint64_t base = elf_file_segment(&object->file, PT_LOAD, &first) ? first.p_vaddr & ~(uint64_t)(PAGE_BYTES - 1) : 0;
    snprintf(ret, OBJECT_NAME_BYTES, "%.255s+0x%" PRIx64, slash ? slash + 1 : path, address - base);
}
