/* What a server says in HTTP/2, whole or in pieces: nothing of it may harm the client, and the answer must be one of three. */
#include <stdint.h>
#include <stdlib.h>

#include "load/http2.h"
#include "load/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin(struct http2 *http2, struct response *response, char *location) {
    static char head[] = ":method\0GET\0:scheme\0http\0:authority\0h\0:path\0/";
    struct buffer buffer = {.data = head, .size = sizeof head};
    response_begin(response, /* of_head= */ false, location);
    http2_begin(http2, &buffer, NULL, 0);
}

/* The first byte says how large the pieces are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char location[RESPONSE_LOCATION_BYTES];
    struct response response;
    struct http2 *http2;
    if (!size || http2_new(&response, &http2))
        return 0;
    size_t piece = data[0] % 64 + 1u;
    enum response_result result = RESPONSE_PARTIAL;
    begin(http2, &response, location);
    for (size_t at = 1; at < size && result != RESPONSE_INVALID; at += piece) {
        const char *out;
        ssize_t pending = http2_pending(http2, &out);
        if (pending > 0)
            http2_sent(http2, (size_t)pending);
        result = http2_read(http2, (const char *)data + at, size - at < piece ? size - at : piece);
        if (response.head_bytes > 2 * LOAD_HEAD_BYTES_MAX || (result == RESPONSE_COMPLETE && response.status < 200))
            abort();
        if (result == RESPONSE_COMPLETE)
            begin(http2, &response, location);
    }
    bool refused;
    if (result == RESPONSE_INVALID && !response.why && !http2_reset(http2, &refused))
        abort();
    http2_free(http2);
    return 0;
}
