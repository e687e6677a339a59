#include "reader/mailbox.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

/* Shared futexes: the target may be another process. The raw call, because the target's own hooks see libc's waits. */
static void futex_wake_all(uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void futex_wait(uint32_t *word, uint32_t value, uint64_t ns) {
    struct timespec timeout = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
    syscall(SYS_futex, word, FUTEX_WAIT, value, &timeout, NULL, 0);
}

static void ring(struct segment_mailbox *mailbox) {
    __atomic_fetch_add(&mailbox->wake, 1, __ATOMIC_RELEASE);
    futex_wake_all(&mailbox->wake);
}

/* Wait until *field is at least `least`. */
static int wait_for(const struct view *view, const uint64_t *field, uint64_t least, unsigned ms) {
    struct segment_mailbox *mailbox = &view->segment->mailbox;
    bool quiet = __atomic_load_n(&view->quiet, __ATOMIC_RELAXED);
    uint64_t deadline = clock_monotonic_ns() + (quiet ? 0 : ms * NS_PER_MS);
    for (;;) {
        uint32_t done = __atomic_load_n(&mailbox->done, __ATOMIC_ACQUIRE);
        if (__atomic_load_n(field, __ATOMIC_ACQUIRE) >= least)
            return 0;
        uint64_t now = clock_monotonic_ns();
        if (now >= deadline)
            return -ETIMEDOUT;
        futex_wait(&mailbox->done, done, deadline - now);
    }
}

int mailbox_dump(const struct view *view, uint64_t *ret) {
    struct segment_mailbox *mailbox = &view->segment->mailbox;
    *ret = __atomic_add_fetch(&mailbox->dump_wanted, 1, __ATOMIC_RELEASE);
    ring(mailbox);
    return wait_for(view, &mailbox->dump_done, *ret, MAILBOX_WAIT_MS);
}

void mailbox_refresh(const struct view *view) {
    struct segment_mailbox *mailbox = &view->segment->mailbox;
    uint64_t wanted = __atomic_add_fetch(&mailbox->refresh_wanted, 1, __ATOMIC_RELEASE);
    ring(mailbox);
    wait_for(view, &mailbox->refresh_done, wanted, MAILBOX_REFRESH_WAIT_MS);
}

int mailbox_cpu_wait(const struct view *view) {
    return wait_for(view, &view->segment->mailbox.cpu_ready_epoch, 1, MAILBOX_WAIT_MS);
}

void mailbox_cpu_enter(const struct view *view, unsigned hz) {
    struct segment_mailbox *mailbox = &view->segment->mailbox;
    __atomic_store_n(&mailbox->cpu_hz, hz, __ATOMIC_RELAXED);
    __atomic_fetch_add(&mailbox->cpu_users, 1, __ATOMIC_RELEASE);
    ring(mailbox);
}

void mailbox_cpu_leave(const struct view *view, unsigned hz) {
    struct segment_mailbox *mailbox = &view->segment->mailbox;
    __atomic_store_n(&mailbox->cpu_hz, hz, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&mailbox->cpu_users, 1, __ATOMIC_RELEASE);
    ring(mailbox);
}

uint64_t mailbox_cpu_ready(const struct view *view) {
    return __atomic_load_n(&view->segment->mailbox.cpu_ready_epoch, __ATOMIC_ACQUIRE);
}

void mailbox_trace_enter(const struct view *view) {
    __atomic_fetch_add(&view->segment->mailbox.trace_users, 1, __ATOMIC_RELEASE);
    ring(&view->segment->mailbox);
}

int mailbox_trace_wait(const struct view *view) {
    return wait_for(view, &view->segment->trace.recording, 1, MAILBOX_WAIT_MS);
}

void mailbox_trace_leave(const struct view *view) {
    __atomic_fetch_sub(&view->segment->mailbox.trace_users, 1, __ATOMIC_RELEASE);
    ring(&view->segment->mailbox);
}
