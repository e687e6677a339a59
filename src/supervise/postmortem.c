#include "supervise/postmortem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "reader/profile_set.h"

int postmortem_write_crash(struct tree *tree, uint32_t pid, int signal, const char *folder) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    const char *name = signal ? sigabbrev_np(signal) : NULL;
    if (name)
        buffer_printf(&text, "process %" PRIu32 " was ended by SIG%s (%s)\n\n", pid, name, sigdescr_np(signal));
    else
        buffer_printf(&text, "process %" PRIu32 "\n\n", pid);
    int error = tree_crash(tree, pid, &text);
    if (!error)
        error = tree_dump(tree, pid, &text);
    if (error && error != -ETIMEDOUT)
        return error;
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(0);
    buffer_printf(&path, "%s/crash.txt", folder);
    if (text.error || path.error)
        return -ENOMEM;
    return file_write(path.data, text.data ? text.data : "", text.size, FILE_MODE_CAPTURE);
}

struct wanted {
    uint32_t pid;
    char name[TREE_NAME_BYTES];
};

static void take_name(const struct tree_process *process, void *data) {
    struct wanted *wanted = data;
    if (process->pid != wanted->pid)
        return;
    for (size_t i = 0; i < sizeof(wanted->name); i++)
        wanted->name[i] = process->name[i] == '/' ? '_' : process->name[i];
}

int postmortem_name(struct tree *tree, uint32_t pid, struct buffer *ret) {
    struct wanted wanted = {.pid = pid, .name = ""};
    int error = tree_list(tree, take_name, &wanted);
    if (!error)
        error = buffer_printf(ret, "%s-%" PRIu32, wanted.name[0] ? wanted.name : "process", pid);
    return error;
}

int postmortem_write(struct tree *tree, uint32_t pid, int signal, const char *folder, struct buffer *ret) {
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(0);
    struct profile_set set = PROFILE_SET_EMPTY;
    const char *file;
    buffer_printf(&path, "%s/", folder);
    int error = postmortem_name(tree, pid, &path);
    error = error ? error : path.error;
    if (!error)
        error = file_make_directory(path.data);
    if (!error)
        error = postmortem_write_crash(tree, pid, signal, path.data);
    if (!error)
        error = profile_set_take(tree, pid, /* with_cpu= */ false, &set);
    if (!error)
        error = profile_set_write(&set, path.data, &file);
    profile_set_done(&set);
    if (!error)
        buffer_add_string(ret, path.data);
    return error ? error : ret->error;
}

struct pids {
    uint32_t asked;
    uint32_t list[TREE_PROCESSES_MAX + TREE_ENDED_MAX];
    size_t n;
};

static void take_pid(const struct tree_process *process, void *data) {
    struct pids *pids = data;
    bool meant = pids->asked ? process->pid == pids->asked : process->state < TREE_ENDED;
    if (meant && pids->n < sizeof(pids->list) / sizeof(pids->list[0]))
        pids->list[pids->n++] = process->pid;
}

int postmortem_save(struct tree *tree, uint32_t pid, const char *folder, struct buffer *ret) {
    struct pids pids = {.asked = pid};
    int error = tree_list(tree, take_pid, &pids);
    if (!error && !pids.n)
        error = -ESRCH;
    for (size_t i = 0; i < pids.n && !error; i++) {
        error = postmortem_write(tree, pids.list[i], /* signal= */ 0, folder, ret);
        buffer_add_string(ret, "\n");
    }
    return error;
}
