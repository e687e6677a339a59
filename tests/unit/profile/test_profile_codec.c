#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "make.h"
#include "profile/gzip.h"

/* ---- A writer of protobuf by hand, for what profile_encode() would never write ---------------------------------- */

static void put_varint(struct buffer *to, uint64_t value) {
    for (; value > 127; value >>= 7)
        buffer_add(to, &(unsigned char){(unsigned char)(value | 128)}, 1);
    buffer_add(to, &(unsigned char){(unsigned char)value}, 1);
}

static void put_number(struct buffer *to, unsigned field, uint64_t value) {
    put_varint(to, field << 3);
    put_varint(to, value);
}

static void put_bytes(struct buffer *to, unsigned field, const void *data, size_t size) {
    put_varint(to, field << 3 | 2);
    put_varint(to, size);
    buffer_add(to, data, size);
}

static void put_pair(struct buffer *to, unsigned field, uint64_t first, uint64_t second) {
    _cleanup_buffer_ struct buffer part = BUFFER_INIT(0);
    put_number(&part, 1, first);
    put_number(&part, 2, second);
    put_bytes(to, field, part.data, part.size);
}

/* ["", "cpu", "ns"], one sample type, a function 7 and a location 2^64-1 in it. */
static void put_start(struct buffer *to) {
    put_bytes(to, 6, "", 0);
    put_bytes(to, 6, "cpu", 3);
    put_bytes(to, 6, "ns", 2);
    put_pair(to, 1, 1, 2);
    put_pair(to, 5, 7, 1);
    _cleanup_buffer_ struct buffer location = BUFFER_INIT(0);
    put_number(&location, 1, UINT64_MAX);
    put_pair(&location, 4, 7, 9);
    put_bytes(to, 4, location.data, location.size);
}

static int decode_why(const struct buffer *data, char *why, size_t why_size) {
    struct profile *profile = NULL;
    why[0] = '\0';
    int error = profile_decode(data->data, data->size, &profile, why, why_size);
    assert_int_equal(error != 0, !profile);
    profile_free(profile);
    return error;
}

#define assert_refused(data, sentence)                                                                                 \
    do {                                                                                                               \
        char why_[200];                                                                                                \
        assert_int_equal(decode_why((data), why_, sizeof why_), -EBADMSG);                                             \
        assert_string_equal(why_, (sentence));                                                                         \
    } while (0)

static void everything_survives_a_round_trip(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_busy_profile();
    profile->default_sample_type = "samples";
    profile->drop_frames = "malloc|free";
    profile->keep_frames = "keep";
    profile->doc_url = "https://example.org/";
    profile_add_comment(profile, "rate %d", 100);
    profile_add_sample(profile,
                       &(struct profile_sample){.n_locations = 1,
                                                .locations = (uint32_t[]){0},
                                                .values = (int64_t[]){-5, INT64_MIN},
                                                .n_labels = 1,
                                                .labels = (struct profile_label[]){{"bytes", NULL, -64, "bytes"}}});
    _cleanup_profile_ struct profile *again = make_again(profile);
    assert_string_equal(again->default_sample_type, "samples");
    assert_string_equal(again->drop_frames, "malloc|free");
    assert_string_equal(again->keep_frames, "keep");
    assert_string_equal(again->doc_url, "https://example.org/");
    assert_int_equal(again->n_comments, 1);
    assert_string_equal(again->comments[0], "rate 100");
    assert_string_equal(again->period_type.unit, "nanoseconds");
    assert_true(again->time_nanos == TIME_NANOS && again->duration_nanos == 5000000000 && again->period == 10000000);
    assert_int_equal(again->n_samples, 4);
    assert_true(again->samples[3].values[0] == -5 && again->samples[3].values[1] == INT64_MIN);
    assert_true(again->samples[3].labels[0].number == -64);
    assert_string_equal(again->samples[3].labels[0].unit, "bytes");
    assert_string_equal(again->samples[1].labels[0].string, "b");
    assert_true(again->mappings[0].has_functions && !again->mappings[0].has_inline_frames);
    assert_string_equal(again->mappings[0].build_id, "abcd0123");
    assert_int_equal(again->locations[2].lines[0].line, 42);
    assert_string_equal(again->functions[again->locations[2].lines[0].function].name, "main");
}

static void ids_may_be_any_number(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer data = BUFFER_INIT(0);
    put_start(&data);
    put_pair(&data, 2, UINT64_MAX, 5);
    struct profile *profile = NULL;
    assert_int_equal(profile_decode(data.data, data.size, &profile, NULL, 0), 0);
    assert_int_equal(profile->n_samples, 1);
    assert_int_equal(profile->samples[0].locations[0], 0);
    profile_free(profile);
}

static void dangling_and_doubled_ids_are_refused(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer data = BUFFER_INIT(0);
    put_start(&data);
    size_t start = data.size;
    put_pair(&data, 2, 5, 1);
    assert_refused(&data, "there is no location with the id 5");
    data.size = start;
    put_pair(&data, 5, 7, 1);
    assert_refused(&data, "two functions have the id 7");
    data.size = start;
    put_pair(&data, 4, 1, 3);
    assert_refused(&data, "there is no mapping with the id 3");
    data.size = start;
    put_pair(&data, 5, 0, 1);
    assert_refused(&data, "a function has the reserved id 0");
}

