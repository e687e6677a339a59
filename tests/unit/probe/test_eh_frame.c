/* Every row of the tables of real libraries against libdw's reading of the same .eh_frame. */
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "probe/control/modules.h"
#include "probe/handler/unwind_table.h"
#include "unwind_test.h"

#define SP 0x7fff00001008ull /* made-up registers: any will do, they only have to differ */
#define FP 0x7fff000a0010ull
#define REGISTER(number) (0x7ffe00000000ull + (uint64_t)(number)*0x1000010)

static uint64_t memory(uint64_t address) {
    return (address * 0x9e3779b97f4a7c15ull) & ~7ull;
}

static uint64_t register_value(uint64_t number, uint64_t pc) {
    return number == 6 ? FP : number == 7 ? SP : number == 16 ? pc : REGISTER(number);
}

/* ---- libdw's answer, evaluated -------------------------------------------------------------------------------------*/
static bool evaluate(const Dwarf_Op *ops, size_t n_ops, uint64_t pc, uint64_t cfa, uint64_t *ret) {
    uint64_t stack[16] = {0};
    int top = -1;
    for (size_t i = 0; i < n_ops; i++) {
        uint8_t op = ops[i].atom;
        if (op >= DW_OP_breg0 && op <= DW_OP_breg31)
            stack[++top] = register_value(op - DW_OP_breg0, pc) + ops[i].number;
        else if (op == DW_OP_bregx)
            stack[++top] = register_value(ops[i].number, pc) + ops[i].number2;
        else if (op >= DW_OP_lit0 && op <= DW_OP_lit31)
            stack[++top] = op - DW_OP_lit0;
        else if (op == DW_OP_call_frame_cfa)
            stack[++top] = cfa;
        else if (op == DW_OP_deref)
            stack[top] = memory(stack[top]);
        else if (op == DW_OP_plus_uconst)
            stack[top] += ops[i].number;
        else if (op == DW_OP_consts || op == DW_OP_const1s || op == DW_OP_const1u)
            stack[++top] = ops[i].number;
        else if (op == DW_OP_plus && top > 0)
            top--, stack[top] += stack[top + 1];
        else if (op == DW_OP_and && top > 0)
            top--, stack[top] &= stack[top + 1];
        else if (op == DW_OP_ge && top > 0)
            top--, stack[top] = (int64_t)stack[top] >= (int64_t)stack[top + 1];
        else if (op == DW_OP_shl && top > 0)
            top--, stack[top] <<= stack[top + 1];
        else
            return false;
        if (top < 0 || top > 12)
            return false;
    }
    *ret = stack[top < 0 ? 0 : top]; /* a register's expression finds the CFA on the stack */
    return top >= 0;
}

enum place { PLACE_SAME, PLACE_UNDEFINED, PLACE_MEMORY, PLACE_OTHER };

static enum place place_of(Dwarf_Frame *frame, int number, uint64_t pc, uint64_t cfa, uint64_t *ret_address) {
    Dwarf_Op memory_ops[3], *ops;
    size_t n_ops;
    assert_int_equal(dwarf_frame_register(frame, number, memory_ops, &ops, &n_ops), 0);
    if (!n_ops)
        return ops ? PLACE_UNDEFINED : PLACE_SAME;
    if (ops[n_ops - 1].atom == DW_OP_stack_value || !evaluate(ops, n_ops, pc, cfa, ret_address))
        return PLACE_OTHER;
    return PLACE_MEMORY;
}

/* ---- Ours, evaluated -----------------------------------------------------------------------------------------------*/
static uint64_t based(uint8_t base, int32_t offset, uint64_t cfa) {
    static const int numbers[] = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7};
    uint64_t value = base == UNWIND_BASE_SP    ? SP
                     : base == UNWIND_BASE_FP  ? FP
                     : base == UNWIND_BASE_CFA ? cfa
                                               : REGISTER(numbers[base - UNWIND_BASE_REGISTER]);
    return value + (uint64_t)(int64_t)offset;
}

static uint64_t our_cfa(const struct unwind_rule *rule, uint64_t pc) {
    if (rule->kind == UNWIND_SP)
        return SP + (uint64_t)(int64_t)rule->cfa_offset;
    if (rule->kind == UNWIND_FP)
        return FP + (uint64_t)(int64_t)rule->cfa_offset;
    if (rule->kind == UNWIND_PLT)
        return SP + (uint64_t)rule->cfa_offset + (pc % 16 >= (uint64_t)rule->cfa_add ? 8 : 0);
    uint64_t value = based(rule->cfa_base, rule->cfa_offset, 0);
    return rule->cfa_deref ? memory(value) + (uint64_t)(int64_t)rule->cfa_add : value;
}

struct tally {
    size_t compared, unknown, ends, nothing, padding;
    size_t corrected; /* stops in the function that coroutines' stacks begin with, which libc describes wrongly */
};

