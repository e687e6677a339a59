/* What a file may cost: a hostile or huge one gives fewer answers, never a hang or an exhausted host. */
#ifndef PIKO_SYMBOLS_LIMIT_H
#define PIKO_SYMBOLS_LIMIT_H

/* Debug sections, decompressed, of one file. They are read into memory while a call lasts (mapping them would let a
 * truncation of the file kill the host by SIGBUS); above this names come from symbol tables alone. */
#define LIMIT_DEBUG_BYTES (512ull << 20)

/* A decompressed .gnu_debugdata, and what its decoder may use. */
#define LIMIT_MINI_BYTES (64ull << 20)

/* An ELF image in memory (the vdso has 8 KiB), and the search table of .eh_frame_hdr. */
#define LIMIT_IMAGE_BYTES (1ull << 20)
#define LIMIT_EH_FRAME_HDR_BYTES (64ull << 20)

/* Steps of one call over DWARF: DIEs and ranges visited. About a second. */
#define LIMIT_DWARF_STEPS 20000000ull

/* Pairs of a symbol and an address that it covers, in one symbol table. */
#define LIMIT_SYMBOL_STEPS 20000000ull

/* Nesting of DIEs; a real program has about 30. Inlined calls at one address; the outermost is kept beyond it. */
#define LIMIT_DIE_DEPTH 512
#define LIMIT_INLINE_DEPTH 256

/* A mangled name is shown as it is when it or its demangled form is longer. */
#define LIMIT_NAME_BYTES 65536

/* What all modules of one `struct symbols` keep: answers beyond it are empty. */
#define LIMIT_STORE_BYTES (256ull << 20)

#endif
