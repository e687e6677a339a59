#include "supervise/postmortem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

static const struct {
    const char *file;
    enum reader_kind kind;
} profiles[] = {
    {"heap.pprof", READER_HEAP},   {"allocs.pprof", READER_ALLOCS},       {"block.pprof", READER_BLOCK},
    {"mutex.pprof", READER_MUTEX}, {"goroutine.pprof", READER_GOROUTINE},
};

static int write_file(const char *folder, const char *name, const struct buffer *content) {
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(0);
    buffer_printf(&path, "%s/%s", folder, name);
    if (content->error || path.error)
        return -ENOMEM;
    return file_write(path.data, content->data ? content->data : "", content->size, FILE_MODE_CAPTURE);
}

static int write_profile(struct tree *tree, uint32_t pid, const char *folder, const char *name, enum reader_kind kind) {
    struct profile *profile = NULL;
    int error = tree_profile(tree, pid, kind, &profile);
    if (!profile)
        return error;
    _cleanup_buffer_ struct buffer content = BUFFER_INIT(0);
    error = profile_encode(profile, &content);
    profile_free(profile);
    return error ? error : write_file(folder, name, &content);
}

static int write_crash(struct tree *tree, uint32_t pid, int signal, const char *folder) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    const char *name = signal ? sigabbrev_np(signal) : NULL;
    if (name)
        buffer_printf(&text, "process %" PRIu32 " was ended by SIG%s (%s)\n\n", pid, name, sigdescr_np(signal));
    else
        buffer_printf(&text, "process %" PRIu32 "\n\n", pid);
    int error = tree_crash(tree, pid, &text);
    if (!error)
        error = tree_dump(tree, pid, &text);
    return error && error != -ETIMEDOUT ? error : write_file(folder, "crash.txt", &text);
}

/* Where it kept one. */
static int write_trace(struct tree *tree, uint32_t pid, const char *folder) {
    _cleanup_buffer_ struct buffer content = BUFFER_INIT(0);
    int error = tree_trace_recent(tree, pid, TRACE_GO_1_23, &content);
    if (error == -ENODATA)
        return 0;
    return error ? error : write_file(folder, "trace.out", &content);
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

int postmortem_write(struct tree *tree, uint32_t pid, int signal, const char *folder, struct buffer *ret) {
    struct wanted wanted = {.pid = pid, .name = ""};
    int error = tree_list(tree, take_name, &wanted);
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(0);
    buffer_printf(&path, "%s/%s-%" PRIu32, folder, wanted.name[0] ? wanted.name : "process", pid);
    error = error ? error : path.error;
    if (!error)
        error = file_make_directory(path.data);
    if (!error)
        error = write_crash(tree, pid, signal, path.data);
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]) && !error; i++)
        error = write_profile(tree, pid, path.data, profiles[i].file, profiles[i].kind);
    if (!error)
        error = write_trace(tree, pid, path.data);
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
