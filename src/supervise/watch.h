/* The ends of processes that are not our children, by pidfd. */
#ifndef PIKO_SUPERVISE_WATCH_H
#define PIKO_SUPERVISE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch {
    struct watch *next;
    uint32_t pid;
    int fd;
};

/* Put a watch on a process into a list and into an epoll, whose event carries the watch. 0, -ESRCH (gone already) or a
 * negative errno. */
int watch_add(struct watch **list, int epoll, uint32_t pid);
struct watch *watch_find(struct watch *list, uint32_t pid);
void watch_remove(struct watch **list, struct watch *watch);

/* The signal that ended a process, 0 = none or unknown. Asked when its pidfd is readable and before it is removed. */
int watch_signal(const struct watch *watch);

#endif
