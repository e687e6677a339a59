#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/suggest.h"

#define HELP_COLUMN 24

struct parser {
    const struct option *options;
    size_t n_options;
    int argc;
    char *const *argv;
    int next; /* index of the next word */
    char *why;
};

static int list_add(struct option_list *list, int argc, const char *item) {
    if (!list->items)
        list->items = calloc((size_t)argc, sizeof *list->items);
    if (!list->items)
        return -ENOMEM;
    list->items[list->n++] = item;
    return 0;
}

static const struct option *find(const struct parser *parser, const char *name, size_t length) {
    if (length == 1 && name[0] == 'h') {
        name = "help";
        length = 4;
    }
    for (size_t i = 0; i < parser->n_options; i++)
        if (strlen(parser->options[i].name) == length && !memcmp(parser->options[i].name, name, length))
            return &parser->options[i];
    return NULL;
}

static int unknown(const struct parser *parser, const char *word, const char *name, size_t length) {
    const char *best = NULL;
    for (size_t i = 0; i < parser->n_options; i++)
        best = suggest_closer(name, length, parser->options[i].name, best);
    int dashes_and_name = (int)(name - word) + (int)length;
    if (best)
        snprintf(parser->why, OPTIONS_WHY_BYTES, "unknown flag %.*s; did you mean --%s?", dashes_and_name, word, best);
    else
        snprintf(parser->why, OPTIONS_WHY_BYTES, "unknown flag %.*s", dashes_and_name, word);
    return -EINVAL;
}

static int set_switch(const struct option *option, const char *value, char *why) {
    bool on = !value || !strcmp(value, "true") || !strcmp(value, "1");
    if (!on && strcmp(value, "false") != 0 && strcmp(value, "0") != 0) {
        snprintf(why, OPTIONS_WHY_BYTES, "--%s takes no value but true or false, not \"%s\"", option->name, value);
        return -EINVAL;
    }
    *(bool *)option->target = on;
    return 0;
}

/* Decimal digits alone: strtoul() would take "-1", " 1" and "0x1" too. */
static int set_number(const struct option *option, const char *value, char *why) {
    unsigned long long number = 0;
    const char *digit = value;
    for (; *digit >= '0' && *digit <= '9' && number <= option->most; digit++)
        number = number * 10 + (unsigned)(*digit - '0');
    if (digit == value || *digit || number < option->least || number > option->most) {
        snprintf(why, OPTIONS_WHY_BYTES, "--%s must be a whole number from %u to %u, not \"%.100s\"", option->name,
                 option->least, option->most, value);
        return -EINVAL;
    }
    *(unsigned *)option->target = (unsigned)number;
    return 0;
}

static int set_text(const struct option *option, const char *value, char *why) {
    if (!*value) {
        snprintf(why, OPTIONS_WHY_BYTES, "--%s must not be empty", option->name);
        return -EINVAL;
    }
    *(const char **)option->target = value;
    return 0;
}

static int set(const struct parser *parser, const struct option *option, const char *value) {
    switch (option->kind) {
    case OPTION_SWITCH:
        return set_switch(option, value, parser->why);
    case OPTION_NUMBER:
        return set_number(option, value, parser->why);
    case OPTION_TEXT:
        return set_text(option, value, parser->why);
    case OPTION_LIST:
        return list_add(option->target, parser->argc, value);
    }
    return -EINVAL;
}

/* One flag; its value follows "=" or is the next word, whatever that looks like (so --duration -1 is a wrong number). */
static int parse_flag(struct parser *parser, const char *word) {
    const char *name = word + (word[1] == '-' ? 2 : 1);
    size_t length = strcspn(name, "=");
    const char *value = name[length] ? name + length + 1 : NULL;
    const struct option *option = find(parser, name, length);
    if (!option)
        return unknown(parser, word, name, length);
    if (!value && option->kind != OPTION_SWITCH) {
        if (parser->next == parser->argc) {
            snprintf(parser->why, OPTIONS_WHY_BYTES, "--%s needs a value: --%s %s", option->name, option->name,
                     option->placeholder);
            return -EINVAL;
        }
        value = parser->argv[parser->next++];
    }
    return set(parser, option, value);
}

int options_parse(const struct option *options, size_t n_options, int argc, char *const *argv,
                  struct option_list *arguments, char why[OPTIONS_WHY_BYTES]) {
    struct parser parser = {options, n_options, argc, argv, /* next= */ 0, why};
    bool flags_ended = false;
    while (parser.next < argc) {
        const char *word = argv[parser.next++];
        int error;
        if (!flags_ended && !strcmp(word, "--")) {
            flags_ended = true;
            continue;
        }
        if (!flags_ended && word[0] == '-' && word[1])
            error = parse_flag(&parser, word);
        else
            error = list_add(arguments, argc, word);
        if (error)
            return error;
    }
    return 0;
}

static void add_default(const struct option *option, struct buffer *ret) {
    if (option->kind == OPTION_NUMBER)
        buffer_printf(ret, " (default %u)", *(const unsigned *)option->target);
    if (option->kind == OPTION_TEXT && *(const char *const *)option->target)
        buffer_printf(ret, " (default %s)", *(const char *const *)option->target);
    if (option->kind == OPTION_LIST)
        buffer_add_string(ret, " (repeatable)");
}

int options_help(const struct option *options, size_t n_options, struct buffer *ret) {
    for (size_t i = 0; i < n_options; i++) {
        const struct option *option = &options[i];
        char left[HELP_COLUMN * 2];
        snprintf(left, sizeof left, "--%s%s%s", option->name, option->placeholder ? " " : "",
                 option->placeholder ? option->placeholder : "");
        buffer_printf(ret, "  %-*s %s", HELP_COLUMN, left, option->help);
        add_default(option, ret);
        buffer_add_string(ret, "\n");
    }
    return ret->error;
}
