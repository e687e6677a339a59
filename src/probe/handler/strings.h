/* The string table: each name that the program gives is stored once. */
#ifndef PIKO_PROBE_HANDLER_STRINGS_H
#define PIKO_PROBE_HANDLER_STRINGS_H

#include <stdint.h>

/* Id of the string, made if it is new; longer ones are cut. 0 for NULL, "", and when the table is full (counted).
 * Lock-free; two threads that bring the same new string at once waste one copy of it. */
uint32_t strings_intern(const char *text);
/* The same for any bytes, SEGMENT_STRING_LENGTH_MAX at most; 0 for none. */
uint32_t strings_intern_bytes(const void *bytes, uint32_t length);
/* Bytes of the string with this id, copied to `ret`, at most `max`; 0 when there is none. */
uint32_t strings_read(uint32_t id, void *ret, uint32_t max);

#endif
