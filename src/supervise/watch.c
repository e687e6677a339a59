#include "supervise/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

/* The kernel's struct pidfd_info (linux/pidfd.h, since 6.13), which libc's headers do not have yet. */
struct pidfd_info {
    uint64_t mask, cgroup;
    uint32_t pid, tgid, ppid, ids[8];
    int32_t exit_code;
};
_Static_assert(sizeof(struct pidfd_info) == 64, "the kernel's first version");
#define PIDFD_GET_INFO_CALL _IOWR(0xff, 11, struct pidfd_info)
#define PIDFD_INFO_EXIT_BIT (1ull << 3)

int watch_add(struct watch **list, int epoll, uint32_t pid) {
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0)
        return -errno;
    struct watch *watch = calloc(1, sizeof(*watch));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};
    if (!watch || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) {
        int error = watch ? -errno : -ENOMEM;
        free(watch);
        close(fd);
        return error;
    }
    *watch = (struct watch){.next = *list, .pid = pid, .fd = fd};
    *list = watch;
    return 0;
}

struct watch *watch_find(struct watch *list, uint32_t pid) {
    while (list && list->pid != pid)
        list = list->next;
    return list;
}

void watch_remove(struct watch **list, struct watch *watch) {
    while (*list && *list != watch)
        list = &(*list)->next;
    if (!*list)
        return;
    *list = watch->next;
    close(watch->fd);
    free(watch);
}

/* The last field but one of /proc/PID/stat, while the parent has not taken its status yet. */
static bool status_of_zombie(uint32_t pid, int *ret) {
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    if (!end || end[1] != ' ' || end[2] != 'Z')
        return false;
    const char *last = strrchr(text, ' ');
    return last && sscanf(last, "%d", ret) == 1;
}

int watch_signal(const struct watch *watch) {
    int status = 0;
    struct pidfd_info info = {.mask = PIDFD_INFO_EXIT_BIT};
    bool known = status_of_zombie(watch->pid, &status);
    if (!known && ioctl(watch->fd, PIDFD_GET_INFO_CALL, &info) == 0 && info.mask & PIDFD_INFO_EXIT_BIT)
        status = info.exit_code;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
