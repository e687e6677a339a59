#include "probe/control/prologue.h"

#include <stdbool.h>
#include <string.h>

#include "probe/handler/unwind_arch.h"

#define SCAN_BYTES_MAX 65536u /* of a function; longer ones get no hint */
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

/* Anything that looks like `sub …, %rsp` or `and …, %rsp`; bytes that happen to look so cost a hint, no more. */
static bool moves_stack_pointer(const uint8_t *code, size_t bytes) {
    for (size_t i = 0; i + 3 <= bytes; i++) {
        if ((code[i] != 0x48 && code[i] != 0x4c) || (code[i + 2] & 0xc4) != 0xc4)
            continue;
        uint8_t op = code[i + 1], rm = code[i + 2];
        if ((op == 0x29 && (rm & 7) == 4) || ((op == 0x81 || op == 0x83) && (rm == 0xec || rm == 0xe4)))
            return true;
    }
    return false;
}

uint16_t prologue_fp_from_sp(const uint8_t *code, size_t bytes) {
    uint32_t words = 0, room = 0;
    if (bytes > SCAN_BYTES_MAX)
        return 0;
    for (size_t size; (size = push_bytes(code, bytes)); code += size, bytes -= size)
        words++;
    size_t size = sub_bytes(code, bytes, &room);
    if (room % UNWIND_WORD || room / UNWIND_WORD > WORDS_MAX - words || moves_stack_pointer(code + size, bytes - size))
        return 0;
    return (uint16_t)(words + room / UNWIND_WORD + 1);
}
