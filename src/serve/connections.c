#include "serve/connections.h"

#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"

#define NEVER UINT64_MAX

/* What is waited for: a whole request; that its answer is made; that the answer is taken. */
enum stage { STAGE_REQUEST, STAGE_WORK, STAGE_SENDING, STAGES };

static const unsigned stage_max[STAGES] = {
    [STAGE_REQUEST] = CONNECTIONS_WAITING_MAX,
    [STAGE_WORK] = UINT_MAX, /* of which there are as many as there are jobs */
    [STAGE_SENDING] = CONNECTIONS_SENDING_MAX,
};

struct connection {
    struct connection *next, **link; /* those that came before are behind it */
    int fd;
    bool is_leaving; /* it was told to go */
    enum stage stage;
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; NEVER = none */
};

struct connections {
    struct jobs *jobs;
    struct job watch;
    pthread_mutex_t lock; /* of all below */
    struct connection *list;
    unsigned n[STAGES]; /* without those that leave */
    bool is_watching, is_closed;
};

/* With the lock held, so that the descriptor is still the connection's. The HTTP thread then closes it. */
static void send_away(struct connections *connections, struct connection *connection) {
    shutdown(connection->fd, SHUT_RDWR);
    connections->n[connection->stage]--;
    connection->is_leaving = true;
    connection->deadline_ns = NEVER;
}

/* Once a second while there is anybody. */
static bool watch(struct job *job) {
    struct connections *connections = (struct connections *)(void *)((char *)job - offsetof(struct connections, watch));
    uint64_t now_ns = clock_monotonic_ns();
    pthread_mutex_lock(&connections->lock);
    for (struct connection *one = connections->list; one; one = one->next)
        if (one->deadline_ns <= now_ns)
            send_away(connections, one);
    bool again = connections->list && !connections->is_closed;
    connections->is_watching = again;
    job->due_ns = now_ns + NS_PER_S;
    pthread_mutex_unlock(&connections->lock);
    return again;
}

static void watch_done(struct job *job) {
    (void)job;
}

struct connections *connections_new(struct jobs *jobs) {
    struct connections *connections = calloc(1, sizeof(*connections));
    if (!connections)
        return NULL;
    connections->jobs = jobs;
    connections->watch = (struct job){.run = watch, .done = watch_done, .fd = -1};
    pthread_mutex_init(&connections->lock, NULL);
    return connections;
}

void connections_close(struct connections *connections) {
    pthread_mutex_lock(&connections->lock);
    connections->is_closed = true;
    pthread_mutex_unlock(&connections->lock);
}

void connections_free(struct connections *connections) {
    if (!connections)
        return;
    pthread_mutex_destroy(&connections->lock);
    free(connections);
}

/* ---- What happens to them, on the HTTP thread ----------------------------------------------------------------------- */

static struct connection *of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* With the lock held. */
static void send_away_longest(struct connections *connections, enum stage stage) {
    struct connection *longest = NULL;
    for (struct connection *one = connections->list; one; one = one->next)
        if (one->stage == stage && !one->is_leaving && (!longest || one->deadline_ns <= longest->deadline_ns))
            longest = one;
    if (longest)
        send_away(connections, longest);
}

/* With the lock held. Whoever has kept us longest makes room. */
static void enter(struct connections *connections, struct connection *connection, enum stage stage, uint64_t seconds) {
    if (connections->n[stage] >= stage_max[stage])
        send_away_longest(connections, stage);
    connections->n[stage]++;
    connection->stage = stage;
    connection->deadline_ns = seconds == NEVER ? NEVER : clock_monotonic_ns() + seconds * NS_PER_S;
}

static void set(struct connections *connections, struct MHD_Connection *handle, enum stage stage, uint64_t seconds) {
    struct connection *connection = of(handle);
    if (!connection)
        return;
    pthread_mutex_lock(&connections->lock);
    if (!connection->is_leaving) {
        connections->n[connection->stage]--;
        enter(connections, connection, stage, seconds);
    }
    pthread_mutex_unlock(&connections->lock);
}

void connections_working(struct connections *connections, struct MHD_Connection *connection) {
    set(connections, connection, STAGE_WORK, NEVER);
}

void connections_sending(struct connections *connections, struct MHD_Connection *connection, size_t bytes) {
    if (bytes == SIZE_MAX)
        connections_working(connections, connection);
    else
        set(connections, connection, STAGE_SENDING, CONNECTIONS_TIMEOUT_S + bytes / CONNECTIONS_BYTES_PER_S);
}

void connections_waiting(struct connections *connections, struct MHD_Connection *connection) {
    set(connections, connection, STAGE_REQUEST, CONNECTIONS_TIMEOUT_S);
}

/* True: the watch is to be started. */
static bool add(struct connections *connections, struct connection *connection) {
    pthread_mutex_lock(&connections->lock);
    enter(connections, connection, STAGE_REQUEST, CONNECTIONS_TIMEOUT_S);
    connection->next = connections->list;
    connection->link = &connections->list;
    if (connection->next)
        connection->next->link = &connection->next;
    connections->list = connection;
    bool start = !connections->is_watching && !connections->is_closed;
    connections->is_watching |= start;
    pthread_mutex_unlock(&connections->lock);
    return start;
}

static void leave(struct connections *connections, struct connection *connection) {
    pthread_mutex_lock(&connections->lock);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    if (!connection->is_leaving)
        connections->n[connection->stage]--;
    pthread_mutex_unlock(&connections->lock);
    free(connection);
}

void connections_notify(void *data, struct MHD_Connection *handle, void **context,
                        enum MHD_ConnectionNotificationCode code) {
    struct connections *connections = data;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*context)
            leave(connections, *context);
        return;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *connection = info ? calloc(1, sizeof(*connection)) : NULL;
    *context = connection;
    if (!connection)
        return;
    connection->fd = info->connect_fd;
    if (add(connections, connection) && !jobs_submit(connections->jobs, &connections->watch))
        connections_close(connections);
}
