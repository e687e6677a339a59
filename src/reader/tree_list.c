/* The list of processes: who comes, who goes, who is looked at. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "reader/builds.h"
#include "reader/mailbox.h"
#include "reader/threads.h"
#include "reader/tree_internal.h"

int tree_new(struct tree **ret) {
    struct tree *tree = calloc(1, sizeof(*tree));
    if (!tree)
        return -ENOMEM;
    int error = symbols_new(&tree->symbols);
    if (error) {
        free(tree);
        return error;
    }
    pthread_mutex_init(&tree->lock, NULL);
    *ret = tree;
    return 0;
}

static void process_free(struct process *process) {
    if (process->owned) {
        reader_free(process->reader);
        munmap(process->segment, process->bytes);
    }
    free(process);
}

/* With the lock held. */
static void drop_one(struct process *process) {
    if (--process->refs == 0)
        process_free(process);
}

static void append(struct tree *tree, struct process *process) {
    struct process **end = &tree->processes;
    while (*end)
        end = &(*end)->next;
    *end = process;
    process->refs = 1;
    tree->n_alive++;
}

int tree_new_single(struct reader *reader, struct tree **ret) {
    struct process *process = calloc(1, sizeof(*process));
    struct tree *tree;
    int error = process ? tree_new(&tree) : -ENOMEM;
    if (error) {
        free(process);
        return error;
    }
    process->pid = reader->view.pid;
    process->reader = reader;
    process->began_ns = clock_monotonic_ns();
    append(tree, process);
    tree->single = true;
    tree->builds = reader->builds;
    *ret = tree;
    return 0;
}

void tree_free(struct tree *tree) {
    if (!tree)
        return;
    while (tree->processes) {
        struct process *next = tree->processes->next;
        process_free(tree->processes);
        tree->processes = next;
    }
    symbols_free(tree->symbols);
    pthread_mutex_destroy(&tree->lock);
    free(tree);
}

void tree_set_builds(struct tree *tree, struct builds *builds) {
    tree->builds = builds;
}

void tree_list_builds(struct tree *tree, void (*visit)(const char *sentence, void *data), void *data) {
    builds_list(tree->builds, visit, data);
}

/* With the lock held: those that ended first go when there are too many. */
static void forget_oldest(struct tree *tree) {
    while (tree->n_ended > TREE_ENDED_MAX) {
        struct process **oldest = NULL;
        for (struct process **at = &tree->processes; *at; at = &(*at)->next)
            if ((*at)->ended && (!oldest || (*at)->ended_ns < (*oldest)->ended_ns))
                oldest = at;
        if (!oldest)
            return;
        struct process *process = *oldest;
        *oldest = process->next;
        tree->n_ended--;
        drop_one(process);
    }
}

/* With the lock held. */
static void end_one(struct tree *tree, uint32_t pid, bool replaced) {
    for (struct process *process = tree->processes; process; process = process->next) {
        if (process->pid != pid || process->ended)
            continue;
        process->ended = true;
        process->ended_ns = clock_monotonic_ns();
        process->replaced = replaced;
        reader_set_quiet(process->reader, /* quiet= */ true, /* there= */ false);
        tree->n_alive--;
        tree->n_ended++;
    }
    forget_oldest(tree);
}

/* Both come from the target and go into labels, JSON and names of folders: plain characters alone. */
static void copy_plain(char *to, size_t size, const char *from) {
    size_t n = 0;
    for (; from[n] && n + 1 < size; n++)
        to[n] = (char)(from[n] > ' ' && from[n] < 0x7f ? from[n] : '_');
    to[n] = '\0';
}

int tree_add(struct tree *tree, uint32_t pid, uint32_t parent, const char *name, const char *command,
             struct segment *segment, size_t bytes) {
    struct process *process = calloc(1, sizeof(*process));
    int error = -ENOMEM;
    if (process) {
        copy_plain(process->name, sizeof(process->name), name);
        copy_plain(process->command, sizeof(process->command), command);
        error = reader_new_process(segment, bytes, tree->symbols, pid, process->name, &process->reader);
    }
    if (error) {
        free(process);
        munmap(segment, bytes);
        return error;
    }
    process->pid = pid;
    process->parent = parent;
    process->owned = true;
    process->segment = segment;
    process->bytes = bytes;
    process->began_ns = clock_monotonic_ns();
    reader_set_builds(process->reader, tree->builds);
    if (tree->builds)
        builds_look(tree->builds, pid, process->command);
    pthread_mutex_lock(&tree->lock);
    end_one(tree, pid, /* replaced= */ true);
    bool full = tree->n_alive >= TREE_PROCESSES_MAX;
    if (full) {
        process_free(process);
    } else {
        append(tree, process);
        unsigned hz = rates_fastest(&tree->cpu_rates);
        process->followed = hz > 0;
        if (process->followed)
            reader_cpu_follow(process->reader, hz);
        process->traced = tree->n_trace > 0;
        if (process->traced)
            mailbox_trace_enter(&process->reader->view);
    }
    pthread_mutex_unlock(&tree->lock);
    return full ? -ENFILE : 0;
}

