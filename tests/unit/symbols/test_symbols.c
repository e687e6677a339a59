/* Answers next to those of addr2line -f -i -C, over thousands of addresses of programs that programs/build compiled. */
/* cmocka.h needs what stands before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "symbols/elf_file.h"
#include "symbols/symbols.h"

#define N_MOST 4000

static const char *programs; /* directory */

static const char *path_of(const char *name) {
    static char path[2][512];
    static unsigned turn;
    char *ret = path[turn++ % 2];
    snprintf(ret, sizeof *path, "%s/%s", programs, name);
    return ret;
}

static void need(const char *name) {
    if (access(path_of(name), R_OK))
        skip();
}

/* Addresses evenly over .text; how many. */
static size_t sample_text(const char *path, uint64_t *ret) {
    struct elf_file file = ELF_FILE_CLOSED;
    GElf_Shdr text;
    assert_int_equal(elf_file_open(path, &file), 0);
    assert_non_null(elf_file_section(&file, ".text", 0, &text));
    size_t n = text.sh_size < N_MOST ? text.sh_size : N_MOST;
    for (size_t i = 0; i < n; i++)
        ret[i] = text.sh_addr + text.sh_size * i / n;
    elf_file_close(&file);
    return n;
}

/* A function's address by name, from `nm`. */
static uint64_t address_of(const char *program, const char *name) {
    char command[1024], line[512];
    snprintf(command, sizeof command, "nm '%s'", path_of(program));
    FILE *nm = popen(command, "r");
    uint64_t address = 0;
    while (nm && fgets(line, sizeof line, nm)) {
        char *own = strrchr(line, ' ');
        line[strcspn(line, "\n")] = '\0';
        if (own && strcmp(own + 1, name) == 0)
            address = strtoull(line, NULL, 16);
    }
    pclose(nm);
    assert_int_not_equal(address, 0);
    return address;
}

static struct symbols *resolve(const char *path, const uint64_t *addresses, size_t n, struct symbols_answer *answers,
                               struct symbols_coverage *coverage) {
    struct symbols *symbols;
    const struct symbols_module module = {.path = path, .build_id = ""};
    assert_int_equal(symbols_new(&symbols), 0);
    assert_int_equal(symbols_resolve(symbols, &module, addresses, n, answers, coverage), 0);
    return symbols;
}

/* What addr2line prints for the addresses, asked twice: its first answer for an inlined function without linkage name
 * is the name of the symbol around it, only the second is right. Returns a stream at the start of the second half. */
static FILE *ask_addr2line(const char *path, const uint64_t *addresses, size_t n) {
    char list[512], command[1200], line[65536];
    snprintf(list, sizeof list, "%s/addresses", programs);
    FILE *file = fopen(list, "w");
    assert_non_null(file);
    for (size_t i = 0; i < 2 * n; i++)
        fprintf(file, "%llx\n", (unsigned long long)addresses[i % n]);
    fprintf(file, "%llx\n", 0ull);
    fclose(file);
    snprintf(command, sizeof command, "addr2line -a -f -i -C -e '%s' < '%s'", path, list);
    FILE *answers = popen(command, "r");
    assert_non_null(answers);
    for (size_t i = 0; i <= n;) {
        assert_non_null(fgets(line, sizeof line, answers));
        i += strncmp(line, "0x0", 3) == 0;
    }
    return answers;
}

/* The "./" in paths is ours to leave out; a discriminator is nothing that we tell. */
static void normalize_place(char *place) {
    place[strcspn(place, " ")] = '\0';
    for (char *dot; (dot = strstr(place, "/./"));)
        memmove(dot, dot + 2, strlen(dot + 2) + 1);
    char *colon = strrchr(place, ':');
    if (colon && strcmp(colon, ":?") == 0)
        strcpy(colon, ":0");
    if (strcmp(place, "??:0") == 0)
        strcpy(place, ":0");
}

/* Equal, or ours is the same with its scopes: addr2line has them only sometimes for functions without linkage name. */
static bool is_same_name(const char *ours, const char *theirs) {
    const char *at = strcmp(ours, theirs) == 0 ? NULL : strstr(ours, theirs);
    return strcmp(ours, theirs) == 0 ||
           (at && at - ours >= 2 && strncmp(at - 2, "::", 2) == 0 && at[strlen(theirs)] == '(');
}

/* addr2line stretches symbols over the padding behind them; we don't. */
static bool is_padding(const struct symbols_answer *answer) {
    return answer->n_frames == 0 || (answer->n_frames == 1 && strstr(answer->frames[0].name, "+0x"));
}

