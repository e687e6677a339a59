#include "symbols/producer.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <string.h>

#include "symbols/limit.h"

#define UNITS_MAX 5000u /* looked at */

struct units {
    unsigned n, unoptimised, gprof;
};

/* gcc keeps the switches in the producer: "GNU C17 12.2.0 -mtune=generic -O2". Clang and rustc do not, and of assembly
 * there is nothing to tell. */
static bool tells_switches(const char *producer) {
    return strncmp(producer, "GNU ", 4) == 0 && strncmp(producer, "GNU AS", 6) != 0 && strstr(producer, " -");
}

/* The last -O of a command line counts. */
static bool says_unoptimised(const char *producer) {
    bool optimised = false;
    for (const char *at = strstr(producer, " -O"); at; at = strstr(at + 1, " -O"))
        optimised = at[3] != '0';
    return !optimised;
}

static bool says_switch(const char *producer, const char *name) {
    size_t length = strlen(name);
    for (const char *at = strstr(producer, name); at; at = strstr(at + 1, name))
        if (at[-1] == ' ' && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

/* What gcc links into a program of a sanitizer comes with debug information of its own. */
static bool is_of_runtime(Dwarf_Die *unit) {
    const char *name = dwarf_diename(unit);
    return name && strstr(name, "/libsanitizer/");
}

static void read_unit(Dwarf_Die *unit, struct units *units) {
    Dwarf_Attribute attribute;
    const char *producer = dwarf_formstring(dwarf_attr(unit, DW_AT_producer, &attribute));
    if (!producer || !tells_switches(producer) || is_of_runtime(unit))
        return;
    units->n++;
    units->unoptimised += says_unoptimised(producer);
    units->gprof += says_switch(producer, "-p") || says_switch(producer, "-pg");
}

static bool is_too_large(const struct elf_file *file) {
    static const char *const names[] = {".debug_info", ".zdebug_info"};
    GElf_Shdr header = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (elf_file_section(file, names[i], 0, &header) && header.sh_size > LIMIT_DEBUG_BYTES)
            return true;
    return false;
}

void producer_read(const struct elf_file *file, struct producer *ret) {
    *ret = (struct producer){0};
    struct units units = {0};
    Dwarf *dwarf = is_too_large(file) ? NULL : dwarf_begin_elf(file->elf, DWARF_C_READ, NULL);
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    Dwarf_Half version;
    uint8_t type;
    for (unsigned i = 0;
         i < UNITS_MAX && dwarf && dwarf_get_units(dwarf, unit, &unit, &version, &type, &die, NULL) == 0; i++)
        read_unit(&die, &units);
    *ret = (struct producer){.debug_info = dwarf != NULL,
                             .has_switches = units.n > 0,
                             .is_unoptimised = units.n > 0 && units.unoptimised * 2 >= units.n,
                             .has_gprof = units.n > 0 && units.gprof * 2 >= units.n};
    dwarf_end(dwarf);
}
