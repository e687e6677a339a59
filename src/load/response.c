#include "load/response.h"

#include <string.h>
#include <strings.h>

#include "load/load.h"

#define STATUS_LINE_PREFIX "HTTP/1."
#define STATUS_LINE_LEAST 12 /* "HTTP/1.1 200" */

struct line {
    const char *text;
    size_t size; /* without its end */
};

void response_begin(struct response *response, bool of_head, char *location) {
    *response = (struct response){.stage = RESPONSE_STATUS_LINE, .of_head = of_head, .location = location};
    if (location)
        *location = '\0';
}

static enum response_result invalid(struct response *response, const char *why) {
    response->why = why;
    return RESPONSE_INVALID;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Bytes of a token (RFC 9110, 5.6.2): names of fields, codings and the like. */
static const bool token_bytes[256] = {
    ['!'] = true,         ['#' ... '\''] = true, ['*'] = true,         ['+'] = true, ['-'] = true, ['.'] = true,
    ['0' ... '9'] = true, ['A' ... 'Z'] = true,  ['^' ... 'z'] = true, ['|'] = true, ['~'] = true,
};

static size_t token_size(const char *text, size_t size) {
    size_t i = 0;
    while (i < size && token_bytes[(unsigned char)text[i]])
        i++;
    return i;
}

/* Visible bytes, blanks and tabs. The loop has no branch but its own: compilers make vectors of it. */
static bool is_text(const char *text, size_t size) {
    bool bad = false;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        bad |= (byte < ' ' && byte != '\t') | (byte == 0x7f);
    }
    return !bad;
}

static bool equals(const char *text, size_t size, const char *lower) {
    return size == strlen(lower) && !strncasecmp(text, lower, size);
}

/* The next element of a comma-separated list, blanks around it taken off; false at the end. Empty elements are allowed. */
static bool next_element(struct line *list, struct line *ret) {
    if (!list->size)
        return false;
    const char *comma = memchr(list->text, ',', list->size);
    size_t size = comma ? (size_t)(comma - list->text) : list->size;
    *ret = (struct line){list->text, size};
    list->text += size + (comma != NULL);
    list->size -= size + (comma != NULL);
    while (ret->size && is_blank(*ret->text)) {
        ret->text++;
        ret->size--;
    }
    while (ret->size && is_blank(ret->text[ret->size - 1]))
        ret->size--;
    return true;
}

static enum response_result read_content_length(struct response *response, struct line value) {
    if (response->has_length)
        return invalid(response, "more than one Content-Length");
    uint64_t length = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (!is_digit(value.text[i]))
            return invalid(response, "Content-Length is not a number");
        if (__builtin_mul_overflow(length, 10, &length) ||
            __builtin_add_overflow(length, (uint64_t)(value.text[i] - '0'), &length) || length > INT64_MAX)
            return invalid(response, "Content-Length is too large");
    }
    if (!value.size)
        return invalid(response, "Content-Length is empty");
    response->has_length = true;
    response->length = length;
    return RESPONSE_PARTIAL;
}

static enum response_result read_transfer_encoding(struct response *response, struct line value) {
    struct line coding;
    response->has_coding = true;
    while (next_element(&value, &coding)) {
        if (!coding.size)
            continue;
        if (response->chunked)
            return invalid(response, "Transfer-Encoding goes on after chunked");
        size_t name = token_size(coding.text, coding.size);
        if (!name || (name < coding.size && coding.text[name] != ';' && !is_blank(coding.text[name])))
            return invalid(response, "malformed Transfer-Encoding");
        response->chunked = equals(coding.text, coding.size, "chunked");
    }
    return RESPONSE_PARTIAL;
}

static enum response_result read_connection(struct response *response, struct line value) {
    struct line option;
    while (next_element(&value, &option)) {
        response->says_close |= equals(option.text, option.size, "close");
        response->says_keep_alive |= equals(option.text, option.size, "keep-alive");
    }
    return RESPONSE_PARTIAL;
}

static enum response_result read_location(const struct response *response, struct line value) {
    if (value.size < RESPONSE_LOCATION_BYTES) {
        memcpy(response->location, value.text, value.size);
        response->location[value.size] = '\0';
    }
    return RESPONSE_PARTIAL;
}

