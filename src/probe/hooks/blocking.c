/* Calls that wait for something other than a lock: semaphores, barriers and threads (in the block profile, as all
 * synchronisation is), files, sockets, time and children (in the thread dump alone, as in Go). */
#include <stdint.h>

#include "probe/handler/probe.h"
#include "probe/handler/thread.h"
#include "probe/handler/trace.h"
#include "probe/handler/waits.h"
#include "probe/hooks/real.h"
#include "probe/hooks/waiting.h"

/* A look, not sem_trywait(): a thread can be cancelled in these even when it need not wait. */
static inline bool need_not_wait(sem_t *semaphore) {
    int value;
    return !probe.watching || (sem_getvalue(semaphore, &value) == 0 && value > 0);
}

EXPORT int sem_wait(sem_t *semaphore) {
    if (need_not_wait(semaphore))
        return REAL(sem_wait)(semaphore);
    return SYNCHRONISING(SEGMENT_THREAD_SEMAPHORE, (uintptr_t)semaphore, REAL(sem_wait)(semaphore));
}

EXPORT int sem_timedwait(sem_t *semaphore, const struct timespec *deadline) {
    if (need_not_wait(semaphore))
        return REAL(sem_timedwait)(semaphore, deadline);
    return SYNCHRONISING(SEGMENT_THREAD_SEMAPHORE, (uintptr_t)semaphore, REAL(sem_timedwait)(semaphore, deadline));
}

EXPORT int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *deadline) {
    if (need_not_wait(semaphore))
        return REAL(sem_clockwait)(semaphore, clock, deadline);
    return SYNCHRONISING(SEGMENT_THREAD_SEMAPHORE, (uintptr_t)semaphore,
                         REAL(sem_clockwait)(semaphore, clock, deadline));
}

/* glibc's own layout: threads that wait are counted in the upper half. Callable from signal handlers, as the real one. */
static inline bool semaphore_is_awaited(const sem_t *semaphore) {
    return __atomic_load_n((const uint32_t *)(const void *)semaphore + 1, __ATOMIC_RELAXED) != 0;
}

EXPORT int sem_post(sem_t *semaphore) {
    if (!trace_is_on() || !semaphore_is_awaited(semaphore))
        return REAL(sem_post)(semaphore);
    return WAKING(semaphore, REAL(sem_post)(semaphore));
}

/* Each that arrives may be the last, who lets the others go on. */
EXPORT int pthread_barrier_wait(pthread_barrier_t *barrier) {
    if (!probe.watching)
        return REAL(pthread_barrier_wait)(barrier);
    if (trace_is_on()) {
        struct unwind_registers caller = CALLER_REGISTERS();
        trace_wake(trace_ticks(), (uintptr_t)barrier, &caller);
    }
    return SYNCHRONISING(SEGMENT_THREAD_BARRIER, (uintptr_t)barrier, REAL(pthread_barrier_wait)(barrier));
}

EXPORT int pthread_join(pthread_t thread, void **ret) {
    if (!probe.watching)
        return REAL(pthread_join)(thread, ret);
    return SYNCHRONISING(SEGMENT_THREAD_JOIN, thread, REAL(pthread_join)(thread, ret));
}

EXPORT int pthread_timedjoin_np(pthread_t thread, void **ret, const struct timespec *deadline) {
    if (!probe.watching)
        return REAL(pthread_timedjoin_np)(thread, ret, deadline);
    return SYNCHRONISING(SEGMENT_THREAD_JOIN, thread, REAL(pthread_timedjoin_np)(thread, ret, deadline));
}

EXPORT int pthread_clockjoin_np(pthread_t thread, void **ret, clockid_t clock, const struct timespec *deadline) {
    if (!probe.watching)
        return REAL(pthread_clockjoin_np)(thread, ret, clock, deadline);
    return SYNCHRONISING(SEGMENT_THREAD_JOIN, thread, REAL(pthread_clockjoin_np)(thread, ret, clock, deadline));
}

