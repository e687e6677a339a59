/* What a supervisor leaves in the environment, and what it never would. */
/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "probe/preload/settings.h"

static void settings_are_read_field_by_field(void **unused) {
    (void)unused;
    struct settings settings;
    assert_true(settings_parse("piko0f,18446744073709551615,524288,1000,10,15000000000,16777216,250,77,3", &settings));
    assert_string_equal(settings.name, "piko0f");
    assert_true(settings.token == UINT64_MAX);
    assert_int_equal(settings.rates.mem_profile_rate_bytes, 524288);
    assert_int_equal(settings.rates.block_rate_ns, 1000);
    assert_int_equal(settings.rates.mutex_fraction, 10);
    assert_true(settings.rates.trace_min_age_ns == 15000000000u);
    assert_int_equal(settings.rates.trace_bytes_max, 16777216);
    assert_int_equal(settings.rates.cpu_hz, 250);
    assert_int_equal(settings.only, 77);
}

static void anything_else_is_none(void **unused) {
    (void)unused;
    static const char *const wrong[] = {
        "",
        "piko",
        ",1,1,1,1,0,0,0,0,3",
        "piko,1,1,1,1,0,0,0,0",                                       /* a field missing */
        "piko,1,1,1,1,0,0,0,0,3,3",                                   /* one too many */
        "piko,1,1,1,1,0,0,0,0,3,",                                    /* the same, empty */
        "piko,1,1,1,1,0,0,0,0,1",                                     /* another version */
        "piko,1,,1,1,0,0,0,0,3",                                      /* no number */
        "piko,1,-1,1,1,0,0,0,0,3",                                    /* not decimal */
        "piko,18446744073709551616,1,1,1,0,0,0,0,3",                  /* too large */
        "piko,1,9223372036854775808,1,1,0,0,0,0,3",                   /* too large for a rate */
        "piko0123456789012345678901234567890123456,1,1,1,1,0,0,0,0,3" /* a name that has no room */
    };
    struct settings settings;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(settings_parse(wrong[i], &settings));
    assert_false(settings_parse(NULL, &settings));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_read_field_by_field),
        cmocka_unit_test(anything_else_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
