#include "supervise/supervise.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "reader/builds.h"
#include "reader/tree.h"
#include "serve/serve.h"
#include "supervise/command.h"
#include "supervise/generator.h"
#include "supervise/postmortem.h"
#include "supervise/program.h"
#include "supervise/registrar.h"
#include "supervise/watch.h"
#include "symbols/build_flags.h"

#define BEAT_MS 2000
#define LATE_HELLO_MS 200u
#define LATE_HELLO_TURN_MS 10
#define BUSY_WAIT_NS 50000000
#define EVENTS_MAX 64

struct supervisor {
    const struct supervise_options *options;
    struct tree *tree;
    struct builds *builds;
    struct serve *serve;
    struct registrar registrar;
    sigset_t passed, mask_before;
    int signals, epoll;
    struct watch *watches;
    pid_t command;
    struct generator generator; /* when asked for */
    uint64_t seen;              /* processes that ever said hello */
    bool in_background, interrupted;
};

__attribute__((format(printf, 2, 3))) static void say(const struct supervisor *supervisor, const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    supervisor->options->say(supervisor->options->say_data, line);
}

/* ---- Processes come and go ----------------------------------------------------------------------------------------- */

static void leave_traces(struct supervisor *supervisor, uint32_t pid, int signal) {
    _cleanup_buffer_ struct buffer folder = BUFFER_INIT(0);
    int error = postmortem_write(supervisor->tree, pid, signal, supervisor->options->output_folder, &folder);
    if (error)
        say(supervisor, "process %" PRIu32 " was ended by %s; what it left could not be written to %s: %s", pid,
            strsignal(signal), supervisor->options->output_folder, strerror(-error));
    else
        say(supervisor, "process %" PRIu32 " was ended by %s; its last state is in %s", pid, strsignal(signal),
            folder.data);
}

static void process_ended(struct supervisor *supervisor, uint32_t pid, int signal) {
    if (!tree_has(supervisor->tree, pid))
        return;
    tree_end(supervisor->tree, pid);
    if (supervisor->options->generator)
        generator_take(&supervisor->generator, supervisor->tree, pid, signal);
    else if (signal)
        leave_traces(supervisor, pid, signal);
}

static void on_watch(struct supervisor *supervisor, struct watch *watch) {
    uint32_t pid = watch->pid;
    int signal = watch_signal(watch);
    watch_remove(&supervisor->watches, watch);
    process_ended(supervisor, pid, signal);
}

static void on_registration(struct supervisor *supervisor) {
    struct registration registration;
    int error;
    while ((error = registrar_accept(&supervisor->registrar, &registration)) != -EAGAIN) {
        if (error == -EMFILE || error == -ENFILE) { /* it stays in the queue: no reason to spin */
            nanosleep(&(struct timespec){.tv_nsec = BUSY_WAIT_NS}, NULL);
            return;
        }
        supervisor->seen += !error && !tree_has(supervisor->tree, registration.pid);
        if (!error && supervisor->options->generator) /* what it executes takes its place */
            process_ended(supervisor, registration.pid, /* signal= */ 0);
        if (error || tree_add(supervisor->tree, registration.pid, registration.parent, registration.name,
                              registration.command, registration.segment, registration.bytes))
            continue;
        if (!watch_find(supervisor->watches, registration.pid) &&
            watch_add(&supervisor->watches, supervisor->epoll, registration.pid) == -ESRCH)
            process_ended(supervisor, registration.pid, /* signal= */ 0);
    }
}

/* ---- Signals ------------------------------------------------------------------------------------------------------- */

/* What ends a program by its own fault, and what a terminal's job control does to the two of us alike, stays as it is. */
static void choose_signals(sigset_t *ret) {
    static const int kept[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGABRT, SIGTRAP, SIGSYS,
                               SIGPIPE, SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT};
    sigfillset(ret);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        sigdelset(ret, kept[i]);
}

/* The terminal sends to the whole group, and so do servers to theirs: the command has such a signal already. */
static bool command_has_it(const struct supervisor *supervisor, const struct signalfd_siginfo *info) {
    return info->ssi_code == SI_KERNEL || (pid_t)info->ssi_pid == supervisor->command ||
           tree_has(supervisor->tree, info->ssi_pid);
}

/* Without a command there is nobody to pass it on to: what would end most programs ends us. */
static bool ends_us(const struct supervisor *supervisor, const struct signalfd_siginfo *info) {
    int number = (int)info->ssi_signo;
    return (number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT) &&
           !tree_has(supervisor->tree, info->ssi_pid);
}

static void on_signals(struct supervisor *supervisor) {
    struct signalfd_siginfo info;
    while (read(supervisor->signals, &info, sizeof(info)) == sizeof(info))
        if (supervisor->in_background)
            supervisor->interrupted |= ends_us(supervisor, &info);
        else if (!command_has_it(supervisor, &info))
            kill(supervisor->command, (int)info.ssi_signo);
}

/* ---- The loop ------------------------------------------------------------------------------------------------------ */

