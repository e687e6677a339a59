/* What the URL parser accepts is a request line without surprises; what it refuses comes with a printable sentence. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "load/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printable(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1), why[300] = "";
    if (!text)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    struct url url;
    if (url_parse(text, &url, why, sizeof why)) {
        if (!*why)
            abort();
        check_printable(why, strlen(why));
    } else {
        if (!*url.host || !url.port || url.target < text || url.target + url.target_size > text + size ||
            memchr(url.target, ' ', url.target_size) || memchr(url.target, '#', url.target_size))
            abort();
        check_printable(url.host, strlen(url.host));
        check_printable(url.target, url.target_size);
    }
    free(text);
    return 0;
}
