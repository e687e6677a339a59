#include "symbols/debug_info.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbols/dwarf_walk.h"
#include "symbols/limit.h"
#include "symbols/symbols.h"

struct region {
    uintptr_t start;
    size_t bytes;
};

struct context {
    struct query_list *queries;
    struct store *store;
    uint64_t steps_left;
    uint32_t unit;     /* number of the unit that is looked at, from 1 */
    uint32_t *seen_by; /* by query: the last unit whose ranges contain it */
    size_t *hits;      /* the queries of this unit; room for all */
    size_t n_hits;
    struct region strings; /* the section that the last string was in */
};

/* What the answers for one unit need. */
struct unit {
    Dwarf_Die line_die; /* has the line table; the skeleton when the rest is in a .dwo file */
    Dwarf_Die die;
    const char *directory; /* "" unknown */
    bool is_mangling;      /* a function without linkage name may still have a mangled symbol */
};

/* Put a path together as a compiler meant it: below the directory of the compilation, without "./". */
static const char *clean_path(struct store *store, const char *directory, const char *path) {
    char joined[PATH_MAX];
    if (!path || strcmp(path, "???") == 0)
        return "";
    int length = path[0] == '/' || !directory[0] ? snprintf(joined, sizeof joined, "%s", path)
                                                 : snprintf(joined, sizeof joined, "%s/%s", directory, path);
    if (length < 0 || (size_t)length >= sizeof joined)
        return "";
    char *out = joined;
    for (const char *in = joined; *in;) {
        bool at_start = in == joined || in[-1] == '/';
        if (at_start && in[0] == '.' && in[1] == '/')
            in += 2;
        else if (at_start && in[0] == '/' && in != joined)
            in++;
        else
            *out++ = *in++;
    }
    *out = '\0';
    return store_string(store, joined);
}

static int resolve_line(const struct context *context, struct unit *unit, struct query *query) {
    Dwarf_Line *line = dwarf_getsrc_die(&unit->line_die, query->address);
    int number = 0;
    if (!line || dwarf_lineno(line, &number))
        return 0;
    query->file = clean_path(context->store, unit->directory, dwarf_linesrc(line, NULL, NULL));
    query->line = number > 0 ? (uint32_t)number : 0;
    return query->file ? 0 : -ENOMEM;
}

/* Find the section that a string stands in. */
static bool find_region(Elf *elf, const char *string, struct region *ret) {
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS || (header.sh_flags & SHF_ALLOC))
            continue;
        const Elf_Data *data = elf_rawdata(section, NULL);
        struct region region = {data ? (uintptr_t)data->d_buf : 0, data ? data->d_size : 0};
        if (region.start && (uintptr_t)string - region.start < region.bytes) {
            *ret = region;
            return true;
        }
    }
    return false;
}

/* libdw does not look whether a string ends before its section does. */
static bool is_terminated(struct context *context, Dwarf *dwarf, const char *string) {
    struct region *region = &context->strings;
    if ((uintptr_t)string - region->start >= region->bytes && !find_region(dwarf_getelf(dwarf), string, region))
        return false;
    return memchr(string, '\0', region->bytes - (size_t)((uintptr_t)string - region->start));
}

static const char *string_attribute(struct context *context, Dwarf_Die *die, unsigned name) {
    Dwarf_Attribute attribute;
    if (!dwarf_attr_integrate(die, name, &attribute))
        return NULL;
    const char *string = dwarf_formstring(&attribute);
    if (!string)
        return NULL;
    /* The string may be in another file than its attribute: in the one that dwz made. */
    Dwarf *own = dwarf_cu_getdwarf(attribute.cu), *shared = dwarf_getalt(own);
    bool is_safe = is_terminated(context, own, string) || (shared && is_terminated(context, shared, string));
    return is_safe && string[0] ? string : NULL;
}

