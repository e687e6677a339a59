/* .gnu_debugdata: an ELF file with the .symtab that stripping took away, compressed by xz, inside another ELF file. */
#ifndef PIKO_SYMBOLS_MINI_H
#define PIKO_SYMBOLS_MINI_H

#include "symbols/elf_file.h"

/* 0, -ENOENT (none), -EBADMSG (broken, or larger than LIMIT_MINI_BYTES), -ENOEXEC, -ENOMEM; `ret` is a closed file then. */
int mini_open(const struct elf_file *file, struct elf_file *ret);

#endif
