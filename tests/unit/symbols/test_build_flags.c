/* Takes the folder of programs/build-flags: what is expected of a program stands in its name. */
/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/build_flags.h"

static const char *folder;

/* "O0+address-gcc-g": what stands before the first dash. */
static unsigned expected_of(const char *name) {
    static const struct {
        const char *word;
        unsigned flag;
    } words[] = {{"O0", BUILD_UNOPTIMISED}, {"pg", BUILD_GPROF},  {"address", BUILD_ADDRESS},
                 {"thread", BUILD_THREAD},  {"leak", BUILD_LEAK}, {"undefined", BUILD_UNDEFINED}};
    char head[64];
    snprintf(head, sizeof head, "%.*s", (int)strcspn(name, "-"), name);
    unsigned flags = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        flags |= strstr(head, words[i].word) ? words[i].flag : 0;
    return flags;
}

static void each_program_tells_its_flags_and_no_others(void **state) {
    (void)state;
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort), wrong = 0, looked_at = 0;
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        struct build_flags flags;
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && build_flags_look(path, "", &flags) == 0) {
            looked_at++;
            if (flags.flags != expected_of(entries[i]->d_name)) {
                print_error("%s: flags %#x, want %#x\n", entries[i]->d_name, flags.flags,
                            expected_of(entries[i]->d_name));
                wrong++;
            }
        }
        free(entries[i]);
    }
    free(entries);
    print_message("%d programs\n", looked_at);
    assert_true(looked_at >= 30);
    assert_int_equal(wrong, 0);
}

static void debug_information_is_seen(void **state) {
    (void)state;
    char path[PATH_MAX];
    struct build_flags flags;
    snprintf(path, sizeof path, "%s/plain-gcc-c-O2-g", folder);
    assert_int_equal(build_flags_look(path, "", &flags), 0);
    assert_true(flags.debug_info);
    snprintf(path, sizeof path, "%s/plain-gcc-c-O2-stripped", folder);
    assert_int_equal(build_flags_look(path, "", &flags), 0);
    assert_false(flags.debug_info);
}

static void other_builds_and_other_files_are_refused(void **state) {
    (void)state;
    char path[PATH_MAX];
    struct build_flags flags;
    snprintf(path, sizeof path, "%s/plain-gcc-c-O2-g", folder);
    assert_int_equal(build_flags_look(path, "0123456789", &flags), -ESTALE);
    assert_int_equal(build_flags_look("/dev/null", "", &flags), -ENOEXEC);
    assert_int_equal(build_flags_look("/no/such", "", &flags), -ENOENT);
}

static void the_sentence_names_file_flags_and_what_to_do(void **state) {
    (void)state;
    char text[BUILD_FLAGS_SENTENCE_BYTES];
    build_flags_tell("/bin/a", 0, text);
    assert_string_equal(text, "");
    build_flags_tell("/bin/a", BUILD_UNOPTIMISED, text);
    assert_string_equal(text,
                        "/bin/a was built with -O0: what would be inlined shows up as calls, and times are not those "
                        "of a release; build with -O2 -g");
    build_flags_tell("/bin/a", BUILD_UNOPTIMISED | BUILD_GPROF | BUILD_ADDRESS | BUILD_UNDEFINED, text);
    assert_non_null(strstr(text, "/bin/a was built with -O0 -pg -fsanitize=address,undefined: "));
    assert_non_null(strstr(text, "build with -O2 -g"));
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    folder = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_program_tells_its_flags_and_no_others),
                                       cmocka_unit_test(debug_information_is_seen),
                                       cmocka_unit_test(other_builds_and_other_files_are_refused),
                                       cmocka_unit_test(the_sentence_names_file_flags_and_what_to_do)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