/* Check a field and return its name's size and its value; what it means is the caller's. */
static enum response_result split_field(struct response *response, struct line line, size_t *ret_name,
                                        struct line *ret_value) {
    if (++response->fields > LOAD_FIELDS_MAX)
        return invalid(response, "more than 256 header fields");
    size_t name = token_size(line.text, line.size);
    if (!name || name == line.size || line.text[name] != ':')
        return invalid(response, "malformed header field");
    const char *value = line.text + name + 1, *end = line.text + line.size;
    if (!is_text(value, (size_t)(end - value)))
        return invalid(response, "control character in a header field");
    while (value < end && is_blank(*value))
        value++;
    while (end > value && is_blank(end[-1]))
        end--;
    *ret_name = name;
    *ret_value = (struct line){value, (size_t)(end - value)};
    return RESPONSE_PARTIAL;
}

/* Old servers fold a long value over several lines. That is harmless except where the value frames the response. */
static enum response_result read_folded(struct response *response, struct line line) {
    if (!response->field_may_go_on)
        return invalid(response, "malformed header field");
    if (!is_text(line.text, line.size))
        return invalid(response, "control character in a header field");
    return RESPONSE_PARTIAL;
}

static enum response_result read_field(struct response *response, struct line line) {
    if (is_blank(*line.text))
        return read_folded(response, line);
    size_t name;
    struct line value;
    if (split_field(response, line, &name, &value) == RESPONSE_INVALID)
        return RESPONSE_INVALID;
    response->field_may_go_on = false;
    if (equals(line.text, name, "content-length"))
        return read_content_length(response, value);
    if (equals(line.text, name, "transfer-encoding"))
        return read_transfer_encoding(response, value);
    if (equals(line.text, name, "connection"))
        return read_connection(response, value);
    if (response->location && equals(line.text, name, "location"))
        return read_location(response, value);
    response->field_may_go_on = true;
    return RESPONSE_PARTIAL;
}