/* Read one answer of addr2line up to the address of the next, and compare. How many frames are the same. */
static size_t compare_answer(FILE *theirs, const struct symbols_answer *ours, uint64_t address) {
    char name[65536], place[8192], own[8192];
    size_t i = 0;
    for (; fgets(name, sizeof name, theirs) && strncmp(name, "0x0", 3) != 0; i++) {
        assert_non_null(fgets(place, sizeof place, theirs));
        name[strcspn(name, "\n")] = place[strcspn(place, "\n")] = '\0';
        normalize_place(place);
        /* No line: only a symbol and the name of its file, which is no path. */
        if (is_padding(ours) || (i == 0 && strchr(place, '/') == NULL))
            continue;
        if (i >= ours->n_frames)
            fail_msg("%#llx: %u frames, then %s", (unsigned long long)address, ours->n_frames, name);
        const struct symbols_frame *frame = &ours->frames[i];
        snprintf(own, sizeof own, "%s:%u", frame->file, frame->line);
        if (!is_same_name(frame->name, name) || strcmp(own, place) != 0)
            fail_msg("%#llx frame %zu: %s %s, addr2line: %s %s", (unsigned long long)address, i, frame->name, own, name,
                     place);
    }
    if (!is_padding(ours))
        assert_int_equal(ours->n_frames, i);
    return is_padding(ours) ? 0 : i;
}

/* `asked` and `reference` have the same code; addr2line reads the reference. */
static void assert_equals_addr2line(const char *asked, const char *reference) {
    static uint64_t addresses[N_MOST];
    static struct symbols_answer answers[N_MOST];
    need(asked);
    size_t n = sample_text(path_of(asked), addresses), n_frames = 0, n_answered = 0;
    struct symbols *symbols = resolve(path_of(asked), addresses, n, answers, NULL);
    FILE *theirs = ask_addr2line(path_of(reference), addresses, n);
    for (size_t i = 0; i < n; i++) {
        size_t same = compare_answer(theirs, &answers[i], addresses[i]);
        n_frames += same;
        n_answered += same > 0;
    }
    pclose(theirs);
    symbols_free(symbols);
    assert_true(n_answered >= n / 3); /* the rest: start code without debug information, padding */
    assert_true(n_frames > n_answered);
}

static void c_of_gcc_equals_addr2line(void **state) {
    (void)state;
    assert_equals_addr2line("c4", "c4");
    assert_equals_addr2line("c5", "c5");
    assert_equals_addr2line("fixed", "fixed");
    assert_equals_addr2line("compressed", "c5");
}

static void cxx_of_gcc_with_dwarf_4_equals_addr2line(void **state) {
    (void)state;
    assert_equals_addr2line("cc4", "cc4");
}

static void cxx_of_gcc_with_dwarf_5_equals_addr2line(void **state) {
    (void)state;
    assert_equals_addr2line("cc5", "cc5");
}

static void clang_equals_addr2line(void **state) {
    (void)state;
    assert_equals_addr2line("clang_c4", "clang_c4");
    assert_equals_addr2line("clang_cc4", "clang_cc4");
}

/* addr2line 2.40 cannot read the indexed ranges that clang writes; the code is that of -gdwarf-4. */
static void clang_with_dwarf_5_equals_dwarf_4(void **state) {
    (void)state;
    need("clang_cc5");
    assert_equals_addr2line("clang_cc5", "clang_cc4");
}

static void rust_equals_addr2line(void **state) {
    (void)state;
    assert_equals_addr2line("rust", "rust");
}

static void split_units_equal_those_in_one_file(void **state) {
    (void)state;
    assert_equals_addr2line("split", "cc5");
}

static void units_that_dwz_shared_equal_the_original(void **state) {
    (void)state;
    assert_equals_addr2line("shared/one", "cc4");
}

static void debug_file_is_found_by_its_link(void **state) {
    (void)state;
    assert_equals_addr2line("linked/linked", "c5");
    assert_equals_addr2line("checked", "without_id");
}

/* The name of one address; "" without answer. The answer's only frame. */
static void name_of(const char *program, uint64_t address, char *ret, size_t size, struct symbols_coverage *coverage) {
    struct symbols_answer answer;
    struct symbols *symbols = resolve(path_of(program), &address, 1, &answer, coverage);
    snprintf(ret, size, "%s", answer.n_frames ? answer.frames[answer.n_frames - 1].name : "");
    symbols_free(symbols);
}

/* Its entry is below that of the function around it, whose code does not contain it. */
static void nested_function_is_found_when_only_it_is_asked(void **state) {
    (void)state;
    char name[256];
    struct symbols_coverage coverage;
    name_of("c5", address_of("c5", "nested.0") + 4, name, sizeof name, &coverage);
    assert_string_equal(name, "nested");
    assert_true(coverage.has_inline_frames);
}

