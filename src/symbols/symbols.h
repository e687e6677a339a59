/* Names, files, lines and inlined calls of addresses in ELF objects.
 *
 * Best first: DWARF (the object's own, or its separate debug file by build id or .gnu_debuglink, found under
 * /usr/lib/debug), .symtab, .dynsym, .gnu_debugdata, and last the function boundaries of .eh_frame, which give
 * "nginx+0x1234" (object name and the start of that function relative to the load address) rather than the nearest
 * wrong name. A name from a symbol table is used only when the symbol covers the address (st_size; a size of 0 reaches
 * to the next symbol of the section). Never asks the network.
 *
 * All addresses of a call that fall into one unit are answered by one walk over it. What is kept: the answers, their
 * names and paths, each string once (about 1 KiB an address in a large C++ program); asking again costs a hash lookup.
 * No file stays open and no debug information in memory when a call returns, as this runs inside the profiled program.
 * Files may be broken, hostile or change meanwhile: limits are in limit.h, what goes beyond them has no answer. A file is
 * looked at only for addresses that were not asked before, and what could not be answered is not tried again.
 *
 * Names equal those of `addr2line -f -i -C`, and so do paths ("./" left out), but symbols are not stretched over the
 * padding behind a function, and a version ("@@GLIBC_2.34") stays in system_name alone. An address with a line but in no
 * known function is named by itself: "nginx+0x1238". Stubs of the PLT are "puts@plt". */
#ifndef PIKO_SYMBOLS_SYMBOLS_H
#define PIKO_SYMBOLS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbols;

/* One mapped object as the reader knows it. Strings are copied. */
struct symbols_module {
    const char *path;     /* absolute, or "[vdso]" */
    const char *build_id; /* hex, or ""; when the file at path has another one it is not used */
    uint64_t bias;        /* run-time address minus the file's virtual address */
    const void *image;    /* for "[vdso]": the ELF image in memory; else NULL */
    size_t image_bytes;
};

struct symbols_frame {
    const char *name;        /* demangled, never empty */
    const char *system_name; /* as in the symbol table; same as name where not mangled */
    const char *file;        /* "" unknown */
    uint32_t line;           /* 0 unknown */
    uint32_t start_line;     /* line of the function's declaration; 0 unknown */
};

struct symbols_answer {
    const struct symbols_frame *frames; /* innermost first: inlined calls, the last is the function itself */
    uint32_t n_frames;                  /* 0 = nothing known, not even a boundary */
    uint64_t function_start;            /* run-time address at which the symbol or, without one, the FDE begins that
                                         * covers the address: never above it; 0 unknown. A part that the compiler moved
                                         * away ("name.cold") has a start of its own. */
};

/* What a module told about the addresses asked so far, for profile_mapping's flags. has_functions: a name from DWARF or a
 * symbol table, boundaries don't count; has_inline_frames: functions from DWARF, so that inlined calls would be seen. */
struct symbols_coverage {
    bool has_functions, has_filenames, has_line_numbers, has_inline_frames;
};

/* 0 or -ENOMEM. symbols_free() takes NULL and ends the life of every string that the answers point to. */
int symbols_new(struct symbols **ret);
void symbols_free(struct symbols *symbols);

/* Answer n run-time addresses of one module; answers[i] belongs to addresses[i]. What cannot be opened or read is no
 * error: its answers are empty. `coverage` may be NULL. 0 or -ENOMEM.
 * Threads: any with 1 MiB of stack (demangling recurses); calls are serialised inside. Ordinary context only (opens
 * files, allocates). */
int symbols_resolve(struct symbols *symbols, const struct symbols_module *module, const uint64_t *addresses, size_t n,
                    struct symbols_answer *answers, struct symbols_coverage *coverage);

#endif
