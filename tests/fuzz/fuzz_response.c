/* The response parser must say the same of a response whether it comes whole or in pieces, and never use what isn't there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "load/load.h"
#include "load/response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly that size: a sanitizer sees each byte that is read beyond it. */
static enum response_result read_copy(struct response *response, const char *data, size_t size, size_t *ret_used) {
    char *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    enum response_result result = response_read(response, copy, size, ret_used);
    free(copy);
    if (*ret_used > size || (result == RESPONSE_INVALID) != (response->why != NULL))
        abort();
    if (result == RESPONSE_PARTIAL && size - *ret_used >= LOAD_HEAD_BYTES_MAX)
        abort();
    return result;
}

/* The first byte says how large the pieces are; the rest is the response. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    if (!size)
        return 0;
    size_t piece = input[0] % 32 + 1u, used;
    const char *data = (const char *)input + 1;
    size--;

    struct response whole, pieces;
    response_begin(&whole, /* of_head= */ false, /* location= */ NULL);
    enum response_result expected = read_copy(&whole, data, size, &used);

    response_begin(&pieces, /* of_head= */ false, /* location= */ NULL);
    enum response_result result = RESPONSE_PARTIAL;
    size_t at = 0;
    for (size_t end = 0; end < size && result == RESPONSE_PARTIAL;) {
        end = size - end < piece ? size : end + piece;
        size_t part;
        result = read_copy(&pieces, data + at, end - at, &part);
        at += part;
    }
    if (result != expected || pieces.status != whole.status || pieces.body_bytes != whole.body_bytes ||
        (result != RESPONSE_INVALID && at != used) || pieces.keep_alive != whole.keep_alive)
        abort();
    if (expected == RESPONSE_PARTIAL && response_end(&whole) != response_end(&pieces))
        abort();
    return 0;
}
