/* compare_stacks PID FILE: asks elfutils' libdw for the stack at each of the stops that tests/programs/stops.c wrote in the
 * process PID, which still lives, and says how many are the same, frame by frame. The first that differ are shown. */
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "programs/stops.h"

#define FRAMES_MAX 128u /* SEGMENT_STACK_DEPTH_MAX */
#define SHOWN_MAX 10

static struct {
    Dwfl *dwfl;
    pid_t pid;
    int memory; /* of the process, for what is not on the stack */
    const struct stop *stop;
    const char *stack;
} asked;

static bool read_word(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret, void *data) {
    (void)dwfl;
    (void)data;
    uint64_t offset = address - asked.stop->stack_low;
    if (address >= asked.stop->stack_low && offset + sizeof(*ret) <= asked.stop->stack_bytes) {
        memcpy(ret, asked.stack + offset, sizeof(*ret));
        return true;
    }
    return pread(asked.memory, ret, sizeof(*ret), (off_t)address) == sizeof(*ret);
}

static pid_t next_thread(Dwfl *dwfl, void *data, void **thread) {
    (void)dwfl;
    (void)data;
    pid_t next = *thread ? 0 : asked.pid;
    *thread = &asked;
    return next;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *data, void **thread) {
    (void)dwfl;
    (void)data;
    *thread = &asked;
    return tid == asked.pid;
}

static bool set_registers(Dwfl_Thread *thread, void *data) {
    (void)data;
    dwfl_thread_state_register_pc(thread, asked.stop->registers[STOPS_REGISTERS - 1]);
    return dwfl_thread_state_registers(thread, 0, STOPS_REGISTERS, asked.stop->registers);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {.next_thread = next_thread,
                                                       .get_thread = get_thread,
                                                       .memory_read = read_word,
                                                       .set_initial_registers = set_registers};

struct answer {
    uint64_t pcs[FRAMES_MAX];
    uint32_t n;
};

static int add_frame(Dwfl_Frame *frame, void *data) {
    struct answer *answer = data;
    Dwarf_Addr pc;
    bool is_interrupted;
    if (!dwfl_frame_pc(frame, &pc, &is_interrupted))
        return DWARF_CB_ABORT;
    answer->pcs[answer->n++] = is_interrupted ? pc : pc - 1;
    return answer->n == FRAMES_MAX ? DWARF_CB_ABORT : DWARF_CB_OK;
}

static void show(const char *who, const uint64_t *pcs, uint32_t n, bool complete) {
    printf("  %s%s\n", who, complete ? "" : " (truncated)");
    for (uint32_t i = 0; i < n && i < 40; i++) {
        Dwfl_Module *module = dwfl_addrmodule(asked.dwfl, pcs[i]);
        const char *name = module ? dwfl_module_addrname(module, pcs[i]) : NULL;
        const char *file = module ? dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL) : "?";
        printf("    %#" PRIx64 " %s %s\n", pcs[i], name ? name : "?", file);
    }
}

static bool is_same(const struct stop *stop, const struct answer *answer) {
    const uint64_t *pcs = (const uint64_t *)(const void *)(stop + 1);
    return stop->n_frames == answer->n && memcmp(pcs, answer->pcs, answer->n * sizeof(*pcs)) == 0;
}

/* The next stop behind this one. */
static const struct stop *ask(const struct stop *stop, struct answer *ret) {
    asked.stop = stop;
    asked.stack = (const char *)(stop + 1) + stop->n_frames * sizeof(uint64_t);
    ret->n = 0;
    dwfl_getthread_frames(asked.dwfl, asked.pid, add_frame, ret);
    return (const struct stop *)(const void *)(asked.stack + ((stop->stack_bytes + 7u) & ~7u));
}

static bool attach(const char *pid) {
    static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_linux_proc_find_elf,
                                             .find_debuginfo = dwfl_standard_find_debuginfo};
    char path[64];
    asked.pid = atoi(pid);
    snprintf(path, sizeof(path), "/proc/%d/mem", asked.pid);
    asked.memory = open(path, O_RDONLY | O_CLOEXEC);
    asked.dwfl = dwfl_begin(&callbacks);
    return asked.memory >= 0 && dwfl_linux_proc_report(asked.dwfl, asked.pid) == 0 &&
           dwfl_report_end(asked.dwfl, NULL, NULL) == 0 &&
           dwfl_attach_state(asked.dwfl, NULL, asked.pid, &thread_callbacks, NULL);
}

int main(int argc, char **argv) {
    if (argc != 3 || !attach(argv[1])) {
        fprintf(stderr, "usage: compare_stacks PID FILE; %s\n", dwfl_errmsg(-1));
        return 2;
    }
    int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    const struct stops_header *header = mmap(NULL, STOPS_FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (header == MAP_FAILED)
        return 1;
    const struct stop *stop = (const struct stop *)(header + 1);
    uint64_t n = __atomic_load_n(&header->n, __ATOMIC_ACQUIRE), same = 0, frames = 0;
    for (uint64_t i = 0, shown = 0; i < n; i++) {
        struct answer answer;
        const struct stop *next = ask(stop, &answer);
        frames += answer.n;
        if (is_same(stop, &answer)) {
            same++;
        } else if (shown++ < SHOWN_MAX) {
            printf("stop %" PRIu64 " differs\n", i);
            show("ours", (const uint64_t *)(const void *)(stop + 1), stop->n_frames, stop->complete);
            show("libdw", answer.pcs, answer.n, true);
        }
        stop = next;
    }
    printf("stops %" PRIu64 " same %" PRIu64 " frames %" PRIu64 "\n", n, same, frames);
    return 0;
}
