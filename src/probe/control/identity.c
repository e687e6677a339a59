/* Calls that change who the process is, what it may do, or in which namespaces. To the kernel that is a matter of each
 * thread; libc changes all of its own where POSIX wants it, and does not know ours, which must not stay who the program no
 * longer is, nor keep what it gave up. It is ended before, and started again after, with what its creator then is: also
 * where a program of several threads changes one of them alone, as it may go on to do with the others. unshare(2) and
 * setns(2) moreover refuse some things to a process that has a second thread. */
#include "probe/control/identity.h"

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/control/control.h"
#include "probe/handler/probe.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int capset(cap_user_header_t header, cap_user_data_t data); /* which libc leaves to libcap to declare */

/* clang-format off */
#define IDENTITY_FUNCTIONS(each) \
    each(setuid, (uid_t user), (user)) \
    each(setgid, (gid_t group), (group)) \
    each(seteuid, (uid_t effective), (effective)) \
    each(setegid, (gid_t effective), (effective)) \
    each(setreuid, (uid_t user, uid_t effective), (user, effective)) \
    each(setregid, (gid_t group, gid_t effective), (group, effective)) \
    each(setresuid, (uid_t user, uid_t effective, uid_t saved), (user, effective, saved)) \
    each(setresgid, (gid_t group, gid_t effective, gid_t saved), (group, effective, saved)) \
    each(setgroups, (size_t n, const gid_t *groups), (n, groups)) \
    each(initgroups, (const char *user, gid_t group), (user, group)) \
    each(setfsuid, (uid_t user), (user)) \
    each(setfsgid, (gid_t group), (group)) \
    each(capset, (cap_user_header_t header, cap_user_data_t data), (header, data)) \
    each(unshare, (int flags), (flags)) \
    each(setns, (int fd, int type), (fd, type))
/* clang-format on */

#define DECLARE(name, parameters, arguments) static __typeof__(name) *real_##name;
IDENTITY_FUNCTIONS(DECLARE)
static __typeof__(syscall) *real_syscall;

#define WRAP(name, parameters, arguments)                                                                              \
    EXPORT int name parameters {                                                                                       \
        if (!real_##name)                                                                                              \
            real_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);                                                 \
        bool rests = control_rest();                                                                                   \
        int result = real_##name arguments, saved_errno = errno;                                                       \
        if (rests)                                                                                                     \
            control_resume();                                                                                          \
        errno = saved_errno;                                                                                           \
        return result;                                                                                                 \
    }
IDENTITY_FUNCTIONS(WRAP)

/* Of what prctl(2) does, that which takes a right from the calling thread or gives it one. Filters of system calls are none
 * of these: control would be ended by one that was written for what the program calls. */
static bool changes_rights(long option) {
    return option == PR_CAPBSET_DROP || option == PR_CAP_AMBIENT || option == PR_SET_SECUREBITS ||
           option == PR_SET_NO_NEW_PRIVS;
}

/* Of the hooks of syscall() and prctl(). */
static long change_rights(long number, long a, long b, long c, long d, long e, long f) {
    bool rests = (number != SYS_prctl || changes_rights(a)) && control_rest();
    long result = real_syscall(number, a, b, c, d, e, f);
    int saved_errno = errno;
    if (rests)
        control_resume();
    errno = saved_errno;
    return result;
}

void identity_init(void) {
#define FIND(name, parameters, arguments) real_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);
    IDENTITY_FUNCTIONS(FIND)
    real_syscall = (__typeof__(syscall) *)dlsym(RTLD_NEXT, "syscall");
    probe.change_rights = change_rights;
}