static int add_to_epoll(int epoll, int fd, void *data) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* Number of events handled; 0 = none within the time. */
static int turn(struct supervisor *supervisor, int wait_ms) {
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(supervisor->epoll, events, EVENTS_MAX, wait_ms);
    for (int i = 0; i < n; i++) /* who says hello may be among those that end in this very turn */
        if (events[i].data.ptr == &supervisor->registrar)
            on_registration(supervisor);
    for (int i = 0; i < n; i++) {
        void *source = events[i].data.ptr;
        if (source == &supervisor->signals)
            on_signals(supervisor);
        else if (source != &supervisor->registrar)
            on_watch(supervisor, source);
    }
    return n < 0 ? 0 : n;
}

static void count_alive(const struct tree_process *process, void *data) {
    unsigned *alive = data;
    *alive += process->state == TREE_RUNNING || process->state == TREE_STOPPED;
}

static unsigned alive(const struct supervisor *supervisor) {
    unsigned n = 0;
    tree_list(supervisor->tree, count_alive, &n);
    return n;
}

/* The command has ended well. A child that it forked may not have said hello yet. */
static void wait_for_child(struct supervisor *supervisor, uint64_t forks) {
    uint64_t deadline_ns = clock_monotonic_ns() + LATE_HELLO_MS * NS_PER_MS;
    while (supervisor->seen <= forks && !alive(supervisor) && clock_monotonic_ns() < deadline_ns)
        turn(supervisor, LATE_HELLO_TURN_MS);
}

/* Servers put themselves into the background: what they left there is what the user wants to look at. */
static void follow_background(struct supervisor *supervisor, uint64_t forks) {
    wait_for_child(supervisor, forks);
    unsigned n = alive(supervisor);
    if (!n)
        return;
    say(supervisor, "the command has ended, and left %u %s in the background: profiling goes on until %s, or Ctrl-C", n,
        n == 1 ? "process" : "processes", n == 1 ? "it ends" : "they end");
    supervisor->in_background = true;
    while (!supervisor->interrupted && alive(supervisor)) {
        turn(supervisor, BEAT_MS);
        tree_beat(supervisor->tree);
    }
    if (supervisor->interrupted)
        say(supervisor, "the processes in the background run on, and are profiled no more");
}

/* Until the command ends, and when it ended well, what it left in the background, unless that is of no interest. What is
 * there already is still taken in. */
static int follow(struct supervisor *supervisor) {
    siginfo_t info;
    for (;;) {
        /* Not taken yet: its pid stays its own while what it left is written. */
        info.si_pid = 0;
        waitid(P_PID, (id_t)supervisor->command, &info, WEXITED | WNOHANG | WNOWAIT);
        if (info.si_pid)
            break;
        turn(supervisor, BEAT_MS);
        tree_beat(supervisor->tree);
    }
    while (turn(supervisor, /* wait_ms= */ 0)) {
    }
    uint64_t forks = tree_forks(supervisor->tree, (uint32_t)supervisor->command);
    int status = 0;
    waitpid(supervisor->command, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !supervisor->options->first_only)
        follow_background(supervisor, forks);
    return status;
}

/* ---- Start and end ------------------------------------------------------------------------------------------------- */

static int save(void *data, uint32_t pid, struct buffer *ret) {
    const struct supervisor *supervisor = data;
    return postmortem_save(supervisor->tree, pid, supervisor->options->output_folder, ret);
}

static void log_from_serve(void *data, enum serve_log_level level, const char *message) {
    if (level != SERVE_LOG_INFO)
        say(data, "%s", message);
}

static void warn(void *data, const char *sentence) {
    say(data, "warning: %s", sentence);
}

/* Processes and how they were built. */
static int start_reading(struct supervisor *supervisor) {
    int error = tree_new(&supervisor->tree);
    if (!error)
        error = builds_new(warn, supervisor, &supervisor->builds);
    if (!error)
        tree_set_builds(supervisor->tree, supervisor->builds);
    return error;
}

static int start_serve(struct supervisor *supervisor, char *why) {
    const struct supervise_options *options = supervisor->options;
    struct serve_options serve_options = {.tree = supervisor->tree,
                                          .bind_address = options->bind_address,
                                          .port = options->port,
                                          .unix_path = options->unix_path,
                                          .allow_hosts = options->allow_hosts,
                                          .token_file = options->token_file,
                                          .cpu_rate_hz = options->cpu_rate_hz,
                                          .log = log_from_serve,
                                          .log_data = supervisor,
                                          .save = save,
                                          .save_data = supervisor};
    /* A missing file or a forbidden port is none of the command's: what tells of that one is not passed on. */
    return serve_start(&serve_options, &supervisor->serve, why, SUPERVISE_WHY_BYTES) ? -EIO : 0;
}

static int start_listening(struct supervisor *supervisor) {
    int error = registrar_open(&supervisor->registrar);
    if (error)
        return error;
    supervisor->epoll = epoll_create1(EPOLL_CLOEXEC);
    supervisor->signals = signalfd(-1, &supervisor->passed, SFD_CLOEXEC | SFD_NONBLOCK);
    if (supervisor->epoll < 0 || supervisor->signals < 0)
        return -errno;
    error = add_to_epoll(supervisor->epoll, supervisor->signals, &supervisor->signals);
    return error ? error : add_to_epoll(supervisor->epoll, supervisor->registrar.fd, &supervisor->registrar);
}

