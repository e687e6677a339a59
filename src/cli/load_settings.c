#include "cli/load_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"

#define URLS_FILE_BYTES_MAX (16u << 20)

/* RFC 9110: a name of token characters, a value without control characters. Anything else could smuggle a header in. */
static bool is_header(const char *header) {
    size_t name = strspn(header, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (name == 0 || header[name] != ':')
        return false;
    for (const unsigned char *c = (const unsigned char *)header + name; *c; c++)
        if ((*c < ' ' && *c != '\t') || *c == 127)
            return false;
    return true;
}

/* What a message may repeat of a value: without the line breaks that would break the message. */
static void printable(const char *text, char *ret, size_t size) {
    size_t i = 0;
    for (; text[i] && i < size - 1; i++)
        ret[i] = (unsigned char)text[i] < ' ' || text[i] == 127 ? '?' : text[i];
    ret[i] = '\0';
}

int settings_refuse(char *why, const char *flag, const char *value, const char *reason) {
    char shown[128];
    printable(value, shown, sizeof shown);
    snprintf(why, OPTIONS_WHY_BYTES, "%s \"%s\": %.300s", flag, shown, reason);
    return -EINVAL;
}

static int make_headers(struct load_settings *settings, char *why) {
    const struct option_list *flags = &settings->header_flags;
    settings->headers = calloc(flags->n + 1, sizeof *settings->headers);
    if (!settings->headers)
        return -ENOMEM;
    for (size_t i = 0; i < flags->n; i++) {
        if (!is_header(flags->items[i]))
            return settings_refuse(why, "--header", flags->items[i], "expected \"Name: value\" on one line");
        settings->headers[settings->n_headers++] = flags->items[i];
    }
    if (!settings->cookie)
        return 0;
    if (asprintf(&settings->cookie_header, "Cookie: %s", settings->cookie) < 0) {
        settings->cookie_header = NULL;
        return -ENOMEM;
    }
    if (!is_header(settings->cookie_header))
        return settings_refuse(why, "--cookie", settings->cookie, "expected \"name=value\" on one line");
    settings->headers[settings->n_headers++] = settings->cookie_header;
    return 0;
}

static int read_file(const char *flag, const char *path, struct buffer *ret, char *why) {
    int error = file_read(path, ret);
    if (!error || error == -ENOMEM)
        return error;
    char reason[120];
    if (error == -EFBIG)
        snprintf(reason, sizeof reason, "it is larger than %zu MiB", ret->most >> 20);
    else
        snprintf(reason, sizeof reason, "it cannot be read: %s", strerror(-error));
    return settings_refuse(why, flag, path, reason);
}

static int make_body(struct load_settings *settings, char *why) {
    settings->body_text = (struct buffer)BUFFER_INIT(LOAD_BODY_BYTES_MAX);
    if (settings->body && settings->body_file) {
        snprintf(why, OPTIONS_WHY_BYTES, "--body and --body-file: a request has one body");
        return -EINVAL;
    }
    if (settings->body_file)
        return read_file("--body-file", settings->body_file, &settings->body_text, why);
    return settings->body ? buffer_add_string(&settings->body_text, settings->body) : 0;
}

/* A URL a line; blank lines and those that start with # are passed over. Cuts the text into strings. */
static void take_lines(struct load_settings *settings, char *text) {
    char *rest;
    for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        line += strspn(line, " \t");
        size_t size = strlen(line);
        while (size && (line[size - 1] == ' ' || line[size - 1] == '\t'))
            line[--size] = '\0';
        if (size && *line != '#')
            settings->urls[settings->n_urls++] = line;
    }
}

static size_t count_lines(const struct buffer *text) {
    size_t n = 1;
    for (size_t i = 0; i < text->size; i++)
        n += text->data[i] == '\n' || text->data[i] == '\r';
    return n;
}

static int make_urls(struct load_settings *settings, const struct option_list *urls, char *why) {
    settings->urls_text = (struct buffer)BUFFER_INIT(URLS_FILE_BYTES_MAX);
    int error = settings->urls_file ? read_file("--urls", settings->urls_file, &settings->urls_text, why) : 0;
    if (error)
        return error;
    settings->urls = calloc(urls->n + count_lines(&settings->urls_text), sizeof *settings->urls);
    if (!settings->urls)
        return -ENOMEM;
    for (size_t i = 0; i < urls->n; i++)
        settings->urls[settings->n_urls++] = urls->items[i];
    if (settings->urls_text.data)
        take_lines(settings, settings->urls_text.data);
    if (settings->n_urls)
        return 0;
    if (settings->urls_file)
        return settings_refuse(why, "--urls", settings->urls_file, "it has no URL: one a line is expected");
    snprintf(why, OPTIONS_WHY_BYTES, "the URL to load is missing");
    return -EINVAL;
}

int load_settings_make(struct load_settings *settings, const struct option_list *urls, char why[OPTIONS_WHY_BYTES]) {
    int error = make_urls(settings, urls, why);
    if (!error)
        error = make_headers(settings, why);
    if (!error)
        error = make_body(settings, why);
    return error;
}

void load_settings_done(struct load_settings *settings) {
    free(settings->header_flags.items);
    free(settings->urls);
    free(settings->headers);
    free(settings->cookie_header);
    buffer_done(&settings->urls_text);
    buffer_done(&settings->body_text);
}

struct load_options load_settings_options(const struct load_settings *settings) {
    bool has_body = settings->body || settings->body_file;
    return (struct load_options){
        .urls = settings->urls,
        .n_urls = settings->n_urls,
        .unix_path = settings->unix_path,
        .concurrency = settings->concurrency,
        .threads = settings->threads,
        .rate = settings->rate,
        .method = settings->method,
        .body = !has_body                  ? NULL
                : settings->body_text.data ? settings->body_text.data
                                           : "",
        .body_size = settings->body_text.size,
        .headers = settings->headers,
        .n_headers = settings->n_headers,
        .follow = settings->follow,
        .http2 = settings->http2,
        .insecure = settings->insecure,
        .ca_file = settings->ca_file,
        .timeout_ns = settings->timeout_s * NS_PER_S,
    };
}
