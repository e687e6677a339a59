#include "probe/control/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/handler/probe.h"
#include "probe/handler/thread.h"

/* The kernel's struct linux_dirent64 (getdents64(2)); opendir() would allocate. */
struct directory_entry {
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    uint8_t type;
    char name[];
};

static uint32_t parse_number(const char *text) {
    uint32_t number = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        number = number * 10 + (uint32_t)(*text - '0');
    return number;
}

void tasks_each(void (*visit)(uint32_t tid, void *data), void *data) {
    int directory = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return;
    _Alignas(struct directory_entry) char buffer[4096];
    long n;
    while ((n = syscall(SYS_getdents64, directory, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < n;) {
            const struct directory_entry *entry = (const struct directory_entry *)(buffer + at);
            uint32_t tid = parse_number(entry->name);
            if (tid)
                visit(tid, data);
            at += entry->size;
        }
    }
    close(directory);
}

long task_read_file(const char *path, char *buffer, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t used = 0;
    long n;
    while (used + 1 < size && (n = syscall(SYS_read, fd, buffer + used, size - 1 - used)) > 0)
        used += (size_t)n;
    buffer[used] = '\0';
    close(fd);
    return (long)used;
}

static char *append_number(char *end, uint32_t number) {
    char digits[12];
    int n = 0;
    do
        digits[n++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    while (n > 0)
        *end++ = digits[--n];
    *end = '\0';
    return end;
}

/* "/proc/self/task/TID/FILE" without stdio, whose locks a hung thread may hold. */
static void task_path(char path[64], uint32_t tid, const char *file) {
    strcpy(path, "/proc/self/task/");
    char *end = append_number(path + strlen(path), tid);
    *end++ = '/';
    strcpy(end, file);
}

static void refresh_name(uint32_t tid, struct segment_thread *record) {
    char path[64], name[SEGMENT_THREAD_NAME_BYTES + 1];
    task_path(path, tid, "comm");
    long n = task_read_file(path, name, sizeof name);
    if (n > 0)
        thread_set_name(record, name);
}

struct seen {
    uint8_t records[SEGMENT_THREADS_MAX];
};

static void see_task(uint32_t tid, void *data) {
    struct seen *seen = data;
    struct segment_thread *record = thread_record(tid);
    if (!record)
        return;
    seen->records[record - probe.tables.threads] = 1;
    if (tid == probe.segment->pid && !record->root_pc)
        record->root_pc = getauxval(AT_ENTRY);
    refresh_name(tid, record);
}

static bool is_alive(const struct segment_thread *record) {
    uint32_t tid = __atomic_load_n(&record->tid, __ATOMIC_ACQUIRE);
    return tid == 0 || syscall(SYS_tgkill, getpid(), tid, 0) == 0; /* 0: it is being claimed */
}

void tasks_refresh(void) {
    struct seen seen;
    memset(&seen, 0, sizeof seen);
    tasks_each(see_task, &seen);
    for (uint32_t i = 0; i < SEGMENT_THREADS_MAX; i++) {
        struct segment_thread *record = thread_at(i);
        uint32_t state = record ? __atomic_load_n(&record->state, __ATOMIC_ACQUIRE) : SEGMENT_THREAD_FREE;
        /* The kernel's list passes over threads while others end, and one that began while we looked. */
        if (seen.records[i] || state == SEGMENT_THREAD_FREE || state == SEGMENT_THREAD_EXITED || is_alive(record))
            continue;
        __atomic_store_n(&record->state, SEGMENT_THREAD_EXITED, __ATOMIC_RELEASE);
    }
}

static const char *parse_hex(const char *text, uint64_t *ret) {
    uint64_t value = 0;
    if (text[0] == '0' && text[1] == 'x')
        text += 2;
    for (;; text++) {
        unsigned digit;
        if (*text >= '0' && *text <= '9')
            digit = (unsigned)(*text - '0');
        else if (*text >= 'a' && *text <= 'f')
            digit = (unsigned)(*text - 'a') + 10;
        else
            break;
        value = value << 4 | digit;
    }
    *ret = value;
    while (*text == ' ')
        text++;
    return text;
}

int task_place(uint32_t tid, struct task_place *ret) {
    char path[64], text[256];
    task_path(path, tid, "syscall");
    long n = task_read_file(path, text, sizeof text);
    if (n <= 0)
        return n < 0 ? (int)n : -ESRCH;
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): read() filled n bytes of it */
    *ret = (struct task_place){.running = text[0] == 'r'};
    if (ret->running)
        return 0;
    ret->number = text[0] == '-' ? -1 : (int64_t)parse_number(text);
    const char *rest = strchr(text, ' ');
    for (int i = 0; rest && ret->number >= 0 && i < 6; i++)
        rest = parse_hex(rest + (i == 0), &ret->arguments[i]);
    if (!rest)
        return -EIO;
    rest = parse_hex(rest + (ret->number < 0), &ret->sp);
    parse_hex(rest, &ret->pc);
    return 0;
}

uint32_t task_descriptor_mode(uint32_t tid, uint32_t fd) {
    char path[64];
    struct stat status;
    task_path(path, tid, "fd/");
    append_number(path + strlen(path), fd);
    return stat(path, &status) == 0 ? status.st_mode : 0;
}
