/* What a process with one thread may count on; prints a line a fact.
 *   alone identity   who each of its threads is, after it became somebody else over and over
 *   alone rights     that each of its threads gives up what the first one does
 *   alone limits     that control comes back after it was not allowed to
 *   alone fork       becomes somebody else while a fork waits for it, with the first byte of standard input
 *   alone exit       ends when its last thread ends, with 0 */
#include <dirent.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int capset(cap_user_header_t header, const cap_user_data_t data); /* libc has it; the header is libcap's */

#define NOBODY 65534
#define LONELY 64321 /* nobody has that number */
#define ROUNDS 200

/* The effective user of each of the process's threads, by what the kernel says; -1 when they are not one. */
static int user_of_all(void) {
    int user = -2;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        char path[300], line[200];
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        while (file && fgets(line, sizeof line, file)) {
            int real, effective;
            if (sscanf(line, "Uid: %d %d", &real, &effective) == 2)
                user = user == -2 || user == effective ? effective : -1;
        }
        if (file)
            fclose(file);
    }
    if (tasks)
        closedir(tasks);
    return user;
}

/* A thread that was waited for may stand in the kernel's list for a moment longer. */
#define COMES_TRUE(condition)                                                                                          \
    ({                                                                                                                 \
        int tries_ = 3000;                                                                                             \
        while (!(condition) && --tries_)                                                                               \
            usleep(1000);                                                                                              \
        tries_ > 0;                                                                                                    \
    })

static void *become_and_return(void *unused) {
    for (int i = 0; i < ROUNDS; i++)
        if (seteuid(i % 2 ? 0 : NOBODY))
            exit(1);
    return unused;
}

static int identity(void) {
    printf("single-threaded %d\n", __libc_single_threaded);
    for (int i = 0; i < ROUNDS; i++)
        if (seteuid(NOBODY) || !COMES_TRUE(user_of_all() == NOBODY) || seteuid(0) || !COMES_TRUE(user_of_all() == 0))
            return 1;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, become_and_return, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    if (setuid(NOBODY) || !COMES_TRUE(user_of_all() == NOBODY))
        return 1;
    printf("nobody\n");
    return 0;
}

/* What the kernel says that a thread may do. */
static void read_rights(const char *task, char ret[1024]) {
    static const char *const wanted[] = {"Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:", "Seccomp"};
    char path[300], line[200];
    snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    FILE *file = fopen(path, "r");
    ret[0] = '\0';
    while (file && fgets(line, sizeof line, file))
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (!strncmp(line, wanted[i], strlen(wanted[i])) && strlen(ret) + strlen(line) < 1024)
                strcat(ret, line);
    if (file)
        fclose(file);
}

static bool all_have(const char *rights) {
    char other[1024];
    bool same = true;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        if (entry->d_name[0] == '.')
            continue;
        read_rights(entry->d_name, other);
        same = same && !strcmp(rights, other);
    }
    if (tasks)
        closedir(tasks);
    return same;
}

/* Whether all threads have the same rights, which are not those of `before`; then that is what they are now. */
static bool have_changed(const char *what, char before[1024]) {
    char first[1024], pid[16];
    snprintf(pid, sizeof pid, "%d", getpid());
    read_rights(pid, first);
    bool same = COMES_TRUE(all_have(first)), changed = strcmp(first, before) != 0;
    printf("%s %s\n", what, !changed ? "has no effect" : same ? "of all" : "of some");
    strcpy(before, first);
    return changed && same;
}

static int give_up_capability(bool bare, unsigned capability) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    if (syscall(SYS_capget, &header, data))
        return -1;
    data[0].permitted = data[0].effective &= ~(1u << capability);
    return bare ? (int)syscall(SYS_capset, &header, data) : capset(&header, data);
}

#define CHANGES(call) ((call) >= 0 && have_changed(#call, state))

/* The more a program has given up the less it can: so in this order. */
static int rights(void) {
    char state[1024] = "";
    have_changed("begin", state);
    return !(CHANGES(prctl(PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0)) && CHANGES(setfsgid(NOBODY)) &&
             CHANGES(setfsuid(NOBODY)) && CHANGES(setfsuid(0)) && CHANGES(give_up_capability(false, CAP_KILL)) &&
             CHANGES(give_up_capability(true, CAP_CHOWN)) && CHANGES(syscall(SYS_setgroups, 1L, &(gid_t){NOBODY})) &&
             CHANGES(syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY)) &&
             CHANGES(syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY)) &&
             CHANGES(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)));
}

static unsigned n_threads(void) {
    unsigned n = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && (entry = readdir(tasks));)
        n += entry->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
    return n;
}

static void *nothing(void *unused) {
    return unused;
}

/* Becomes a user who may have no second thread, nor control one of its own, until the limit is lifted: with the next call
 * of that kind, or the next thread. */
static int limits(void) {
    struct rlimit limit;
    unsigned before = n_threads();
    for (int by_thread = 0; by_thread < 2; by_thread++) {
        pthread_t thread;
        if (getrlimit(RLIMIT_NPROC, &limit))
            return 1;
        struct rlimit one = {.rlim_cur = 1, .rlim_max = limit.rlim_max};
        if (seteuid(0) || setrlimit(RLIMIT_NPROC, &one) || setresuid(LONELY, LONELY, 0) ||
            !COMES_TRUE(n_threads() == 1))
            return 1;
        if (setrlimit(RLIMIT_NPROC, &limit))
            return 1;
        if (by_thread ? pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL)
                      : setresuid(LONELY, LONELY, 0))
            return 1;
        bool back = COMES_TRUE(n_threads() == before);
        printf("%d of %d threads\n", n_threads(), before);
        if (!back)
            return 1;
    }
    return 0;
}

static pthread_mutex_t in_fork = PTHREAD_MUTEX_INITIALIZER;
static bool forks; /* A */

/* Registered before anybody else's handlers, this one is the last of them. */
static void waits_in_fork(void) {
    __atomic_store_n(&forks, true, __ATOMIC_RELEASE);
    pthread_mutex_lock(&in_fork);
    pthread_mutex_unlock(&in_fork);
}

static void register_first(void) {
    pthread_atfork(waits_in_fork, NULL, NULL);
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = register_first;

/* Becomes somebody else while a fork waits for it, when told to. */
static void *becomes_in_fork(void *data) {
    int *failed = data;
    pthread_mutex_lock(&in_fork);
    __atomic_store_n(failed, 0, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&forks, __ATOMIC_ACQUIRE))
        usleep(1000);
    puts("forks");
    fflush(stdout);
    getchar();
    *failed = seteuid(NOBODY);
    pthread_mutex_unlock(&in_fork);
    return NULL;
}

static int fork_beside(void) {
    pthread_t thread;
    int failed = 1, status;
    if (pthread_create(&thread, NULL, becomes_in_fork, &failed))
        return 1;
    while (__atomic_load_n(&failed, __ATOMIC_ACQUIRE))
        usleep(100);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child < 0 || waitpid(child, &status, 0) != child || status != 0 || pthread_join(thread, NULL) || failed;
}

static void *end(void *unused) {
    usleep(10000);
    return unused;
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "identity"))
        return identity();
    if (argc == 2 && !strcmp(argv[1], "rights"))
        return rights();
    if (argc == 2 && !strcmp(argv[1], "limits"))
        return limits();
    if (argc == 2 && !strcmp(argv[1], "fork"))
        return fork_beside();
    pthread_t thread;
    if (argc != 2 || strcmp(argv[1], "exit") || pthread_create(&thread, NULL, end, NULL))
        return 2;
    pthread_detach(thread);
    pthread_exit(NULL);
}