static void compare(Dwarf_CFI *cfi, const struct unwind_rule *rule, uint64_t bias, uint64_t pc, struct tally *tally) {
    Dwarf_Frame *frame = NULL;
    if (dwarf_cfi_addrframe(cfi, pc - bias, &frame)) {
        tally->nothing += rule->kind == UNWIND_NONE;
        tally->padding += rule->kind != UNWIND_NONE;
        return;
    }
    Dwarf_Op *ops;
    size_t n_ops;
    uint64_t cfa = 0, address = 0;
    enum place place;
    Dwarf_Addr start, end;
    bool signal;
    assert_int_not_equal(rule->kind, UNWIND_NONE);
    assert_int_equal(dwarf_frame_cfa(frame, &ops, &n_ops), 0);
    dwarf_frame_info(frame, &start, &end, &signal);
    if (rule->kind == UNWIND_UNKNOWN) {
        tally->unknown++;
        free(frame);
        return;
    }
    place = place_of(frame, 16, pc, 0, &address);
    if (rule->kind == UNWIND_END && place != PLACE_UNDEFINED) {
        tally->corrected++;
        free(frame);
        return;
    }
    if (rule->kind == UNWIND_END || place == PLACE_UNDEFINED) {
        assert_int_equal(rule->kind, UNWIND_END);
        assert_int_equal(place, PLACE_UNDEFINED);
        tally->ends++;
        free(frame);
        return;
    }
    assert_true(evaluate(ops, n_ops, pc, 0, &cfa));
    assert_int_equal(our_cfa(rule, pc), cfa);
    assert_int_equal(place_of(frame, 16, pc, cfa, &address), PLACE_MEMORY);
    assert_int_equal(based(rule->return_base, rule->return_offset, cfa), address);
    assert_int_equal(rule->signal, signal);
    place = place_of(frame, 6, pc, cfa, &address);
    if (place == PLACE_MEMORY)
        assert_int_equal(based(rule->fp_base, rule->fp_offset, cfa), address);
    else
        assert_int_equal(rule->fp_base, place == PLACE_SAME ? UNWIND_BASE_SAME : UNWIND_BASE_LOST);
    tally->compared++;
    free(frame);
}

static void compare_object(const struct unwind_object *object, const char *path, uint64_t bias, struct tally *tally) {
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    Dwarf_CFI *cfi = dwarf_getcfi_elf(elf);
    assert_non_null(cfi);
    for (uint64_t block = 0; block < object->bytes >> UNWIND_BLOCK_SHIFT; block++)
        for (uint32_t row = object->blocks[block]; row < object->blocks[block + 1]; row++) {
            uint64_t pc = object->start + (block << UNWIND_BLOCK_SHIFT) + (object->rows[row] >> 16);
            bool plt = unwind_object_rule(object, pc)->kind == UNWIND_PLT; /* depends on the address in the entry */
            for (int64_t delta = -1; delta <= (plt ? 33 : 1); delta++)
                if (pc + (uint64_t)delta - object->start < object->bytes)
                    compare(cfi, unwind_object_rule(object, pc + (uint64_t)delta), bias, pc + (uint64_t)delta, tally);
        }
    dwarf_cfi_end(cfi);
    elf_end(elf);
    close(fd);
}

static void expect_agreement(const void *address, size_t rows_min) {
    Dl_info info;
    struct link_map *map;
    struct tally tally = {0};
    assert_int_equal(modules_refresh(NULL), 0);
    assert_true(dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP));
    const struct unwind_index *index = unwind_current;
    const struct unwind_object *object = NULL;
    for (uint32_t i = 0; i < index->count; i++)
        if ((uint64_t)(uintptr_t)address - index->objects[i].start < index->objects[i].bytes)
            object = &index->objects[i];
    assert_non_null(object);
    compare_object(object, *map->l_name ? map->l_name : "/proc/self/exe", map->l_addr, &tally);
    print_message("%s: %zu compared, %zu unknown, %zu roots, %zu without, %zu padding\n", info.dli_fname,
                  tally.compared, tally.unknown, tally.ends, tally.nothing, tally.padding);
    assert_true(tally.compared >= rows_min);
    assert_in_range(tally.corrected, 0, 3); /* the row's first byte, its neighbours */
    assert_true(tally.unknown * 1000 <= tally.compared);
}

static void expect_library(const char *name, const char *symbol, size_t rows_min) {
    void *library = dlopen(name, RTLD_NOW);
    const void *address = library ? dlsym(library, symbol) : NULL;
    if (!address)
        skip();
    expect_agreement(address, rows_min);
}

static void rows_of_libc_agree_with_libdw(void **state) {
    (void)state;
    expect_library("libc.so.6", "qsort", 10000);
}

static void rows_of_the_loader_agree_with_libdw(void **state) {
    (void)state;
    uint64_t base = getauxval(AT_BASE);
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)base;
    if (!base)
        skip();
    expect_agreement((const void *)(base + header->e_entry), 2000);
}

static void rows_of_libstdcxx_agree_with_libdw(void **state) {
    (void)state;
    expect_library("libstdc++.so.6", "__cxa_throw", 10000);
}

static void rows_of_libcrypto_with_its_assembly_agree_with_libdw(void **state) {
    (void)state;
    expect_library("libcrypto.so.3", "AES_encrypt", 10000);
}

static void rows_of_this_program_agree_with_libdw(void **state) {
    (void)state;
    expect_agreement((const void *)(uintptr_t)compare_object, 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_libc_agree_with_libdw),
        cmocka_unit_test(rows_of_the_loader_agree_with_libdw),
        cmocka_unit_test(rows_of_libstdcxx_agree_with_libdw),
        cmocka_unit_test(rows_of_libcrypto_with_its_assembly_agree_with_libdw),
        cmocka_unit_test(rows_of_this_program_agree_with_libdw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
