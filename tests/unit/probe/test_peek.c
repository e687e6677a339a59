/* Memory that is there and memory that is not, with the kernel's help and where that is forbidden. */
/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/control/peek.h"

#define PAGE_BYTES ((size_t)sysconf(_SC_PAGESIZE))

/* Two pages with a hole behind them. */
static char *memory_with_a_hole(void) {
    char *memory = mmap(NULL, 3 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    memset(memory, 'x', 3 * PAGE_BYTES);
    return munmap(memory + 2 * PAGE_BYTES, PAGE_BYTES) ? NULL : memory;
}

static bool reads_what_is_there(void) {
    char *memory = memory_with_a_hole();
    char copy[64] = {0};
    if (!memory || peek((uint64_t)(uintptr_t)memory + 1, copy, sizeof copy) != sizeof copy || copy[63] != 'x')
        return false;
    uint64_t end = (uint64_t)(uintptr_t)memory + 2 * PAGE_BYTES;
    return peek(end - 10, copy, sizeof copy) == 10 && peek(end, copy, sizeof copy) == 0;
}

static void what_is_there_is_read_and_nothing_else(void **unused) {
    (void)unused;
    assert_true(reads_what_is_there());
}

static bool forbid_the_call(void) {
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof steps / sizeof *steps, .filter = steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

enum { SAME, OTHER, NO_FILTERS };

static void so_it_is_where_the_call_is_forbidden(void **unused) {
    (void)unused;
    int status;
    pid_t child = fork();
    if (!child)
        _exit(!forbid_the_call() ? NO_FILTERS : reads_what_is_there() ? SAME : OTHER);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_FILTERS)
        skip();
    assert_int_equal(WEXITSTATUS(status), SAME);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_read_and_nothing_else),
        cmocka_unit_test(so_it_is_where_the_call_is_forbidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
