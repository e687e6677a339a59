#include "supervise/registrar.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BACKLOG 4096
#define HELLO_WAIT_US 100000
#define SEGMENT_BYTES_MAX (1ll << 30)

int registrar_open(struct registrar *ret) {
    uint64_t random[3];
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return -errno;
    struct registrar registrar = {.token = random[0]};
    snprintf(registrar.name, sizeof(registrar.name), "piko%016" PRIx64 "%016" PRIx64, random[1], random[2]);
    registrar.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (registrar.fd < 0)
        return -errno;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(registrar.name);
    memcpy(address.sun_path + 1, registrar.name, length);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    if (bind(registrar.fd, (struct sockaddr *)&address, size) || listen(registrar.fd, BACKLOG)) {
        int error = -errno;
        close(registrar.fd);
        return error;
    }
    *ret = registrar;
    return 0;
}

void registrar_close(struct registrar *registrar) {
    if (registrar->fd >= 0)
        close(registrar->fd);
    registrar->fd = -1;
}

/* One packet with one descriptor; any others are closed by the kernel, for which there is no room. -1 = none came. */
static int receive(int connection, struct segment_hello *hello) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {.iov_base = hello, .iov_len = sizeof(*hello)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    int fd = -1;
    ssize_t n = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *rights = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS &&
        rights->cmsg_len == CMSG_LEN(sizeof(fd)))
        memcpy(&fd, CMSG_DATA(rights), sizeof(fd));
    if (n != (ssize_t)sizeof(*hello) && fd >= 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Memory that its owner could shrink would be a trap for whoever reads it. */
static int map(int fd, struct registration *ret) {
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &status) || status.st_size < (off_t)sizeof(struct segment) ||
        status.st_size > SEGMENT_BYTES_MAX)
        return -EBADMSG;
    void *memory = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    ret->segment = memory;
    ret->bytes = (size_t)status.st_size;
    return 0;
}

int registrar_accept(const struct registrar *registrar, struct registration *ret) {
    _cleanup_close_ int connection = accept4(registrar->fd, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0)
        return errno == EWOULDBLOCK || errno == ECONNABORTED ? -EAGAIN : -errno;
    struct timeval wait = {.tv_usec = HELLO_WAIT_US};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    struct ucred peer;
    socklen_t size = sizeof(peer);
    struct segment_hello hello;
    _cleanup_close_ int fd = receive(connection, &hello);
    if (fd < 0 || hello.token != registrar->token || hello.version != HELLO_VERSION ||
        getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) || peer.pid <= 0)
        return -EBADMSG;
    *ret = (struct registration){.pid = (uint32_t)peer.pid, .parent = hello.parent};
    hello.command[sizeof(hello.command) - 1] = '\0';
    hello.name[sizeof(hello.name) - 1] = '\0';
    memcpy(ret->name, hello.name, sizeof(ret->name));
    memcpy(ret->command, hello.command, sizeof(ret->command));
    return map(fd, ret);
}
