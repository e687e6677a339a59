/* Names of C++ (Itanium ABI) and Rust (v0 and legacy) as people write them. */
#ifndef PIKO_SYMBOLS_DEMANGLE_H
#define PIKO_SYMBOLS_DEMANGLE_H

/* The demangled name, owned by the caller (free()), Rust's hash left out: `alloc::vec::Vec<T>::push`. NULL when the name
 * is not mangled, when it is longer than LIMIT_NAME_BYTES before or after, or without memory.
 * Threads: any. */
char *demangle(const char *name);

#endif
