#include "symbols/build_flags.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "symbols/code.h"
#include "symbols/elf_file.h"
#include "symbols/producer.h"

#define SYMBOLS_MAX 200000u /* looked at; programs ask for some hundred, libraries of C++ define ten thousands */

/* What instrumented code calls. In .dynsym: undefined where the runtime is a library, defined where it is in the program, and
 * then exported, since libraries need it too. */
static const struct {
    const char *name; /* of a symbol, or with a star its beginning */
    unsigned flag;
} marks[] = {
    {"__asan_init", BUILD_ADDRESS},        {"__tsan_init", BUILD_THREAD}, {"__msan_init", BUILD_MEMORY},
    {"__lsan_init", BUILD_LEAK},           {"mcount", BUILD_GPROF},       {"_mcount", BUILD_GPROF},
    {"__ubsan_handle_*", BUILD_UNDEFINED},
};

static bool matches(const char *name, const char *mark) {
    size_t length = strcspn(mark, "*");
    return strncmp(name, mark, length) == 0 && (mark[length] == '*' || name[length] == '\0');
}

/* A library that defines mcount is libc. What is asked for weakly is only looked for, as we do ourselves. */
static unsigned flag_of(const char *name, const GElf_Sym *symbol) {
    if (symbol->st_shndx == SHN_UNDEF && GELF_ST_BIND(symbol->st_info) == STB_WEAK)
        return 0;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (matches(name, marks[i].name))
            return marks[i].flag == BUILD_GPROF && symbol->st_shndx != SHN_UNDEF ? 0 : marks[i].flag;
    return 0;
}

static unsigned flags_of_symbols(const struct elf_file *file) {
    GElf_Shdr header;
    Elf_Scn *section = elf_file_section(file, NULL, SHT_DYNSYM, &header);
    Elf_Data *data = section && header.sh_entsize ? elf_getdata(section, NULL) : NULL;
    size_t n = data ? (size_t)(header.sh_size / header.sh_entsize) : 0;
    unsigned flags = 0;
    for (size_t i = 0; i < n && i < SYMBOLS_MAX; i++) {
        GElf_Sym symbol;
        const char *name =
            gelf_getsym(data, (int)i, &symbol) ? elf_strptr(file->elf, header.sh_link, symbol.st_name) : NULL;
        if (name)
            flags |= flag_of(name, &symbol);
    }
    return flags;
}

/* The runtimes themselves define all of these. */
static bool is_runtime(const char *path) {
    static const char *const names[] = {"libasan.", "libtsan.", "liblsan.", "libubsan.", "libclang_rt."};
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(base, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

int build_flags_look(const char *path, const char *build_id, struct build_flags *ret) {
    struct elf_file file = ELF_FILE_CLOSED;
    int error = elf_file_open(path, &file);
    if (error)
        return error;
    if (build_id[0] && !elf_file_has_build_id(&file, build_id)) {
        elf_file_close(&file);
        return -ESTALE;
    }
    struct producer producer;
    producer_read(&file, &producer);
    unsigned flags = is_runtime(path) ? 0 : flags_of_symbols(&file);
    if (producer.has_switches ? producer.is_unoptimised : code_is_unoptimised(&file))
        flags |= BUILD_UNOPTIMISED;
    if (producer.has_gprof)
        flags |= BUILD_GPROF;
    elf_file_close(&file);
    *ret = (struct build_flags){.flags = flags, .debug_info = producer.debug_info};
    return 0;
}

/* As on a command line, each with a space before it: " -O0 -fsanitize=address,undefined". */
static void write_flags(unsigned flags, char *ret, size_t size) {
    static const char *const sanitizers[] = {"address", "thread", "memory", "leak", "undefined"};
    const char *separator = " -fsanitize=";
    size_t n =
        (size_t)snprintf(ret, size, "%s%s", flags & BUILD_UNOPTIMISED ? " -O0" : "", flags & BUILD_GPROF ? " -pg" : "");
    for (unsigned i = 0; i < sizeof sanitizers / sizeof *sanitizers; i++) {
        if (!(flags & (unsigned)BUILD_ADDRESS << i))
            continue;
        n += (size_t)snprintf(ret + n, size - n, "%s%s", separator, sanitizers[i]);
        separator = ",";
    }
}

static const char *advice(unsigned flags) {
    if (flags & BUILD_NO_COMPANY)
        return "its checks are measured more than the program, and see less when another library comes first, so piko "
               "run runs it without Piko; build with -O2 -g, and without them";
    if (flags & BUILD_OWN_HEAP)
        return "its checks are measured more than the program, and its heap is not profiled; build with -O2 -g, and "
               "without them";
    if (flags & BUILD_SANITIZERS)
        return "its checks are measured with the program; build with -O2 -g, and without them";
    if (flags & BUILD_UNOPTIMISED)
        return "what would be inlined shows up as calls, and times are not those of a release; build with -O2 -g";
    return "its own counting is measured with the program; build with -O2 -g, and without it";
}

void build_flags_tell(const char *path, unsigned flags, char ret[BUILD_FLAGS_SENTENCE_BYTES]) {
    char text[128];
    ret[0] = '\0';
    write_flags(flags, text, sizeof text);
    if (flags)
        snprintf(ret, BUILD_FLAGS_SENTENCE_BYTES, "%.512s was built with%s: %s", path, text, advice(flags));
}
