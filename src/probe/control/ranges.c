#include "probe/control/ranges.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/handler/probe.h"
#include "probe/handler/thread.h"

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

/* "7ffc1000-7ffc3000 rw-p 00000000 00:00 0   [stack]" */
static void take_line(const char *line) {
    uint64_t low = parse_address(&line);
    if (*line++ != '-')
        return;
    uint64_t high = parse_address(&line);
    if (high > low && strstr(line, "[stack]"))
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

void ranges_refresh(void) {
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    read_maps(fd);
    close(fd);
}
