#include "load/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "load/stats.h"

#define EVENTS_MAX 256
#define LOOKS_BEFORE_SLEEP 2

/* Timeouts and retries are looked for at these distances, so that they cost nothing per request. */
#define TICK_NS (100 * NS_PER_MS)
#define TICK_WAITING_NS (10 * NS_PER_MS) /* while some connection waits to try again */
#define TICK_LEAST_NS NS_PER_MS

struct loop {
    struct traffic traffic; /* of the thread alone once it runs, as is all down to `drain_end_ns` */
    struct connection *connections;
    unsigned n_connections;
    uint64_t offset_ns; /* open model: of the first request, so that loops take turns */
    uint64_t tick_ns;   /* when the last one was */
    bool stopped;
    bool draining; /* a LOOP_PAUSE is being carried out */
    uint64_t drain_end_ns;

    int wake;  /* eventfd */
    int timer; /* timerfd: of the open model's next request */
    pthread_t thread;
    atomic_int id; /* of the thread, as the kernel calls it; 0 until it runs */
    atomic_bool started;
    pthread_mutex_t lock; /* guards order */
    pthread_cond_t done;
    enum loop_order order;
    struct load_stats copy; /* written by the thread while order is LOOP_COPY_FIGURES, else read by others */
};

static void answer(struct loop *loop) {
    pthread_mutex_lock(&loop->lock);
    loop->order = LOOP_NO_ORDER;
    pthread_cond_signal(&loop->done);
    pthread_mutex_unlock(&loop->lock);
}

static void copy_figures(struct loop *loop) {
    stats_copy(&loop->copy, &loop->traffic.stats);
    loop->copy.planned = schedule_planned(&loop->traffic.schedule, clock_monotonic_ns());
}

/* Begin the next request on each connection that is free. Not where the response is read, but for all of them together: the
 * server then finds several requests at a time, which costs it and us fewer wake-ups. */
static void begin_all(struct loop *loop) {
    struct traffic *traffic = &loop->traffic;
    for (struct connection *connection; (connection = connection_take_free(traffic));) {
        traffic->now_ns = clock_monotonic_ns();
        connection_begin(traffic, connection);
    }
}

/* Open model: begin what is due on connections that are free, and have the timer tell of the next. */
static void begin_due(struct loop *loop) {
    struct traffic *traffic = &loop->traffic;
    uint64_t planned_ns;
    while (traffic->first_free) {
        traffic->now_ns = clock_monotonic_ns();
        if (!schedule_take(&traffic->schedule, traffic->now_ns, &planned_ns))
            break;
        struct connection *connection = connection_take_free(traffic);
        uint64_t could_ns = planned_ns > connection->free_ns ? planned_ns : connection->free_ns;
        histogram_record(traffic->stats.send_delay, traffic->now_ns - could_ns);
        connection->planned_ns = planned_ns;
        connection_begin(traffic, connection);
    }
    if (!traffic->first_free)
        return;
    uint64_t next_ns = schedule_next_ns(&traffic->schedule);
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(next_ns / NS_PER_S), .tv_nsec = (long)(next_ns % NS_PER_S)}};
    timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void resume(struct loop *loop) {
    struct traffic *traffic = &loop->traffic;
    traffic->running = true;
    traffic->now_ns = clock_monotonic_ns();
    failures_forget_examples(&traffic->stats);
    if (schedule_is_open_model(&traffic->schedule))
        schedule_start(&traffic->schedule, traffic->now_ns + loop->offset_ns);
    for (unsigned i = 0; i < loop->n_connections; i++)
        connection_set_free(traffic, &loop->connections[i]);
}

static void begin_drain(struct loop *loop) {
    loop->traffic.running = false;
    loop->traffic.first_free = NULL;
    if (schedule_is_open_model(&loop->traffic.schedule))
        schedule_stop(&loop->traffic.schedule, loop->traffic.now_ns);
    loop->draining = true;
    loop->drain_end_ns = loop->traffic.now_ns + LOOP_DRAIN_NS;
}

static void end_drain(struct loop *loop) {
    loop->draining = false;
    for (unsigned i = 0; i < loop->n_connections && loop->traffic.busy; i++)
        if (connection_is_busy(&loop->connections[i]))
            connection_drop(&loop->traffic, &loop->connections[i]);
    answer(loop);
}

