/* errors.jsonl: failed requests one by one, as far as ERRORS_FILE_BYTES_MAX reaches; its last line says how many more there were.
 * A line is {"time":…,"phase":…,"kind":…,"error":…}, of a bad status {…,"kind":"status","status_code":500}, as in the Go Piko. */
#ifndef PIKO_CLI_ERRORS_FILE_H
#define PIKO_CLI_ERRORS_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "load/load.h"

#define ERRORS_FILE_BYTES_MAX (1u << 20)

struct errors_file {
    struct buffer text;
    uint64_t listed;
};

#define ERRORS_FILE_INIT ((struct errors_file){.text = BUFFER_INIT(ERRORS_FILE_BYTES_MAX)})

/* Add the failures of a phase, those that find room. */
void errors_file_add(struct errors_file *file, const char *phase, const struct load_error *errors, size_t n);

/* There were `total` of them: say how many are not listed. The text is then complete; empty when there were none. */
void errors_file_end(struct errors_file *file, uint64_t total);

void errors_file_done(struct errors_file *file);

#endif
