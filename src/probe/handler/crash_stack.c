#include "probe/handler/crash_stack.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/handler/crash.h"
#include "probe/handler/probe.h"

#define GUARD_BYTES 4096u
#define STACK_BYTES (64u << 10) /* a signal's frame takes up to 11 KiB (Intel AMX), our handler 8 */

static __thread char *own __attribute__((tls_model("initial-exec"))); /* the guard page below the stack; NULL none */
static bool program_has_one;                                          /* A */

static stack_t stack_of(char *memory) {
    return (stack_t){.ss_sp = memory + GUARD_BYTES, .ss_size = STACK_BYTES};
}

static bool is_own(const stack_t *stack) {
    return own && stack->ss_sp == own + GUARD_BYTES;
}

void crash_stack_begin(void) {
    stack_t before;
    if (!crash_signals || own || syscall(SYS_sigaltstack, NULL, &before) || !(before.ss_flags & SS_DISABLE))
        return;
    char *memory = (char *)syscall(SYS_mmap, NULL, (size_t)GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);
    if (memory == MAP_FAILED)
        return;
    stack_t stack = stack_of(memory);
    syscall(SYS_mprotect, memory, (size_t)GUARD_BYTES, PROT_NONE);
    if (syscall(SYS_sigaltstack, &stack, NULL))
        syscall(SYS_munmap, memory, (size_t)GUARD_BYTES + STACK_BYTES);
    else
        own = memory;
}

void crash_stack_end(void) {
    stack_t now, none = {.ss_flags = SS_DISABLE};
    if (!own || syscall(SYS_sigaltstack, NULL, &now))
        return;
    if (is_own(&now) && syscall(SYS_sigaltstack, &none, NULL))
        return; /* the thread ends on it */
    syscall(SYS_munmap, own, (size_t)GUARD_BYTES + STACK_BYTES);
    own = NULL;
}

bool crash_stack_program_has_one(void) {
    return __atomic_load_n(&program_has_one, __ATOMIC_ACQUIRE);
}

int crash_stack_change(const stack_t *wanted, stack_t *before) {
    bool off = wanted && wanted->ss_flags & SS_DISABLE;
    stack_t ours = own ? stack_of(own) : (stack_t){.ss_flags = SS_DISABLE}, was;
    if (syscall(SYS_sigaltstack, off ? &ours : wanted, &was))
        return -1;
    if (is_own(&was))
        was = (stack_t){.ss_flags = SS_DISABLE};
    if (before)
        *before = was;
    if (wanted && !off && !crash_stack_program_has_one() && !probe_is_another_process())
        __atomic_store_n(&program_has_one, true, __ATOMIC_RELEASE);
    return 0;
}
