/* Calls that may wait for a file, a socket, a queue or somebody else's lock on a file: in the thread dump alone. Reads that
 * nearly every program waits in are in blocking.c; here are their variants, what writes, and what programs built with
 * _FORTIFY_SOURCE call in place of either. */
#undef _FILE_OFFSET_BITS /* pread and pread64 are two names, here they stay so */

#include <stdint.h>

#include "probe/hooks/real.h"
#include "probe/hooks/waiting.h"

/* ---- Reading */
HOOK(ssize_t, pread, (int fd, void *to, size_t size, off_t at), (fd, to, size, at), SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, pread64, (int fd, void *to, size_t size, off64_t at), (fd, to, size, at), SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, preadv, (int fd, const struct iovec *parts, int n, off_t at), (fd, parts, n, at), SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, preadv64, (int fd, const struct iovec *parts, int n, off64_t at), (fd, parts, n, at), SEGMENT_THREAD_IO,
     fd)
HOOK(ssize_t, preadv2, (int fd, const struct iovec *parts, int n, off_t at, int flags), (fd, parts, n, at, flags),
     SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, preadv64v2, (int fd, const struct iovec *parts, int n, off64_t at, int flags), (fd, parts, n, at, flags),
     SEGMENT_THREAD_IO, fd)
HOOK(int, recvmmsg, (int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *timeout),
     (fd, messages, n, flags, timeout), SEGMENT_THREAD_NETWORK, fd)
HOOK(int, epoll_pwait2,
     (int epoll, struct epoll_event *events, int most, const struct timespec *timeout, const sigset_t *mask),
     (epoll, events, most, timeout, mask), SEGMENT_THREAD_NETWORK, epoll)
HOOK(int, getaddrinfo,
     (const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
      struct addrinfo **restrict ret),
     (node, service, hints, ret), SEGMENT_THREAD_NETWORK, 0)

/* ---- Writing: waits when a pipe or socket is full, and for the disk */
HOOK(ssize_t, write, (int fd, const void *from, size_t size), (fd, from, size), SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, writev, (int fd, const struct iovec *parts, int n), (fd, parts, n), SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, pwrite, (int fd, const void *from, size_t size, off_t at), (fd, from, size, at), SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, pwrite64, (int fd, const void *from, size_t size, off64_t at), (fd, from, size, at), SEGMENT_THREAD_IO,
     fd)
HOOK(ssize_t, pwritev, (int fd, const struct iovec *parts, int n, off_t at), (fd, parts, n, at), SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, pwritev64, (int fd, const struct iovec *parts, int n, off64_t at), (fd, parts, n, at), SEGMENT_THREAD_IO,
     fd)
HOOK(ssize_t, pwritev2, (int fd, const struct iovec *parts, int n, off_t at, int flags), (fd, parts, n, at, flags),
     SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, pwritev64v2, (int fd, const struct iovec *parts, int n, off64_t at, int flags), (fd, parts, n, at, flags),
     SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, send, (int fd, const void *from, size_t size, int flags), (fd, from, size, flags), SEGMENT_THREAD_NETWORK,
     fd)
HOOK(ssize_t, sendto, (int fd, const void *from, size_t size, int flags, const struct sockaddr *to, socklen_t to_size),
     (fd, from, size, flags, to, to_size), SEGMENT_THREAD_NETWORK, fd)
HOOK(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), SEGMENT_THREAD_NETWORK,
     fd)
HOOK(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned n, int flags), (fd, messages, n, flags),
     SEGMENT_THREAD_NETWORK, fd)
HOOK(ssize_t, sendfile, (int to, int from, off_t *at, size_t size), (to, from, at, size), SEGMENT_THREAD_IO, to)
HOOK(ssize_t, sendfile64, (int to, int from, off64_t *at, size_t size), (to, from, at, size), SEGMENT_THREAD_IO, to)
HOOK(ssize_t, splice, (int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags),
     (from, from_at, to, to_at, size, flags), SEGMENT_THREAD_IO, to)
HOOK(int, fsync, (int fd), (fd), SEGMENT_THREAD_IO, fd)
HOOK(int, fdatasync, (int fd), (fd), SEGMENT_THREAD_IO, fd)
HOOK(int, syncfs, (int fd), (fd), SEGMENT_THREAD_IO, fd)
HOOK(int, msync, (void *start, size_t size, int flags), (start, size, flags), SEGMENT_THREAD_IO, 0)

/* ---- As _FORTIFY_SOURCE has them: with the size of the object, which libc's own check */
HOOK(ssize_t, __read_chk, (int fd, void *to, size_t size, size_t room), (fd, to, size, room), SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, __pread_chk, (int fd, void *to, size_t size, off_t at, size_t room), (fd, to, size, at, room),
     SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, __pread64_chk, (int fd, void *to, size_t size, off64_t at, size_t room), (fd, to, size, at, room),
     SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, __recv_chk, (int fd, void *to, size_t size, size_t room, int flags), (fd, to, size, room, flags),
     SEGMENT_THREAD_NETWORK, fd)
HOOK(ssize_t, __recvfrom_chk,
     (int fd, void *restrict to, size_t size, size_t room, int flags, struct sockaddr *restrict from,
      socklen_t *restrict from_size),
     (fd, to, size, room, flags, from, from_size), SEGMENT_THREAD_NETWORK, fd)
HOOK(int, __poll_chk, (struct pollfd * fds, nfds_t n, int timeout, size_t room), (fds, n, timeout, room),
     SEGMENT_THREAD_NETWORK, 0)
HOOK(int, __ppoll_chk,
     (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask, size_t room),
     (fds, n, timeout, mask, room), SEGMENT_THREAD_NETWORK, 0)

/* ---- Locks on files; queues and semaphores of System V */
HOOK(int, flock, (int fd, int operation), (fd, operation), SEGMENT_THREAD_SYSCALL, fd)
HOOK(int, lockf, (int fd, int command, off_t size), (fd, command, size), SEGMENT_THREAD_SYSCALL, fd)
HOOK(int, lockf64, (int fd, int command, off64_t size), (fd, command, size), SEGMENT_THREAD_SYSCALL, fd)
HOOK(ssize_t, msgrcv, (int queue, void *to, size_t size, long type, int flags), (queue, to, size, type, flags),
     SEGMENT_THREAD_SYSCALL, 0)
HOOK(int, msgsnd, (int queue, const void *from, size_t size, int flags), (queue, from, size, flags),
     SEGMENT_THREAD_SYSCALL, 0)
HOOK(int, semop, (int set, struct sembuf *operations, size_t n), (set, operations, n), SEGMENT_THREAD_SYSCALL, 0)
HOOK(int, semtimedop, (int set, struct sembuf *operations, size_t n, const struct timespec *timeout),
     (set, operations, n, timeout), SEGMENT_THREAD_SYSCALL, 0)

static inline bool waits_for_lock(int command) {
    return command == F_SETLKW || command == F_OFD_SETLKW;
}

/* The third argument is a pointer or a number, or not there: passed on as the word that it is, in its register. Not variadic,
 * so that the call ends in a jump. */
#define FCNTL_HOOK(name)                                                                                               \
    int hook_##name(int fd, int command, void *argument) __asm__(#name);                                               \
    EXPORT int hook_##name(int fd, int command, void *argument) {                                                      \
        if (!probe.watching || !waits_for_lock(command))                                                               \
            return REAL(name)(fd, command, argument);                                                                  \
        return WAITING(SEGMENT_THREAD_SYSCALL, fd, REAL(name)(fd, command, argument));                                 \
    }
FCNTL_HOOK(fcntl)
FCNTL_HOOK(fcntl64)
