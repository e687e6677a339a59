#include "probe/control/loaded.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

#include "probe/control/peek.h"

#define OBJECTS_MAX 4096u /* a list that is torn while we read it may be a circle */
#define SEGMENTS_MAX 64u

struct visitor {
    void (*visit)(const struct loaded_object *object, void *data);
    void *data;
};

static void visit_segments(const struct visitor *visitor, uint64_t bias, const char *name, uint64_t address,
                           unsigned n) {
    ElfW(Phdr) segments[SEGMENTS_MAX];
    if (n > SEGMENTS_MAX || peek(address, segments, n * sizeof *segments) != n * sizeof *segments)
        return;
    visitor->visit(&(struct loaded_object){.bias = bias, .name = name, .segments = segments, .n_segments = n},
                   visitor->data);
}

/* An object whose ELF header is at its first address, as all but programs of a fixed address have it. */
static void visit_image(const struct visitor *visitor, uint64_t base, const char *name) {
    ElfW(Ehdr) header;
    if (peek(base, &header, sizeof header) == sizeof header && !memcmp(header.e_ident, ELFMAG, SELFMAG) &&
        header.e_phentsize == sizeof(ElfW(Phdr)))
        visit_segments(visitor, base, name, base + header.e_phoff, header.e_phnum);
}

/* What the loader writes into the program's dynamic section for debuggers; NULL in a static program. */
static const struct r_debug *find_list(const ElfW(Dyn) * entry) {
    for (; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_DEBUG)
            return (const struct r_debug *)(uintptr_t)entry->d_un.d_ptr;
    return NULL;
}

/* The kernel says where the program's segments are listed; that list is right behind the header of its file. */
static const struct r_debug *visit_program(const struct visitor *visitor) {
    uint64_t at = getauxval(AT_PHDR), bias = 0;
    unsigned n = (unsigned)getauxval(AT_PHNUM);
    const ElfW(Phdr) *segments = (const void *)(uintptr_t)at, *dynamic = NULL;
    for (unsigned i = 0; i < n; i++) {
        if (segments[i].p_type == PT_LOAD && segments[i].p_offset == 0)
            bias = at - sizeof(ElfW(Ehdr)) - segments[i].p_vaddr;
        if (segments[i].p_type == PT_DYNAMIC)
            dynamic = &segments[i];
    }
    visit_segments(visitor, bias, "", at, n);
    return dynamic ? find_list((const void *)(uintptr_t)(bias + dynamic->p_vaddr)) : NULL;
}

bool loaded_each(void (*visit)(const struct loaded_object *object, void *data), void *data) {
    const struct visitor visitor = {visit, data};
    uint64_t vdso = getauxval(AT_SYSINFO_EHDR);
    const struct r_debug *list = visit_program(&visitor);
    if (vdso)
        visit_image(&visitor, vdso, "[vdso]");
    const struct link_map *program = list ? list->r_map : NULL;
    uint64_t at = program ? (uint64_t)(uintptr_t)program->l_next : 0;
    for (unsigned i = 0; at && i < OBJECTS_MAX; i++) {
        struct link_map entry;
        char name[LOADED_NAME_BYTES];
        if (peek(at, &entry, sizeof entry) != sizeof entry)
            return false;
        size_t length = peek((uint64_t)(uintptr_t)entry.l_name, name, sizeof name - 1);
        name[length] = '\0';
        if (entry.l_addr != vdso)
            visit_image(&visitor, entry.l_addr, name);
        at = (uint64_t)(uintptr_t)entry.l_next;
    }
    return !list || list->r_state == RT_CONSISTENT;
}