static const char *name_of(struct context *context, const struct unit *unit, const struct query *query,
                           struct dwarf_scope *scope) {
    const char *name = string_attribute(context, &scope->die, DW_AT_linkage_name);
    if (!name)
        name = string_attribute(context, &scope->die, DW_AT_MIPS_linkage_name);
    bool has_symbol = scope->parent == DWARF_WALK_NONE && query->symbol && query->symbol_start == scope->entry;
    if (!name && unit->is_mangling && has_symbol)
        name = query->symbol;
    if (!name)
        name = string_attribute(context, &scope->die, DW_AT_name);
    if (!name && has_symbol)
        name = query->symbol;
    return name ? name : "??";
}

static uint32_t unsigned_attribute(Dwarf_Die *die, unsigned name) {
    Dwarf_Attribute attribute;
    Dwarf_Word value;
    if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) || value > UINT32_MAX)
        return 0;
    return (uint32_t)value;
}

/* Where a scope was inlined: the place that its parent's frame shows. */
static int fill_call(const struct context *context, struct unit *unit, Dwarf_Die *die, struct symbols_frame *ret) {
    Dwarf_Files *files;
    Dwarf_Attribute attribute;
    Dwarf_Word index;
    ret->file = "";
    ret->line = unsigned_attribute(die, DW_AT_call_line);
    if (!dwarf_attr(die, DW_AT_call_file, &attribute) || dwarf_formudata(&attribute, &index) ||
        dwarf_getsrcfiles(&unit->die, &files, NULL))
        return 0;
    ret->file = clean_path(context->store, unit->directory, dwarf_filesrc(files, (size_t)index, NULL, NULL));
    return ret->file ? 0 : -ENOMEM;
}

static uint32_t count_scopes(const struct dwarf_walk *walk, uint32_t innermost) {
    uint32_t n = 0;
    for (uint32_t i = innermost; i != DWARF_WALK_NONE; i = walk->scopes[i].parent)
        n++;
    return n;
}

static int fill_frame(struct context *context, const struct unit *unit, const struct query *query,
                      struct dwarf_scope *scope, struct symbols_frame *ret) {
    int line = 0;
    if (dwarf_decl_line(&scope->die, &line) == 0 && line > 0)
        ret->start_line = (uint32_t)line;
    return store_name(context->store, name_of(context, unit, query, scope), &ret->system_name, &ret->name);
}

static int resolve_frames(struct context *context, struct unit *unit, const struct dwarf_walk *walk, uint32_t innermost,
                          struct query *query) {
    uint32_t n = count_scopes(walk, innermost), n_kept = n < LIMIT_INLINE_DEPTH ? n : LIMIT_INLINE_DEPTH;
    struct symbols_frame *frames = n ? store_alloc(context->store, n_kept * sizeof *frames) : NULL;
    if (!frames)
        return n ? -ENOMEM : 0;
    struct symbols_frame place = {.file = query->file, .line = query->line};
    uint32_t i = 0;
    for (uint32_t at = innermost; at != DWARF_WALK_NONE; at = walk->scopes[at].parent, i++) {
        struct symbols_frame *frame = &frames[i < n_kept ? i : n_kept - 1];
        struct dwarf_scope *scope = &walk->scopes[at];
        *frame = place;
        int error = fill_frame(context, unit, query, scope, frame);
        if (!error)
            error = fill_call(context, unit, &scope->die, &place);
        if (error)
            return error;
    }
    query->frames = frames;
    query->n_frames = n_kept;
    return 0;
}

/* Whether a function is still to be found: what no symbol covers is the padding between functions. */
static bool is_incomplete(const struct context *context, const struct dwarf_walk *walk) {
    for (size_t i = 0; i < walk->n; i++)
        if (walk->innermost[i] == DWARF_WALK_NONE && context->queries->items[context->hits[i]].symbol)
            return true;
    return false;
}

static int walk_unit(const struct context *context, struct unit *unit, struct dwarf_walk *walk) {
    int error = dwarf_walk_unit(walk, &unit->die, /* everywhere= */ false);
    if (error || !is_incomplete(context, walk))
        return error;
    return dwarf_walk_unit(walk, &unit->die, /* everywhere= */ true);
}

