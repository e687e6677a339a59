/* HTTP/1.x response parser: bytes in, figures out. No allocation, no I/O, nothing global.
 *
 * The head, chunk sizes and trailers are read a line at a time, bodies are counted, not looked at. What the parser used it
 * never needs again; bytes that it did not use (part of a line) must come again, followed by more. */
#ifndef PIKO_LOAD_RESPONSE_H
#define PIKO_LOAD_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESPONSE_CHUNK_LINE_MAX 4096u /* bytes of a chunk's size with its extensions */
#define RESPONSE_LOCATION_BYTES 8192u /* of a Location, its NUL included; a longer one counts as none */

enum response_result { RESPONSE_PARTIAL, RESPONSE_COMPLETE, RESPONSE_INVALID };

enum response_stage {
    RESPONSE_STATUS_LINE,
    RESPONSE_FIELDS,
    RESPONSE_BODY_COUNTED,
    RESPONSE_BODY_TO_CLOSE,
    RESPONSE_CHUNK_SIZE,
    RESPONSE_CHUNK_DATA,
    RESPONSE_CHUNK_END,
    RESPONSE_TRAILERS,
    RESPONSE_DONE,
};

struct response {
    unsigned status;     /* of the final response once complete; interim ones (1xx) are skipped */
    uint64_t body_bytes; /* so far; chunk framing not counted */
    bool keep_alive;     /* once complete: the connection may carry another request */
    const char *why;     /* what is wrong, once invalid: static text */
    char *location;      /* given to response_begin; "" when the response has none */

    /* The parser's own. */
    enum response_stage stage;
    unsigned minor;       /* HTTP/1.minor */
    size_t head_bytes;    /* of all heads and trailers so far */
    unsigned fields;      /* the same */
    uint64_t remaining;   /* bytes to come of the body or the chunk */
    uint64_t length;      /* Content-Length */
    bool has_length;      /* a Content-Length was seen */
    bool has_coding;      /* a Transfer-Encoding was seen */
    bool chunked;         /* its last coding is chunked */
    bool says_close;      /* Connection: close */
    bool says_keep_alive; /* Connection: keep-alive */
    bool of_head;         /* the request was HEAD: there is no body */
    bool field_may_go_on; /* a line that starts with a blank may continue the field before */
};

/* Make ready for a new response.
 * of_head   it answers a HEAD: has no body, whatever its head says
 * location  RESPONSE_LOCATION_BYTES for its Location, which must live as long; NULL when nobody asks */
void response_begin(struct response *response, bool of_head, char *location);

/* Read on. *ret_used is how many of the bytes were used; not all when the end is a part of a line, or when the response
 * ends before the data does. RESPONSE_INVALID is final; RESPONSE_COMPLETE too, until response_begin. Never uses more than
 * LOAD_HEAD_BYTES_MAX + RESPONSE_CHUNK_LINE_MAX bytes as a line: what is unused is never more than that. */
enum response_result response_read(struct response *response, const char *data, size_t size, size_t *ret_used);

/* The peer closed: RESPONSE_COMPLETE when that is how this response ends, else RESPONSE_INVALID. */
enum response_result response_end(struct response *response);

#endif
