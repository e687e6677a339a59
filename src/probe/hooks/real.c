#include "probe/hooks/real.h"

#include <dlfcn.h>
#include <sched.h>
#include <stdint.h>

#include "probe/handler/live.h"

struct real real;

enum { UNRESOLVED, RESOLVING, RESOLVED };
static int state;

/* Generous: glibc's dlsym takes a few hundred bytes at most, allocators that start inside it some KB. */
#define BOOT_BYTES (256u << 10)
static _Alignas(64) unsigned char boot_arena[BOOT_BYTES];
static size_t boot_used;

void *real_boot_alloc(size_t size, size_t alignment) {
    if (alignment < 16)
        alignment = 16;
    if (size > BOOT_BYTES || alignment > BOOT_BYTES)
        return NULL;
    /* A header of one word before each object holds its size. */
    size_t room = size + alignment + sizeof(size_t);
    size_t at = __atomic_fetch_add(&boot_used, room, __ATOMIC_RELAXED);
    if (at + room > BOOT_BYTES)
        return NULL;
    uintptr_t start = ((uintptr_t)boot_arena + at + sizeof(size_t) + alignment - 1) & ~(uintptr_t)(alignment - 1);
    ((size_t *)start)[-1] = size;
    live_mark(start); /* so that free() and realloc() look closer */
    return (void *)start;
}

size_t real_boot_size(const void *address) {
    uintptr_t start = (uintptr_t)boot_arena;
    if ((uintptr_t)address < start || (uintptr_t)address >= start + BOOT_BYTES)
        return 0;
    size_t size = ((const size_t *)address)[-1];
    return size ? size : 1;
}

static void *find(const char *name, const char *version) {
    void *function = version ? dlvsym(RTLD_NEXT, name, version) : NULL;
    return function ? function : dlsym(RTLD_NEXT, name);
}

void real_resolve(void) {
    static __thread bool resolving __attribute__((tls_model("initial-exec")));
    int expected = UNRESOLVED;
    if (__atomic_compare_exchange_n(&state, &expected, RESOLVING, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        resolving = true;
        struct real found;
#define REAL_FIND(name, version) found.name = (__typeof__(name) *)find(#name, version);
        REAL_FUNCTIONS(REAL_FIND)
#undef REAL_FIND
        /* free last: while it is missing nothing that we hand out came from the real allocator. */
#define REAL_SET(name, version) __atomic_store_n(&real.name, found.name, __ATOMIC_RELEASE);
        REAL_FUNCTIONS(REAL_SET)
#undef REAL_SET
        resolving = false;
        __atomic_store_n(&state, RESOLVED, __ATOMIC_RELEASE);
        return;
    }
    while (!resolving && __atomic_load_n(&state, __ATOMIC_ACQUIRE) == RESOLVING)
        sched_yield();
}
