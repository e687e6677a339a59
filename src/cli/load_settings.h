/* What `piko profile` sends: the flags about requests, and the files that they name. */
#ifndef PIKO_CLI_LOAD_SETTINGS_H
#define PIKO_CLI_LOAD_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "cli/options.h"
#include "load/load.h"

struct load_settings {
    unsigned concurrency;
    unsigned rate;      /* requests a second; 0 = closed model */
    unsigned threads;   /* 0 = by cores and connections */
    unsigned timeout_s; /* of a request */
    const char *urls_file, *unix_path, *method, *body, *body_file, *cookie, *ca_file; /* NULL: not given */
    struct option_list header_flags;
    bool follow;
    bool insecure;
    bool http2;

    /* made from the above and the URLs on the line */
    const char **urls;
    size_t n_urls;
    const char **headers; /* "Name: value": header_flags and the cookie */
    size_t n_headers;
    char *cookie_header;
    struct buffer urls_text, body_text;
};

/* Read the files and check what is not checked by load_new(). `urls` are those on the line; there may be none when a file
 * has some. 0, -ENOMEM, or -EINVAL with a sentence that names the flag in `why`. Freed by load_settings_done() either way. */
int load_settings_make(struct load_settings *settings, const struct option_list *urls, char why[OPTIONS_WHY_BYTES]);
void load_settings_done(struct load_settings *settings);

/* For load_new(); points into the settings. */
struct load_options load_settings_options(const struct load_settings *settings);

/* -EINVAL, with `--flag "value": reason` in `why`; what could break the message is left out of the value. */
int settings_refuse(char *why, const char *flag, const char *value, const char *reason);

#endif
