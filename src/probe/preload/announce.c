#include "probe/preload/announce.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define SEND_WAIT_US 100000

/* A file beyond the process's limit of sizes is answered by SIGXFSZ, which would end the program. */
static bool may_be_as_large(size_t bytes) {
    struct rlimit limit;
    return syscall(SYS_prlimit64, 0L, RLIMIT_FSIZE, NULL, &limit) == 0 && limit.rlim_cur >= bytes;
}

void *announce_memory(size_t bytes, int *ret_fd) {
    if (!may_be_as_large(bytes))
        return NULL;
    int fd = (int)syscall(SYS_memfd_create, "piko-segment", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return NULL;
    void *memory = MAP_FAILED;
    /* Sealed, so that whoever maps it can never fall off its end. */
    if (ftruncate(fd, (off_t)bytes) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (memory == MAP_FAILED) {
        syscall(SYS_close, fd);
        return NULL;
    }
    *ret_fd = fd;
    return memory;
}

static void fill_hello(const struct settings *settings, struct segment_hello *hello) {
    *hello = (struct segment_hello){
        .token = settings->token, .version = HELLO_VERSION, .pid = (uint32_t)getpid(), .parent = (uint32_t)getppid()};
    memcpy(hello->name, settings->program, sizeof hello->name);
    long n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", hello->command, sizeof hello->command - 1);
    hello->command[n > 0 ? n : 0] = '\0';
}

static int send_hello(int connection, const struct segment_hello *hello, int fd) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)hello, .iov_len = sizeof *hello};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    return syscall(SYS_sendmsg, connection, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int announce_send(const struct settings *settings, int fd) {
    int connection = (int)syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (connection < 0)
        return -errno;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(settings->name);
    memcpy(address.sun_path + 1, settings->name, length);
    struct timeval wait = {.tv_usec = SEND_WAIT_US};
    syscall(SYS_setsockopt, connection, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    struct segment_hello hello;
    fill_hello(settings, &hello);
    int error = 0;
    if (syscall(SYS_connect, connection, &address, offsetof(struct sockaddr_un, sun_path) + 1 + length) < 0)
        error = -errno;
    if (!error)
        error = send_hello(connection, &hello, fd);
    syscall(SYS_close, connection);
    return error;
}
