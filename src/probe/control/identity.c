/* Calls that change who the process is, or in which namespaces. To the kernel that is a matter of each thread; libc changes
 * all of its own, and does not know ours, which must not stay who the program no longer is. It is ended before, and started
 * again after, with what its creator then is. Capabilities and filters that a thread gives up by itself (capset, prctl, bare
 * system calls) are not among these, as they would not be with a thread of libc's. unshare(2) and setns(2) moreover refuse some things to a process that
 * has a second thread. */
#include "probe/control/identity.h"

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <unistd.h>

#include "probe/control/control.h"

#define EXPORT __attribute__((visibility("default")))

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
    each(unshare, (int flags), (flags)) \
    each(setns, (int fd, int type), (fd, type))
/* clang-format on */

#define DECLARE(name, parameters, arguments) static __typeof__(name) *real_##name;
IDENTITY_FUNCTIONS(DECLARE)

void identity_init(void) {
#define FIND(name, parameters, arguments) real_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);
    IDENTITY_FUNCTIONS(FIND)
}

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