void tree_end(struct tree *tree, uint32_t pid) {
    pthread_mutex_lock(&tree->lock);
    end_one(tree, pid, /* replaced= */ false);
    pthread_mutex_unlock(&tree->lock);
}

bool tree_has(struct tree *tree, uint32_t pid) {
    bool found = false;
    pthread_mutex_lock(&tree->lock);
    for (const struct process *process = tree->processes; process && !found; process = process->next)
        found = process->pid == pid && !process->ended;
    pthread_mutex_unlock(&tree->lock);
    return found;
}

uint64_t tree_forks(struct tree *tree, uint32_t pid) {
    uint64_t forks = 0;
    pthread_mutex_lock(&tree->lock);
    for (const struct process *process = tree->processes; process; process = process->next)
        if (process->pid == pid)
            forks = __atomic_load_n(&process->segment->counters.forks, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&tree->lock);
    return forks;
}

void tree_beat(struct tree *tree) {
    pthread_mutex_lock(&tree->lock);
    for (struct process *process = tree->processes; process; process = process->next)
        if (!process->ended)
            __atomic_store_n(&process->segment->mailbox.reader_ns, clock_monotonic_ns(), __ATOMIC_RELAXED);
    pthread_mutex_unlock(&tree->lock);
}

enum tree_state tree_look(const struct process *process) {
    if (process->ended)
        return process->replaced ? TREE_REPLACED : TREE_ENDED;
    if (!process->owned)
        return TREE_RUNNING;
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", process->pid);
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    text[n] = '\0';
    const char *end = strrchr(text, ')'); /* the name before it may hold anything */
    char state = end && end[1] == ' ' ? end[2] : 'X';
    if (state == 'T' || state == 't')
        return TREE_STOPPED;
    return state == 'Z' || state == 'X' ? TREE_ENDED : TREE_RUNNING;
}

/* ---- Picking ---------------------------------------------------------------------------------------------------------*/

static bool is_meant(const struct process *process, uint32_t pid, uint64_t since_ns) {
    return pid ? process->pid == pid : !process->ended || process->began_ns >= since_ns;
}

static void look_at(const struct process *process) {
    enum tree_state state = tree_look(process);
    reader_set_quiet(process->reader, state != TREE_RUNNING, state == TREE_RUNNING || state == TREE_STOPPED);
}

int tree_pick(struct tree *tree, uint32_t pid, uint64_t since_ns, struct picked *ret) {
    struct picked picked = {.n = 0};
    pthread_mutex_lock(&tree->lock);
    picked.list = calloc(tree->n_alive + tree->n_ended + 1, sizeof(struct process *));
    for (struct process *process = tree->processes; process && picked.list; process = process->next) {
        if (!is_meant(process, pid, since_ns))
            continue;
        if (pid && picked.n) { /* the newest alone: it stands last */
            drop_one(picked.list[0]);
            picked.n = 0;
        }
        process->refs++;
        picked.list[picked.n++] = process;
    }
    pthread_mutex_unlock(&tree->lock);
    if (!picked.list)
        return -ENOMEM;
    if (pid && !picked.n) {
        free(picked.list);
        return -ESRCH;
    }
    for (size_t i = 0; i < picked.n; i++)
        if (picked.list[i]->owned)
            look_at(picked.list[i]);
    *ret = picked;
    return 0;
}

void tree_drop(struct tree *tree, struct picked *picked) {
    pthread_mutex_lock(&tree->lock);
    for (size_t i = 0; i < picked->n; i++)
        drop_one(picked->list[i]);
    pthread_mutex_unlock(&tree->lock);
    free(picked->list);
    *picked = (struct picked){0};
}

const char *tree_state_name(enum tree_state state) {
    static const char *const names[] = {
        [TREE_RUNNING] = "running", [TREE_STOPPED] = "stopped", [TREE_ENDED] = "ended", [TREE_REPLACED] = "replaced"};
    return names[state];
}

static void visit_all(const struct picked *picked, bool ended, void (*visit)(const struct tree_process *, void *),
                      void *data) {
    for (size_t i = 0; i < picked->n; i++) {
        const struct process *process = picked->list[i];
        if (process->ended != ended)
            continue;
        struct tree_process about = {
            .pid = process->pid,
            .parent = process->parent,
            .state = tree_look(process),
            .age_ns = clock_monotonic_ns() - process->began_ns,
            .threads = ended ? 0 : threads_count(&process->reader->view),
        };
        memcpy(about.name, process->name, sizeof(about.name));
        memcpy(about.command, process->command, sizeof(about.command));
        visit(&about, data);
    }
}

int tree_list(struct tree *tree, void (*visit)(const struct tree_process *process, void *data), void *data) {
    struct picked picked;
    if (tree->single)
        return 0;
    int error = tree_pick(tree, /* pid= */ 0, /* since_ns= */ 0, &picked);
    if (error)
        return error;
    visit_all(&picked, /* ended= */ false, visit, data);
    visit_all(&picked, /* ended= */ true, visit, data);
    tree_drop(tree, &picked);
    return 0;
}
