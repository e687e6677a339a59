#include "probe/control/prologue.h"

#include <stdbool.h>
#include <string.h>

#include "probe/handler/unwind_arch.h"

#define WORDS_MAX 0x7ffeu

/* Bytes of `push register` at the start of code; 0 for anything else. */
static size_t push_bytes(const uint8_t *code, size_t bytes) {
    if (bytes >= 1 && (code[0] & 0xf8) == 0x50)
        return 1;
    return bytes >= 2 && code[0] == 0x41 && (code[1] & 0xf8) == 0x50 ? 2 : 0;
}

/* Bytes of `sub $room, %rsp`; 0 for anything else. */
static size_t sub_bytes(const uint8_t *code, size_t bytes, uint32_t *ret_room) {
    if (bytes < 7 || code[0] != 0x48 || code[2] != 0xec || (code[1] != 0x83 && code[1] != 0x81))
        return 0;
    if (code[1] == 0x83) {
        *ret_room = (uint32_t)(int8_t)code[3];
        return 4;
    }
    memcpy(ret_room, code + 3, sizeof *ret_room);
    return 7;
}

/* Whether an instruction at `code` lowers rsp by other means than push: sub or and on it, mov or lea into it.
 * `mov %rbp, %rsp` is how functions end, whatever they did before. */
static bool moves_stack_pointer(const uint8_t *code) {
    uint8_t op = code[1], modrm = code[2];
    bool into_rm = (modrm & 0xc7) == 0xc4, into_reg = (modrm & 0x38) == 0x20;
    if ((code[0] & 0xf8) != 0x48) /* REX.W */
        return false;
    switch (op) {
    case 0x89: /* mov reg, rm */
        return into_rm && !(code[0] & 1) && modrm != 0xec;
    case 0x8b: /* mov rm, reg */
    case 0x8d: /* lea */
    case 0x2b: /* sub rm, reg */
        return into_reg && !(code[0] & 4);
    case 0x29: /* sub reg, rm */
    case 0x21: /* and */
        return into_rm && !(code[0] & 1);
    case 0x81: /* with a constant; add alone (0xc4) is harmless */
    case 0x83:
        return into_rm && !(code[0] & 1) && modrm != 0xc4;
    default:
        return false;
    }
}

/* Bytes that happen to look like such an instruction cost a hint, no more. */
static bool stack_pointer_moves(const uint8_t *code, size_t bytes) {
    for (size_t i = 0; i + 3 <= bytes; i++)
        if (moves_stack_pointer(code + i))
            return true;
    return false;
}

uint16_t prologue_fp_from_sp(const uint8_t *code, size_t bytes) {
    uint32_t words = 0, room = 0;
    for (size_t size; (size = push_bytes(code, bytes)); code += size, bytes -= size)
        words++;
    size_t size = sub_bytes(code, bytes, &room);
    if (room % UNWIND_WORD || room / UNWIND_WORD > WORDS_MAX - words || stack_pointer_moves(code + size, bytes - size))
        return 0;
    return (uint16_t)(words + room / UNWIND_WORD + 1);
}
