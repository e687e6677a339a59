/* Where a process ends by itself, or becomes another program: when all of its life is profiled, it tells of that. The
 * system calls themselves, by syscall(), are in syscall.c; signals are handler/crash.c. */
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/handler/ending.h"
#include "probe/handler/thread.h"
#include "probe/hooks/init.h"
#include "probe/hooks/real.h"

#define EXPORT __attribute__((visibility("default")))

/* From the program's call of the function that says so. */
#define TELL_OF_END()                                                                                                  \
    do {                                                                                                               \
        struct unwind_registers caller_ = CALLER_REGISTERS();                                                          \
        ending_tell_from(&caller_);                                                                                    \
    } while (0)

/* exit(), return from main, the end of the last thread: when all that the program does at its end is done. */
__attribute__((destructor(102))) static void end(void) {
    TELL_OF_END();
}

static void end_quickly(void) {
    TELL_OF_END();
}

/* What is registered first is called last. */
void ends_init(void) {
    at_quick_exit(end_quickly);
}

EXPORT void _exit(int status) {
    TELL_OF_END();
    for (;;)
        REAL(syscall)(SYS_exit_group, status);
}

EXPORT void _Exit(int status) {
    TELL_OF_END();
    for (;;)
        REAL(syscall)(SYS_exit_group, status);
}

EXPORT int execve(const char *path, char *const *arguments, char *const *environment) {
    TELL_OF_END();
    return (int)REAL(syscall)(SYS_execve, path, arguments, environment);
}

EXPORT int execveat(int folder, const char *path, char *const *arguments, char *const *environment, int flags) {
    TELL_OF_END();
    return (int)REAL(syscall)(SYS_execveat, folder, path, arguments, environment, flags);
}

EXPORT int fexecve(int fd, char *const *arguments, char *const *environment) {
    TELL_OF_END();
    return REAL(fexecve)(fd, arguments, environment);
}

EXPORT int execv(const char *path, char *const *arguments) {
    TELL_OF_END();
    return (int)REAL(syscall)(SYS_execve, path, arguments, environ);
}

EXPORT int execvp(const char *file, char *const *arguments) {
    TELL_OF_END();
    return REAL(execvp)(file, arguments);
}

EXPORT int execvpe(const char *file, char *const *arguments, char *const *environment) {
    TELL_OF_END();
    return REAL(execvpe)(file, arguments, environment);
}

/* ---- Those that take a list. On the stack, as in libc: the child of a vfork may allocate nothing. */

/* How many there are, the first and the NULL behind the last included. */
static size_t count(va_list list) {
    size_t n = 2;
    while (va_arg(list, char *))
        n++;
    return n;
}

/* Make `arguments` of the list behind `first`, and leave `list_` where it ends. */
#define GATHER(first)                                                                                                  \
    va_list list_, counted_;                                                                                           \
    va_start(list_, first);                                                                                            \
    va_copy(counted_, list_);                                                                                          \
    char **arguments = __builtin_alloca(count(counted_) * sizeof(char *));                                             \
    va_end(counted_);                                                                                                  \
    arguments[0] = (char *)(uintptr_t)(first);                                                                         \
    for (size_t i_ = 1; (arguments[i_] = va_arg(list_, char *)); i_++)                                                 \
        ;

EXPORT int execl(const char *path, const char *first, ...) {
    TELL_OF_END();
    GATHER(first)
    va_end(list_);
    return (int)REAL(syscall)(SYS_execve, path, arguments, environ);
}

EXPORT int execle(const char *path, const char *first, ...) {
    TELL_OF_END();
    GATHER(first)
    char *const *environment = va_arg(list_, char *const *);
    va_end(list_);
    return (int)REAL(syscall)(SYS_execve, path, arguments, environment);
}

EXPORT int execlp(const char *file, const char *first, ...) {
    TELL_OF_END();
    GATHER(first)
    va_end(list_);
    return REAL(execvp)(file, arguments);
}