static void take_order(struct loop *loop) {
    uint64_t times;
    if (read(loop->wake, &times, sizeof times) < 0)
        return;
    pthread_mutex_lock(&loop->lock);
    enum loop_order order = loop->order;
    pthread_mutex_unlock(&loop->lock);
    if (order == LOOP_PAUSE) { /* answered when the drain ends */
        begin_drain(loop);
        return;
    }
    if (order == LOOP_RESUME)
        resume(loop);
    else if (order == LOOP_COPY_FIGURES)
        copy_figures(loop);
    else if (order == LOOP_STOP)
        loop->stopped = true;
    answer(loop);
}

static uint64_t next_tick_ns(const struct loop *loop) {
    uint64_t period = loop->traffic.waiting ? TICK_WAITING_NS : TICK_NS;
    if (period > loop->traffic.plan->timeout_ns / 4)
        period = loop->traffic.plan->timeout_ns / 4;
    uint64_t next = loop->tick_ns + (period < TICK_LEAST_NS ? TICK_LEAST_NS : period);
    return loop->draining && next > loop->drain_end_ns ? loop->drain_end_ns : next;
}

static void tick(struct loop *loop) {
    loop->tick_ns = loop->traffic.now_ns;
    for (unsigned i = 0; i < loop->n_connections; i++)
        connection_tick(&loop->traffic, &loop->connections[i]);
}

/* For epoll_wait: until the next tick; for ever when nothing is under way. */
static int wait_ms(const struct loop *loop) {
    if (!loop->traffic.running && !loop->draining)
        return -1;
    uint64_t next = next_tick_ns(loop), now = loop->traffic.now_ns;
    return next <= now ? 0 : (int)((next - now + NS_PER_MS - 1) / NS_PER_MS);
}

/* To sleep and be woken costs us and, what is worse, the server's send more than to look once more: what is answered within
 * microseconds is there at the second look. */
static int wait_for_events(struct loop *loop, struct epoll_event events[EVENTS_MAX]) {
    int n = 0;
    for (int looks = 0; n == 0 && loop->traffic.busy && looks < LOOKS_BEFORE_SLEEP; looks++)
        n = epoll_wait(loop->traffic.epoll, events, EVENTS_MAX, 0);
    return n ? n : epoll_wait(loop->traffic.epoll, events, EVENTS_MAX, wait_ms(loop));
}

static void *run(void *argument) {
    struct loop *loop = argument;
    struct traffic *traffic = &loop->traffic;
    struct epoll_event events[EVENTS_MAX];
    atomic_store(&loop->id, gettid());
    while (!loop->stopped) {
        int n = wait_for_events(loop, events);
        bool ordered = false;
        traffic->now_ns = clock_monotonic_ns();
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &loop->wake)
                ordered = true;
            else if (events[i].data.ptr != &loop->timer)
                connection_handle(traffic, events[i].data.ptr, events[i].events);
        }
        if (traffic->now_ns >= next_tick_ns(loop))
            tick(loop);
        if (ordered)
            take_order(loop);
        if (schedule_is_open_model(&traffic->schedule))
            begin_due(loop);
        else
            begin_all(loop);
        if (loop->draining && (!traffic->busy || traffic->now_ns >= loop->drain_end_ns))
            end_drain(loop);
    }
    return NULL;
}

static int open_descriptors(struct loop *loop) {
    loop->traffic.epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event wake = {.events = EPOLLIN, .data.ptr = &loop->wake};
    struct epoll_event timer = {.events = EPOLLIN | EPOLLET, .data.ptr = &loop->timer};
    if (loop->traffic.epoll < 0 || loop->wake < 0 || loop->timer < 0 ||
        epoll_ctl(loop->traffic.epoll, EPOLL_CTL_ADD, loop->wake, &wake) < 0 ||
        epoll_ctl(loop->traffic.epoll, EPOLL_CTL_ADD, loop->timer, &timer) < 0)
        return -errno;
    return 0;
}

