#include "load/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"

static void name_target(struct target *target, uint16_t port) {
    char text[INET6_ADDRSTRLEN] = "";
    if (target->address.ss_family == AF_INET6) {
        struct sockaddr_in6 address;
        memcpy(&address, &target->address, sizeof address);
        inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
        snprintf(target->name, sizeof target->name, "[%s]:%u", text, port);
    } else {
        struct sockaddr_in address;
        memcpy(&address, &target->address, sizeof address);
        inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
        snprintf(target->name, sizeof target->name, "%s:%u", text, port);
    }
}

static int wait_for_connect(int fd, uint64_t deadline_ns) {
    uint64_t now = clock_monotonic_ns();
    if (now >= deadline_ns)
        return -ETIMEDOUT;
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    uint64_t wait_ms = (deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS;
    int n = poll(&poll_fd, 1, wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms);
    if (n < 0)
        return -errno;
    if (n == 0)
        return -ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    return error == ECONNRESET ? 0
                               : -error; /* it accepted, and then thought otherwise: that is for the load to count */
}

static int try_connect(const struct target *target, uint64_t deadline_ns) {
    _cleanup_close_ int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&target->address, target->address_size) == 0)
        return 0;
    return errno == EINPROGRESS ? wait_for_connect(fd, deadline_ns) : -errno;
}

static int resolve(const struct url *url, struct addrinfo **ret, char *why, size_t why_size) {
    char port[8];
    snprintf(port, sizeof port, "%u", url->port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int error = getaddrinfo(url->host, port, &hints, ret);
    if (!error)
        return 0;
    int system_error = errno;
    snprintf(why, why_size, "host %s: %s", url->host,
             error == EAI_SYSTEM ? strerror(system_error) : gai_strerror(error));
    switch (error) {
    case EAI_SYSTEM:
        return system_error ? -system_error : -EIO;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_AGAIN:
        return -EAGAIN;
    default:
        return -ENOENT;
    }
}

static int find_unix(const char *path, uint64_t deadline_ns, struct target *ret, char *why, size_t why_size) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct target target = {.address_size = sizeof address};
    size_t size = strlen(path);
    if (size >= sizeof address.sun_path) {
        snprintf(why, why_size, "--unix %.60s…: a socket's path has at most %zu bytes", path,
                 sizeof address.sun_path - 1);
        return -EINVAL;
    }
    memcpy(address.sun_path, path, size + 1);
    memcpy(&target.address, &address, sizeof address);
    memcpy(target.name, path, size + 1);
    int error = try_connect(&target, deadline_ns);
    if (error)
        snprintf(why, why_size, "connect %s: %s", target.name, strerror(-error));
    else
        *ret = target;
    return error;
}

int target_find(const struct url *url, const char *unix_path, uint64_t timeout_ns, struct target *ret, char *why,
                size_t why_size) {
    struct addrinfo *found = NULL;
    if (unix_path)
        return find_unix(unix_path, clock_monotonic_ns() + timeout_ns, ret, why, why_size);
    int error = resolve(url, &found, why, why_size);
    if (error)
        return error;
    uint64_t deadline_ns = clock_monotonic_ns() + timeout_ns;
    error = -ENOENT;
    for (const struct addrinfo *one = found; one && error && error != -EINTR; one = one->ai_next) {
        struct target target = {.address_size = one->ai_addrlen};
        memcpy(&target.address, one->ai_addr, one->ai_addrlen);
        name_target(&target, url->port);
        error = try_connect(&target, deadline_ns);
        if (error)
            snprintf(why, why_size, "connect %s: %s", target.name, strerror(-error));
        else
            *ret = target;
    }
    freeaddrinfo(found);
    return error;
}
