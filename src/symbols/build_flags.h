/* How an object was built, as far as that spoils its profile. */
#ifndef PIKO_SYMBOLS_BUILD_FLAGS_H
#define PIKO_SYMBOLS_BUILD_FLAGS_H

#include <stdbool.h>

enum {
    BUILD_UNOPTIMISED = 1, /* -O0, or no -O at all */
    BUILD_GPROF = 2,       /* -pg */
    BUILD_ADDRESS = 4,     /* -fsanitize=address, and so on */
    BUILD_THREAD = 8,
    BUILD_MEMORY = 16,
    BUILD_LEAK = 32,
    BUILD_UNDEFINED = 64,
};
#define BUILD_SANITIZERS (BUILD_ADDRESS | BUILD_THREAD | BUILD_MEMORY | BUILD_LEAK | BUILD_UNDEFINED)
/* Those with an allocator of their own, under which ours is no truth. */
#define BUILD_OWN_HEAP (BUILD_ADDRESS | BUILD_THREAD | BUILD_MEMORY | BUILD_LEAK)
/* Those that see less when the hooks of a preloaded library stand before theirs. */
#define BUILD_NO_COMPANY (BUILD_THREAD | BUILD_MEMORY)

struct build_flags {
    unsigned flags;  /* of the above; 0 = nothing that is known to mislead */
    bool debug_info; /* the file holds debug information itself */
};

/* Look at the file at `path` when its build id is this one ("" = any): at what the compiler wrote down, at the symbols that
 * it asks for, and where switches are not told, at the code.
 * 0, or a negative errno: -ENOEXEC for no ELF, -ESTALE for another build. Bounded in time: reads a few MiB. Threads: any. */
int build_flags_look(const char *path, const char *build_id, struct build_flags *ret);

#define BUILD_FLAGS_SENTENCE_BYTES 1024u

/* What to tell a user of the object at `path`: with which flags it was built, why they mislead, how to build instead.
 * Begins with the path and " was built with "; "" for no flags. */
void build_flags_tell(const char *path, unsigned flags, char ret[BUILD_FLAGS_SENTENCE_BYTES]);

#endif
