/* What the files of the reader share. */
#ifndef PIKO_READER_INTERNAL_H
#define PIKO_READER_INTERNAL_H

#include "reader/modules.h"
#include "reader/reader.h"
#include "reader/validate.h"
#include "symbols/symbols.h"

/* Immutable after reader_new() but for the symbols, which lock themselves: hence any number of threads. */
struct reader {
    struct view view;
    struct symbols *symbols;
    const void *vdso; /* the kernel's object is the same in every process: our own mapping of it; NULL = none */
    size_t vdso_bytes;
};

/* How to ask for a module's symbols; the strings stay the module's. */
struct symbols_module reader_symbols_module(const struct reader *reader, const struct module *module);

#endif