static int allocate(struct loop *loop, unsigned connections) {
    loop->connections = calloc(connections, sizeof *loop->connections);
    if (!loop->connections)
        return -ENOMEM;
    for (; loop->n_connections < connections; loop->n_connections++)
        if (connection_init(&loop->connections[loop->n_connections], loop->traffic.plan->follow))
            return -ENOMEM;
    loop->traffic.read_buffer = malloc(TRAFFIC_BUFFER_BYTES);
    if (!loop->traffic.read_buffer || load_stats_init(&loop->traffic.stats) || load_stats_init(&loop->copy))
        return -ENOMEM;
    return 0;
}

int loop_new(const struct loop_options *options, struct loop **ret) {
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return -ENOMEM;
    loop->traffic.plan = options->plan;
    loop->traffic.log = options->log;
    loop->traffic.schedule.interval_ns = options->interval_ns;
    loop->offset_ns = (uint64_t)(options->interval_ns * options->number / options->n_loops);
    loop->traffic.next_request = options->number % options->plan->n_requests;
    pthread_mutex_init(&loop->lock, NULL);
    pthread_cond_init(&loop->done, NULL);
    int error = open_descriptors(loop);
    if (!error)
        error = allocate(loop, options->connections);
    if (error) {
        loop_free(loop);
        return error;
    }
    *ret = loop;
    return 0;
}

void loop_free(struct loop *loop) {
    if (!loop)
        return;
    if (atomic_load(&loop->started)) {
        loop_order(loop, LOOP_STOP);
        pthread_join(loop->thread, NULL);
    }
    for (unsigned i = 0; i < loop->n_connections; i++)
        connection_drop(&loop->traffic, &loop->connections[i]);
    for (unsigned i = 0; i < loop->n_connections; i++)
        connection_done(&loop->connections[i]);
    if (loop->traffic.epoll >= 0)
        close(loop->traffic.epoll);
    if (loop->wake >= 0)
        close(loop->wake);
    if (loop->timer >= 0)
        close(loop->timer);
    load_stats_done(&loop->traffic.stats);
    load_stats_done(&loop->copy);
    pthread_cond_destroy(&loop->done);
    pthread_mutex_destroy(&loop->lock);
    free(loop->traffic.read_buffer);
    free(loop->connections);
    free(loop);
}

/* Signals are for the program's own threads. */
int loop_start(struct loop *loop) {
    if (atomic_load(&loop->started))
        return 0;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&loop->thread, NULL, run, loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!error)
        atomic_store(&loop->started, true);
    return -error;
}

void loop_order(struct loop *loop, enum loop_order order) {
    if (!atomic_load(&loop->started))
        return;
    pthread_mutex_lock(&loop->lock);
    loop->order = order;
    pthread_mutex_unlock(&loop->lock);
    eventfd_write(loop->wake, 1);
}

void loop_wait(struct loop *loop) {
    pthread_mutex_lock(&loop->lock);
    while (loop->order != LOOP_NO_ORDER)
        pthread_cond_wait(&loop->done, &loop->lock);
    pthread_mutex_unlock(&loop->lock);
}

void loop_add_figures(const struct loop *loop, struct load_stats *sum) {
    const struct load_stats *stats = &loop->copy;
    sum->requests += stats->requests;
    sum->retries += stats->retries;
    sum->redirects += stats->redirects;
    sum->begun += stats->begun;
    sum->planned += stats->planned;
    sum->body_bytes += stats->body_bytes;
    failures_add(sum, stats);
    histogram_add(sum->latency, stats->latency);
    histogram_add(sum->uncorrected, stats->uncorrected);
    histogram_add(sum->send_delay, stats->send_delay);
}

/* Time that a thread was ready to run and had no core: the second number of schedstat, in ns. */
static uint64_t wait_of(pid_t id) {
    char path[64];
    unsigned long long wait_ns = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", id);
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    if (!file || fscanf(file, "%*u %llu", &wait_ns) != 1)
        return 0;
    return wait_ns;
}

void loop_add_effort(const struct loop *loop, struct load_stats *sum) {
    clockid_t clock;
    pid_t id = atomic_load(&loop->id);
    if (!id || pthread_getcpuclockid(loop->thread, &clock))
        return;
    sum->cpu_ns += clock_ns(clock);
    sum->wait_ns += wait_of(id);
}
