/* What machine code tells about the compiler that wrote it. */
#ifndef PIKO_SYMBOLS_CODE_H
#define PIKO_SYMBOLS_CODE_H

#include <stdbool.h>

#include "symbols/elf_file.h"

/* Whether most of an object's code keeps every variable on the stack, as gcc and clang write it at -O0 alone. Needs no
 * debug information and no symbols; false also where it cannot be told: other processors than x86-64, hardly any code, no
 * .eh_frame. Reads 4 MiB at most. */
bool code_is_unoptimised(const struct elf_file *file);

#endif
