#include "probe/control/peek.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE_BYTES 4096u /* the smallest there are */
#define PIECES 64u       /* a page each, since what can't be read takes the whole of its piece with it */

/* rt_sigprocmask() reads the new mask before it looks at what to do with it: see handler/capture.c. */
static bool is_readable(uint64_t address) {
    return syscall(SYS_rt_sigprocmask, -1L, address & ~(uint64_t)7, NULL, sizeof(uint64_t)) < 0 && errno == EINVAL;
}

/* Page by page, each after a look. It may vanish after that, but not to copy at all would leave every stack without its
 * callers. */
static size_t copy_carefully(const struct iovec *from, unsigned long n, char *to) {
    size_t copied = 0;
    for (unsigned long i = 0; i < n && is_readable((uint64_t)(uintptr_t)from[i].iov_base); i++) {
        memcpy(to + copied, from[i].iov_base, from[i].iov_len);
        copied += from[i].iov_len;
    }
    return copied;
}

static size_t peek_pages(uint64_t address, char *to, size_t bytes) {
    struct iovec from[PIECES], into = {.iov_base = to, .iov_len = bytes};
    unsigned long n = 0;
    for (uint64_t at = address, end; at < address + bytes; at = end) {
        end = (at | (PAGE_BYTES - 1)) + 1;
        end = end < address + bytes ? end : address + bytes;
        from[n++] = (struct iovec){.iov_base = (void *)(uintptr_t)at, .iov_len = end - at};
    }
    long copied = syscall(SYS_process_vm_readv, (long)getpid(), &into, 1L, from, n, 0L);
    /* A kernel without the call (gVisor has it, emulators do not), or a filter that forbids it, as containers had for long. */
    if (copied < 0 && errno != EFAULT)
        return copy_carefully(from, n, to);
    return copied < 0 ? 0 : (size_t)copied;
}

size_t peek(uint64_t address, void *to, size_t bytes) {
    size_t done = 0;
    if (address + bytes < address)
        bytes = (size_t)-address;
    while (done < bytes) {
        size_t room = PIECES * PAGE_BYTES - (address + done) % PAGE_BYTES;
        size_t wanted = bytes - done < room ? bytes - done : room;
        size_t copied = peek_pages(address + done, (char *)to + done, wanted);
        done += copied;
        if (copied < wanted)
            break;
    }
    return done;
}