static void debug_file_with_another_checksum_is_not_used(void **state) {
    (void)state;
    char name[256];
    struct symbols_coverage coverage;
    name_of("wrong_checksum", address_of("without_id", "static_work") + 4, name, sizeof name, &coverage);
    assert_false(coverage.has_line_numbers);
    assert_non_null(strstr(name, "wrong_checksum+0x"));
}

static void symbol_table_names_functions_but_no_lines(void **state) {
    (void)state;
    char name[256];
    struct symbols_coverage coverage;
    name_of("symtab_only", address_of("c5", "static_work") + 4, name, sizeof name, &coverage);
    assert_string_equal(name, "static_work");
    assert_true(coverage.has_functions);
    assert_false(coverage.has_filenames || coverage.has_line_numbers || coverage.has_inline_frames);
}

static void stripped_program_gives_the_start_of_the_function(void **state) {
    (void)state;
    char name[256], expected[256];
    struct symbols_coverage coverage;
    uint64_t start = address_of("c5", "static_work");
    name_of("stripped", start + 9, name, sizeof name, &coverage);
    snprintf(expected, sizeof expected, "stripped+0x%llx", (unsigned long long)start);
    assert_string_equal(name, expected);
    assert_false(coverage.has_functions);
    struct symbols_answer answer;
    start += 9;
    struct symbols *symbols = resolve(path_of("stripped"), &start, 1, &answer, NULL);
    assert_int_equal(answer.function_start, start - 9);
    symbols_free(symbols);
}

static void boundary_of_a_program_at_a_fixed_address_is_relative_to_it(void **state) {
    (void)state;
    char name[256], expected[256], command[1200];
    struct symbols_coverage coverage;
    snprintf(command, sizeof command, "strip '%s' -o '%s'", path_of("fixed"), path_of("fixed_stripped"));
    assert_int_equal(system(command), 0);
    uint64_t start = address_of("fixed", "static_work");
    name_of("fixed_stripped", start, name, sizeof name, &coverage);
    snprintf(expected, sizeof expected, "fixed_stripped+0x%llx", (unsigned long long)start - 0x400000);
    assert_string_equal(name, expected);
}

static void gnu_debugdata_names_a_stripped_program(void **state) {
    (void)state;
    need("mini");
    char name[256];
    struct symbols_coverage coverage;
    name_of("mini", address_of("c5", "static_work") + 4, name, sizeof name, &coverage);
    assert_string_equal(name, "static_work");
    assert_true(coverage.has_functions);
}

static void plt_stub_is_named_after_its_function(void **state) {
    (void)state;
    struct elf_file file = ELF_FILE_CLOSED;
    GElf_Shdr plt;
    uint64_t addresses[64];
    struct symbols_answer answers[64];
    assert_int_equal(elf_file_open(path_of("stripped"), &file), 0);
    assert_non_null(elf_file_section(&file, ".plt", 0, &plt));
    elf_file_close(&file);
    size_t n = plt.sh_size / 16 < 64 ? plt.sh_size / 16 : 64;
    for (size_t i = 0; i < n; i++)
        addresses[i] = plt.sh_addr + 16 * i + 6;
    struct symbols *symbols = resolve(path_of("stripped"), addresses, n, answers, NULL);
    bool found = false;
    for (size_t i = 0; i < n; i++)
        found |= answers[i].n_frames == 1 && strcmp(answers[i].frames[0].name, "puts@plt") == 0;
    symbols_free(symbols);
    assert_true(found);
}

static void bias_is_taken_off(void **state) {
    (void)state;
    struct symbols *symbols;
    struct symbols_answer answer;
    const struct symbols_module module = {.path = path_of("c5"), .build_id = "", .bias = 0x7f0000000000};
    uint64_t start = module.bias + address_of("c5", "main"), address = start + 5;
    assert_int_equal(symbols_new(&symbols), 0);
    assert_int_equal(symbols_resolve(symbols, &module, &address, 1, &answer, NULL), 0);
    assert_string_equal(answer.frames[answer.n_frames - 1].name, "main");
    assert_true(answer.frames[answer.n_frames - 1].start_line > 0);
    assert_int_equal(answer.function_start, start);
    symbols_free(symbols);
}

static void file_with_another_build_id_is_not_used(void **state) {
    (void)state;
    struct symbols *symbols;
    struct symbols_answer answer;
    struct symbols_coverage coverage;
    const struct symbols_module module = {.path = path_of("c5"),
                                          .build_id = "0123456789abcdef0123456789abcdef01234567"};
    uint64_t address = address_of("c5", "main");
    assert_int_equal(symbols_new(&symbols), 0);
    assert_int_equal(symbols_resolve(symbols, &module, &address, 1, &answer, &coverage), 0);
    assert_int_equal(answer.n_frames, 0);
    assert_false(coverage.has_functions);
    symbols_free(symbols);
}

