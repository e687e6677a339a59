/* A small HTTP server on threads of the test, that misbehaves as told. */
#ifndef PIKO_TESTS_LOAD_SERVER_H
#define PIKO_TESTS_LOAD_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVER_CONNECTIONS_MAX 4096

struct server;

/* Serves one connection until it ends; the socket is closed after it. Runs on a thread of its own. */
typedef void server_behaviour(struct server *server, int fd);

struct server {
    server_behaviour *behaviour;
    int listener;
    char url[64];
    atomic_ulong requests;    /* read whole */
    atomic_ulong connections; /* accepted, the first (load_new's check) too */
    atomic_bool stopping;
    pthread_t accepter;
    pthread_mutex_t lock; /* guards what follows */
    size_t n_workers;
    struct worker {
        struct server *server;
        pthread_t thread;
        int fd; /* -1 when it ended */
    } workers[SERVER_CONNECTIONS_MAX];
};

/* On a free port of 127.0.0.1, or of ::1. False where that can't be. */
bool server_start(struct server *server, server_behaviour *behaviour, bool ipv6);
bool server_start_unix(struct server *server, server_behaviour *behaviour, const char *path);
/* Ends connections and threads. */
void server_stop(struct server *server);

/* Read one request with its body, and count it. False at the end of the connection. Its head goes to `head`, as a string. */
bool server_read_head(struct server *server, int fd, char *head, size_t size);
/* The same, whatever the request is. */
bool server_read_request(struct server *server, int fd);
/* False when the peer is gone. */
bool server_write(int fd, const char *text);

#endif
