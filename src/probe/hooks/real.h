/* The functions behind our hooks: found once, before any hook does anything but pass through.
 *
 * The loader may run code that allocates before our constructor: the first hook that is called finds them all. While that
 * goes on, dlsym itself may allocate; what it gets comes from a small static arena, whose memory is never given back. */
#ifndef PIKO_PROBE_HOOKS_REAL_H
#define PIKO_PROBE_HOOKS_REAL_H

#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/handler/probe.h"

/* What headers declare for fortified callers alone. */
ssize_t __read_chk(int fd, void *to, size_t size, size_t room);
ssize_t __pread_chk(int fd, void *to, size_t size, off_t at, size_t room);
ssize_t __pread64_chk(int fd, void *to, size_t size, off64_t at, size_t room);
ssize_t __recv_chk(int fd, void *to, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *restrict to, size_t size, size_t room, int flags, struct sockaddr *restrict from,
                       socklen_t *restrict from_size);
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t room);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask, size_t room);

/* X(function, symbol version or NULL). Versions are named where libc holds an older one too, which dlsym may prefer. */
#if defined(__x86_64__)
#define SINCE_2_3_2 "GLIBC_2.3.2"
#else
#define SINCE_2_3_2 NULL /* these libcs are younger */
#endif
#define REAL_FUNCTIONS(X)                                                                                              \
    X(malloc, NULL)                                                                                                    \
    X(calloc, NULL)                                                                                                    \
    X(realloc, NULL)                                                                                                   \
    X(free, NULL)                                                                                                      \
    X(aligned_alloc, NULL)                                                                                             \
    X(memalign, NULL)                                                                                                  \
    X(posix_memalign, NULL)                                                                                            \
    X(valloc, NULL)                                                                                                    \
    X(pvalloc, NULL)                                                                                                   \
    X(pthread_create, NULL)                                                                                            \
    X(pthread_join, NULL)                                                                                              \
    X(pthread_timedjoin_np, NULL)                                                                                      \
    X(pthread_clockjoin_np, NULL)                                                                                      \
    X(pthread_setname_np, NULL)                                                                                        \
    X(pthread_mutex_lock, NULL)                                                                                        \
    X(pthread_mutex_timedlock, NULL)                                                                                   \
    X(pthread_mutex_clocklock, NULL)                                                                                   \
    X(pthread_mutex_unlock, NULL)                                                                                      \
    X(pthread_cond_wait, SINCE_2_3_2)                                                                                  \
    X(pthread_cond_timedwait, SINCE_2_3_2)                                                                             \
    X(pthread_cond_clockwait, NULL)                                                                                    \
    X(pthread_cond_signal, "GLIBC_2.3.2")                                                                              \
    X(pthread_cond_broadcast, "GLIBC_2.3.2")                                                                           \
    X(pthread_rwlock_rdlock, NULL)                                                                                     \
    X(pthread_rwlock_wrlock, NULL)                                                                                     \
    X(pthread_rwlock_timedrdlock, NULL)                                                                                \
    X(pthread_rwlock_timedwrlock, NULL)                                                                                \
    X(pthread_rwlock_clockrdlock, NULL)                                                                                \
    X(pthread_rwlock_clockwrlock, NULL)                                                                                \
    X(pthread_rwlock_unlock, NULL)                                                                                     \
    X(pthread_barrier_wait, NULL)                                                                                      \
    X(sem_post, NULL)                                                                                                  \
    X(sem_wait, NULL)                                                                                                  \
    X(sem_timedwait, NULL)                                                                                             \
    X(sem_clockwait, NULL)                                                                                             \
    X(poll, NULL)                                                                                                      \
    X(ppoll, NULL)                                                                                                     \
    X(select, NULL)                                                                                                    \
    X(pselect, NULL)                                                                                                   \
    X(epoll_wait, NULL)                                                                                                \
    X(epoll_pwait, NULL)                                                                                               \
    X(accept, NULL)                                                                                                    \
    X(accept4, NULL)                                                                                                   \
    X(connect, NULL)                                                                                                   \
    X(read, NULL)                                                                                                      \
    X(readv, NULL)                                                                                                     \
    X(recv, NULL)                                                                                                      \
    X(recvfrom, NULL)                                                                                                  \
    X(recvmsg, NULL)                                                                                                   \
    X(nanosleep, NULL)                                                                                                 \
    X(clock_nanosleep, NULL)                                                                                           \
    X(usleep, NULL)                                                                                                    \
    X(sleep, NULL)                                                                                                     \
    X(pause, NULL)                                                                                                     \
    X(sigaction, NULL)                                                                                                 \
    X(sigprocmask, NULL)                                                                                               \
    X(pthread_sigmask, NULL)                                                                                           \
    X(signal, NULL)                                                                                                    \
    X(sigwaitinfo, NULL)                                                                                               \
    X(sigtimedwait, NULL)                                                                                              \
    X(sigsuspend, NULL)                                                                                                \
    X(wait, NULL)                                                                                                      \
    X(waitpid, NULL)                                                                                                   \
    X(waitid, NULL)                                                                                                    \
    X(pread, NULL)                                                                                                     \
    X(pread64, NULL)                                                                                                   \
    X(preadv, NULL)                                                                                                    \
    X(preadv64, NULL)                                                                                                  \
    X(preadv2, NULL)                                                                                                   \
    X(preadv64v2, NULL)                                                                                                \
    X(recvmmsg, NULL)                                                                                                  \
    X(epoll_pwait2, NULL)                                                                                              \
    X(getaddrinfo, NULL)                                                                                               \
    X(write, NULL)                                                                                                     \
    X(writev, NULL)                                                                                                    \
    X(pwrite, NULL)                                                                                                    \
    X(pwrite64, NULL)                                                                                                  \
    X(pwritev, NULL)                                                                                                   \
    X(pwritev64, NULL)                                                                                                 \
    X(pwritev2, NULL)                                                                                                  \
    X(pwritev64v2, NULL)                                                                                               \
    X(send, NULL)                                                                                                      \
    X(sendto, NULL)                                                                                                    \
    X(sendmsg, NULL)                                                                                                   \
    X(sendmmsg, NULL)                                                                                                  \
    X(sendfile, NULL)                                                                                                  \
    X(sendfile64, NULL)                                                                                                \
    X(splice, NULL)                                                                                                    \
    X(fsync, NULL)                                                                                                     \
    X(fdatasync, NULL)                                                                                                 \
    X(syncfs, NULL)                                                                                                    \
    X(msync, NULL)                                                                                                     \
    X(__read_chk, NULL)                                                                                                \
    X(__pread_chk, NULL)                                                                                               \
    X(__pread64_chk, NULL)                                                                                             \
    X(__recv_chk, NULL)                                                                                                \
    X(__recvfrom_chk, NULL)                                                                                            \
    X(__poll_chk, NULL)                                                                                                \
    X(__ppoll_chk, NULL)                                                                                               \
    X(flock, NULL)                                                                                                     \
    X(lockf, NULL)                                                                                                     \
    X(lockf64, NULL)                                                                                                   \
    X(msgrcv, NULL)                                                                                                    \
    X(msgsnd, NULL)                                                                                                    \
    X(semop, NULL)                                                                                                     \
    X(semtimedop, NULL)                                                                                                \
    X(fcntl, NULL)                                                                                                     \
    X(fcntl64, NULL)                                                                                                   \
    X(wait3, NULL)                                                                                                     \
    X(wait4, NULL)                                                                                                     \
    X(execvp, NULL)                                                                                                    \
    X(execvpe, NULL)                                                                                                   \
    X(fexecve, NULL)                                                                                                   \
    X(syscall, NULL)

struct real {
#define REAL_FIELD(name, version) __typeof__(name) *name;
    REAL_FUNCTIONS(REAL_FIELD)
#undef REAL_FIELD
};

extern struct real real HIDDEN;

/* Find them all; idempotent. Any thread; a second thread waits for the first. */
void real_resolve(void);

/* The real function, found first if need be: one load and branch. */
#define REAL(name) (__builtin_expect(real.name != NULL, 1) ? real.name : (real_resolve(), real.name))

/* Memory for allocations made while the real functions are being found. NULL when the arena is used up. */
void *real_boot_alloc(size_t size, size_t alignment);
/* Bytes usable at an address of the arena; 0 = not of the arena. */
size_t real_boot_size(const void *address);

#endif
