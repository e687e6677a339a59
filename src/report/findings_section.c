#include <string.h>

#include "report/findings.h"
#include "report/sections.h"
#include "report/text.h"

/* Lines of a paragraph that starts at a column. */
static void add_wrapped(struct buffer *text, const char *words, unsigned column, unsigned width) {
    unsigned at = column;
    for (const char *word = words; *word;) {
        size_t length = strcspn(word, " ");
        if (width > 0 && at > column && at + length > width) {
            buffer_printf(text, "\n%*s", (int)column, "");
            at = column;
        }
        buffer_add(text, word, length + (word[length] == ' '));
        at += (unsigned)length + 1;
        word += length + (word[length] == ' ');
    }
    buffer_add_string(text, "\n");
}

int section_findings(struct buffer *text, const struct report_run *run, const struct report_options *options) {
    struct findings findings;
    int error = findings_make(run, options, &findings);
    if (!error && findings.n > 0) {
        text_title(text, "WHAT STANDS OUT");
        for (size_t i = 0; i < findings.n; i++) {
            const struct finding *finding = &findings.items[i];
            buffer_printf(text, "%3zu. %-8s ", i + 1, finding->kind);
            add_wrapped(text, finding->text.data ? finding->text.data : "", 14, options->form.width);
            if (finding->command.size > 0)
                buffer_printf(text, "%14s%s\n", "", finding->command.data);
        }
    }
    findings_done(&findings);
    return error;
}
