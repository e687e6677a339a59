#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void *serve(void *argument) {
    struct worker *worker = argument;
    struct server *server = worker->server;
    server->behaviour(server, worker->fd);
    pthread_mutex_lock(&server->lock);
    close(worker->fd);
    worker->fd = -1;
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

static void *accept_connections(void *argument) {
    struct server *server = argument;
    for (;;) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        pthread_mutex_lock(&server->lock);
        struct worker *worker = &server->workers[server->n_workers];
        if (server->stopping || server->n_workers == SERVER_CONNECTIONS_MAX) {
            close(fd);
        } else {
            atomic_fetch_add(&server->connections, 1);
            *worker = (struct worker){.server = server, .fd = fd};
            if (pthread_create(&worker->thread, NULL, serve, worker) == 0)
                server->n_workers++;
            else
                close(fd);
        }
        pthread_mutex_unlock(&server->lock);
    }
}

static bool listen_on(struct server *server, bool ipv6) {
    struct sockaddr_in address4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr *address = ipv6 ? (struct sockaddr *)&address6 : (struct sockaddr *)&address4;
    socklen_t size = ipv6 ? sizeof address6 : sizeof address4;
    server->listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->listener < 0)
        return false;
    if (bind(server->listener, address, size) || listen(server->listener, 512) ||
        getsockname(server->listener, address, &size)) {
        close(server->listener);
        return false;
    }
    snprintf(server->url, sizeof server->url, "http://%s:%u/x", ipv6 ? "[::1]" : "127.0.0.1",
             ntohs(ipv6 ? address6.sin6_port : address4.sin_port));
    return true;
}

static bool listen_on_unix(struct server *server, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return server->listener >= 0 && !bind(server->listener, (struct sockaddr *)&address, sizeof address) &&
           !listen(server->listener, 512);
}

static void prepare(struct server *server, server_behaviour *behaviour) {
    memset(server, 0, sizeof *server);
    server->behaviour = behaviour;
    pthread_mutex_init(&server->lock, NULL);
}

bool server_start(struct server *server, server_behaviour *behaviour, bool ipv6) {
    prepare(server, behaviour);
    return listen_on(server, ipv6) && !pthread_create(&server->accepter, NULL, accept_connections, server);
}

bool server_start_unix(struct server *server, server_behaviour *behaviour, const char *path) {
    prepare(server, behaviour);
    return listen_on_unix(server, path) && !pthread_create(&server->accepter, NULL, accept_connections, server);
}

void server_stop(struct server *server) {
    atomic_store(&server->stopping, true);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->accepter, NULL);
    close(server->listener);
    pthread_mutex_lock(&server->lock);
    size_t count = server->n_workers;
    for (size_t i = 0; i < count; i++)
        if (server->workers[i].fd >= 0)
            shutdown(server->workers[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    for (size_t i = 0; i < count; i++)
        pthread_join(server->workers[i].thread, NULL);
    pthread_mutex_destroy(&server->lock);
}

/* Requests never come two at a time, so what ends one is the end of what can be read. */
bool server_read_head(struct server *server, int fd, char *head, size_t room) {
    size_t size = 0, body = 0;
    char *end = NULL;
    while (!end || size < (size_t)(end + 4 - head) + body) {
        ssize_t n = recv(fd, head + size, room - 1 - size, 0);
        if (n <= 0)
            return false;
        size += (size_t)n;
        head[size] = '\0';
        end = strstr(head, "\r\n\r\n");
        const char *length = end ? strstr(head, "Content-Length: ") : NULL;
        body = length ? strtoul(length + 16, NULL, 10) : 0;
    }
    atomic_fetch_add(&server->requests, 1);
    return true;
}

bool server_read_request(struct server *server, int fd) {
    char head[65536 + 1024];
    return server_read_head(server, fd, head, sizeof head);
}

bool server_write(int fd, const char *text) {
    size_t size = strlen(text);
    while (size) {
        ssize_t n = send(fd, text, size, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        text += n;
        size -= (size_t)n;
    }
    return true;
}
