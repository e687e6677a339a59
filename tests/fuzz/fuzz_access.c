/* The Host of a request: none passes that has neither a name that is known nor a literal address of this machine in it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "serve/access.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const known[] = {"localhost", "own.example", "named.example", "127.", "["};
    struct access *access = NULL;
    char why[256];
    char *host = strndup((const char *)data, size);
    bool may_pass = false;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        may_pass |= strcasestr(host, known[i]) != NULL;
    if (!access_new("own.example", "named.example", /* token_file= */ NULL, &access, why, sizeof(why)) &&
        access_knows_host(access, host, /* local= */ NULL) && !may_pass)
        abort();
    access_free(access);
    free(host);
    return 0;
}
