/* load.json: what is read is a report of printable lines, and what was written reads back as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_report(const struct load_figures *figures) {
    struct buffer text = BUFFER_INIT(0);
    struct report_run run = {0};
    report_run_set_load(&run, figures);
    if (report_write(&run, &(struct report_options){0}, &text) || report_json(&run, &(struct report_options){0}, &text))
        abort();
    for (size_t i = 0; i < text.size; i++)
        if (((unsigned char)text.data[i] < ' ' && text.data[i] != '\n') || text.data[i] == 0x7f)
            abort();
    buffer_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct load_figures *figures, *again;
    struct buffer first = BUFFER_INIT(0), second = BUFFER_INIT(0);
    char why[256] = "";
    int error = load_file_read((const char *)data, size, &figures, why, sizeof(why));
    if (error) {
        if (!*why)
            abort();
        return 0;
    }
    write_report(figures);
    if (load_file_write(figures, &first) || load_file_read(first.data, first.size, &again, why, sizeof(why)) ||
        load_file_write(again, &second) || strcmp(first.data, second.data) != 0)
        abort();
    buffer_done(&first);
    buffer_done(&second);
    load_file_free(figures);
    load_file_free(again);
    return 0;
}
