/* Loaded in front of any program: interrupts its main thread at random moments, walks the stack as the CPU sampler does and
 * writes the walk down, with the registers and the stack as they were, so that another unwinder can be asked about the same
 * moment. STOPS_FILE names the file, STOPS_N says how many. */
#include "stops.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "probe/control/control.h"
#include "probe/handler/capture.h"
#include "probe/handler/probe.h"
#include "probe/handler/unwind_arch.h"

#define GAP_US_MAX 2000
#define STOP_SIGNAL (SIGRTMIN + 8)

static char *file;
static uint64_t wanted, stack_high;
static timer_t timer;

static void set_timer(void) {
    long us = 1 + (long)(probe_random() % GAP_US_MAX);
    timer_settime(timer, 0, &(struct itimerspec){.it_value = {.tv_nsec = us * 1000}}, NULL);
}

static void write_registers(const ucontext_t *user, uint64_t *ret) {
    static const int order[STOPS_REGISTERS] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                               REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                               REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    for (int i = 0; i < STOPS_REGISTERS; i++)
        ret[i] = (uint64_t)user->uc_mcontext.gregs[order[i]];
}

static void write_stop(struct stops_header *header, const ucontext_t *user) {
    struct stop *stop = (struct stop *)(file + header->bytes);
    struct unwind_registers registers = unwind_registers_of(user);
    uint32_t id = capture_stack(&registers);
    if (!id || registers.sp >= stack_high)
        return;
    const uint64_t *words = probe.tables.stack_words + id - 1;
    const struct segment_stack *stack = (const struct segment_stack *)words;
    write_registers(user, stop->registers);
    stop->n_frames = stack->n_frames;
    stop->complete = !(stack->flags & SEGMENT_STACK_TRUNCATED);
    stop->stack_low = (registers.sp - UNWIND_RED_ZONE_BYTES) & ~(uint64_t)7;
    uint64_t bytes = stack_high - stop->stack_low;
    stop->stack_bytes = (uint32_t)(bytes < STOPS_STACK_BYTES_MAX ? bytes : STOPS_STACK_BYTES_MAX);
    char *at = (char *)(stop + 1);
    memcpy(at, words + 1, stop->n_frames * sizeof(uint64_t));
    at += stop->n_frames * sizeof(uint64_t);
    memcpy(at, (const char *)(uintptr_t)stop->stack_low, stop->stack_bytes);
    header->bytes = (uint64_t)(at + ((stop->stack_bytes + 7u) & ~7u) - file);
    __atomic_add_fetch(&header->n, 1, __ATOMIC_RELEASE);
}

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    struct stops_header *header = (struct stops_header *)file;
    if (header->n >= wanted || header->bytes + 2 * STOPS_STACK_BYTES_MAX > STOPS_FILE_BYTES)
        return;
    write_stop(header, context);
    set_timer();
}

static void learn_stack(void) {
    pthread_attr_t attributes;
    void *low;
    size_t size;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
    stack_high = (uint64_t)(uintptr_t)low + size;
}

static bool open_file(void) {
    int fd = getenv("STOPS_FILE") ? open(getenv("STOPS_FILE"), O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || ftruncate(fd, (off_t)STOPS_FILE_BYTES))
        return false;
    file = mmap(NULL, STOPS_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return file != MAP_FAILED;
}

__attribute__((constructor)) static void start(void) {
    struct segment *segment;
    size_t bytes;
    wanted = strtoull(getenv("STOPS_N") ? getenv("STOPS_N") : "0", NULL, 10);
    unsetenv("LD_PRELOAD");
    if (!open_file() || control_start(&(struct control_rates){0}, NULL, &segment, &bytes))
        return;
    learn_stack();
    ((struct stops_header *)file)->bytes = sizeof(struct stops_header);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&action.sa_mask);
    sigaction(STOP_SIGNAL, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = STOP_SIGNAL};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
        set_timer();
}
