#include "probe/hooks/init.h"

#include "probe/hooks/real.h"
#include "probe/hooks/threads.h"

/* As early as a constructor can be; hooks that are called before find the real functions by themselves. */
__attribute__((constructor(101))) static void hooks_init(void) {
    real_resolve();
    malloc_init();
    locks_init();
    threads_init();
    ends_init();
}
