/* How far a function's frame pointer is from its stack pointer while it calls: CFI does not say, its prologue does. */
#ifndef PIKO_PROBE_CONTROL_PROLOGUE_H
#define PIKO_PROBE_CONTROL_PROLOGUE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
/* `code` is what follows the instruction that set the frame pointer up, to the function's end. Returns words, plus one;
 * 0 when the prologue is of another kind, or the stack pointer moves later too (alloca). */
uint16_t prologue_fp_from_sp(const uint8_t *code, size_t bytes);
#else
/* No other processor's code is read. */
static inline uint16_t prologue_fp_from_sp(const uint8_t *code, size_t bytes) {
    (void)code, (void)bytes;
    return 0;
}
#endif

#endif
