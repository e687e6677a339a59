#define NCURSES_WIDECHAR 1
#include "tui/terminal.h"

#include <curses.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>
#undef columns /* macros of term.h, for which other headers are not made */
#undef lines

#include "base/buffer.h"
#include "base/cleanup.h"
#include "tui/grid.h"
#include "tui/guard.h"
#include "tui/screen.h"

struct tui {
    SCREEN *screen;
    struct guard guard;
    struct grid grid;
    bool color;
};

int tui_check(char *why, size_t why_size) {
    const char *term = getenv("TERM");
    int error;
    if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)) {
        snprintf(why, why_size, "standard %s is no terminal", isatty(STDOUT_FILENO) ? "input" : "output");
        return -ENOTTY;
    }
    if (setupterm(NULL, STDOUT_FILENO, &error) != OK || !tigetstr("cup")) {
        snprintf(why, why_size, "the terminal is of a kind (TERM=%.40s) that it cannot be shown on", term ? term : "");
        return -ENOTTY;
    }
    return 0;
}

/* Capabilities come with "$<5>" for a pause that no terminal of today needs. */
static void add_capability(struct buffer *text, const char *name) {
    const char *capability = tigetstr(name);
    if (!capability || capability == (char *)-1)
        return;
    for (const char *at = capability; *at;) {
        const char *pause = strstr(at, "$<"), *end = pause ? strchr(pause, '>') : NULL;
        buffer_add(text, at, end ? (size_t)(pause - at) : strlen(at));
        at = end ? end + 1 : at + strlen(at);
    }
}

/* What leaves the dashboard: no colours, the cursor shown, keys as they were, the screen that was there before. */
static void write_restoring(struct buffer *ret) {
    static const char *const names[] = {"sgr0", "op", "cnorm", "rmkx", "rmcup"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        add_capability(ret, names[i]);
}

static int start_guard(struct tui *tui) {
    _cleanup_buffer_ struct buffer restore = BUFFER_INIT(0);
    write_restoring(&restore);
    return restore.error ? restore.error : guard_start(STDOUT_FILENO, restore.data ? restore.data : "", &tui->guard);
}

static const short colors[TUI_STYLES] = {
    [TUI_PLAIN] = -1,       [TUI_DIM] = -1,           [TUI_STRONG] = -1,
    [TUI_BAR] = COLOR_CYAN, [TUI_GOOD] = COLOR_GREEN, [TUI_BAD] = COLOR_RED,
};
static const attr_t attributes[TUI_STYLES] = {[TUI_DIM] = A_DIM, [TUI_STRONG] = A_BOLD, [TUI_BAD] = A_BOLD};

static bool use_colors(void) {
    const char *no_color = getenv("NO_COLOR");
    if ((no_color && *no_color) || !has_colors() || start_color() == ERR || use_default_colors() == ERR)
        return false;
    for (int i = 1; i < TUI_STYLES; i++)
        init_pair((short)i, colors[i], -1);
    return true;
}

int tui_open(bool utf8, struct tui **ret) {
    struct tui *tui = calloc(1, sizeof *tui);
    if (!tui)
        return -ENOMEM;
    tui->grid.utf8 = utf8;
    int error = start_guard(tui); /* before curses changes anything: what it keeps is what was there */
    if (error) {
        free(tui);
        return error;
    }
    tui->screen = newterm(NULL, stdout, stdin);
    if (!tui->screen) {
        tui_close(tui);
        return -ENOTTY;
    }
    tui->color = use_colors();
    cbreak(); /* Ctrl-C stays a signal */
    noecho();
    nodelay(stdscr, true);
    keypad(stdscr, true);
    curs_set(0);
    *ret = tui;
    return 0;
}

void tui_close(struct tui *tui) {
    if (!tui)
        return;
    if (tui->screen) {
        endwin();
        delscreen(tui->screen);
    }
    guard_end(&tui->guard);
    grid_done(&tui->grid);
    free(tui);
}

static void put_cell(const struct tui *tui, unsigned row, unsigned column, const struct cell *cell) {
    const wchar_t text[] = {(wchar_t)cell->character, 0};
    cchar_t out;
    if (!cell->character)
        return;
    setcchar(&out, text, attributes[cell->style], tui->color ? (short)cell->style : 0, NULL);
    mvadd_wch((int)row, (int)column, &out);
}

void tui_draw(struct tui *tui, const struct tui_state *state) {
    int rows, columns;
    getmaxyx(stdscr, rows, columns);
    if ((tui->grid.rows != (unsigned)rows || tui->grid.columns != (unsigned)columns) &&
        grid_resize(&tui->grid, (unsigned)rows, (unsigned)columns))
        return;
    screen_draw(&tui->grid, state);
    erase();
    for (unsigned row = 0; row < tui->grid.rows; row++)
        for (unsigned column = 0; column < tui->grid.columns; column++)
            put_cell(tui, row, column, &tui->grid.cells[(size_t)row * tui->grid.columns + column]);
    refresh();
}

enum tui_key tui_key(struct tui *tui) {
    (void)tui; /* curses knows one at a time */
    int key = getch();
    switch (key) {
    case ERR:
        return TUI_NO_KEY;
    case 'q':
    case 'Q':
        return TUI_KEY_QUIT;
    case '?':
    case 'h':
        return TUI_KEY_HELP;
    case KEY_RESIZE:
        clearok(curscr, true); /* terminals move what they show in their own ways */
        return TUI_NO_KEY;
    default:
        return TUI_KEY_OTHER;
    }
}