static void bad_string_numbers_and_counts_are_refused(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer data = BUFFER_INIT(0);
    put_start(&data);
    size_t start = data.size;
    put_pair(&data, 5, 8, 3);
    assert_refused(&data, "string number 3 is not in the string table of 3");
    data.size = start;
    put_number(&data, 14, (uint64_t)-1);
    assert_refused(&data, "string number -1 is not in the string table of 3");
    data.size = start;
    put_bytes(&data, 2, "", 0);
    assert_refused(&data, "a sample has 0 values where there are 1 sample types");
    data.size = start;
    for (int i = 0; i < 16; i++)
        put_pair(&data, 1, 1, 2);
    assert_refused(&data, "17 sample types are more than 16");
    data.size = 0;
    put_bytes(&data, 6, "x", 1);
    assert_refused(&data, "the first string of the string table is not empty");
}

static void what_is_no_profile_is_refused(void **state) {
    (void)state;
    assert_refused(&((struct buffer){0}), "the profile is empty");
    static char html[] = "<html>404</html>";
    assert_refused(&((struct buffer){.data = html, .size = sizeof html - 1}),
                   "this is no pprof profile: the protobuf is malformed");
    static char zip[] = "\x1f\x8b\x08nonsense";
    assert_refused(&((struct buffer){.data = zip, .size = sizeof zip - 1}), "the gzip data is damaged or cut off");
}

static void every_prefix_of_a_profile_is_refused(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_busy_profile();
    _cleanup_buffer_ struct buffer data = BUFFER_INIT(0);
    assert_int_equal(profile_encode(profile, &data), 0);
    char why[200];
    for (size_t size = 0; size < data.size; size++) {
        /* A block of its own, so that a sanitizer sees a read beyond it. */
        _cleanup_free_ char *copy = malloc(size ? size : 1);
        memcpy(copy, data.data, size);
        assert_int_equal(decode_why(&(struct buffer){.data = copy, .size = size}, why, sizeof why), -EBADMSG);
    }
    buffer_add_string(&data, "trailing");
    assert_refused(&data, "the gzip data is damaged or cut off");
}

/* `n` MB of zeros in `n` kB. */
static void put_bomb(struct buffer *to, int n) {
    static unsigned char zeros[1 << 20], member[4096];
    z_stream stream = {.next_in = zeros, .avail_in = sizeof zeros, .next_out = member, .avail_out = sizeof member};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    for (int i = 0; i < n; i++)
        buffer_add(to, member, sizeof member - stream.avail_out);
}

static void a_gzip_bomb_whose_trailer_is_honest_costs_nothing(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer bomb = BUFFER_INIT(0);
    put_bomb(&bomb, 600);
    memcpy(bomb.data + bomb.size - 4, "\0\0\0\x25", 4); /* 592 MB */
    char why[200];
    assert_int_equal(decode_why(&bomb, why, sizeof why), -EFBIG);
    assert_string_equal(why, "the profile is larger than 512 MB unpacked");
}

static void unpacking_stops_at_the_ceiling_whatever_the_trailer_says(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer bomb = BUFFER_INIT(0);
    put_bomb(&bomb, 3);
    _cleanup_buffer_ struct buffer enough = BUFFER_INIT(3u << 20), small = BUFFER_INIT((3u << 20) - 1);
    assert_int_equal(gzip_unpack(bomb.data, bomb.size, &enough), 0);
    assert_int_equal(enough.size, 3u << 20);
    assert_int_equal(gzip_unpack(bomb.data, bomb.size, &small), -EFBIG);
    assert_true(small.space < 6u << 20);
}

/* Two bytes a sample on the wire, forty times as much unpacked. */
static void floods_of_empty_elements_are_bounded(void **state) {
    (void)state;
    size_t size = 2u << 20;
    _cleanup_free_ char *data = malloc(size);
    for (size_t i = 0; i < size; i += 2)
        memcpy(data + i, "\x2a\x00", 2); /* a function without id */
    char why[200];
    int error = decode_why(&(struct buffer){.data = data, .size = size}, why, sizeof why);
    assert_int_equal(error, -EBADMSG);
    assert_string_equal(why, "the string table is missing");
}

static void a_full_buffer_ends_the_encoding(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_busy_profile();
    _cleanup_buffer_ struct buffer small = BUFFER_INIT(100);
    assert_int_equal(profile_encode(profile, &small), -EFBIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_survives_a_round_trip),
        cmocka_unit_test(ids_may_be_any_number),
        cmocka_unit_test(dangling_and_doubled_ids_are_refused),
        cmocka_unit_test(bad_string_numbers_and_counts_are_refused),
        cmocka_unit_test(what_is_no_profile_is_refused),
        cmocka_unit_test(every_prefix_of_a_profile_is_refused),
        cmocka_unit_test(a_gzip_bomb_whose_trailer_is_honest_costs_nothing),
        cmocka_unit_test(unpacking_stops_at_the_ceiling_whatever_the_trailer_says),
        cmocka_unit_test(floods_of_empty_elements_are_bounded),
        cmocka_unit_test(a_full_buffer_ends_the_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