/* NULL for a program that is better left alone. */
static const char *choose_probe(const struct supervisor *supervisor, const char *path, const char *probe) {
    struct build_flags build = {0};
    char sentence[BUILD_FLAGS_SENTENCE_BYTES];
    if (build_flags_look(path, /* build_id= */ "", &build) || !(build.flags & BUILD_NO_COMPANY))
        return probe;
    build_flags_tell(path, build.flags, sentence);
    say(supervisor, "warning: %s", sentence);
    return NULL;
}

static int start_command(struct supervisor *supervisor, const char *path, const char *probe, char *why) {
    probe = choose_probe(supervisor, path, probe);
    struct command_start start = {
        .path = path, .probe = probe, .registrar = &supervisor->registrar, .mask = &supervisor->mask_before};
    int error = command_start(supervisor->options, &start, &supervisor->command);
    if (!error)
        error = watch_add(&supervisor->watches, supervisor->epoll, (uint32_t)supervisor->command);
    if (error)
        snprintf(why, SUPERVISE_WHY_BYTES, "%.256s could not be started: %s", path, strerror(-error));
    return error;
}

static void tell_where(const struct supervisor *supervisor) {
    const struct supervise_options *options = supervisor->options;
    bool brackets = strchr(options->bind_address, ':') != NULL;
    char rolling[64] = "";
    if (options->trace_bytes_max)
        snprintf(rolling, sizeof rolling, " (rolling trace %g s, %g MiB)", (double)options->trace_min_age_ns / 1e9,
                 (double)options->trace_bytes_max / (1 << 20));
    if (options->unix_path)
        say(supervisor, "profiling at unix socket %s, /_piko/debug/pprof/%s", options->unix_path, rolling);
    else
        say(supervisor, "profiling at http://%s%s%s:%u/_piko/debug/pprof/%s", brackets ? "[" : "",
            options->bind_address, brackets ? "]" : "", (unsigned)serve_port(supervisor->serve), rolling);
}

/* What the processes do is served, or written when they end. */
static int begin(struct supervisor *supervisor, char *why) {
    const struct supervise_options *options = supervisor->options;
    int error = options->generator ? 0 : start_serve(supervisor, why);
    if (options->generator)
        generator_begin(options->output_folder, options->say, options->say_data, &supervisor->generator);
    else if (!error)
        tell_where(supervisor);
    return error;
}

struct alive_pids {
    uint32_t list[TREE_PROCESSES_MAX];
    size_t n;
};

static void take_alive(const struct tree_process *process, void *data) {
    struct alive_pids *pids = data;
    if (process->state < TREE_ENDED && pids->n < TREE_PROCESSES_MAX)
        pids->list[pids->n++] = process->pid;
}

/* Those that live on are written as they are now. */
static void end_generator(struct supervisor *supervisor) {
    struct alive_pids pids = {.n = 0};
    if (!supervisor->options->generator)
        return;
    tree_list(supervisor->tree, take_alive, &pids);
    for (size_t i = 0; i < pids.n; i++)
        generator_take(&supervisor->generator, supervisor->tree, pids.list[i], /* signal= */ 0);
    generator_end(&supervisor->generator, supervisor->tree);
}

static void finish(struct supervisor *supervisor) {
    serve_stop(supervisor->serve);
    while (supervisor->watches)
        watch_remove(&supervisor->watches, supervisor->watches);
    registrar_close(&supervisor->registrar);
    if (supervisor->signals >= 0)
        close(supervisor->signals);
    if (supervisor->epoll >= 0)
        close(supervisor->epoll);
    tree_free(supervisor->tree);
    builds_free(supervisor->builds);
}

int supervise_run(const struct supervise_options *options, int *ret, char why[SUPERVISE_WHY_BYTES]) {
    char path[PATH_MAX], probe[PATH_MAX];
    int error = program_find(options->argv[0], path, why, SUPERVISE_WHY_BYTES);
    if (!error)
        error = program_find_probe(probe, why, SUPERVISE_WHY_BYTES);
    if (error)
        return error;
    struct supervisor supervisor = {.options = options, .signals = -1, .epoll = -1, .registrar.fd = -1};
    choose_signals(&supervisor.passed);
    sigprocmask(SIG_BLOCK, &supervisor.passed, &supervisor.mask_before);
    error = start_reading(&supervisor);
    if (!error)
        error = start_listening(&supervisor);
    if (error)
        snprintf(why, SUPERVISE_WHY_BYTES, "could not start: %s", strerror(-error));
    else
        error = begin(&supervisor, why);
    if (!error)
        error = start_command(&supervisor, path, probe, why);
    if (!error) {
        *ret = follow(&supervisor);
        end_generator(&supervisor);
    }
    finish(&supervisor);
    return error;
}
