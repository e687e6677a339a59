#include "symbols/producer.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <string.h>

#include "symbols/elf_file.h"

#define UNITS_MAX 5000u /* looked at */

/* The last -O of a command line counts; gcc keeps the switches in the producer: "GNU C17 12.2.0 -mtune=generic -O2". */
static bool says_unoptimised(const char *producer) {
    bool optimised = false;
    if (strncmp(producer, "GNU C", 5) != 0)
        return false;
    for (const char *at = strstr(producer, " -O"); at; at = strstr(at + 1, " -O"))
        optimised = at[3] != '0' && at[3] != 'g';
    return !optimised;
}

static bool most_units_are_unoptimised(Dwarf *dwarf) {
    unsigned n_units = 0, n_unoptimised = 0;
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    Dwarf_Half version;
    uint8_t type;
    while (n_units < UNITS_MAX && dwarf_get_units(dwarf, unit, &unit, &version, &type, &die, NULL) == 0) {
        Dwarf_Attribute attribute;
        const char *producer = dwarf_formstring(dwarf_attr(&die, DW_AT_producer, &attribute));
        if (!producer || strncmp(producer, "GNU AS", 6) == 0)
            continue;
        n_units++;
        n_unoptimised += says_unoptimised(producer);
    }
    return n_unoptimised * 2 > n_units;
}

int producer_look(const char *path, const char *build_id, bool *ret_unoptimised, bool *ret_debug_info) {
    struct elf_file file = ELF_FILE_CLOSED;
    int error = elf_file_open(path, &file);
    if (error)
        return error;
    if (build_id[0] && !elf_file_has_build_id(&file, build_id)) {
        elf_file_close(&file);
        return -ESTALE;
    }
    Dwarf *dwarf = dwarf_begin_elf(file.elf, DWARF_C_READ, NULL);
    *ret_debug_info = dwarf != NULL;
    *ret_unoptimised = dwarf && most_units_are_unoptimised(dwarf);
    dwarf_end(dwarf);
    elf_file_close(&file);
    return 0;
}
