#include "probe/control/ranges.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/handler/probe.h"
#include "probe/handler/thread.h"
#include "probe/handler/unwind_table.h"

static uint64_t parse_address(const char **text) {
    uint64_t value = 0;
    for (;; (*text)++) {
        char c = **text;
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        else
            return value;
    }
}

/* The kernel keeps the main thread's stack where it is and grows it downwards. */
static void learn_main_stack(uint64_t low, uint64_t high) {
    struct segment_thread *record = thread_record((uint32_t)getpid());
    if (!record)
        return;
    const uint64_t most = 8u << 20; /* the usual limit; the low end only tells stacks apart */
    record->stack_high = high;
    record->stack_low = high - low > most ? low : high - most;
}

static struct unwind_code_range found[UNWIND_CODE_RANGES_MAX];
static uint32_t n_found;

/* Neighbours are one. */
static void take_code(uint64_t start, uint64_t limit) {
    if (n_found && found[n_found - 1].limit == start)
        found[n_found - 1].limit = limit;
    else if (n_found < UNWIND_CODE_RANGES_MAX)
        found[n_found++] = (struct unwind_code_range){start, limit};
}

/* "7ffc1000-7ffc3000 rw-p 00000000 00:00 0   [stack]" */
static void take_line(const char *line) {
    uint64_t low = parse_address(&line);
    if (*line++ != '-')
        return;
    uint64_t high = parse_address(&line);
    if (high <= low || strnlen(line, 5) < 5)
        return;
    if (line[3] == 'x')
        take_code(low, high);
    if (strstr(line, "[stack]"))
        learn_main_stack(low, high);
}

static void read_maps(int fd) {
    char buffer[8192];
    size_t used = 0;
    long n;
    while ((n = syscall(SYS_read, fd, buffer + used, sizeof buffer - 1 - used)) > 0) {
        used += (size_t)n;
        buffer[used] = '\0';
        char *line = buffer, *end;
        while ((end = memchr(line, '\n', used - (size_t)(line - buffer)))) {
            *end = '\0';
            take_line(line);
            line = end + 1;
        }
        used -= (size_t)(line - buffer);
        memmove(buffer, line, used);
        if (used == sizeof buffer - 1)
            used = 0; /* a path longer than the buffer: no stack's line */
    }
}

/* Whether there was something to do. */
static bool publish(void) {
    struct unwind_code_ranges *code = &unwind_code_ranges;
    if (code->n == n_found && !memcmp(code->ranges, found, n_found * sizeof *found))
        return false;
    __atomic_fetch_add(&code->seq, 1, __ATOMIC_ACQ_REL);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    for (uint32_t i = 0; i < n_found; i++) {
        __atomic_store_n(&code->ranges[i].start, found[i].start, __ATOMIC_RELAXED);
        __atomic_store_n(&code->ranges[i].limit, found[i].limit, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&code->n, n_found, __ATOMIC_RELAXED);
    __atomic_fetch_add(&code->seq, 1, __ATOMIC_RELEASE);
    return true;
}

bool ranges_refresh(void) {
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    n_found = 0;
    read_maps(fd);
    close(fd);
    return publish();
}
