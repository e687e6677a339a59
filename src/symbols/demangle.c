#include "symbols/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <string.h>

#include "base/buffer.h"
#include "symbols/limit.h"

struct output {
    struct buffer text;
    jmp_buf too_long;
};

/* A short mangled name can stand for gigabytes: substitutions double. libiberty cannot be told to stop, so it is left
 * by a jump. Its C++ demangler holds no memory then; its Rust demangler at most one decoded identifier. */
static void append(const char *text, size_t size, void *opaque) {
    struct output *output = opaque;
    if (buffer_add(&output->text, text, size))
        longjmp(output->too_long, 1);
}

static int demangle_any(const char *name, struct output *output) {
    const int options = DMGL_PARAMS | DMGL_ANSI;
    if (setjmp(output->too_long))
        return 0;
    if (rust_demangle_callback(name, options, append, output))
        return 1;
    output->text.size = 0;
    return cplus_demangle_v3_callback(name, options, append, output);
}

char *demangle(const char *name) {
    if (name[0] != '_' || strnlen(name, LIMIT_NAME_BYTES) >= LIMIT_NAME_BYTES)
        return NULL;
    struct output output = {.text = BUFFER_INIT(LIMIT_NAME_BYTES)};
    char *ret = demangle_any(name, &output) && output.text.size > 0 ? buffer_take(&output.text) : NULL;
    buffer_done(&output.text);
    return ret;
}