static void vdso_is_read_from_memory(void **state) {
    (void)state;
    const char *image = (const char *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);
    if (!image)
        skip();
    struct symbols_answer answers[256];
    uint64_t addresses[256];
    struct symbols *symbols;
    const struct symbols_module module = {
        .path = "[vdso]", .build_id = "", .bias = (uint64_t)(uintptr_t)image, .image = image, .image_bytes = 8192};
    for (size_t i = 0; i < 256; i++)
        addresses[i] = module.bias + 32 * i;
    assert_int_equal(symbols_new(&symbols), 0);
    assert_int_equal(symbols_resolve(symbols, &module, addresses, 256, answers, NULL), 0);
    bool found = false;
    for (size_t i = 0; i < 256; i++)
        found |= answers[i].n_frames == 1 && strstr(answers[i].frames[0].name, "clock_gettime");
    symbols_free(symbols);
    assert_true(found);
}

static void answers_stay_when_the_file_is_gone(void **state) {
    (void)state;
    char command[1200];
    snprintf(command, sizeof command, "cp '%s' '%s'", path_of("c5"), path_of("passing"));
    assert_int_equal(system(command), 0);
    uint64_t address = address_of("c5", "main");
    struct symbols_answer first, again;
    struct symbols *symbols = resolve(path_of("passing"), &address, 1, &first, NULL);
    assert_int_equal(unlink(path_of("passing")), 0);
    const struct symbols_module module = {.path = path_of("passing"), .build_id = ""};
    assert_int_equal(symbols_resolve(symbols, &module, &address, 1, &again, NULL), 0);
    assert_ptr_equal(first.frames, again.frames);
    assert_string_equal(again.frames[again.n_frames - 1].name, "main");
    symbols_free(symbols);
}

static void what_is_no_file_gives_empty_answers(void **state) {
    (void)state;
    char name[256];
    struct symbols_coverage coverage;
    mkfifo(path_of("fifo"), 0600);
    static const char *const names[] = {"missing", ".", "fifo", "sample.c"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        name_of(names[i], 0x1000, name, sizeof name, &coverage);
        assert_string_equal(name, "");
    }
}

static void program_cut_off_anywhere_gives_answers_or_none(void **state) {
    (void)state;
    static uint64_t addresses[N_MOST];
    static struct symbols_answer answers[N_MOST];
    struct buffer file = BUFFER_INIT(1 << 20);
    assert_int_equal(file_read(path_of("c5"), &file), 0);
    size_t n = sample_text(path_of("c5"), addresses);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(file_write(path_of("cut"), file.data, file.size * i / 64, 0600), 0);
        symbols_free(resolve(path_of("cut"), addresses, n, answers, NULL));
    }
    buffer_done(&file);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    programs = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c_of_gcc_equals_addr2line),
        cmocka_unit_test(cxx_of_gcc_with_dwarf_4_equals_addr2line),
        cmocka_unit_test(cxx_of_gcc_with_dwarf_5_equals_addr2line),
        cmocka_unit_test(clang_equals_addr2line),
        cmocka_unit_test(clang_with_dwarf_5_equals_dwarf_4),
        cmocka_unit_test(rust_equals_addr2line),
        cmocka_unit_test(split_units_equal_those_in_one_file),
        cmocka_unit_test(units_that_dwz_shared_equal_the_original),
        cmocka_unit_test(debug_file_is_found_by_its_link),
        cmocka_unit_test(nested_function_is_found_when_only_it_is_asked),
        cmocka_unit_test(debug_file_with_another_checksum_is_not_used),
        cmocka_unit_test(symbol_table_names_functions_but_no_lines),
        cmocka_unit_test(stripped_program_gives_the_start_of_the_function),
        cmocka_unit_test(boundary_of_a_program_at_a_fixed_address_is_relative_to_it),
        cmocka_unit_test(gnu_debugdata_names_a_stripped_program),
        cmocka_unit_test(plt_stub_is_named_after_its_function),
        cmocka_unit_test(bias_is_taken_off),
        cmocka_unit_test(file_with_another_build_id_is_not_used),
        cmocka_unit_test(vdso_is_read_from_memory),
        cmocka_unit_test(answers_stay_when_the_file_is_gone),
        cmocka_unit_test(what_is_no_file_gives_empty_answers),
        cmocka_unit_test(program_cut_off_anywhere_gives_answers_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
