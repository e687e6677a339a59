#include "supervise/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"

#define HEAD_BYTES 4096u
#define SCRIPTS_MAX 4 /* interpreters that are scripts themselves */
#define LOADER "/ld-linux-x86-64.so.2"
#define PROGRAM_HEADERS_MAX 128

__attribute__((format(printf, 4, 5))) static int refuse(int error, char *why, size_t why_size, const char *format,
                                                        ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, why_size, format, arguments);
    va_end(arguments);
    return error;
}

/* ---- Where a command is -------------------------------------------------------------------------------------------- */

static bool is_program(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* As execvp(): a name with a slash is a path; an empty part of PATH is the current folder. */
static int find_in_path(const char *name, char path[PATH_MAX]) {
    const char *folders = getenv("PATH");
    bool there = false;
    for (const char *at = folders ? folders : "/bin:/usr/bin"; at;) {
        size_t length = strcspn(at, ":");
        int n = snprintf(path, PATH_MAX, "%.*s%s%s", (int)length, at, length ? "/" : "", name);
        if (n > 0 && n < PATH_MAX && is_program(path))
            return 0;
        there = there || access(path, F_OK) == 0;
        at = at[length] ? at + length + 1 : NULL;
    }
    return there ? -EACCES : -ENOENT;
}

static int find(const char *name, char path[PATH_MAX]) {
    if (!strchr(name, '/'))
        return *name ? find_in_path(name, path) : -ENOENT;
    if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
        return -ENAMETOOLONG;
    if (access(path, F_OK))
        return -errno;
    return is_program(path) ? 0 : -EACCES;
}

/* ---- Whether it can be preloaded ----------------------------------------------------------------------------------- */

/* The loader drops LD_PRELOAD where a program gets rights that its user does not have. */
static bool gains_rights(int fd, const struct stat *status) {
    if (status->st_mode & S_ISUID && status->st_uid != geteuid())
        return true;
    if (status->st_mode & S_ISGID && status->st_gid != getegid())
        return true;
    return geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static int check_interpreter(const char *path, const char *interpreter, char *why, size_t why_size) {
    size_t length = strlen(interpreter), want = strlen(LOADER);
    if (length >= want && !strcmp(interpreter + length - want, LOADER))
        return 0;
    return refuse(-ENOEXEC, why, why_size, "%s cannot be profiled this way: it uses another C library, by %s", path,
                  interpreter);
}

static int check_segments(int fd, const char *path, const Elf64_Ehdr *header, char *why, size_t why_size) {
    Elf64_Phdr segments[PROGRAM_HEADERS_MAX];
    size_t n = header->e_phnum < PROGRAM_HEADERS_MAX ? header->e_phnum : PROGRAM_HEADERS_MAX;
    ssize_t got = header->e_phentsize == sizeof(*segments)
                      ? pread(fd, segments, n * sizeof(*segments), (off_t)header->e_phoff)
                      : 0;
    for (size_t i = 0; got > 0 && i < (size_t)got / sizeof(*segments); i++) {
        char interpreter[PATH_MAX] = "";
        if (segments[i].p_type != PT_INTERP)
            continue;
        size_t size = segments[i].p_filesz < sizeof(interpreter) ? segments[i].p_filesz : sizeof(interpreter) - 1;
        if (pread(fd, interpreter, size, (off_t)segments[i].p_offset) < 0)
            return -errno;
        return check_interpreter(path, interpreter, why, why_size);
    }
    return refuse(-ENOEXEC, why, why_size,
                  "%s cannot be profiled this way: it is statically linked (as Go programs mostly are), so nothing can "
                  "be loaded into it",
                  path);
}

static int check_elf(int fd, const char *path, const unsigned char *head, char *why, size_t why_size) {
    Elf64_Ehdr header;
    memcpy(&header, head, sizeof(header));
    if (head[EI_CLASS] != ELFCLASS64 || head[EI_DATA] != ELFDATA2LSB || header.e_machine != EM_X86_64)
        return refuse(-ENOEXEC, why, why_size, "%s cannot be profiled this way: it is for another architecture", path);
    struct stat status;
    if (fstat(fd, &status))
        return -errno;
    if (gains_rights(fd, &status))
        return refuse(-EACCES, why, why_size,
                      "%s cannot be profiled this way: it is set-uid or has capabilities, and such programs preload "
                      "nothing",
                      path);
    return check_segments(fd, path, &header, why, why_size);
}

/* The word behind "#!". */
static void read_interpreter(char *head, char path[PATH_MAX]) {
    char *start = head + 2 + strspn(head + 2, " \t");
    start[strcspn(start, " \t\n")] = '\0';
    snprintf(path, PATH_MAX, "%s", start);
}

/* 1 = a script, whose interpreter is in `next`. */
static int check_file(const char *path, char next[PATH_MAX], char *why, size_t why_size) {
    unsigned char head[HEAD_BYTES + 1] = {0};
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? 0 : -errno; /* can be run, not read: the loader will tell */
    ssize_t got = read(fd, head, HEAD_BYTES);
    if (got >= (ssize_t)sizeof(Elf64_Ehdr) && !memcmp(head, ELFMAG, SELFMAG))
        return check_elf(fd, path, head, why, why_size);
    if (got > 2 && head[0] == '#' && head[1] == '!') {
        read_interpreter((char *)head, next);
        return 1;
    }
    return refuse(-ENOEXEC, why, why_size, "%s cannot be run: it is neither a program nor a script", path);
}

int program_find(const char *name, char path[PATH_MAX], char *why, size_t why_size) {
    int error = find(name, path);
    if (error)
        return refuse(error, why, why_size, error == -ENOENT ? "%s: command not found" : "%s: cannot be run: %s", name,
                      strerror(-error));
    char file[PATH_MAX], next[PATH_MAX] = "";
    snprintf(file, sizeof(file), "%s", path);
    for (int i = 0; i < SCRIPTS_MAX; i++) {
        why[0] = '\0';
        error = check_file(file, next, why, why_size);
        if (error <= 0)
            break;
        memcpy(file, next, sizeof(file));
    }
    if (error > 0)
        error = -ENOEXEC;
    return error && !why[0] ? refuse(error, why, why_size, "%s: cannot be run: %s", path, strerror(-error)) : error;
}

/* ---- The probe ----------------------------------------------------------------------------------------------------- */

int program_find_probe(char path[PATH_MAX], char *why, size_t why_size) {
    static const char *const places[] = {PIKO_PROBE_FROM_BIN, "../probe"};
    char own[PATH_MAX], candidate[2 * PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
    own[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(own, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(candidate, sizeof(candidate), "%s/%s/libpiko-probe.so", own, places[i]);
        if (!realpath(candidate, path))
            continue;
        if (strpbrk(path, " :"))
            return refuse(-ENOENT, why, why_size, "%s cannot be preloaded: its path has a space or a colon", path);
        return 0;
    }
    return refuse(-ENOENT, why, why_size, "libpiko-probe.so is not where it is installed: %s/%s", own, places[0]);
}
