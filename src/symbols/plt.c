#include "symbols/plt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"

#define STUB_BYTES 16
#define SYMBOL_BYTES 4096

/* A stub jumps through a slot of the GOT; the relocation of that slot names the function. */
struct stub {
    uint64_t slot;
    uint64_t start;
    struct query *query;
};

struct stubs {
    struct stub *items;
    size_t n;
};

#define N_PLTS 3
struct plts {
    GElf_Shdr headers[N_PLTS]; /* sh_size 0 = the file has none of that name */
};

static void find_plts(const struct elf_file *file, struct plts *ret) {
    static const char *const names[N_PLTS] = {".plt", ".plt.sec", ".plt.got"};
    for (size_t i = 0; i < N_PLTS; i++)
        if (!elf_file_section(file, names[i], 0, &ret->headers[i]))
            ret->headers[i].sh_size = 0;
}

/* The slot of `jmp *slot(%rip)`, which a stub starts with, except for `endbr64` or a `bnd` prefix. */
static bool find_slot(const struct elf_file *file, uint64_t start, uint64_t *ret) {
    uint8_t code[STUB_BYTES];
    if (!elf_file_read_address(file, start, code, sizeof code))
        return false;
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    size_t at = memcmp(code, endbr64, sizeof endbr64) == 0 ? sizeof endbr64 : 0;
    at += code[at] == 0xf2;
    if (code[at] != 0xff || code[at + 1] != 0x25)
        return false;
    int32_t distance;
    memcpy(&distance, code + at + 2, sizeof distance);
    *ret = start + at + 2 + sizeof distance + (uint64_t)(int64_t)distance;
    return true;
}

static bool find_stub(const struct elf_file *file, const struct plts *plts, struct query *query, struct stub *ret) {
    for (size_t i = 0; i < N_PLTS; i++) {
        const GElf_Shdr *plt = &plts->headers[i];
        uint64_t inside = query->address - plt->sh_addr;
        if (inside >= plt->sh_size)
            continue;
        /* The stubs of .plt.got without endbr64 have half the size. */
        uint64_t start = query->address - inside % (plt->sh_entsize == STUB_BYTES / 2 ? STUB_BYTES / 2 : STUB_BYTES);
        *ret = (struct stub){.start = start, .query = query};
        return find_slot(file, start, &ret->slot);
    }
    return false;
}

static int compare_stubs(const void *left, const void *right) {
    const struct stub *a = left, *b = right;
    return a->slot < b->slot ? -1 : a->slot > b->slot;
}

static int name_stub(const struct stub *stub, const char *symbol, struct store *store) {
    char name[SYMBOL_BYTES];
    int length = snprintf(name, sizeof name, "%s@plt", symbol);
    if (length < 0 || (size_t)length >= sizeof name)
        return 0;
    stub->query->symbol = store_string(store, name);
    stub->query->symbol_start = stub->start;
    return stub->query->symbol ? 0 : -ENOMEM;
}

/* The name of a relocation's symbol; NULL when there is none. */
static const char *symbol_of(const struct elf_file *file, const GElf_Shdr *relocations, const GElf_Rela *relocation) {
    Elf_Scn *section = elf_getscn(file->elf, relocations->sh_link);
    Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
    GElf_Shdr header;
    GElf_Sym symbol;
    if (!data || !gelf_getshdr(section, &header) || !gelf_getsym(data, (int)GELF_R_SYM(relocation->r_info), &symbol) ||
        symbol.st_name == 0)
        return NULL;
    return elf_strptr(file->elf, header.sh_link, symbol.st_name);
}

static int scan_relocations(const struct elf_file *file, Elf_Scn *section, const GElf_Shdr *header,
                            const struct stubs *stubs, struct store *store) {
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Rela relocation;
    int error = 0;
    for (int i = 0; data && !error && gelf_getrela(data, i, &relocation); i++) {
        struct stub key = {.slot = relocation.r_offset};
        struct stub *stub = bsearch(&key, stubs->items, stubs->n, sizeof key, compare_stubs);
        const char *name = stub ? symbol_of(file, header, &relocation) : NULL;
        if (!name)
            continue;
        while (stub > stubs->items && stub[-1].slot == key.slot)
            stub--;
        for (; !error && stub < stubs->items + stubs->n && stub->slot == key.slot; stub++)
            error = name_stub(stub, name, store);
    }
    return error;
}

int plt_resolve(const struct elf_file *file, struct query_list *queries, struct store *store) {
    GElf_Ehdr elf;
    if (!gelf_getehdr(file->elf, &elf) || elf.e_machine != EM_X86_64)
        return 0;
    _cleanup_free_ struct stub *items = calloc(queries->n, sizeof *items);
    if (!items)
        return -ENOMEM;
    struct stubs stubs = {.items = items};
    struct plts plts;
    find_plts(file, &plts);
    for (size_t i = 0; i < queries->n; i++)
        if (!queries->items[i].symbol && find_stub(file, &plts, &queries->items[i], &items[stubs.n]))
            stubs.n++;
    if (stubs.n == 0)
        return 0;
    qsort(items, stubs.n, sizeof *items, compare_stubs);
    int error = 0;
    for (Elf_Scn *section = NULL; !error && (section = elf_nextscn(file->elf, section));) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_RELA)
            error = scan_relocations(file, section, &header, &stubs, store);
    }
    return error;
}