static int answer_hits(struct context *context, struct unit *unit, const struct dwarf_walk *walk) {
    int error = 0;
    for (size_t i = 0; !error && i < context->n_hits && !store_full(context->store); i++) {
        struct query *query = &context->queries->items[context->hits[i]];
        if (!query->file[0])
            error = resolve_line(context, unit, query);
        if (!error && !query->frames)
            error = resolve_frames(context, unit, walk, walk->innermost[i], query);
    }
    return error;
}

static int compare_indexes(const void *left, const void *right) {
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    return a < b ? -1 : a > b;
}

static int resolve_hits(struct context *context, struct unit *unit) {
    size_t n = context->n_hits;
    _cleanup_free_ uint64_t *addresses = calloc(n, sizeof *addresses);
    _cleanup_free_ uint32_t *innermost = calloc(n, sizeof *innermost);
    if (!addresses || !innermost)
        return -ENOMEM;
    qsort(context->hits, n, sizeof *context->hits, compare_indexes);
    for (size_t i = 0; i < n; i++) {
        addresses[i] = context->queries->items[context->hits[i]].address;
        innermost[i] = DWARF_WALK_NONE;
    }
    struct dwarf_walk walk = {
        .addresses = addresses, .n = n, .steps_left = &context->steps_left, .innermost = innermost};
    int error = walk_unit(context, unit, &walk);
    if (!error)
        error = answer_hits(context, unit, &walk);
    free(walk.scopes);
    return error;
}

static void add_hit(struct context *context, size_t i) {
    if (context->queries->items[i].frames || context->seen_by[i] == context->unit)
        return;
    context->seen_by[i] = context->unit;
    context->hits[context->n_hits++] = i;
}

/* Collect the queries in a unit's ranges; all that are left when it does not tell its ranges and `rangeless` asks. */
static void find_hits(struct context *context, Dwarf_Die *die, bool rangeless) {
    Dwarf_Addr base, low, high;
    context->n_hits = 0;
    context->unit++;
    bool has_ranges = dwarf_hasattr(die, DW_AT_ranges) || dwarf_hasattr(die, DW_AT_high_pc);
    if (rangeless != !has_ranges)
        return;
    if (rangeless)
        for (size_t i = 0; i < context->queries->n; i++)
            add_hit(context, i);
    for (ptrdiff_t at = 0; has_ranges && (at = dwarf_ranges(die, at, &base, &low, &high)) > 0;) {
        for (size_t i = query_first(context->queries, low);
             i < context->queries->n && context->queries->items[i].address < high; i++) {
            if (context->steps_left == 0)
                return;
            context->steps_left--;
            add_hit(context, i);
        }
        if (context->steps_left-- <= 1)
            break;
    }
}

static bool is_mangling(Dwarf_Die *die) {
    switch (dwarf_srclang(die)) {
    case DW_LANG_C:
    case DW_LANG_C89:
    case DW_LANG_C99:
    case DW_LANG_C11:
    case DW_LANG_Mips_Assembler:
        return false;
    default:
        return true;
    }
}

static int resolve_unit(struct context *context, Dwarf_Die *die, const Dwarf_Die *split) {
    struct unit unit = {.line_die = *die, .die = split->addr ? *split : *die};
    const char *directory = string_attribute(context, die, DW_AT_comp_dir);
    unit.directory = directory ? directory : "";
    unit.is_mangling = is_mangling(&unit.die);
    return resolve_hits(context, &unit);
}

static int resolve_units(struct context *context, Dwarf *dwarf, bool rangeless) {
    Dwarf_CU *cu = NULL;
    Dwarf_Die die, split;
    while (context->steps_left > 0 && !store_full(context->store) &&
           dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &die, NULL) == 0) {
        context->steps_left--;
        int tag = dwarf_tag(&die);
        if (tag != DW_TAG_compile_unit && tag != DW_TAG_skeleton_unit)
            continue;
        find_hits(context, &die, rangeless);
        if (context->n_hits == 0)
            continue;
        if (dwarf_cu_info(cu, NULL, NULL, NULL, &split, NULL, NULL, NULL))
            split.addr = NULL;
        int error = resolve_unit(context, &die, &split);
        if (error)
            return error;
    }
    return 0;
}

