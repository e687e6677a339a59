
/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "build.h"
#include "report/prune.h"

/* Frames that are left of the first sample's stack, as the index of its new leaf. */
static uint32_t leaf(struct profile *profile, const char *drop, const char *keep) {
    struct pruning pruning;
    profile->drop_frames = drop;
    profile->keep_frames = keep;
    assert_int_equal(pruning_make(profile, &pruning), 0);
    uint32_t ret = pruning_leaf(&pruning, &profile->samples[0]);
    pruning_done(&pruning);
    return ret;
}

static void dropped_frame_goes_with_all_that_it_called(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(1), "helper", "malloc_hook", "render", "main");
    assert_int_equal(leaf(profile, "malloc_hook", ""), 2);
    assert_int_equal(leaf(profile, "malloc_.*", "malloc_hook"), 0);
    assert_int_equal(leaf(profile, "malloc", ""), 0); /* anchored */
    assert_int_equal(leaf(profile, "", ""), 0);
    profile_free(profile);
}

static void outermost_match_decides(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(1), "hook", "callback", "hook", "main");
    assert_int_equal(leaf(profile, "hook", ""), 3);
    profile_free(profile);
}

static void stack_below_no_ordinary_frame_stays_whole(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(1), "work", "hook");
    assert_int_equal(leaf(profile, "hook", ""), 0);
    profile_free(profile);
}

static void parameters_are_no_part_of_a_name(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(1), "ns::(anonymous namespace)::hook::operator()(int, char (*)(long)) const", "main");
    assert_int_equal(leaf(profile, "ns::\\(anonymous namespace\\)::hook::operator\\(\\)", ""), 1);
    profile_free(profile);
}

static void line_inlined_into_a_dropped_one_goes_from_its_location(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(1), "x x.c:1 < hook x.c:2 < render x.c:3", "main x.c:4");
    struct pruning pruning;
    profile->drop_frames = "hook";
    assert_int_equal(pruning_make(profile, &pruning), 0);
    assert_int_equal(pruning_leaf(&pruning, &profile->samples[0]), 0);
    assert_int_equal(pruning_inner_lines(&pruning, profile->samples[0].locations[0]), 2);
    assert_int_equal(pruning_inner_lines(&pruning, profile->samples[0].locations[1]), 0);
    pruning_done(&pruning);
    profile_free(profile);
}

static void broken_expression_drops_nothing(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(1), "hook", "main");
    assert_int_equal(leaf(profile, "hook(", ""), 0);
    assert_int_equal(leaf(profile, "hook", "keep("), 0);
    profile_free(profile);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropped_frame_goes_with_all_that_it_called),
        cmocka_unit_test(outermost_match_decides),
        cmocka_unit_test(stack_below_no_ordinary_frame_stays_whole),
        cmocka_unit_test(parameters_are_no_part_of_a_name),
        cmocka_unit_test(line_inlined_into_a_dropped_one_goes_from_its_location),
        cmocka_unit_test(broken_expression_drops_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