HOOK(int, poll, (struct pollfd * fds, nfds_t n, int timeout), (fds, n, timeout), SEGMENT_THREAD_NETWORK, 0)
HOOK(int, ppoll, (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask),
     (fds, n, timeout, mask), SEGMENT_THREAD_NETWORK, 0)
HOOK(int, select,
     (int n, fd_set *restrict in, fd_set *restrict out, fd_set *restrict odd, struct timeval *restrict timeout),
     (n, in, out, odd, timeout), SEGMENT_THREAD_NETWORK, 0)
HOOK(int, pselect,
     (int n, fd_set *restrict in, fd_set *restrict out, fd_set *restrict odd, const struct timespec *restrict timeout,
      const sigset_t *restrict mask),
     (n, in, out, odd, timeout, mask), SEGMENT_THREAD_NETWORK, 0)
HOOK(int, epoll_wait, (int epoll, struct epoll_event *events, int most, int timeout), (epoll, events, most, timeout),
     SEGMENT_THREAD_NETWORK, epoll)
HOOK(int, epoll_pwait, (int epoll, struct epoll_event *events, int most, int timeout, const sigset_t *mask),
     (epoll, events, most, timeout, mask), SEGMENT_THREAD_NETWORK, epoll)
HOOK(int, accept, (int fd, struct sockaddr *restrict address, socklen_t *restrict size), (fd, address, size),
     SEGMENT_THREAD_NETWORK, fd)
HOOK(int, accept4, (int fd, struct sockaddr *restrict address, socklen_t *restrict size, int flags),
     (fd, address, size, flags), SEGMENT_THREAD_NETWORK, fd)
HOOK(int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size),
     SEGMENT_THREAD_NETWORK, fd)
HOOK(ssize_t, read, (int fd, void *to, size_t size), (fd, to, size), SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, readv, (int fd, const struct iovec *parts, int n), (fd, parts, n), SEGMENT_THREAD_IO, fd)
HOOK(ssize_t, recv, (int fd, void *to, size_t size, int flags), (fd, to, size, flags), SEGMENT_THREAD_NETWORK, fd)
HOOK(ssize_t, recvfrom,
     (int fd, void *restrict to, size_t size, int flags, struct sockaddr *restrict from, socklen_t *restrict from_size),
     (fd, to, size, flags, from, from_size), SEGMENT_THREAD_NETWORK, fd)
HOOK(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), SEGMENT_THREAD_NETWORK, fd)
HOOK(int, nanosleep, (const struct timespec *time, struct timespec *rest), (time, rest), SEGMENT_THREAD_SLEEP, 0)
HOOK(int, clock_nanosleep, (clockid_t clock, int flags, const struct timespec *time, struct timespec *rest),
     (clock, flags, time, rest), SEGMENT_THREAD_SLEEP, 0)
HOOK(int, usleep, (useconds_t us), (us), SEGMENT_THREAD_SLEEP, 0)
HOOK(unsigned, sleep, (unsigned seconds), (seconds), SEGMENT_THREAD_SLEEP, 0)
HOOK(int, pause, (void), (), SEGMENT_THREAD_SYSCALL, 0)
HOOK(int, sigsuspend, (const sigset_t *mask), (mask), SEGMENT_THREAD_SYSCALL, 0)
HOOK(pid_t, wait, (int *status), (status), SEGMENT_THREAD_CHILD, 0)
HOOK(pid_t, waitpid, (pid_t pid, int *status, int flags), (pid, status, flags), SEGMENT_THREAD_CHILD, 0)
HOOK(pid_t, wait3, (int *status, int flags, struct rusage *usage), (status, flags, usage), SEGMENT_THREAD_CHILD, 0)
HOOK(pid_t, wait4, (pid_t pid, int *status, int flags, struct rusage *usage), (pid, status, flags, usage),
     SEGMENT_THREAD_CHILD, 0)
HOOK(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int flags), (type, id, info, flags), SEGMENT_THREAD_CHILD,
     0)
