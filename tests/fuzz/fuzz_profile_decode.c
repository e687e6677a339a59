/* Any bytes: profile_decode() refuses them with a sentence, or gives a profile that everything else can work with. */
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "profile/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool truth) {
    if (!truth)
        abort();
}

/* What was read is written and read again without loss. */
static void read_again(const struct profile *profile) {
    _cleanup_buffer_ struct buffer data = BUFFER_INIT(0);
    struct profile *again = NULL;
    expect(profile_encode(profile, &data) == 0);
    expect(profile_decode(data.data, data.size, &again, NULL, 0) == 0);
    expect(again->n_samples == profile->n_samples && again->n_locations == profile->n_locations);
    for (uint32_t i = 0; i < profile->n_sample_types; i++)
        expect(profile_total(again, i, true) == profile_total(profile, i, true));
    profile_free(again);
}

static void use(const struct profile *profile) {
    char why[128];
    profile_check(profile, true, why, sizeof why);
    struct profile *result = NULL;
    if (profile_merge((const struct profile *const[]){profile, profile}, (const double[]){1, -0.5}, 2, &result) == 0)
        profile_free(result);
    expect(profile_delta(profile, profile, &result) == 0);
    expect(result->n_samples == 0);
    profile_free(result);
    for (int kind = PROFILE_TEXT_HEAP; kind <= PROFILE_TEXT_COUNT; kind++) {
        _cleanup_buffer_ struct buffer text = BUFFER_INIT(1 << 20);
        profile_write_text(profile, (enum profile_text_kind)kind, "goroutine", &text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char why[128] = "";
    struct profile *profile = NULL;
    if (profile_decode(data, size, &profile, why, sizeof why)) {
        expect(why[0] && !profile);
        return 0;
    }
    read_again(profile);
    use(profile);
    profile_free(profile);
    return 0;
}
