#include "cli/terminal.h"

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report/text.h"

#define COLUMNS_DEFAULT 80u
#define COLUMNS_LEAST 40u

static bool is_dumb(void) {
    const char *term = getenv("TERM");
    return term && strcmp(term, "dumb") == 0;
}

bool terminal_is_able(FILE *out) {
    const char *term = getenv("TERM");
    return isatty(fileno(out)) && term && *term && !is_dumb();
}

unsigned terminal_columns(FILE *out) {
    struct winsize size;
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
}

bool terminal_is_utf8(void) {
    return !is_dumb() && !strcmp(nl_langinfo(CODESET), "UTF-8");
}

struct text_form terminal_form(FILE *out) {
    struct text_form ret = {.utf8 = terminal_is_utf8()};
    if (isatty(fileno(out))) {
        ret.width = terminal_columns(out);
        if (ret.width < COLUMNS_LEAST)
            ret.width = COLUMNS_LEAST;
    }
    return ret;
}

void terminal_print(FILE *out, struct buffer *text) {
    if (!terminal_is_utf8())
        text_make_ascii(text);
    if (text->size > 0)
        fwrite(text->data, 1, text->size, out);
}

int terminal_deliver(struct buffer *text, bool as_it_is) {
    if (as_it_is && text->data)
        fwrite(text->data, 1, text->size, stdout);
    else
        terminal_print(stdout, text);
    return fflush(stdout) != 0 && errno != EPIPE ? -errno : 0;
}
