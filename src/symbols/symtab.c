#include "symbols/symtab.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "symbols/limit.h"

struct candidate {
    GElf_Sym covering; /* st_name 0 = none */
    GElf_Sym below;    /* the nearest at or below, whatever its size */
};

struct table {
    Elf *elf;
    Elf_Data *data;
    size_t names; /* section of the strings */
    size_t n;
    bool incomplete;
    uint64_t steps_left;
};

static bool table_open(const struct elf_file *file, uint32_t type, struct table *ret) {
    GElf_Shdr header;
    Elf_Scn *section = elf_file_section(file, NULL, type, &header);
    Elf_Data *data = section && header.sh_entsize ? elf_getdata(section, NULL) : NULL;
    if (!data || !data->d_buf)
        return false;
    *ret = (struct table){
        .elf = file->elf,
        .data = data,
        .names = header.sh_link,
        .n = data->d_size / gelf_fsize(file->elf, ELF_T_SYM, 1, EV_CURRENT),
        .incomplete = type == SHT_DYNSYM,
        .steps_left = LIMIT_SYMBOL_STEPS,
    };
    return true;
}

/* Assembly labels have no type. Symbols outside of sections (undefined, absolute, common) are no code. */
static bool is_function(const GElf_Sym *symbol) {
    int type = GELF_ST_TYPE(symbol->st_info);
    return symbol->st_name != 0 && symbol->st_shndx != SHN_UNDEF && symbol->st_shndx < SHN_LORESERVE &&
           (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

static int rank_of(const struct table *table, const GElf_Sym *symbol) {
    int binding = GELF_ST_BIND(symbol->st_info);
    int rank = GELF_ST_TYPE(symbol->st_info) == STT_NOTYPE ? 0 : 100;
    rank += binding == STB_GLOBAL ? 20 : binding == STB_WEAK ? 10 : 0;
    const char *name = elf_strptr(table->elf, table->names, symbol->st_name);
    for (int i = 0; name && i < 9 && name[i] == '_'; i++)
        rank--;
    return rank;
}

/* Of two symbols that cover an address: the one that starts later, of aliases the public one with the plainer name. */
static bool is_better(const struct table *table, const GElf_Sym *symbol, const GElf_Sym *than) {
    if (than->st_name == 0 || symbol->st_value != than->st_value)
        return than->st_name == 0 || symbol->st_value > than->st_value;
    return rank_of(table, symbol) > rank_of(table, than);
}

static void consider(struct table *table, const GElf_Sym *symbol, const struct query_list *queries,
                     struct candidate *candidates) {
    size_t first = query_first(queries, symbol->st_value);
    if (first == queries->n)
        return;
    if (is_better(table, symbol, &candidates[first].below))
        candidates[first].below = *symbol;
    for (size_t i = first; i < queries->n && queries->items[i].address - symbol->st_value < symbol->st_size; i++) {
        if (table->steps_left == 0)
            return;
        table->steps_left--;
        if (is_better(table, symbol, &candidates[i].covering))
            candidates[i].covering = *symbol;
    }
}

/* A nameless rest after the symbol's function (stripped static functions) must not take its name. */
static bool sizeless_reaches(const struct table *table, const GElf_Sym *symbol, uint64_t address,
                             const struct eh_frame *boundaries) {
    uint64_t start, end;
    if (symbol->st_name == 0 || symbol->st_size != 0)
        return false;
    if (symbol->st_value == address)
        return true;
    if (eh_frame_find(boundaries, address, &start, &end))
        return start <= symbol->st_value;
    if (table->incomplete || eh_frame_find(boundaries, symbol->st_value, &start, &end))
        return false;
    Elf_Scn *section = elf_getscn(table->elf, symbol->st_shndx);
    GElf_Shdr header;
    return section && gelf_getshdr(section, &header) && address - header.sh_addr < header.sh_size;
}

static int take(const struct table *table, const GElf_Sym *symbol, struct query *query, struct store *store) {
    const char *name = elf_strptr(table->elf, table->names, symbol->st_name);
    if (!name || !name[0])
        return 0;
    query->symbol = store_string(store, name);
    query->symbol_start = symbol->st_value;
    return query->symbol ? 0 : -ENOMEM;
}

static int choose(const struct table *table, const struct eh_frame *boundaries, struct candidate *candidates,
                  struct query_list *queries, struct store *store) {
    for (size_t i = 0; i < queries->n; i++) {
        struct query *query = &queries->items[i];
        struct candidate *candidate = &candidates[i];
        if (i > 0 && candidate->below.st_name == 0)
            candidate->below = candidates[i - 1].below;
        if (query->symbol)
            continue;
        const GElf_Sym *symbol = &candidate->covering;
        if (symbol->st_name == 0)
            symbol = &candidate->below;
        if (symbol == &candidate->below && !sizeless_reaches(table, symbol, query->address, boundaries))
            continue;
        int error = take(table, symbol, query, store);
        if (error)
            return error;
    }
    return 0;
}

int symtab_resolve(const struct elf_file *file, uint32_t type, const struct eh_frame *boundaries,
                   struct query_list *queries, struct store *store) {
    struct table table;
    if (!file->elf || !table_open(file, type, &table))
        return 0;
    _cleanup_free_ struct candidate *candidates = calloc(queries->n, sizeof *candidates);
    if (!candidates)
        return -ENOMEM;
    for (size_t i = 0; i < table.n; i++) {
        GElf_Sym symbol;
        if (gelf_getsym(table.data, (int)i, &symbol) && is_function(&symbol))
            consider(&table, &symbol, queries, candidates);
    }
    return choose(&table, boundaries, candidates, queries, store);
}