static bool is_all_answered(const struct query_list *queries) {
    for (size_t i = 0; i < queries->n; i++)
        if (!queries->items[i].frames && !queries->items[i].file[0])
            return false;
    return true;
}

/* Bytes of debug sections as they will be in memory. */
static uint64_t debug_bytes(const struct elf_file *file) {
    uint64_t bytes = 0;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
        GElf_Shdr header;
        GElf_Chdr compressed;
        if (!gelf_getshdr(section, &header) || (header.sh_flags & SHF_ALLOC) || header.sh_type == SHT_NOBITS)
            continue;
        bool is_compressed = (header.sh_flags & SHF_COMPRESSED) && gelf_getchdr(section, &compressed);
        uint64_t size = is_compressed ? compressed.ch_size : header.sh_size;
        bytes = size > UINT64_MAX - bytes ? UINT64_MAX : bytes + size;
    }
    return bytes;
}

/* libdw reads, and decompresses, all debug sections that there are, also those that only debuggers ask for: a sixth to a
 * quarter of the bytes. Marked as without content, in memory alone, they are passed over. */
static void hide_unused_sections(const struct elf_file *file) {
    static const char *const names[] = {".debug_loc", ".debug_loclists", ".debug_macro", ".debug_macinfo"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        GElf_Shdr header;
        Elf_Scn *section = elf_file_section(file, names[i], 0, &header);
        header.sh_type = SHT_NOBITS;
        if (section)
            gelf_update_shdr(section, &header);
    }
}

/* Without memory libdw would end the process. It is left by a jump instead, which loses what the functions between hold
 * (arrays over the queries): the price of an event after which little else works. */
static _Thread_local jmp_buf out_of_memory;

static void __attribute__((noreturn)) on_out_of_memory(void) {
    longjmp(out_of_memory, 1);
}

static int resolve_all_units(struct context *context, Dwarf *dwarf) {
    if (setjmp(out_of_memory))
        return -ENOMEM;
    dwarf_new_oom_handler(dwarf, on_out_of_memory);
    int error = resolve_units(context, dwarf, /* rangeless= */ false);
    if (!error && !is_all_answered(context->queries))
        error = resolve_units(context, dwarf, /* rangeless= */ true);
    return error;
}

/* File names of DWARF 5 are read by libdw, which trusts that they end; see is_terminated(). */
static bool strings_end(const struct elf_file *file) {
    static const char *const names[] = {".debug_str", ".debug_line_str", ".zdebug_str"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        GElf_Shdr header;
        Elf_Scn *section = elf_file_section(file, names[i], 0, &header);
        const Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;
        if (data && data->d_buf && data->d_size > 0 && ((const char *)data->d_buf)[data->d_size - 1] != '\0')
            return false;
    }
    return true;
}

int debug_info_resolve(const struct elf_file *file, struct query_list *queries, struct store *store) {
    _cleanup_free_ uint32_t *seen_by = calloc(queries->n, sizeof *seen_by);
    _cleanup_free_ size_t *hits = calloc(queries->n, sizeof *hits);
    if (!seen_by || !hits)
        return -ENOMEM;
    hide_unused_sections(file);
    Dwarf *dwarf = debug_bytes(file) <= LIMIT_DEBUG_BYTES ? dwarf_begin_elf(file->elf, DWARF_C_READ, NULL) : NULL;
    if (!dwarf)
        return 0;
    struct context context = {
        .queries = queries, .store = store, .steps_left = LIMIT_DWARF_STEPS, .seen_by = seen_by, .hits = hits};
    int error = strings_end(file) ? resolve_all_units(&context, dwarf) : 0;
    dwarf_end(dwarf);
    return error;
}
