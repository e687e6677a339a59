/* The allocation entry points. A sampled object is an ordinary object: nothing is moved, tagged or touched, and realloc
 * and calloc stay the allocator's own (they move pages and hand out zero pages; a copy would cost 7 times as much).
 *
 * The usual ones end in jumps: to the real function, nearly always, without a frame of their own (a frame costs as much as
 * all the rest), or to their slow halves, whose caller is then the program too. Where the first jump leads is a variable of
 * its own: it leads to the slow half too until the real functions are known, so that nobody need ask. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "probe/handler/heap.h"
#include "probe/handler/thread.h"
#include "probe/hooks/init.h"
#include "probe/hooks/real.h"

#define EXPORT __attribute__((visibility("default")))

/* Not in older libcs: declared here so that the definitions below have prototypes. */
EXPORT void free_sized(void *object, size_t size);
EXPORT void free_aligned_sized(void *object, size_t alignment, size_t size);

static __attribute__((noinline)) void *malloc_slowly(size_t size) {
    __typeof__(malloc) *allocate = REAL(malloc);
    if (!allocate)
        return real_boot_alloc(size, 16);
    void *object = allocate(size);
    struct unwind_registers caller = CALLER_REGISTERS();
    heap_sample(object, size, &caller);
    return object;
}

static __typeof__(malloc) *malloc_unsampled = malloc_slowly;

EXPORT void *malloc(size_t size) {
    if (heap_due(size))
        return malloc_slowly(size);
    return malloc_unsampled(size);
}

static __attribute__((noinline)) void *calloc_slowly(size_t n, size_t size) {
    __typeof__(calloc) *allocate = REAL(calloc);
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return allocate ? allocate(n, size) : NULL; /* which fails as it likes */
    if (!allocate)
        return real_boot_alloc(bytes, 16); /* the arena is zero */
    void *object = allocate(n, size);
    struct unwind_registers caller = CALLER_REGISTERS();
    heap_sample(object, bytes, &caller);
    return object;
}

static __typeof__(calloc) *calloc_unsampled = calloc_slowly;

EXPORT void *calloc(size_t n, size_t size) {
    if (heap_due(n * size))
        return calloc_slowly(n, size);
    return calloc_unsampled(n, size);
}

/* The address may be a sampled object, or one of the boot arena. */
static __attribute__((noinline)) void free_slowly(void *object) {
    struct live_object live;
    if (!object)
        return;
    if (live_take((uintptr_t)object, &live))
        heap_freed(&live);
    __typeof__(free) *give_back = REAL(free);
    if (real_boot_size(object) == 0 && give_back)
        give_back(object);
}

static __typeof__(free) *free_unfollowed = free_slowly;

EXPORT void free(void *object) {
    if (unlikely(live_maybe((uintptr_t)object)))
        return free_slowly(object);
    free_unfollowed(object);
}

EXPORT void free_sized(void *object, size_t size) {
    (void)size;
    free(object);
}

EXPORT void free_aligned_sized(void *object, size_t alignment, size_t size) {
    (void)alignment;
    (void)size;
    free(object);
}

/* An allocation by one of the rarer entry points, which need no way round. */
#define ALLOCATED(object, size)                                                                                        \
    do {                                                                                                               \
        if (heap_due(size)) {                                                                                          \
            struct unwind_registers caller_ = CALLER_REGISTERS();                                                      \
            heap_sample((object), (size), &caller_);                                                                   \
        }                                                                                                              \
    } while (0)

static void *move_from_boot(void *object, size_t old_size, size_t size) {
    void *fresh = malloc(size);
    if (fresh)
        memcpy(fresh, object, old_size < size ? old_size : size);
    return fresh;
}

EXPORT void *realloc(void *object, size_t size) {
    __typeof__(realloc) *reallocate = REAL(realloc);
    struct live_object live;
    bool followed = false;
    if (unlikely(object && live_maybe((uintptr_t)object))) {
        size_t boot_size = real_boot_size(object);
        if (boot_size)
            return move_from_boot(object, boot_size, size);
        followed = live_take((uintptr_t)object, &live);
    }
    if (unlikely(!reallocate))
        return real_boot_alloc(size, 16);
    void *moved = reallocate(object, size);
    if (unlikely(followed)) {
        if (!moved && size != 0) /* failed: the old object lives on */
            return live_put((uintptr_t)object, live) ? NULL : (heap_freed(&live), NULL);
        heap_freed(&live);
    }
    if (moved)
        ALLOCATED(moved, size);
    return moved;
}

EXPORT void *reallocarray(void *object, size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(object, bytes);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) {
    __typeof__(aligned_alloc) *allocate = REAL(aligned_alloc);
    if (unlikely(!allocate))
        return real_boot_alloc(size, alignment);
    void *object = allocate(alignment, size);
    ALLOCATED(object, size);
    return object;
}

EXPORT void *memalign(size_t alignment, size_t size) {
    __typeof__(memalign) *allocate = REAL(memalign);
    if (unlikely(!allocate))
        return real_boot_alloc(size, alignment);
    void *object = allocate(alignment, size);
    ALLOCATED(object, size);
    return object;
}

static __attribute__((noinline)) int posix_memalign_slowly(void **ret, size_t alignment, size_t size) {
    __typeof__(posix_memalign) *allocate = REAL(posix_memalign);
    if (unlikely(!allocate))
        return (*ret = real_boot_alloc(size, alignment)) ? 0 : ENOMEM;
    int error = allocate(ret, alignment, size);
    struct unwind_registers caller = CALLER_REGISTERS();
    heap_sample(error ? NULL : *ret, size, &caller);
    return error;
}

static __typeof__(posix_memalign) *posix_memalign_unsampled = posix_memalign_slowly;

EXPORT int posix_memalign(void **ret, size_t alignment, size_t size) {
    if (heap_due(size))
        return posix_memalign_slowly(ret, alignment, size);
    return posix_memalign_unsampled(ret, alignment, size);
}

EXPORT void *valloc(size_t size) {
    __typeof__(valloc) *allocate = REAL(valloc);
    void *object = allocate ? allocate(size) : real_boot_alloc(size, 4096);
    ALLOCATED(object, size);
    return object;
}

EXPORT void *pvalloc(size_t size) {
    __typeof__(pvalloc) *allocate = REAL(pvalloc);
    void *object = allocate ? allocate(size) : real_boot_alloc(size, 4096);
    ALLOCATED(object, size);
    return object;
}

void malloc_init(void) {
    malloc_unsampled = real.malloc;
    calloc_unsampled = real.calloc;
    posix_memalign_unsampled = real.posix_memalign;
    free_unfollowed = real.free;
}
