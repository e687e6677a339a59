/* Each allocation fails once: -ENOMEM comes out, nothing leaks or crashes (a sanitizer run would say so). The linker
 * sends our calls of malloc and its family here (-Wl,--wrap). */
#include <errno.h>
#include <stdlib.h>

#include "make.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);

static long countdown = -1; /* allocations until one fails; negative: none does */

static bool fails(void) {
    return countdown >= 0 && countdown-- == 0;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size) {
    return fails() ? NULL : __real_reallocarray(old, n, size);
}

typedef int (*step)(const struct profile *profile, const struct buffer *encoded);

static int decode(const struct profile *profile, const struct buffer *encoded) {
    (void)profile;
    struct profile *again = NULL;
    int error = profile_decode(encoded->data, encoded->size, &again, NULL, 0);
    profile_free(again);
    return error;
}

static int encode(const struct profile *profile, const struct buffer *encoded) {
    (void)encoded;
    _cleanup_buffer_ struct buffer data = BUFFER_INIT(0);
    return profile_encode(profile, &data);
}

static int delta(const struct profile *profile, const struct buffer *encoded) {
    (void)encoded;
    struct profile *result = NULL;
    int error = profile_delta(profile, profile, &result);
    profile_free(result);
    return error;
}

static int text(const struct profile *profile, const struct buffer *encoded) {
    (void)encoded;
    _cleanup_buffer_ struct buffer data = BUFFER_INIT(0);
    return profile_write_text(profile, PROFILE_TEXT_COUNT, "goroutine", &data);
}

static int check(const struct profile *profile, const struct buffer *encoded) {
    (void)encoded;
    return profile_check(profile, false, NULL, 0);
}

static int build(const struct profile *profile, const struct buffer *encoded) {
    (void)profile;
    (void)encoded;
    struct profile *made = profile_new();
    if (!made)
        return -ENOMEM;
    profile_add_sample_type(made, "samples", "count");
    profile_add_comment(made, "rate %d", 100);
    uint32_t function = profile_add_function(made, &(struct profile_function){.name = "caf\xe9"});
    uint32_t location = profile_add_location(
        made, &(struct profile_location){
                  .mapping = PROFILE_NONE, .n_lines = 1, .lines = (struct profile_line[]){{function, 1}}});
    profile_add_sample(made,
                       &(struct profile_sample){.n_locations = 1, .locations = &location, .values = (int64_t[]){1}});
    int error = made->error;
    profile_free(made);
    return error;
}

static void every_failed_allocation_comes_out_as_enomem(void **state) {
    (void)state;
    static const step steps[] = {build, decode, encode, delta, text, check};
    _cleanup_profile_ struct profile *profile = make_busy_profile();
    profile_add_comment(profile, "a comment");
    _cleanup_buffer_ struct buffer encoded = BUFFER_INIT(0);
    assert_int_equal(profile_encode(profile, &encoded), 0);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        long failed = 0;
        for (;; failed++) {
            assert_true(failed < 1000);
            countdown = failed;
            int error = steps[i](profile, &encoded);
            bool all_done = countdown >= 0;
            countdown = -1;
            assert_int_equal(error, all_done ? 0 : -ENOMEM);
            if (all_done)
                break;
        }
        assert_true(failed > 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_failed_allocation_comes_out_as_enomem)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
