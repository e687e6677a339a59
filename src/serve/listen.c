#include "serve/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096 /* who is refused for a moment comes again after a second only */
#define SOCKET_MODE 0600

static int resolve(const char *address, uint16_t port, struct addrinfo **ret) {
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    switch (getaddrinfo(address, service, &hints, ret)) {
    case 0:
        return 0;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return errno ? -errno : -EIO;
    case EAI_AGAIN:
        return -EAGAIN;
    default:
        return -ENOENT;
    }
}

static int open_one(const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* Or a restart would fail for a minute while closed connections linger. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, BACKLOG)) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static int open_first(const struct addrinfo *list, int family, int error) {
    for (const struct addrinfo *one = list; one && error < 0; one = one->ai_next)
        if (one->ai_family == family) {
            int fd = open_one(one);
            /* The first failure says most: a port in use, rather than an IPv6 that is not there. */
            error = fd >= 0 || error == -EADDRNOTAVAIL ? fd : error;
        }
    return error;
}

int listen_open(const char *address, uint16_t port, char *why, size_t why_size) {
    struct addrinfo *list;
    int error = resolve(address, port, &list);
    if (error) {
        snprintf(why, why_size, "cannot listen on %s port %u: no such address: %s", address, (unsigned)port,
                 strerror(-error));
        return error;
    }
    int fd = open_first(list, AF_INET6, open_first(list, AF_INET, -EADDRNOTAVAIL));
    freeaddrinfo(list);
    if (fd < 0)
        snprintf(why, why_size, "cannot listen on %s port %u: %s", address, (unsigned)port, strerror(-fd));
    return fd;
}

/* A socket that nobody listens on any more was left by one that died. */
static void remove_old(const struct sockaddr_un *address) {
    struct stat status;
    if (lstat(address->sun_path, &status) || !S_ISSOCK(status.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) && errno == ECONNREFUSED)
        unlink(address->sun_path);
    close(fd);
}

int listen_unix(const char *path, char *why, size_t why_size) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int error = 0, fd = -1;
    if (strlen(path) >= sizeof(address.sun_path))
        error = -ENAMETOOLONG;
    if (!error) {
        strcpy(address.sun_path, path);
        remove_old(&address);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        /* The file gets the socket's own mode: the umask is the whole process's, and its other threads make files too. */
        if (fd < 0 || fchmod(fd, SOCKET_MODE) || bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
            listen(fd, BACKLOG))
            error = -errno;
    }
    if (!error)
        return fd;
    if (fd >= 0)
        close(fd);
    snprintf(why, why_size, "cannot listen on %s: %s", path, strerror(-error));
    return error;
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

static union address bound_to(int fd) {
    union address address = {0};
    socklen_t size = sizeof(address);
    if (getsockname(fd, &address.any, &size))
        address.any.sa_family = AF_UNSPEC;
    return address;
}

uint16_t listen_port(int fd) {
    union address address = bound_to(fd);
    if (address.any.sa_family == AF_INET)
        return ntohs(address.v4.sin_port);
    return address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port) : 0;
}

bool listen_is_local(int fd) {
    union address address = bound_to(fd);
    if (address.any.sa_family == AF_INET)
        return ntohl(address.v4.sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
    return address.any.sa_family != AF_INET6 || IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
}
