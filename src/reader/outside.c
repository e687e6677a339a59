#include "reader/outside.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/cleanup.h"

#define PROBE_FILE "libpiko-probe.so"

struct outside {
    Dwfl *dwfl;
    pid_t pid;
    struct outside_place place; /* of the thread that is being looked at; fp 0 = unknown */
};

/* DWARF numbers of the registers, of the x86-64 and the AArch64 ABI. */
#if defined(__x86_64__)
enum { DWARF_FP = 6, DWARF_SP = 7 };
#elif defined(__aarch64__)
enum { DWARF_FP = 29, DWARF_SP = 31 };
#else
#error "DWARF register numbers are known for x86-64 and aarch64 only"
#endif

static pid_t no_next_thread(Dwfl *dwfl, void *data, void **thread) {
    (void)dwfl;
    (void)data;
    (void)thread;
    return 0;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *data, void **thread) {
    (void)dwfl;
    (void)tid;
    *thread = data;
    return true;
}

static bool read_word(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret, void *data) {
    (void)dwfl;
    const struct outside *outside = data;
    struct iovec to = {.iov_base = ret, .iov_len = sizeof(*ret)};
    struct iovec from = {.iov_base = (void *)(uintptr_t)address, .iov_len = sizeof(*ret)};
    return process_vm_readv(outside->pid, &to, 1, &from, 1, 0) == sizeof(*ret);
}

/* Most code of distributions keeps no frame pointer and needs none. */
static bool set_registers(Dwfl_Thread *thread, void *data) {
    const struct outside_place *place = &((const struct outside *)data)->place;
    if (!dwfl_thread_state_registers(thread, DWARF_SP, 1, &place->sp) ||
        (place->fp && !dwfl_thread_state_registers(thread, DWARF_FP, 1, &place->fp)))
        return false;
    dwfl_thread_state_register_pc(thread, place->pc);
    return true;
}

/* Separate debug files tell nothing more of frames. */
static int no_debug_file(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, const char *file,
                         const char *link, GElf_Word crc, char **ret) {
    (void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)crc, (void)ret;
    return -1;
}

int outside_open(uint32_t pid, struct outside **ret) {
    static const Dwfl_Callbacks files = {.find_elf = dwfl_linux_proc_find_elf, .find_debuginfo = no_debug_file};
    static const Dwfl_Thread_Callbacks threads = {.next_thread = no_next_thread,
                                                  .get_thread = get_thread,
                                                  .memory_read = read_word,
                                                  .set_initial_registers = set_registers};
    struct outside *outside = calloc(1, sizeof(*outside));
    if (!outside)
        return -ENOMEM;
    outside->pid = (pid_t)pid;
    outside->dwfl = dwfl_begin(&files);
    if (!outside->dwfl || dwfl_linux_proc_report(outside->dwfl, outside->pid) ||
        dwfl_report_end(outside->dwfl, NULL, NULL) ||
        !dwfl_attach_state(outside->dwfl, NULL, outside->pid, &threads, outside)) {
        outside_close(outside);
        return -ESRCH;
    }
    *ret = outside;
    return 0;
}

void outside_close(struct outside *outside) {
    if (!outside)
        return;
    dwfl_end(outside->dwfl);
    free(outside);
}

/* "202 0x7f… 0x189 0x0 0x0 0x0 0x0 SP PC", "-1 SP PC" outside of a call, "running". */
static bool look_at_thread(struct outside *outside, uint32_t tid) {
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%d/task/%" PRIu32 "/syscall", (int)outside->pid, tid);
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    if (!file || !fgets(line, sizeof(line), file))
        return false;
    char *pc = strrchr(line, ' ');
    if (!pc)
        return false;
    *pc = '\0';
    const char *sp = strrchr(line, ' ');
    outside->place =
        (struct outside_place){.pc = strtoull(pc + 1, NULL, 16), .sp = sp ? strtoull(sp + 1, NULL, 16) : 0};
    return outside->place.sp != 0;
}

static bool is_probe(Dwfl *dwfl, uint64_t pc) {
    const char *file = NULL;
    Dwfl_Module *module = dwfl_addrmodule(dwfl, pc);
    if (module)
        dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, &file, NULL);
    const char *name = file ? strrchr(file, '/') : NULL;
    return name && !strncmp(name + 1, PROBE_FILE, strlen(PROBE_FILE));
}

struct taken {
    struct view_stack *stack;
    bool pc_is_return; /* of the first frame, which libdw takes for an interrupted one */
};

static int take_frame(Dwfl_Frame *frame, void *data) {
    struct taken *taken = data;
    struct view_stack *stack = taken->stack;
    Dwarf_Addr pc;
    bool interrupted;
    if (stack->n_frames == SEGMENT_STACK_DEPTH_MAX || !dwfl_frame_pc(frame, &pc, &interrupted))
        return DWARF_CB_ABORT;
    if (!interrupted || taken->pc_is_return)
        pc--;
    taken->pc_is_return = false;
    if (is_probe(dwfl_thread_dwfl(dwfl_frame_thread(frame)), pc))
        stack->n_frames = 0;
    else
        stack->pcs[stack->n_frames++] = pc;
    return DWARF_CB_OK;
}

bool outside_stack(struct outside *outside, uint32_t tid, const struct outside_place *place, struct view_stack *ret) {
    if (!look_at_thread(outside, tid))
        return false;
    struct taken taken = {.stack = ret, .pc_is_return = place->pc && place->sp >= outside->place.sp};
    if (taken.pc_is_return) /* else it has left the wait */
        outside->place = *place;
    ret->n_frames = 0;
    ret->truncated = dwfl_getthread_frames(outside->dwfl, (pid_t)tid, take_frame, &taken) != 0;
    return ret->n_frames > 0;
}
