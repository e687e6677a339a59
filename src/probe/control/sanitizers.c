#include "probe/control/sanitizers.h"

/* Bound by the loader where a runtime is, in a library or in the program. */
extern void __asan_init(void) __attribute__((weak, visibility("default")));
extern void __hwasan_init(void) __attribute__((weak, visibility("default")));
extern void __lsan_init(void) __attribute__((weak, visibility("default")));
extern void __msan_init(void) __attribute__((weak, visibility("default")));
extern void __tsan_init(void) __attribute__((weak, visibility("default")));

bool sanitizers_own_heap(void) {
    return __asan_init || __hwasan_init || __lsan_init || __msan_init || __tsan_init;
}

bool sanitizers_want_no_company(void) {
    return __tsan_init || __msan_init;
}