static enum response_result read_status_line(struct response *response, struct line line) {
    const char *text = line.text;
    if (line.size < STATUS_LINE_LEAST || !is_digit(text[7]) || text[8] != ' ' || !is_digit(text[9]) ||
        !is_digit(text[10]) || !is_digit(text[11]) || (line.size > STATUS_LINE_LEAST && text[12] != ' ') ||
        !is_text(text + STATUS_LINE_LEAST, line.size - STATUS_LINE_LEAST))
        return invalid(response, "malformed status line");
    unsigned status = (unsigned)((text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0'));
    if (status < 100 || status > 599)
        return invalid(response, "status is not between 100 and 599");
    if (status == 101)
        return invalid(response, "status 101 without a request to switch protocols");
    response->status = status;
    response->minor = (unsigned)(text[7] - '0');
    response->stage = RESPONSE_FIELDS;
    return RESPONSE_PARTIAL;
}

static enum response_result done(struct response *response) {
    response->stage = RESPONSE_DONE;
    return RESPONSE_COMPLETE;
}

/* An interim response says nothing of the final one; what it used of the limits stays used. */
static enum response_result next_head(struct response *response) {
    struct response before = *response;
    response_begin(response, before.of_head, before.location);
    response->head_bytes = before.head_bytes;
    response->fields = before.fields;
    return RESPONSE_PARTIAL;
}

/* The blank line was read: how long is the body (RFC 9112, 6.3)? */
static enum response_result end_head(struct response *response) {
    if (response->has_coding && response->has_length)
        return invalid(response, "both Transfer-Encoding and Content-Length");
    if (response->has_coding && response->minor == 0)
        return invalid(response, "Transfer-Encoding in HTTP/1.0");
    if (response->status < 200)
        return next_head(response);
    response->keep_alive = !response->says_close && (response->minor > 0 || response->says_keep_alive);
    if (response->of_head || response->status == 204 || response->status == 304)
        return done(response);
    if (response->chunked) {
        response->stage = RESPONSE_CHUNK_SIZE;
    } else if (response->has_length) {
        response->remaining = response->length;
        response->stage = RESPONSE_BODY_COUNTED;
        if (!response->remaining)
            return done(response);
    } else {
        response->keep_alive = false;
        response->stage = RESPONSE_BODY_TO_CLOSE;
    }
    return RESPONSE_PARTIAL;
}

static int hex_digit(char c) {
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum response_result read_chunk_size(struct response *response, struct line line) {
    uint64_t size = 0;
    size_t i = 0;
    for (; i < line.size && hex_digit(line.text[i]) >= 0; i++) {
        if (size >> 59)
            return invalid(response, "chunk is too large");
        size = size << 4 | (uint64_t)hex_digit(line.text[i]);
    }
    size_t rest = i;
    while (rest < line.size && is_blank(line.text[rest]))
        rest++;
    if (!i || (rest < line.size && line.text[rest] != ';') || !is_text(line.text + rest, line.size - rest))
        return invalid(response, "malformed chunk size");
    response->remaining = size;
    response->stage = size ? RESPONSE_CHUNK_DATA : RESPONSE_TRAILERS;
    return RESPONSE_PARTIAL;
}

static enum response_result read_trailer(struct response *response, struct line line) {
    size_t name;
    struct line value;
    if (!line.size)
        return done(response);
    return split_field(response, line, &name, &value);
}

static enum response_result read_line(struct response *response, struct line line) {
    switch (response->stage) {
    case RESPONSE_STATUS_LINE:
        return read_status_line(response, line);
    case RESPONSE_FIELDS:
        return line.size ? read_field(response, line) : end_head(response);
    case RESPONSE_CHUNK_SIZE:
        return read_chunk_size(response, line);
    case RESPONSE_CHUNK_END:
        if (line.size)
            return invalid(response, "chunk is longer than its size");
        response->stage = RESPONSE_CHUNK_SIZE;
        return RESPONSE_PARTIAL;
    default:
        return read_trailer(response, line);
    }
}

/* What can be said of the beginning of a line, so that a peer of another protocol is not waited for. */
static enum response_result check_line_start(struct response *response, const char *data, size_t size) {
    size_t prefix = size < strlen(STATUS_LINE_PREFIX) ? size : strlen(STATUS_LINE_PREFIX);
    if (response->stage == RESPONSE_STATUS_LINE && memcmp(data, STATUS_LINE_PREFIX, prefix))
        return invalid(response, "not an HTTP/1 response");
    if (response->stage == RESPONSE_CHUNK_END && data[0] != '\n' && memcmp(data, "\r\n", size < 2 ? size : 2))
        return invalid(response, "chunk is longer than its size");
    return RESPONSE_PARTIAL;
}

/* Bytes that the line under way may have. */
static size_t line_limit(const struct response *response) {
    if (response->stage == RESPONSE_CHUNK_SIZE || response->stage == RESPONSE_CHUNK_END)
        return RESPONSE_CHUNK_LINE_MAX;
    return LOAD_HEAD_BYTES_MAX - response->head_bytes;
}

/* Take one line. *ret_used is 0 when its end is not there yet. */
static enum response_result take_line(struct response *response, const char *data, size_t size, size_t *ret_used) {
    if (check_line_start(response, data, size) == RESPONSE_INVALID)
        return RESPONSE_INVALID;
    size_t limit = line_limit(response);
    const char *end = memchr(data, '\n', size < limit ? size : limit);
    if (!end)
        return size < limit ? RESPONSE_PARTIAL
                            : invalid(response, response->stage == RESPONSE_CHUNK_SIZE ? "chunk size line is over 4 KiB"
                                                                                       : "head is over 64 KiB");
    size_t used = (size_t)(end - data) + 1;
    if (response->stage != RESPONSE_CHUNK_SIZE && response->stage != RESPONSE_CHUNK_END)
        response->head_bytes += used;
    *ret_used = used;
    return read_line(response, (struct line){data, used - 1 - (used > 1 && data[used - 2] == '\r')});
}

/* Count body bytes up to the end of the body or the chunk. */
static enum response_result take_body(struct response *response, size_t size, size_t *ret_used) {
    size_t used = size;
    if (response->stage != RESPONSE_BODY_TO_CLOSE) {
        if (used > response->remaining)
            used = (size_t)response->remaining;
        response->remaining -= used;
    }
    response->body_bytes += used;
    *ret_used = used;
    if (response->stage == RESPONSE_BODY_TO_CLOSE || response->remaining)
        return RESPONSE_PARTIAL;
    if (response->stage == RESPONSE_BODY_COUNTED)
        return done(response);
    response->stage = RESPONSE_CHUNK_END;
    return RESPONSE_PARTIAL;
}

enum response_result response_read(struct response *response, const char *data, size_t size, size_t *ret_used) {
    enum response_result result = response->why                      ? RESPONSE_INVALID
                                  : response->stage == RESPONSE_DONE ? RESPONSE_COMPLETE
                                                                     : RESPONSE_PARTIAL;
    size_t at = 0;
    while (result == RESPONSE_PARTIAL && at < size) {
        size_t used = 0;
        bool body = response->stage == RESPONSE_BODY_COUNTED || response->stage == RESPONSE_BODY_TO_CLOSE ||
                    response->stage == RESPONSE_CHUNK_DATA;
        result = body ? take_body(response, size - at, &used) : take_line(response, data + at, size - at, &used);
        at += used;
        if (!used)
            break;
    }
    *ret_used = at;
    return result;
}

enum response_result response_end(struct response *response) {
    if (response->stage == RESPONSE_BODY_TO_CLOSE)
        return done(response);
    return invalid(response, "closed in the middle of a response");
}
