/* The files that tell about one mapped object: itself, its separate debug file, its .gnu_debugdata. They are open while
 * a call lasts and closed after it. */
#ifndef PIKO_SYMBOLS_OBJECT_H
#define PIKO_SYMBOLS_OBJECT_H

#include "symbols/elf_file.h"

struct symbols_module;

struct object {
    struct elf_file file;
    struct elf_file debug; /* closed when the object has its own DWARF or none was found */
    struct elf_file mini;  /* .gnu_debugdata: a small ELF file with a .symtab; closed when there is none */
};

/* Open what there is. 0, -ENOMEM, or a negative errno when the object itself cannot be read or has another build id. */
int object_open(const struct symbols_module *module, struct object *ret);
void object_close(struct object *object);

/* The file whose DWARF to use, or NULL. */
const struct elf_file *object_dwarf(const struct object *object);

/* Name an address by the start of its function: "nginx+0x1234", relative to where the object is loaded. */
#define OBJECT_NAME_BYTES 320
void object_name_address(const struct object *object, const char *path, uint64_t address, char ret[OBJECT_NAME_BYTES]);

#endif
