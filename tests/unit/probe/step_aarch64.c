/* By breakpoints at all instructions that may be next: programs can't ask for a trap after each. Of the instruction set
 * (Arm ARM, C4.1) only the branches have to be known. */
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include "step_internal.h"

#define BREAKPOINT 0xd4200000u /* brk #0 */
#define INSTRUCTION_BYTES 4u

static struct breakpoint {
    uint32_t *at;
    uint32_t instruction;
} breakpoints[2];
static unsigned n_breakpoints;

uint64_t step_pc(const ucontext_t *context) {
    return context->uc_mcontext.pc;
}

static uint32_t instruction_at(uint64_t pc) {
    return *(const uint32_t *)(uintptr_t)pc;
}

/* br, blr, ret, and those of them that authenticate their target. */
enum { TO_REGISTER_JUMP, TO_REGISTER_CALL, TO_REGISTER_RETURN };
static bool is_to_register(uint32_t instruction) {
    return (instruction & 0xfe000000u) == 0xd6000000u;
}
static unsigned to_register_kind(uint32_t instruction) {
    return instruction >> 21 & 3;
}

static bool is_call(uint32_t instruction) {
    return (instruction & 0xfc000000u) == 0x94000000u ||
           (is_to_register(instruction) && to_register_kind(instruction) == TO_REGISTER_CALL);
}

void step_follow(const ucontext_t *before, const ucontext_t *now) {
    (void)now;
    uint32_t instruction = instruction_at(step_pc(before));
    if (is_call(instruction))
        step_push((struct step_call){.pc = step_pc(before) + INSTRUCTION_BYTES - 1});
    else if (is_to_register(instruction) && to_register_kind(instruction) == TO_REGISTER_RETURN)
        step_pop();
}

/* What a branch has in it as its distance: `bits` of it from bit `low` on, in instructions. */
static uint64_t distance(uint32_t instruction, unsigned low, unsigned bits) {
    int64_t instructions = (int64_t)((uint64_t)instruction << (64 - low - bits)) >> (64 - bits);
    return (uint64_t)instructions * INSTRUCTION_BYTES;
}

static uint64_t target_in_register(const ucontext_t *context, uint32_t instruction) {
    uint32_t number = instruction >> 5 & 31;
    register uint64_t link __asm__("x30") = context->uc_mcontext.regs[number == 31 ? 30 : number]; /* retaa */
    __asm__("hint #7" : "+r"(link));                                                               /* xpaclri */
    return link;
}

static void set_breakpoint(uint64_t pc) {
    struct breakpoint *own = &breakpoints[n_breakpoints++];
    own->at = (uint32_t *)(uintptr_t)pc;
    own->instruction = *own->at;
    *own->at = BREAKPOINT;
    __builtin___clear_cache((char *)own->at, (char *)(own->at + 1));
}

static void set_breakpoints(const ucontext_t *context) {
    uint64_t pc = step_pc(context), next = pc + INSTRUCTION_BYTES;
    uint32_t instruction = instruction_at(pc);
    if (is_to_register(instruction)) {
        set_breakpoint(target_in_register(context, instruction));
    } else if ((instruction & 0x7c000000u) == 0x14000000u) { /* b, bl */
        set_breakpoint(pc + distance(instruction, 0, 26));
    } else {
        set_breakpoint(next);
        uint64_t target = next;
        if ((instruction & 0xff000000u) == 0x54000000u || /* b.cond, bc.cond */
            (instruction & 0x7e000000u) == 0x34000000u)   /* cbz, cbnz */
            target = pc + distance(instruction, 5, 19);
        else if ((instruction & 0x7e000000u) == 0x36000000u) /* tbz, tbnz */
            target = pc + distance(instruction, 5, 14);
        if (target != next)
            set_breakpoint(target);
    }
}

void step_arm(ucontext_t *context, bool on) {
    while (n_breakpoints) {
        struct breakpoint *own = &breakpoints[--n_breakpoints];
        *own->at = own->instruction;
        __builtin___clear_cache((char *)own->at, (char *)(own->at + 1));
    }
    if (on)
        set_breakpoints(context);
}

static int make_code_writable(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size, (void)data;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uint64_t start = (info->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        if (segment->p_type == PT_LOAD && segment->p_flags & PF_X)
            mprotect((void *)(uintptr_t)start, info->dlpi_addr + segment->p_vaddr + segment->p_memsz - start,
                     PROT_READ | PROT_WRITE | PROT_EXEC);
    }
    return 0;
}

int step_arch_init(void) {
    return dl_iterate_phdr(make_code_writable, NULL);
}
